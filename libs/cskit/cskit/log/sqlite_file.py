"""The file below the embedded log: its schema, the group commit and the range reads. Plain sqlite3, no asyncio.

A connection belongs to the thread that opened it: LogWriter lives in one thread, LogReader in another.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import msgspec

from cskit.log.base import Headers, LogError, Partition, Record, TopicMismatch

SCHEMA_VERSION: Final = 1
MAX_READ_BYTES: Final = 16_000_000  # one read ends here, whatever its record limit, so that memory stays bounded
TRIM_CHUNK: Final = 5_000  # records that one transaction of `trim` looks at: appends wait for no more than that
BUSY_MS: Final = 2_000

_SCHEMA: Final = (
    # AUTOINCREMENT: a number never comes back, so nothing of a deleted topic can be read as another's.
    """CREATE TABLE topics (
        topic_no INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        id TEXT NOT NULL,
        partitions INTEGER NOT NULL CHECK (partitions > 0)
    ) STRICT""",
    """CREATE TABLE records (
        topic_no INTEGER NOT NULL,
        partition INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        timestamp_ms INTEGER NOT NULL,
        key BLOB,
        value BLOB NOT NULL,
        headers BLOB,
        PRIMARY KEY (topic_no, partition, offset)
    ) STRICT, WITHOUT ROWID""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_PARTITION: Final = "FROM records WHERE topic_no = ? AND partition = ?"

_decode_headers: Final = msgspec.msgpack.Decoder(Headers).decode


class Row(NamedTuple):
    """A record on its way into the file; `headers` is msgpack, or None for no headers."""

    topic_no: int
    partition: int
    key: bytes | None
    value: bytes
    headers: bytes | None


class Appended(NamedTuple):
    """What one commit made: the offsets of each call's rows, and the new end of each (topic_no, partition)."""

    offsets: list[list[int]]
    ends: dict[tuple[int, int], int]


class Range(NamedTuple):
    """Offsets `start` to before `end` of a partition."""

    topic_no: int
    partition: Partition
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Topic:
    """A topic as this process knows it; index = partition. Held records are begins[n] to before ends[n]."""

    no: int
    name: str
    id: UUID
    begins: list[int]
    ends: list[int]


def encode_headers(headers: Headers) -> bytes | None:
    """As `Row.headers` has them."""
    return msgspec.msgpack.encode(headers) if headers else None


class LogWriter:
    """The one connection that writes. A failed call leaves nothing behind, and the next one may be tried."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises LogError for the file of a later version."""
        self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA wal_autocheckpoint = 8000")  # 32 MB: a fifth more appends/s than the default's 4 MB
        self._db.execute("PRAGMA journal_size_limit = 67108864")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            self._db.close()
            raise LogError(f"the log {path} was written by a later version of Kizashi ({version}): upgrade this one")
        if version == 0:
            with self._transaction():
                for statement in _SCHEMA:
                    self._db.execute(statement)

    def topics(self) -> list[Topic]:
        """All topics with what they hold."""
        found = self._db.execute("SELECT topic_no, name, id, partitions FROM topics").fetchall()
        return [self._topic(*row) for row in found]

    def ensure(self, names: Sequence[str], partitions: int) -> None:
        """Make the missing topics, all or none. TopicMismatch for another partition count."""
        with self._transaction():
            for name in dict.fromkeys(names):
                found = self._db.execute("SELECT partitions FROM topics WHERE name = ?", (name,)).fetchone()
                if found is None:
                    sql = "INSERT INTO topics (name, id, partitions) VALUES (?, ?, ?)"
                    self._db.execute(sql, (name, str(uuid4()), partitions))
                elif found != (partitions,):
                    raise TopicMismatch(f"topic {name} has {found[0]} partitions and must have {partitions}")

    def delete(self, topic_no: int) -> None:
        """Remove a topic and its records for good."""
        with self._transaction():
            self._db.execute("DELETE FROM topics WHERE topic_no = ?", (topic_no,))
            self._db.execute("DELETE FROM records WHERE topic_no = ?", (topic_no,))

    def append(self, calls: Sequence[Sequence[Row]], now_ms: int) -> Appended:
        """Append the rows of all calls, in order, in one durable commit.

        Every row gets `now_ms`, or its partition's newest time where that is later.
        """
        ends: dict[tuple[int, int], int] = {}
        times: dict[tuple[int, int], int] = {}
        offsets: list[list[int]] = []
        rows: list[tuple[object, ...]] = []
        with self._transaction():
            for call in calls:
                of_call: list[int] = []
                for topic_no, partition, key, value, headers in call:
                    at = (topic_no, partition)
                    if at not in ends:
                        ends[at], newest = self._end(*at)
                        times[at] = max(now_ms, newest)
                    offset = ends[at]
                    ends[at] = offset + 1
                    of_call.append(offset)
                    rows.append((topic_no, partition, offset, times[at], key, value, headers))
                offsets.append(of_call)
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        return Appended(offsets, ends)

    def trim(self, topic_no: int, partition: int, before_ms: int, until: int) -> int:
        """Drop a chunk of the oldest records appended before `before_ms`, all before an offset; returns the first one
        held.

        The newest record always stays: it carries the partition's end and its time.
        """
        with self._transaction():
            begin, (end, _) = self._begin(topic_no, partition), self._end(topic_no, partition)
            self._db.execute(
                f"DELETE {_PARTITION} AND offset < ? AND timestamp_ms < ?",
                (topic_no, partition, min(begin + TRIM_CHUNK, until, end - 1), before_ms),
            )
            return self._begin(topic_no, partition)

    def close(self) -> None:
        """Disconnect."""
        self._db.close()

    def _topic(self, topic_no: int, name: str, topic_id: str, partitions: int) -> Topic:
        begins = [self._begin(topic_no, number) for number in range(partitions)]
        ends = [self._end(topic_no, number)[0] for number in range(partitions)]
        return Topic(topic_no, name, UUID(topic_id), begins, ends)

    def _begin(self, topic_no: int, partition: int) -> int:
        found = self._db.execute(
            f"SELECT offset {_PARTITION} ORDER BY offset LIMIT 1",
            (topic_no, partition),
        ).fetchone()
        return int(found[0]) if found else 0

    def _end(self, topic_no: int, partition: int) -> tuple[int, int]:
        """The next offset and the newest time of a partition."""
        found = self._db.execute(
            f"SELECT offset + 1, timestamp_ms {_PARTITION} ORDER BY offset DESC LIMIT 1",
            (topic_no, partition),
        ).fetchone()
        return found or (0, 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite ends the transaction itself after some errors (disk full)
                self._db.execute("ROLLBACK")
            raise


class LogReader:
    """A connection that cannot write."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
        self._db.execute("PRAGMA query_only = ON")

    def read(self, ranges: Sequence[Range], max_records: int) -> dict[Partition, list[Record]]:
        """At most `max_records` in all and about MAX_READ_BYTES; a range that was not tried is absent."""
        found: dict[Partition, list[Record]] = {}
        room = MAX_READ_BYTES
        for wanted in ranges:
            if max_records <= 0 or room <= 0:
                break
            records: list[Record] = []
            topic, number = wanted.partition
            cursor = self._db.execute(
                f"SELECT offset, timestamp_ms, key, value, headers {_PARTITION}"
                " AND offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
                (wanted.topic_no, number, wanted.start, wanted.end, max_records),
            )
            with closing(cursor):  # an open cursor would keep the WAL from being reset
                for offset, at, key, value, headers in cursor:
                    decoded = _decode_headers(headers) if headers else ()
                    records.append(Record(topic, number, offset, at, key, value, decoded))
                    room -= len(value)
                    if room <= 0:
                        break
            max_records -= len(records)
            found[wanted.partition] = records
        return found

    def close(self) -> None:
        """Disconnect."""
        self._db.close()

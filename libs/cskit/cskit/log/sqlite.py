"""The embedded log: one SQLite file, one process. Survives kill -9 and power cuts (WAL, synchronous=FULL).

One thread writes and one reads. While a commit runs, the calls that arrive become the next commit (group commit).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakSet

from cskit.log.base import LogError, MessageTooLarge, NewRecord, Partition, Record
from cskit.log.sqlite_file import Appended, LogReader, LogWriter, Range, Row, Topic, encode_headers
from cskit.log.sqlite_group import Group, SqliteConsumer, SqliteReader
from csmodels.topics import MAX_MESSAGE_BYTES

MAX_COMMIT_BYTES: Final = 16_000_000  # a commit takes no further call beyond this

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Call:
    rows: list[Row]
    size: int
    done: asyncio.Future[list[int]]


class SqliteLog:
    """A Log in the file `path`, for one event loop. `now_ms` gives the append time of a commit.

    An append that fails (disk full, file locked) raises LogError in each of the calls that shared its commit, and the
    log goes on with the next. After close() everything raises LogError, also the polls of its consumers.
    """

    def __init__(self, path: Path, *, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._topics: dict[str, Topic] = {}
        self._groups: dict[str, Group] = {}
        self._readers: WeakSet[Group] = WeakSet()
        self._waiting: list[_Call] = []
        self._more = asyncio.Event()
        self._open = False
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the file, or make it. Raises LogError when that cannot be done."""
        self._write_thread = ThreadPoolExecutor(1, "log-writer")
        self._read_thread = ThreadPoolExecutor(1, "log-reader")
        try:
            self._writer = await self._in(self._write_thread, LogWriter, self._path)
            self._reader = await self._in(self._read_thread, LogReader, self._path)
            topics = await self._in(self._write_thread, self._writer.topics)
        except LogError:
            self._write_thread.shutdown()
            self._read_thread.shutdown()
            raise
        self._topics = {topic.name: topic for topic in topics}
        self._open = True
        self._pump = asyncio.create_task(self._commit_groups(), name="log-writer")

    async def ensure_topics(self, topics: Sequence[str], partitions: int) -> None:
        """As the contract says; makes all or none."""
        self._check_open()
        await self._in(self._write_thread, self._writer.ensure, topics, partitions)
        for topic in await self._in(self._write_thread, self._writer.topics):
            self._topics.setdefault(topic.name, topic)

    async def topic_id(self, topic: str) -> UUID:
        """As the contract says; LogError for an unknown topic."""
        return self.topic(topic).id

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        """As the contract says; LogError, before anything is sent, for an unknown topic or partition."""
        self._check_open()
        if not records:
            return []
        call = self._call(records)
        self._waiting.append(call)
        self._more.set()
        return await call.done

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """As the contract says; LogError for an unknown topic."""
        return dict(enumerate(self.topic(topic).begins))

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """As the contract says; LogError for an unknown topic."""
        return dict(enumerate(self.topic(topic).ends))

    def consumer(self, group: str, topics: Sequence[str]) -> SqliteConsumer:
        """A new member of `group`, not yet started."""
        return SqliteConsumer(self, self._groups.setdefault(group, Group()), topics)

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> SqliteReader:
        """As the contract says; LogError for an unknown topic."""
        alone = Group()
        self._readers.add(alone)
        reader = SqliteReader(SqliteConsumer(self, alone, [topic]), offsets)
        await reader.start()
        return reader

    async def delete_topic(self, name: str) -> None:
        """Remove a topic and its records for good. Its consumers' polls raise, also once it is made anew."""
        topic = self.topic(name)
        del self._topics[name]
        self._wake()
        await self._in(self._write_thread, self._writer.delete, topic.no)

    async def trim(self, topic: str, before_ms: int, until: Mapping[int, int] | None = None) -> None:
        """As the contract says, in small steps; the newest record of a partition stays."""
        held = self.topic(topic)
        for number in range(len(held.begins)):
            end = held.ends[number] if until is None else until.get(number, 0)
            while held.begins[number] < end:
                self._check_open()
                begin = await self._in(self._write_thread, self._writer.trim, held.no, number, before_ms, end)
                if begin == held.begins[number]:
                    break
                held.begins[number] = begin

    async def close(self) -> None:
        """As the contract says."""
        pump, self._pump = self._pump, None
        if pump is None:
            return
        self._open = False
        self._more.set()
        self._wake()
        try:
            await pump
        finally:
            await self._in(self._read_thread, self._reader.close)
            await self._in(self._write_thread, self._writer.close)
            self._read_thread.shutdown()
            self._write_thread.shutdown()

    def topic(self, name: str) -> Topic:
        """For its consumers: LogError for an unknown topic, and for any when the log is closed."""
        self._check_open()
        found = self._topics.get(name)
        if found is None:
            raise LogError(f"the log has no topic {name}: make it with ensure_topics")
        return found

    async def read(self, ranges: Sequence[Range], max_records: int) -> dict[Partition, list[Record]]:
        """For its consumers: as LogReader.read."""
        self._check_open()
        return await self._in(self._read_thread, self._reader.read, ranges, max_records)

    def _call(self, records: Sequence[NewRecord]) -> _Call:
        rows: list[Row] = []
        total = 0
        for index, (name, partition, key, value, headers) in enumerate(records):
            topic = self.topic(name)
            if not 0 <= partition < len(topic.ends):
                raise LogError(f"topic {name} has no partition {partition}: it has {len(topic.ends)}")
            size = len(value) + (len(key) if key else 0)
            if headers:
                size += sum(len(title.encode()) + len(text) for title, text in headers)
            if size > MAX_MESSAGE_BYTES:
                raise MessageTooLarge(index, size)
            total += size
            rows.append(Row(topic.no, partition, key, value, encode_headers(headers)))
        return _Call(rows, total, asyncio.get_running_loop().create_future())

    async def _commit_groups(self) -> None:
        calls: list[_Call] = []
        try:
            while self._open or self._waiting:
                if not self._waiting:
                    self._more.clear()
                    await self._more.wait()
                    continue
                calls = self._take()
                rows = [call.rows for call in calls]
                try:
                    made = await self._in(self._write_thread, self._writer.append, rows, self._now_ms())
                except LogError as error:
                    _fail(calls, str(error))
                else:
                    self._settle(calls, made)
        finally:  # only a defect or a cancelled loop comes here with calls that are not done
            self._open = False
            _fail([*calls, *self._waiting], f"the log {self._path} has stopped")
            self._wake()

    def _take(self) -> list[_Call]:
        """The calls of the next commit: at least one, in the order of their arrival."""
        count = size = 0
        while count < len(self._waiting) and size < MAX_COMMIT_BYTES:
            size += self._waiting[count].size
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _settle(self, calls: Sequence[_Call], made: Appended) -> None:
        for call, offsets in zip(calls, made.offsets, strict=True):
            if not call.done.done():
                call.done.set_result(offsets)
        topics = {topic.no: topic for topic in self._topics.values()}
        for (topic_no, partition), end in made.ends.items():
            if topic_no in topics:
                topics[topic_no].ends[partition] = end
        self._wake()

    def _wake(self) -> None:
        for group in (*self._groups.values(), *self._readers):
            group.wake()

    def _check_open(self) -> None:
        if not self._open:
            raise LogError(f"the log {self._path} is not open")

    async def _in(self, thread: ThreadPoolExecutor, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.wrap_future(thread.submit(work, *args, **kwargs))
        except sqlite3.Error as error:
            raise LogError(f"the log {self._path}: {error}") from error


def _fail(calls: Sequence[_Call], why: str) -> None:
    for call in calls:
        if not call.done.done():
            call.done.set_exception(LogError(why))

"""What every engine of the log promises. One contract suite (tests/contract/log) runs on each of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, overload
from uuid import UUID

import numpy as np

from cskit.slices import Ints

Headers = tuple[tuple[str, bytes], ...]


class Partition(NamedTuple):
    """One partition of a topic: the unit of order and of ownership."""

    topic: str
    number: int


class Record(NamedTuple):
    """A record as read. `timestamp_ms` is the log's append time in milliseconds since 1970; value is None only for
    foreign tombstones.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Records(Sequence[Record]):
    """Records of one partition in the order of their offsets, by columns: who reads them so makes no Record."""

    __slots__ = ("headers", "keys", "offsets", "partition", "timestamps", "topic", "values")

    def __init__(
        self,
        topic: str,
        partition: int,
        offsets: Sequence[int] | Ints,
        timestamps: Sequence[int] | Ints,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        headers: Sequence[Headers],
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offsets = np.asarray(offsets, dtype=np.int64)
        self.timestamps = np.asarray(timestamps, dtype=np.int64)
        self.keys = keys
        self.values = values
        self.headers = headers

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Records":
        """The same records by columns; there is at least one."""
        if isinstance(records, cls):
            return records
        topics, partitions, *columns = zip(*records, strict=True)
        return cls(topics[0], partitions[0], *columns)

    def of_topic(self, topic: str) -> "Records":
        """The same records under another name of their topic."""
        return Records(topic, self.partition, self.offsets, self.timestamps, self.keys, self.values, self.headers)

    def between(self, first: int, end: int) -> "Records":
        """Those from one place up to another."""
        if first == 0 and end == len(self):
            return self
        return Records(
            self.topic,
            self.partition,
            self.offsets[first:end],
            self.timestamps[first:end],
            self.keys[first:end],
            self.values[first:end],
            self.headers[first:end],
        )

    def __len__(self) -> int:
        return len(self.offsets)

    def __iter__(self) -> Iterator[Record]:
        numbers = self.offsets.tolist(), self.timestamps.tolist()
        for place in zip(*numbers, self.keys, self.values, self.headers, strict=True):
            yield Record(self.topic, self.partition, *place)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> "Records": ...
    def __getitem__(self, at: int | slice) -> "Record | Records":
        if isinstance(at, slice):
            first, end, step = at.indices(len(self))
            if step != 1:
                raise ValueError("records are cut in one piece")
            return self.between(first, max(first, end))
        return Record(
            self.topic,
            self.partition,
            int(self.offsets[at]),
            int(self.timestamps[at]),
            self.keys[at],
            self.values[at],
            self.headers[at],
        )

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Records({list(self)})"


class NewRecord(NamedTuple):
    """A record to append. The partition is explicit: csmodels.partitioning decides it, never the engine."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers = ()


class NewRecords(Sequence[NewRecord]):
    """Many records of one topic with the same headers, by their columns: an engine may take them so, and makes none."""

    __slots__ = ("headers", "keys", "partitions", "topic", "values")

    def __init__(
        self,
        topic: str,
        partitions: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes],
        headers: Headers = (),
    ) -> None:
        self.topic = topic
        self.partitions = partitions
        self.keys = keys
        self.values = values
        self.headers = headers

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[NewRecord]:
        for partition, key, value in zip(self.partitions, self.keys, self.values, strict=True):
            yield NewRecord(self.topic, partition, key, value, self.headers)

    @overload
    def __getitem__(self, at: int) -> NewRecord: ...
    @overload
    def __getitem__(self, at: slice) -> "NewRecords": ...
    def __getitem__(self, at: int | slice) -> "NewRecord | NewRecords":
        if isinstance(at, slice):
            return NewRecords(self.topic, self.partitions[at], self.keys[at], self.values[at], self.headers)
        return NewRecord(self.topic, self.partitions[at], self.keys[at], self.values[at], self.headers)


class LogError(Exception):
    """The log cannot do this now; the message says what, where and what to do."""


class MessageTooLarge(LogError):
    """A record is beyond the log's limit (8 MB): a defect of that record, never a retry."""

    def __init__(self, index: int, size: int) -> None:
        super().__init__(f"record {index} of the append has {size} bytes; the log takes 8 MB")
        self.index = index
        self.size = size


class OffsetOutOfRange(LogError):
    """The asked offset is outside of what the log holds: reading on would skip or repeat records in silence."""


class TopicMismatch(LogError):
    """A topic has another partition count than the one it must have."""


class Listener(Protocol):
    """Told of changes in what this member owns. An error raised here ends the consumer: `poll` raises it."""

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Newly assigned partitions; returns the offset at which each one is to be read. Nothing is fetched before."""

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        """Partitions that are no longer this member's; nothing of them is returned by `poll` afterwards."""


class Consumer(Protocol):
    """One member of a consumer group. Not safe for use by several tasks."""

    async def start(self, listener: Listener) -> None:
        """Join the group. Assignments may arrive during any later `poll`."""

    async def poll(self, *, max_records: int, timeout: float) -> Mapping[Partition, Sequence[Record]]:
        """At most `max_records` records in offset order per partition; empty after `timeout` seconds without any.

        Raises OffsetOutOfRange, whatever the listener raised, or LogError when the engine has stopped for good.
        """

    def seek(self, partition: Partition, offset: int) -> None:
        """Return records of this owned partition from `offset` on, at the next poll (used to cut batches short)."""

    async def reached(self) -> Mapping[Partition, int]:
        """The offsets that come next: those before them were returned, or hold no record (a transaction's marker, for
        one). Raises LogError.
        """

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the engine the next offsets, for lag dashboards only; errors are logged, never raised."""

    async def stop(self) -> None:
        """Leave the group at once (no session time-out for the others). Safe to call twice."""


class Reader(Protocol):
    """Reads one topic without a group: nobody shares with it, and nothing is remembered of it."""

    async def poll(self, *, max_records: int, timeout: float) -> Sequence[Record]:
        """The next records, in offset order within each partition; empty after `timeout` seconds without any.

        Raises OffsetOutOfRange where the log does not hold what comes next, or LogError when it cannot read on.
        """

    async def stop(self) -> None:
        """Read no more. Safe to call twice."""


class Log(Protocol):
    """An append-only log of topics with partitions."""

    async def start(self) -> None:
        """Connect. Raises LogError with a sentence that says what is unreachable."""

    async def ensure_topics(self, topics: Sequence[str], partitions: int) -> None:
        """Create what is missing (8 MB messages, append time by the log); TopicMismatch for another partition count."""

    async def topic_id(self, topic: str) -> UUID:
        """The id given when the topic was made: a topic made anew has another one."""

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        """Append in order per partition and return each record's offset once all are durable (acks=all, fsync).

        Concurrent calls are coalesced. Raises MessageTooLarge before anything of this call is sent; any other
        LogError means that each record may or may not be in the log.
        """

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """The first offset still held, per partition."""

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """The offset after the last record, per partition."""

    async def trim(self, topic: str, before_ms: int, until: Mapping[int, int] | None = None) -> None:
        """Drop the records that were appended before `before_ms` (since 1970) and lie before the offset of their
        partition in `until`; a partition that is not in it keeps all. None: wherever they lie.

        The newest record of a partition may stay. Raises LogError.
        """

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """A new member of `group`, not yet started."""

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> Reader:
        """Read every partition of a topic, each from the offset given for it. Raises LogError."""

    async def close(self) -> None:
        """Send what was accepted, then disconnect. Safe to call twice."""

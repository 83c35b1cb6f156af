"""cs.customer-events from its first record on: what is archived, then what is on the log. As a Log for a runner."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NoReturn
from uuid import UUID

from cskit.log import Consumer, Listener, Log, NewRecord, OffsetOutOfRange, Partition, Reader, Record
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.columns import ArchivedRecord
from scoring.archive.files import ArchiveDamaged
from scoring.archive.place import ArchiveOfAnotherTopic, ArchiveRoot
from scoring.archive.reading import archived_ends, read_events

Progress = Callable[[int], Awaitable[None]]
"""Told between batches how many offsets of all partitions are behind."""

_LOG_SECONDS = 1.0
_MOST = 100_000  # records at once: each of them is an object


class PastLog:
    """The records before `until` of every partition; `done` is set when the consumer has returned all of them.

    root None: there is no archive, the log has everything.
    """

    def __init__(
        self, root: ArchiveRoot | None, log: Log, until: Mapping[int, int], done: asyncio.Event, progress: Progress
    ) -> None:
        self.root = root
        self.log = log
        self.until = until
        self.done = done
        self.progress = progress

    async def topic_id(self, topic: str) -> UUID:
        """That of the log's topic."""
        return await self.log.topic_id(topic)

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Where this reading ends."""
        return self.until

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """The one member; all partitions are its own."""
        return _PastConsumer(self)

    async def start(self) -> None:
        """Nothing to do: the log is there."""

    async def close(self) -> None:
        """Nothing to do: the log stays."""

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """From the beginning."""
        return dict.fromkeys(self.until, 0)

    async def ensure_topics(self, topics: Sequence[str], partitions: int) -> None:
        """Not of the past."""
        _only_read()

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        """Not to the past."""
        _only_read()

    async def trim(self, topic: str, before_ms: int, until: Mapping[int, int] | None = None) -> None:
        """Not of the past."""
        _only_read()

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> Reader:
        """Not without a group."""
        _only_read()


class _PastConsumer:
    """Partition by partition from the archive, which keeps accounts in memory together; then from the log."""

    def __init__(self, past: PastLog) -> None:
        self._past = past
        self._listener: Listener | None = None
        self._positions: dict[int, int] = {}
        self._archived: dict[int, int] = {}
        self._open: dict[int, Iterator[ArchivedRecord]] = {}
        self._reader: Reader | None = None
        self._moved = False  # since the reader began

    async def start(self, listener: Listener) -> None:
        """See Consumer."""
        self._listener = listener

    async def poll(self, *, max_records: int, timeout: float) -> Mapping[Partition, Sequence[Record]]:
        """See Consumer. Raises ArchiveDamaged, ArchiveUnreachable, too."""
        max_records = min(max_records, _MOST)
        await self._begin()
        await self._past.progress(sum(min(at, self._past.until[p]) for p, at in self._positions.items()))
        for number, position in self._positions.items():
            end = min(self._archived[number], self._past.until[number])
            while position < end:
                records = await asyncio.to_thread(self._from_archive, number, position, max_records)
                position = records[-1].offset + 1 if records else end
                self._positions[number] = position
                if records:
                    return {Partition(CUSTOMER_EVENTS, number): records}
        if all(position >= self._past.until[number] for number, position in self._positions.items()):
            self._past.done.set()
            return {}
        return await self._from_log(max_records, timeout)

    def seek(self, partition: Partition, offset: int) -> None:
        """See Consumer."""
        self._positions[partition.number] = offset
        self._open.pop(partition.number, None)
        self._moved = True

    async def reached(self) -> Mapping[Partition, int]:
        """See Consumer."""
        return {Partition(CUSTOMER_EVENTS, number): position for number, position in self._positions.items()}

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Nobody watches."""

    async def stop(self) -> None:
        """See Consumer."""
        reader, self._reader, self._moved = self._reader, None, False
        if reader is not None:
            await reader.stop()

    async def _begin(self) -> None:
        if self._positions:
            return
        assert self._listener is not None
        partitions = frozenset(Partition(CUSTOMER_EVENTS, number) for number in range(PARTITIONS))
        root = self._past.root
        self._archived = await self._ends(root) if root is not None else dict.fromkeys(range(PARTITIONS), 0)
        offsets = await self._listener.on_assigned(partitions)
        self._positions = {number: offsets[Partition(CUSTOMER_EVENTS, number)] for number in range(PARTITIONS)}

    async def _ends(self, root: ArchiveRoot) -> dict[int, int]:
        id_ = str(await self._past.topic_id(CUSTOMER_EVENTS))
        try:
            return await asyncio.to_thread(archived_ends, root, id_)
        except ArchiveOfAnotherTopic as error:
            raise ArchiveDamaged(str(error)) from error

    def _from_archive(self, number: int, position: int, count: int) -> list[Record]:
        if number not in self._open:
            assert self._past.root is not None
            self._open[number] = read_events(self._past.root, number, from_offset=position)
        end = self._past.until[number]
        records = [each.as_record() for each in islice(self._open[number], count)]
        return [record for record in records if record.offset < end]

    async def _from_log(self, count: int, timeout: float) -> dict[Partition, Sequence[Record]]:
        if self._moved:
            await self.stop()
        try:
            if self._reader is None:
                self._reader = await self._past.log.reader(CUSTOMER_EVENTS, self._positions)
            polled = await self._reader.poll(max_records=count, timeout=max(timeout, _LOG_SECONDS))
        except OffsetOutOfRange as error:
            begins = await self._past.log.begin_offsets(CUSTOMER_EVENTS)
            lost = [n for n, position in self._positions.items() if position < begins[n]]
            raise ArchiveDamaged(
                f"The archive of partition {', '.join(map(str, lost))} ends before the log begins: the records in "
                "between are in neither. Put the missing files of the archive back from a copy."
            ) from error
        found: dict[Partition, list[Record]] = {}
        for record in polled:
            if self._positions[record.partition] <= record.offset < self._past.until[record.partition]:
                found.setdefault(Partition(CUSTOMER_EVENTS, record.partition), []).append(record)
                self._positions[record.partition] = record.offset + 1
        return dict(found)


def _only_read() -> NoReturn:
    raise TypeError("the past is only read by a consumer")

"""Drivers for tests of a log and its readers: a book of offsets, a group member that notes what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Protocol
from uuid import uuid4

from cskit.log.base import Consumer, Listener, Log, Partition, Record

POLL_SECONDS = 0.2


class OffsetBook:
    """The database's offset rows, in memory: which record is next, and whose a partition is.

    Raises AssertionError for what exactly-once forbids: a partition taken from its owner, a record that is not the
    next one, a record for a member that does not own its partition.
    """

    def __init__(self, start: Mapping[Partition, int] | None = None) -> None:
        self.next = dict(start or {})
        self.owners: dict[Partition, object] = {}
        self.records: list[Record] = []

    def claim(self, partitions: Iterable[Partition], member: object) -> dict[Partition, int]:
        """Take partitions that nobody owns; where to read each (0 when nothing is known)."""
        partitions = list(partitions)
        for partition in partitions:
            _require(partition not in self.owners, f"{partition} is assigned while another member owns it")
            self.owners[partition] = member
        return {partition: self.next.setdefault(partition, 0) for partition in partitions}

    def release(self, partitions: Iterable[Partition], member: object) -> None:
        """Give partitions back."""
        for partition in partitions:
            _require(self.owners.pop(partition, None) is member, f"{partition} is revoked from one without it")

    def forget(self, member: object) -> None:
        """A member is gone without a word, as a dead process."""
        self.owners = {partition: owner for partition, owner in self.owners.items() if owner is not member}

    def add(self, partition: Partition, records: Sequence[Record], member: object) -> None:
        """Write down what a poll returned."""
        _require(self.owners.get(partition) is member, f"records of {partition} for one that does not own it")
        for record in records:
            _require(record[:2] == partition, f"{record} was returned under {partition}")
            _require(record.offset == self.next[partition], f"{record.offset} came for {self.next[partition]}")
            self.next[partition] += 1
        self.records.extend(records)


class Doomed(Protocol):
    """A group member that can die."""

    def owned(self) -> frozenset[Partition]:
        """What it owns now, as far as is known here."""

    async def die(self) -> None:
        """Stop without a word to its group."""


class LogEngine(Protocol):
    """An engine under the contract suite. `seconds`: how long a group may take to settle."""

    log: Log
    seconds: float

    async def restart(self) -> None:
        """Stop the engine and start it on what it has stored; `log` may be another object afterwards."""

    async def make_anew(self, topic: str, partitions: int) -> None:
        """Delete the topic and make it again, empty."""

    async def doomed(self, group: str, topics: Sequence[str]) -> Doomed:
        """A member of `group` that polls by itself until it dies."""

    async def close(self) -> None:
        """End what was started here, the log too."""


class Member(Listener):
    """A group member that keeps a book. `assigned` and `revoked` list what it was told, in order."""

    def __init__(self, consumer: Consumer, book: OffsetBook | None = None) -> None:
        self.consumer = consumer
        self.book = book or OffsetBook()
        self.assigned: list[frozenset[Partition]] = []
        self.revoked: list[frozenset[Partition]] = []

    @property
    def owned(self) -> frozenset[Partition]:
        """What is this member's now."""
        return frozenset(partition for partition, owner in self.book.owners.items() if owner is self)

    @property
    def records(self) -> list[Record]:
        """What the book holds: of all members that share it, in order of arrival."""
        return self.book.records

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Claim in the book."""
        self.assigned.append(partitions)
        return self.book.claim(partitions, self)

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        """Release in the book."""
        self.revoked.append(partitions)
        self.book.release(partitions, self)

    async def poll(
        self, *, max_records: int = 1_000, timeout: float = POLL_SECONDS
    ) -> Mapping[Partition, Sequence[Record]]:
        """One poll, written down."""
        found = await self.consumer.poll(max_records=max_records, timeout=timeout)
        for partition, records in found.items():
            self.book.add(partition, records, self)
        return found

    async def poll_until(self, reached: Callable[[], bool], seconds: float) -> None:
        """Poll until `reached()`; TimeoutError, with what is in the book, after `seconds`."""
        deadline = monotonic() + seconds
        while not reached():
            if monotonic() > deadline:
                raise TimeoutError(f"after {seconds} s: {len(self.records)} records, owned {sorted(self.owned)}")
            await self.poll()

    async def stop(self) -> None:
        """Leave the group, and give back in the book what was owned."""
        await self.consumer.stop()
        self.book.forget(self)


@asynccontextmanager
async def member(log: Log, group: str, topics: Sequence[str], book: OffsetBook | None = None) -> AsyncIterator[Member]:
    """A started member that is stopped in the end."""
    made = Member(log.consumer(group, topics), book)
    await made.consumer.start(made)
    try:
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def polling(*members: Member) -> AsyncIterator[None]:
    """The members poll side by side meanwhile; an error of one is raised here."""

    async def poll_on(one: Member) -> None:
        while not done.is_set():
            await one.poll()

    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for one in members:
            tasks.create_task(poll_on(one))
        try:
            yield
        finally:
            done.set()


async def eventually(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until `reached()`; TimeoutError that says `what` after `seconds`."""
    deadline = monotonic() + seconds
    while not reached():
        if monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        await asyncio.sleep(0.01)


async def read_all(log: Log, topic: str, seconds: float) -> list[Record]:
    """Everything that `topic` holds now, in order per partition, as a group of its own."""
    begin, end = await log.begin_offsets(topic), await log.end_offsets(topic)
    book = OffsetBook({Partition(topic, number): offset for number, offset in begin.items()})
    async with member(log, f"read-all-{uuid4()}", [topic], book) as reader:
        await reader.poll_until(
            lambda: all(book.next.get(Partition(topic, n), 0) >= e for n, e in end.items()), seconds
        )
    return book.records


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)

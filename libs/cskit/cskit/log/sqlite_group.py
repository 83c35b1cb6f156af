"""Consumer groups of the embedded log: all members live in one process, so a group is an object in memory.

A partition has at most one owner. A member's share follows from who is in the group; what it owns beyond its share it
gives up in its next poll, after its listener was told, and only then may another member's poll take it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from cskit.log.base import Listener, LogError, OffsetOutOfRange, Partition, Record
from cskit.log.sqlite_file import Range, Topic


class Records(Protocol):
    """What a consumer needs of the log."""

    def topic(self, name: str) -> Topic:
        """LogError for an unknown topic, and for any when the log is closed."""

    async def read(self, ranges: Sequence[Range], max_records: int) -> dict[Partition, list[Record]]:
        """As LogReader.read."""


class Member:
    """A place in a group. `wake` is set when something may have changed for it."""

    def __init__(self, wanted: Iterable[Partition]) -> None:
        self.wanted = frozenset(wanted)
        self.share: frozenset[Partition] = frozenset()
        self.wake = asyncio.Event()


class Group:
    """Who is in the group, and who owns what."""

    def __init__(self) -> None:
        self._members: list[Member] = []
        self._owners: dict[Partition, Member] = {}

    def join(self, member: Member) -> None:
        """Take part from now on; the others give up what becomes this member's."""
        self._members.append(member)
        self._share_out()

    def leave(self, member: Member) -> None:
        """Give up everything at once. Does nothing for one that has left."""
        if member in self._members:
            self._members.remove(member)
            self.release(member, [partition for partition, owner in self._owners.items() if owner is member])
            self._share_out()

    def claim(self, member: Member) -> frozenset[Partition]:
        """Become the owner of all of the share that no other member owns; returns what is owned of it."""
        mine = frozenset(p for p in member.share if self._owners.get(p, member) is member)
        self._owners.update(dict.fromkeys(mine, member))
        return mine

    def release(self, member: Member, partitions: Iterable[Partition]) -> None:
        """Let others own these."""
        for partition in partitions:
            if self._owners.get(partition) is member:
                del self._owners[partition]
        self.wake()

    def wake(self) -> None:
        """Let every member look again."""
        for member in self._members:
            member.wake.set()

    def _share_out(self) -> None:
        """Round robin by partition number in the order of joining, so that a number is one member's in every topic."""
        for member in self._members:
            member.share = frozenset(p for p in member.wanted if self._heir(p) is member)
        self.wake()

    def _heir(self, partition: Partition) -> Member:
        willing = [member for member in self._members if partition in member.wanted]
        return willing[partition.number % len(willing)]


class SqliteConsumer:
    """The Consumer of the embedded log.

    No session expires in one process: who starts a consumer stops it in the end. An error of its listener stops it too.
    """

    def __init__(self, records: Records, group: Group, topics: Sequence[str]) -> None:
        self._records = records
        self._group = group
        self._names = tuple(topics)
        self._topics: list[Topic] = []
        self._listener: Listener | None = None
        self._member: Member | None = None
        # In the order of the last read, oldest first: no partition starves. A partition is owned once it is in here.
        self._positions: dict[Partition, int] = {}

    async def start(self, listener: Listener) -> None:
        """Join the group; LogError for an unknown topic."""
        if self._listener is not None:
            raise LogError("the consumer was started before: make a new one")
        self._topics = [self._records.topic(name) for name in self._names]
        self._listener = listener
        wanted = (Partition(topic.name, number) for topic in self._topics for number in range(len(topic.ends)))
        self._member = Member(wanted)
        self._group.join(self._member)

    async def poll(self, *, max_records: int, timeout: float) -> Mapping[Partition, Sequence[Record]]:
        """As the contract says; a partition whose topic was made anew is out of range."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            member, listener = self._member, self._listener
            if member is None or listener is None:
                raise LogError("the consumer is not started, or has ended")
            member.wake.clear()
            self._check_topics()
            try:
                await self._rebalance(member, listener)
            except Exception:
                await self.stop()
                raise
            if found := await self._fetch(max_records):
                return found
            left = deadline - loop.time()
            if left <= 0:
                return {}
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await member.wake.wait()

    def seek(self, partition: Partition, offset: int) -> None:
        """As the contract says; LogError for a partition that is not this member's."""
        if partition not in self._positions:
            raise LogError(f"{partition.topic}/{partition.number} is not owned by this consumer")
        self._positions[partition] = offset

    async def reached(self) -> Mapping[Partition, int]:
        """As the contract says."""
        return dict(self._positions)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Does nothing: the database's offset rows are in the same process, and lag is end_offsets less those."""

    async def stop(self) -> None:
        """As the contract says."""
        if self._member is not None:
            self._group.leave(self._member)
            self._member = None
            self._positions.clear()

    def _check_topics(self) -> None:
        for topic in self._topics:
            if self._records.topic(topic.name) is not topic:
                raise OffsetOutOfRange(f"topic {topic.name} was made anew: its offsets are not those of {topic.id}")

    async def _rebalance(self, member: Member, listener: Listener) -> None:
        lost = self._positions.keys() - member.share
        if lost:
            await listener.on_revoked(frozenset(lost))
            for partition in lost:
                del self._positions[partition]
            self._group.release(member, lost)
        gained = self._group.claim(member) - self._positions.keys()
        if gained:
            offsets = await listener.on_assigned(gained)
            if missing := gained - offsets.keys():
                raise LogError(f"on_assigned gave no offset for {sorted(missing)}")
            self._positions.update((partition, offsets[partition]) for partition in sorted(gained))

    async def _fetch(self, max_records: int) -> dict[Partition, list[Record]]:
        ranges = self._ranges()
        if not ranges:
            return {}
        found = await self._records.read(ranges, max_records)
        for partition, records in found.items():
            position = self._positions[partition]
            if not records or records[0].offset != position:
                raise OffsetOutOfRange(f"{partition.topic}/{partition.number} does not hold offset {position} any more")
        for partition, records in found.items():
            del self._positions[partition]
            self._positions[partition] = records[-1].offset + 1
        return found

    def _ranges(self) -> list[Range]:
        topics = {topic.name: topic for topic in self._topics}
        ranges: list[Range] = []
        for partition, position in self._positions.items():
            topic = topics[partition.topic]
            begin, end = topic.begins[partition.number], topic.ends[partition.number]
            if not begin <= position <= end:
                raise OffsetOutOfRange(
                    f"{partition.topic}/{partition.number} holds offsets {begin} to {end}, and {position} was asked for"
                )
            if position < end:
                ranges.append(Range(topic.no, partition, position, end))
        return ranges


class SqliteReader:
    """The Reader of the embedded log: the only member of a group that nobody else knows."""

    def __init__(self, consumer: SqliteConsumer, offsets: Mapping[int, int]) -> None:
        self._consumer = consumer
        self._offsets = offsets

    async def start(self) -> None:
        """Begin to read; LogError for an unknown topic."""
        await self._consumer.start(self)

    async def poll(self, *, max_records: int, timeout: float) -> Sequence[Record]:
        """As the contract says."""
        found = await self._consumer.poll(max_records=max_records, timeout=timeout)
        return [record for records in found.values() for record in records]

    async def stop(self) -> None:
        """As the contract says."""
        await self._consumer.stop()

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Every partition from where the reader was told."""
        return {partition: self._offsets[partition.number] for partition in partitions}

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        """Does not happen: nobody shares with it."""

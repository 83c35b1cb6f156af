"""The worker that archives: the log's records into files, then the offsets in the database.

A file is named by its offsets and put whole before the database says so. A crash in between makes the records be read
and written again, under the same name or one that overlaps it; readers take an offset once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cskit import failpoints
from cskit.claims import Claim, Claims, moved
from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable, Tx
from cskit.log import Log, Partition, Record
from cskit.messages import append_time
from cskit.observability import ARCHIVE_RECORDS, ARCHIVE_WAITING, get_logger
from cskit.peek import type_of
from cskit.poison import event_of
from csmodels.internal import AccountErased
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.columns import ArchivedRecord, encoded
from scoring.archive.files import ArchiveDamaged, ArchiveFile, Erased
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable, Place, check_topic
from scoring.archive.tending import erase, merge
from scoring.store import erasures
from scoring.tables import PLUMBING

log = get_logger()

GROUP: Final = "scoring-archive"
_POLL_SECONDS: Final = 0.25
_AT_ONCE: Final = 2_000
_ERASED: Final = "account.erased"
_AGAIN: Final = timedelta(days=3)  # erasures that a worker that was overtaken may have undone


@dataclass(frozen=True, slots=True)
class Limits:
    """When what was collected becomes a file: at so many records or bytes of a partition, or when the first of them was
    read so many seconds ago; `held` bytes are collected over all partitions. `small` files in a row are merged. A place
    or a database that does not answer is tried `again` after so many seconds.
    """

    records: int = 20_000
    bytes: int = 16_000_000
    seconds: float = 900.0
    held: int = 64_000_000
    small: int = 24
    again: float = 5.0


@dataclass(slots=True)
class _Collected:
    """What was read of a partition and is not archived."""

    claim: Claim
    since: datetime | None = None
    records: list[Record] = field(default_factory=list)
    size: int = 0

    def add(self, records: Sequence[Record], now: datetime) -> None:
        self.since = self.since or now
        self.records += records
        self.size += sum(len(record.value or b"") + len(record.key or b"") + 64 for record in records)


class Archiver:
    """One member of the group that archives cs.customer-events."""

    name = "archive"

    def __init__(
        self,
        *,
        log: Log,
        database: Database,
        root: ArchiveRoot,
        clocks: Clocks,
        owner: str,
        limits: Limits | None = None,
    ) -> None:
        self._log = log
        self._database = database
        self._root = root
        self._clocks = clocks
        self._limits = limits or Limits()
        self._claims = Claims(PLUMBING.consumer_offsets, GROUP, owner)
        self._collected: dict[Partition, _Collected] = {}
        self._stop = asyncio.Event()
        self._is_ours = False  # whether the place is of this topic

    async def run(self, stop: asyncio.Event) -> None:
        """Archive until `stop`; what is collected then stays on the log for the next start.

        Raises Fenced, TopicRecreated, OffsetOutOfRange, LogError.
        """
        self._stop = stop
        self._collected = {}
        self._is_ours = False
        place = await asyncio.to_thread(self._root.open)
        consumer = self._log.consumer(GROUP, [CUSTOMER_EVENTS])
        try:
            await consumer.start(self)
            while not stop.is_set():
                full = sum(each.size for each in self._collected.values()) >= self._limits.held
                polled = await consumer.poll(max_records=1 if full else _AT_ONCE, timeout=_POLL_SECONDS)
                for partition, records in polled.items():
                    if partition in self._collected:
                        self._collected[partition].add(records, self._clocks.wall.now())
                for partition in self._due():
                    if not await self._write(place, partition):
                        break  # back to `poll`, which tells of partitions that move, however long the place is away
        finally:
            await consumer.stop()
            await self.on_revoked(frozenset(self._collected))

    # What the log tells of this member's partitions, inside of `poll`

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Claim the partitions in the database; the offsets to read from.

        Whoever had them before may have been overtaken in the middle of a merge and have put back, since the erasures
        of this worker or another, what was erased: those of the last days are done once more.
        """
        topic_id = await self._log.topic_id(CUSTOMER_EVENTS)

        async def claiming(tx: Tx) -> dict[Partition, Claim]:
            claims = await self._claims.claim(tx, partitions, {CUSTOMER_EVENTS: topic_id})
            since = self._clocks.world.now() - _AGAIN
            await erasures.again(tx, [partition.number for partition in partitions], since)
            return claims

        claims = await self._take(claiming)
        self._collected.update({partition: _Collected(claim) for partition, claim in claims.items()})
        return {partition: claim.next_offset for partition, claim in claims.items()}

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        """Let go of what was collected: it is on the log."""
        for partition in partitions & self._collected.keys():
            del self._collected[partition]
            ARCHIVE_WAITING.remove(str(partition.number))

    async def _take(self, claiming: Callable[[Tx], Awaitable[dict[Partition, Claim]]]) -> dict[Partition, Claim]:
        while True:
            try:
                async with self._database.write() as tx:
                    return await claiming(tx)
            except DatabaseUnavailable as error:
                await self._wait("archive.database_unavailable", error)
                if self._stop.is_set():
                    raise

    # One file

    def _due(self) -> list[Partition]:
        now = self._clocks.wall.now()
        due = []
        for partition, each in self._collected.items():
            ARCHIVE_WAITING.labels(str(partition.number)).set(self._waiting(each))
            aged = each.since is not None and (now - each.since).total_seconds() >= self._limits.seconds
            if each.records and (aged or len(each.records) >= self._limits.records or each.size >= self._limits.bytes):
                due.append(partition)
        if not due and sum(each.size for each in self._collected.values()) >= self._limits.held:
            due.append(max(self._collected, key=lambda partition: self._collected[partition].size))
        return due

    def _waiting(self, each: _Collected) -> float:
        if not each.records:
            return 0.0
        return (self._clocks.world.now() - append_time(each.records[0].timestamp_ms)).total_seconds()

    async def _write(self, place: Place, partition: Partition) -> bool:
        """Whether a file was put and the database says so; else it has waited, and the partition's turn is the last."""
        each = self._collected[partition]
        records = each.records[: self._limits.records]
        file = ArchiveFile(partition.number, each.claim.next_offset, records[-1].offset)
        rows = [ArchivedRecord(r.partition, r.offset, r.timestamp_ms, r.key, r.value) for r in records]
        try:
            await asyncio.to_thread(self._put, place, str(each.claim.topic_id), file, rows)
            failpoints.hit(failpoints.ARCHIVE_AFTER_PUT)
            clock_ms = max(record.timestamp_ms for record in records)
            claim = moved(each.claim, file.last + 1, clock_ms)
            async with self._database.write() as tx:
                await self._claims.hold(tx, [each.claim])
                erasures.note(tx, partition.number, _erasures(records))
                self._claims.move(tx, [claim])
        except ArchiveUnreachable as error:
            self._collected[partition] = self._collected.pop(partition)
            await self._wait("archive.unreachable", error)
            return False
        except DatabaseUnavailable as error:
            await self._wait("archive.database_unavailable", error)
            await self._claim_again()
            return False
        ARCHIVE_RECORDS.inc(len(records))
        left = _Collected(claim)
        if len(each.records) > len(records):
            left.add(each.records[len(records) :], self._clocks.wall.now())
        self._collected[partition] = left
        log.info("archive.written", file=file.name, records=len(records))
        await self._tend(place, partition.number)
        return True

    def _put(self, place: Place, topic_id: str, file: ArchiveFile, rows: Sequence[ArchivedRecord]) -> None:
        if not self._is_ours:
            if not check_topic(place, topic_id):
                place.set_topic(topic_id)
            self._is_ours = True
        place.put(file, encoded(rows))

    async def _claim_again(self) -> None:
        """After a transaction of unknown end: where it had committed, its records are archived."""
        held = {partition: each.claim for partition, each in self._collected.items()}
        claims = await self._take(lambda tx: self._claims.claim_again(tx, held))
        for partition, claim in claims.items():
            again = _Collected(claim)
            left = [record for record in self._collected[partition].records if record.offset >= claim.next_offset]
            if left:
                again.add(left, self._clocks.wall.now())
            self._collected[partition] = again

    async def _tend(self, place: Place, partition: int) -> None:
        """Merge small files, and let erased accounts leave. What is damaged or does not answer now waits."""
        try:
            await asyncio.to_thread(merge, place, partition, self._limits.small, self._limits.records)
            async with self._database.read() as tx:
                waiting = await erasures.waiting(tx, partition)
            if not waiting:
                return
            await asyncio.to_thread(erase, place, partition, waiting)
            async with self._database.write() as tx:
                await erasures.done(tx, partition, waiting, self._clocks.world.now())
            log.info("archive.erased", partition=partition, accounts=len(waiting))
        except ArchiveDamaged as error:
            log.error("archive.damaged", partition=partition, reason=str(error))
        except (ArchiveUnreachable, DatabaseUnavailable) as error:
            log.warning("archive.not_tended", partition=partition, reason=str(error))

    async def _wait(self, event: str, error: Exception) -> None:
        log.warning(event, reason=str(error), seconds=self._limits.again)
        try:
            async with asyncio.timeout(self._limits.again):
                await self._stop.wait()
        except TimeoutError:
            return


def _erasures(records: Sequence[Record]) -> list[Erased]:
    """The accounts that these records erase; poison erases nobody."""
    found = []
    for record in records:
        if type_of(record.value) == _ERASED:
            place = Partition(record.topic, record.partition)
            event, _ = event_of(place, record.timestamp_ms, record.key, record.value)
            if isinstance(event, AccountErased):
                found.append(Erased(event.subject, event.source, event.id, record.offset))
    return found

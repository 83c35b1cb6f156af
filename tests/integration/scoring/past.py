"""A log with an archive, and workers that run until they have caught up with it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import delete, select, update
from tests.integration.scoring.world import NOON

from cskit.claims import RESOLVED, read_offsets
from cskit.clock import Clocks, FrozenClock, RealClock
from cskit.db import Database
from cskit.log import Log, NewRecord
from cskit.log.sqlite import SqliteLog
from cskit.messages import event_record
from cskit.runner import Runner
from csmodels.envelope import Event
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS, HEALTH_EVENTS, PARTITIONS
from scoring.archive.place import ArchiveRoot
from scoring.archive.writing import GROUP, Archiver, Limits
from scoring.handlers import ScoringHandler
from scoring.rebuilding.job import Rebuilder
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings
from scoring.store import rebuilds
from scoring.tables import PLUMBING

LIVE = "scoring"
_PATIENCE = 60.0  # seconds
SMALL_FILES = Limits(records=40, seconds=0.0, small=4, again=0.2)


class Past:
    """cs.customer-events with an archive beside it. `now` is the log's clock."""

    def __init__(self, log: Log, database: Database, root: ArchiveRoot, clock: list[datetime]) -> None:
        self.log = log
        self.database = database
        self.root = root
        self.clock = clock
        self.clocks = Clocks(world=FrozenClock(NOON), wall=RealClock())

    async def append(self, *events: Event) -> None:
        """Append events in order, each batch of one receivedtime at that moment."""
        batch: list[Event] = []
        for event in events:
            if batch and batch[-1].receivedtime != event.receivedtime:
                await self._append(batch)
                batch = []
            batch.append(event)
        if batch:
            await self._append(batch)

    async def _append(self, batch: list[Event]) -> None:
        self.clock[0] = max(self.clock[0], batch[0].receivedtime)
        records = []
        for event in batch:
            if event.subject == CONTROL_KEY:
                records += [
                    NewRecord(CUSTOMER_EVENTS, n, CONTROL_KEY.encode(), event.to_bytes()) for n in range(PARTITIONS)
                ]
            else:
                records.append(event_record(CUSTOMER_EVENTS, event))
        await self.log.append(records)

    async def relay(self) -> None:
        """Append what waits in the outbox for cs.customer-events."""
        outbox = PLUMBING.outbox
        async with self.database.write() as tx:
            rows = await tx.fetch(select(outbox).where(outbox.c.topic == CUSTOMER_EVENTS).order_by(outbox.c.id))
            await tx.execute(delete(outbox).where(outbox.c.topic == CUSTOMER_EVENTS))
        await self.log.append([NewRecord(row.topic, row.partition, row.key, row.value) for row in rows])

    def handler(self, database: Database, *, recounts: bool = False) -> ScoringHandler:
        """As the service makes it."""
        return ScoringHandler(
            settings=ScoringSettings(zone="UTC", currency="USD", in_memory=50),
            cards=built_in(),
            database=database,
            clocks=self.clocks,
            recounts=recounts,
            published=None if recounts else self.published,
        )

    async def published(self) -> int:
        """As the service asks it."""
        return max((await self.log.end_offsets(HEALTH_EVENTS)).values(), default=0)

    def runner(self, max_records: int = 2_000, owner: str = "one") -> Runner:
        """The live worker."""
        return Runner(
            group=LIVE, topics=[CUSTOMER_EVENTS], log=self.log, database=self.database, plumbing=PLUMBING,
            handler=self.handler(self.database), clocks=self.clocks, owner=owner, max_records=max_records,
        )  # fmt: skip

    async def fold(self, max_records: int = 2_000, owner: str = "one") -> None:
        """Run the live worker until it has folded all that is on the log."""
        async with self.running(self.runner(max_records, owner)):
            await self.caught_up(LIVE)

    def archiver(self, limits: Limits = SMALL_FILES, owner: str = "one", root: ArchiveRoot | None = None) -> Archiver:
        """A worker that archives."""
        return Archiver(
            log=self.log, database=self.database, root=root or self.root, clocks=self.clocks, owner=owner, limits=limits
        )

    async def archive(self, limits: Limits = SMALL_FILES) -> None:
        """Archive all that is on the log."""
        async with self.running(self.archiver(limits)):
            await self.caught_up(GROUP)

    async def caught_up(self, group: str) -> None:
        """Wait until a group has come to the log's end."""
        ends = await self.log.end_offsets(CUSTOMER_EVENTS)
        await self.until(lambda at: all(at.get(number, 0) >= end for number, end in ends.items()), group)

    async def until(self, reached: Any, group: str) -> None:
        """Wait until the offsets of a group are so."""
        deadline = monotonic() + _PATIENCE
        while not reached(at := await self.offsets(group)):
            assert monotonic() < deadline, f"{group} is at {at}"
            await asyncio.sleep(0.02)

    async def owned_by(self, owner: str, partitions: int) -> None:
        """Wait until so many partitions are archived by this worker."""
        table = PLUMBING.consumer_offsets
        deadline = monotonic() + _PATIENCE
        while True:
            async with self.database.read() as tx:
                rows = await tx.fetch(select(table).where(table.c.consumer_group == GROUP))
            owners = [row.owner for row in rows]
            if owners.count(owner) == partitions:
                return
            assert monotonic() < deadline, owners
            await asyncio.sleep(0.02)

    async def offsets(self, group: str) -> Mapping[int, int]:
        """Where a group reads on."""
        found = await read_offsets(self.database, PLUMBING, group)
        return {partition.number: offset for partition, offset in found.items()}

    @asynccontextmanager
    async def running(self, *workers: Any) -> AsyncIterator[None]:
        """Run workers inside the block; what one of them raises is raised at its end."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(worker.run(stop)) for worker in workers]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    def rebuilder(self, shadow: Database, root: ArchiveRoot | None) -> Rebuilder:
        """The worker that rebuilds into this database."""

        async def keep() -> None:
            """The test looks into it."""

        return Rebuilder(
            database=self.database, log=self.log, root=root, clocks=self.clocks, owner="one", group=LIVE,
            make_handler=partial(self.handler, recounts=True), open_shadow=lambda: _Kept(shadow), drop_shadow=keep,
        )  # fmt: skip

    async def ask(self, id_: str) -> None:
        """Ask for a rebuild."""
        async with self.database.write() as tx:
            rebuilds.ask(tx, id_, "test", NOON)

    async def confirm(self, id_: str) -> None:
        """Confirm the swap."""
        async with self.database.write() as tx:
            await rebuilds.say(tx, id_, NOON, state=rebuilds.CONFIRMED)

    async def rebuild(self, id_: str) -> Any:
        """Its row."""
        async with self.database.read() as tx:
            row = await rebuilds.one(tx, id_)
        assert row is not None
        return row

    async def comes_to(self, id_: str, *states: str) -> Any:
        """Wait until a rebuild is in one of these states."""
        deadline = monotonic() + _PATIENCE
        while True:
            row = await self.rebuild(id_)
            if row.state in states:
                return row
            assert row.state != rebuilds.FAILED, row.message
            assert monotonic() < deadline, row.state
            await asyncio.sleep(0.02)

    async def over(self, id_: str) -> None:
        """Wait until a rebuild is over, well or not."""
        deadline = monotonic() + _PATIENCE
        while True:
            async with self.database.read() as tx:
                if await rebuilds.open_one(tx) is None:
                    return
            assert monotonic() < deadline, f"{id_} is not over"
            await asyncio.sleep(0.02)

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        """All rows of a table of the live database."""
        async with self.database.read() as tx:
            return [dict(row._mapping) for row in await tx.fetch(select(table))]


async def resolved(past: Past, group: str, offsets: Mapping[int, int]) -> None:
    """Say where a group reads on, as `kizashi doctor --resolve GROUP cs.customer-events` does."""
    table, id_ = PLUMBING.consumer_offsets, str(await past.log.topic_id(CUSTOMER_EVENTS))
    async with past.database.write() as tx:
        for number, offset in offsets.items():
            values = {"topic_id": id_, "next_offset": offset, "epoch": table.c.epoch + 1, "owner": RESOLVED}
            here = (table.c.consumer_group == group, table.c.partition == number)
            await tx.execute(update(table).where(*here).values(**values))


class _Kept:
    """A database that stays open when its user closes it."""

    def __init__(self, database: Database) -> None:
        self.write = database.write
        self.read = database.read
        self.migrate = database.migrate

    async def close(self) -> None:
        """Whoever made it closes it."""


@asynccontextmanager
async def past(database: Database, folder: Path) -> AsyncIterator[Past]:
    """A log that is empty, in a folder."""
    clock = [NOON.replace(year=2025)]
    log = SqliteLog(folder / "log.db", now_ms=lambda: int(clock[0].timestamp() * 1000))
    await log.start()
    try:
        await log.ensure_topics([CUSTOMER_EVENTS, HEALTH_EVENTS], PARTITIONS)
        yield Past(log, database, ArchiveRoot(str(folder / "archive")), clock)
    finally:
        await log.close()

"""The shadow: a second database of scoring, folded by the same runner and handler as the live one."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select

from cskit.claims import read_offsets
from cskit.clock import Clocks
from cskit.db import Database, Tx
from cskit.log import Log
from cskit.messages import Handler
from cskit.migrate import upgrade
from cskit.runner import Runner
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.place import ArchiveRoot
from scoring.rebuilding.source import PastLog, Progress
from scoring.tables import PLUMBING, exchange_rate_changes, scorecard_applications, scorecards

SHADOW_GROUP: Final = "scoring-shadow"  # in the shadow's own tables and in metrics
_AT_ONCE: Final = 500  # records a batch: others get their turn in between
_EMPTIED_EVERY: Final = 50  # batches: what the shadow would publish goes nowhere
_DEFINED: Final = (scorecards, scorecard_applications, exchange_rate_changes)  # by people; the fold looks it up

MakeHandler = Callable[[Database], Handler]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A database to fold into. `root` None: no archive."""

    database: Database
    make_handler: MakeHandler
    root: ArchiveRoot | None
    log: Log
    clocks: Clocks
    owner: str

    async def prepare(self) -> None:
        """Make its tables."""
        await upgrade(self.database, "scoring")

    async def define(self, live: Tx) -> None:
        """Copy what people have defined so far: before each fold, since they go on defining."""
        for table in _DEFINED:
            rows = [dict(row._mapping) for row in await live.fetch(select(table))]
            async with self.database.write() as tx:
                tx.upsert(table, rows)

    async def fold(self, until: Mapping[int, int], stop: asyncio.Event, progress: Progress) -> bool:
        """Fold on from where it is to just before these offsets; whether it came there before `stop`.

        Raises what the runner and the archive raise, and whatever `progress` does.
        """
        done = asyncio.Event()
        polls = 0

        async def between(folded: int) -> None:
            nonlocal polls
            polls += 1
            if polls % _EMPTIED_EVERY == 0:
                await self._empty_outbox()
            if stop.is_set():
                done.set()
            await progress(folded)

        runner = Runner(
            group=SHADOW_GROUP,
            topics=[CUSTOMER_EVENTS],
            log=PastLog(self.root, self.log, until, done, between),
            database=self.database,
            plumbing=PLUMBING,
            handler=self.make_handler(self.database),
            clocks=self.clocks,
            owner=self.owner,
            max_records=_AT_ONCE,
        )
        await runner.run(done)
        await self._empty_outbox()
        reached = await self.reached()
        return all(reached[number] >= offset for number, offset in until.items())

    async def reached(self) -> dict[int, int]:
        """The next offset to fold, per partition."""
        offsets = await read_offsets(self.database, PLUMBING, SHADOW_GROUP)
        found = dict.fromkeys(range(PARTITIONS), 0)
        return found | {partition.number: offset for partition, offset in offsets.items()}

    async def _empty_outbox(self) -> None:
        async with self.database.write() as tx:
            await tx.execute(delete(PLUMBING.outbox))

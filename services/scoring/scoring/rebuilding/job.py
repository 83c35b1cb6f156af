"""The worker that rebuilds. Any replica takes up what was asked for, and goes on where another one stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn, TypeVar

from sqlalchemy import Row, select

from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable, Tx
from cskit.log import Log, LogError, OffsetOutOfRange, TopicMismatch
from cskit.observability import get_logger
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.files import ArchiveDamaged
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable
from scoring.rebuilding.difference import Difference, all_ids, pairs
from scoring.rebuilding.shadow import MakeHandler, Shadow
from scoring.rebuilding.swapping import forget_erased, meanwhile, swap
from scoring.store import rebuilds
from scoring.tables import PLUMBING

log = get_logger()

T = TypeVar("T")

_LOOK_EVERY: Final = 2.0  # seconds, for what was asked for
_TELL_EVERY: Final = 1.0
_AGAIN: Final = 10.0
_PASSING: Final = (DatabaseUnavailable, ArchiveUnreachable, LogError)  # waited for
_ROUNDS: Final = 3  # catching up with a log that goes on, before the comparison


class _Over(Exception):
    """Discarded, or another worker's by now."""


@dataclass(slots=True)
class Rebuilder:
    """Folds, compares and swaps as the rows of rebuilds say.

    group: of the live workers. open_shadow opens the second database, drop_shadow removes it. lease: how long a rebuild
    is left to a worker that is not heard of.
    """

    database: Database
    log: Log
    root: ArchiveRoot | None
    clocks: Clocks
    owner: str
    group: str
    make_handler: MakeHandler
    open_shadow: Callable[[], Database]
    drop_shadow: Callable[[], Awaitable[None]]
    lease: timedelta = rebuilds.LEASE
    name: str = field(default="rebuild", init=False)
    _shadow_left: bool = field(default=True, init=False)  # perhaps: of a rebuild that is over, or a worker before this
    _waiting: str = field(default="", init=False)  # the rebuild that was looked at when it began to wait for an answer

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; what is half done goes on at the next start."""
        while not stop.is_set():
            try:
                await self._look(stop)
                wait = _LOOK_EVERY
            except _PASSING as error:
                log.warning("rebuild.waits", reason=str(error), seconds=_AGAIN)
                wait = _AGAIN
            try:
                async with asyncio.timeout(wait):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _look(self, stop: asyncio.Event) -> None:
        async with self.database.read() as tx:
            there = await rebuilds.open_one(tx)
        if there is None and self._shadow_left:
            self._shadow_left = False
            await self._drop_what_is_left()
        if there is not None and there.state == rebuilds.READY:
            self._shadow_left = True
            if there.id != self._waiting:
                await self._give_up_what_was_erased(there.id)
                self._waiting = there.id
        if there is None or there.state not in rebuilds.AT_WORK:
            return
        async with self.database.write() as tx:
            job = await rebuilds.take(tx, self.owner, self.clocks.wall.now(), self.lease)
        if job is None:
            return
        try:
            await self._work(job, stop)
        except _Over:
            await self._drop_what_is_left()
        except (ArchiveDamaged, OffsetOutOfRange, TopicMismatch) as error:
            await self._fail(job.id, str(error))
        except _PASSING:
            raise  # the lease stays: it is this worker's to go on with
        except Exception as error:
            log.error("rebuild.failed", rebuild=job.id, exc_info=error)
            await self._fail(job.id, f"{type(error).__name__}: the server's log says more. Ask for another rebuild.")

    async def _work(self, job: Row[Any], stop: asyncio.Event) -> None:
        if job.state == rebuilds.ASKED:
            await self._leased(job.id, self.drop_shadow())
        database = self.open_shadow()
        try:
            shadow = Shadow(database, self.make_handler, self.root, self.log, self.clocks, self.owner)
            compared = await self._leased(job.id, self._folded(job, shadow, stop))
            if compared is None:
                return  # stopped on the way
            difference, suspects, since = compared
            if job.state != rebuilds.CONFIRMED:
                await self._say(
                    job.id, state=rebuilds.READY, difference=difference.as_json(), leased_until=None,
                    folded=sum(since.values()), total=sum(since.values()),
                )  # fmt: skip
                self._shadow_left = True
                log.info("rebuild.ready", rebuild=job.id, facts=difference.facts, scores=difference.scores)
                return
            async with self.database.write() as tx:
                changed = await self._leased(job.id, swap(tx, shadow, self.group, suspects, since, job.id))
                whole = difference.as_json() | {
                    name: value for name, value in changed.as_json().items() if name != "accounts"
                }
                await self._say_in(tx, job.id, state=rebuilds.SWAPPED, difference=whole, leased_until=None)
            log.info("rebuild.swapped", rebuild=job.id, facts=changed.facts, scores=changed.scores)
        finally:
            await database.close()
        await self._drop_what_is_left()

    async def _leased(self, id_: str, work: Awaitable[T]) -> T:
        """Do this, and keep the lease for as long as it takes. Once the lease is lost the work ends: _Over."""
        working, keeping = asyncio.ensure_future(work), asyncio.create_task(self._keep(id_))
        try:
            await asyncio.wait((working, keeping), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else keeping.result()
        finally:
            for task in (working, keeping):
                task.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(self, id_: str) -> NoReturn:
        """Renew the lease until it is lost. Raises _Over then."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            await self._renew(id_)

    async def _renew(self, id_: str, **progress: int) -> None:
        async with self.database.write() as tx:
            if not await rebuilds.renew(tx, id_, self.owner, self.clocks.wall.now(), self.lease, **progress):
                raise _Over

    async def _give_up_what_was_erased(self, id_: str) -> None:
        """A shadow waits for its answer as long as people like: it must not keep an account that was erased since.

        The fold gives it up with each erasure; this is for one that came while the shadow was made.
        """
        shadow = self.open_shadow()
        try:
            async with self.database.read() as live, shadow.read() as rebuilt:
                if not await rebuilds.kept_erased(live, rebuilt):
                    return
        finally:
            await shadow.close()
        async with self.database.write() as tx:
            row = await rebuilds.one(tx, id_, lock=True)
            if row is not None and row.state == rebuilds.READY:
                await rebuilds.say(tx, id_, self._now(), state=rebuilds.DISCARDED, message=rebuilds.ERASED_SINCE)
        log.info("rebuild.given_up", rebuild=id_)

    async def _folded(
        self, job: Row[Any], shadow: Shadow, stop: asyncio.Event
    ) -> tuple[Difference, set[str], dict[int, int]] | None:
        """Fold until little is left to come, and compare; None if it was stopped on the way."""
        if job.state == rebuilds.ASKED:
            await shadow.prepare()
            await self._say(job.id, state=rebuilds.FOLDING)
        for _ in range(_ROUNDS):
            async with self.database.read() as tx:
                until = await self._offsets(tx)
                await shadow.define(tx)
            if not await shadow.fold(until, stop, self._teller(job.id, sum(until.values()))):
                return None
        return await self._compared(shadow)

    async def _compared(self, shadow: Shadow) -> tuple[Difference, set[str], dict[int, int]]:
        """How the shadow differs from one consistent view of the live tables, who does, and at which offsets."""
        difference, suspects = Difference(), set()
        async with self.database.read() as live:
            since = await self._offsets(live)
            await shadow.define(live)
            await meanwhile(live, shadow.fold(since, asyncio.Event(), _quiet))
            await forget_erased(live, shadow)
            async with shadow.database.read() as rebuilt:
                async for ids in all_ids(live, rebuilt):
                    for pair in await pairs(live, rebuilt, ids):
                        difference.add(pair)
                        if pair.differs:
                            suspects.add(pair.account)
        return difference, suspects, since

    async def _offsets(self, tx: Tx) -> dict[int, int]:
        table = PLUMBING.consumer_offsets
        mine = select(table).where(table.c.consumer_group == self.group, table.c.topic == CUSTOMER_EVENTS)
        found = {row.partition: row.next_offset for row in await tx.fetch(mine)}
        return dict.fromkeys(range(PARTITIONS), 0) | found

    def _teller(self, id_: str, total: int) -> Callable[[int], Awaitable[None]]:
        told = float("-inf")

        async def tell(folded: int) -> None:
            nonlocal told
            now = asyncio.get_running_loop().time()
            if now - told < _TELL_EVERY:
                return
            told = now
            await self._renew(id_, folded=folded, total=total)

        return tell

    async def _say(self, id_: str, **values: Any) -> None:
        async with self.database.write() as tx:
            await self._say_in(tx, id_, **values)

    async def _say_in(self, tx: Tx, id_: str, **values: Any) -> None:
        """Write what has become of it, while it is this worker's until the end of the transaction. Else _Over."""
        row = await rebuilds.one(tx, id_, lock=True)
        if row is None or row.state not in rebuilds.AT_WORK or row.owner != self.owner:
            raise _Over
        await rebuilds.say(tx, id_, self._now(), **values)

    async def _fail(self, id_: str, message: str) -> None:
        with suppress(_Over):
            await self._say(id_, state=rebuilds.FAILED, message=message, leased_until=None)
        await self._drop_what_is_left()

    async def _drop_what_is_left(self) -> None:
        """One replica after the other, and not what another rebuild has begun to use."""
        async with self.database.write() as tx:
            await rebuilds.hold(tx)
            if await rebuilds.open_one(tx) is None and await rebuilds.newest(tx, 1):
                await self.drop_shadow()

    def _now(self) -> datetime:
        return self.clocks.world.now()


async def _quiet(folded: int) -> None:
    """Progress that nobody follows."""

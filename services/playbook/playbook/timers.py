"""Timers: deadlines, reminders, due moments and ends of snoozes, taken when the world clock has reached them."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable
from cskit.defects import is_defect
from cskit.messages import UnitOfWorks
from cskit.observability import TIMER_DEFECTS, TIMERS_FIRED, get_logger
from playbook.catalogue import Playbooks
from playbook.ledger import Ledger, Means
from playbook.store import work

log = get_logger()

_MOST_ASIDE: Final = 20  # timers: where the code fails for more, it is wrong for all


@dataclass(frozen=True, slots=True)
class Pace:
    """How timers are taken: so many in one transaction, and a look at the table that often (seconds of the wall).

    The look finds what other replicas have put in; what this process put in wakes the worker.
    """

    batch: int = 200
    look: float = 1.0


class Timers:
    """The worker that takes due timers. Any number of replicas may run."""

    name = "timers:playbook"

    def __init__(
        self,
        database: Database,
        units: UnitOfWorks,
        playbooks: Playbooks,
        means: Means,
        clocks: Clocks,
        wake: asyncio.Event,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._units = units
        self._playbooks = playbooks
        self._means = means
        self._clocks = clocks
        self._wake = wake
        self._pace = pace or Pace()
        self._taken: Sequence[work.Timer] = ()  # by the transaction that is open, or was the last
        self._aside: set[str] = set()  # timers for which the code fails: they stay for the next start

    async def run(self, stop: asyncio.Event) -> None:
        """Take what is due, then sleep until the next is due, something is put in, a look is due, or `stop`."""
        while not stop.is_set():
            self._wake.clear()
            try:
                while not stop.is_set() and await self.fire() == self._pace.batch:
                    pass
                await self._sleep(stop)
            except DatabaseUnavailable as error:
                log.warning("timers.database_unavailable", reason=str(error))
                await _first(self._pace.look, stop.wait())

    async def fire(self) -> int:
        """Take one batch of due timers and let runs and tasks step, in one transaction; how many were due.

        One that the code fails for is set aside, so that it keeps no other from its moment.
        """
        try:
            return await self._fire(self._pace.batch)
        except Exception as error:
            if not is_defect(error):
                raise
        fired = 0
        while fired < self._pace.batch:
            try:
                one = await self._fire(1)
            except Exception as error:
                if not is_defect(error) or len(self._aside) >= _MOST_ASIDE:
                    raise
                (timer,) = self._taken
                self._aside.add(timer.id)
                TIMER_DEFECTS.inc()
                log.error("timers.defect", timer=timer.id, kind=timer.kind, account=timer.account, exc_info=error)
                continue
            if not one:
                break
            fired += one
        return fired

    async def _fire(self, limit: int) -> int:
        now = self._clocks.world.now()
        due = await work.next_timer(self._database, self._aside)
        if due is None or due > now:
            return 0
        async with self._units() as uow:
            self._taken = taken = await work.take_due_timers(uow.tx, now, limit, self._aside)
            if taken:
                catalogue = await self._playbooks.catalogue(uow.tx)
                accounts = {timer.account for timer in taken}
                ledger = await Ledger.opened(uow, self._means, catalogue, accounts, now)
                for timer in taken:
                    ledger.on_timer(timer)
                    await uow.speak()
                await ledger.save()
        TIMERS_FIRED.labels("playbook").inc(len(taken))
        return len(taken)

    async def _sleep(self, stop: asyncio.Event) -> None:
        due = await work.next_timer(self._database, self._aside)
        waits: list[Coroutine[Any, Any, object]] = [stop.wait(), self._wake.wait()]
        if due is not None:
            waits.append(self._clocks.world.sleep_until(due))
        await _first(self._pace.look, *waits)


async def _first(seconds: float, *waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first of `waits` is done, or after so many seconds of the wall."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

"""Time on the log: an hourly record for every partition, so that scoring needs no timers."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from cskit.clock import Clocks
from cskit.db import DatabaseUnavailable
from cskit.log import LogError
from cskit.messages import UnitOfWork, UnitOfWorks
from cskit.observability import TICKED, get_logger
from csmodels.topics import CUSTOMER_EVENTS
from ingest.domain.hours import HOUR, Due, due, full_hour, is_outage
from ingest.domain.records import FAMILIES, feed_stopped, tick
from ingest.feeds import Feeds
from ingest.store import clock

RETRY_SECONDS: Final = 1.0  # at most, while the database or the log cannot be reached
FIRST_RETRY_SECONDS: Final = 0.01  # a log that is there takes a tick in that time, and the world may run fast
ABSENT: Final = timedelta(minutes=1)  # of the wall clock, without a round or without a tick that the log took

log = get_logger()


class Ticks:
    """The worker that appends clock.ticked. Any number of replicas: each hour and partition is told exactly once.

    A partition whose last tick the log has not taken is told no further hour: while nothing can be taken in no time
    passes, and once something can, the gap is seen and the feeds stop before the hours go on.
    """

    name = "ingest-ticks"

    def __init__(self, unit_of_work: UnitOfWorks, clocks: Clocks, feeds: Feeds) -> None:
        self._unit_of_work = unit_of_work
        self._clocks = clocks
        self._feeds = feeds
        self._last_round: datetime | None = None
        self._held_since: datetime | None = None
        self._away = False
        self._settled = False
        self._lock = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop`. A database or a log that cannot be reached is asked again, after a second at most."""
        pause = FIRST_RETRY_SECONDS
        while not stop.is_set():
            try:
                next_hour = await self.round()
            except DatabaseUnavailable as error:
                log.warning("ticks.waiting", reason=str(error), seconds=RETRY_SECONDS)
                await _first(stop.wait(), asyncio.sleep(RETRY_SECONDS))
                continue
            if self._held_since is None:
                pause = FIRST_RETRY_SECONDS
                await _first(stop.wait(), self._clocks.world.sleep_until(next_hour))
            else:
                await _first(stop.wait(), asyncio.sleep(pause))
                pause = min(2 * pause, RETRY_SECONDS)

    async def settled(self) -> None:
        """Return once an outage that has just ended would be told: at the first round, after the ticks before it.

        Raises LogError while the log has yet to take those.
        """
        if self._settled:
            return
        async with self._lock:
            if not self._settled:
                await self._round()
        if not self._settled:
            raise LogError("the log has yet to take the ticks from before an outage")

    async def round(self) -> datetime:
        """Append what is due, in one transaction; returns when the next hour comes. Raises DatabaseUnavailable."""
        async with self._lock:
            return await self._round()

    async def _round(self) -> datetime:
        now, wall = self._clocks.world.now(), self._clocks.wall.now()
        async with self._unit_of_work() as uow:
            hours = await clock.hours(uow, full_hour(now) + HOUR)
            untold = await clock.untold(uow)
            held = {number: hour for number, hour in hours.items() if hour <= now and number in untold}
            away = self._may_have_been_away(wall)
            free = {number: hour for number, hour in hours.items() if number not in held}
            found = due(free, now, may_have_been_away=away)
            stopped = await clock.stopped(uow)
            if found is not None:
                if found.away_since is not None:
                    stopped = self._stop_feeds(uow, found, stopped, found.away_since, now)
                for partition in found.partitions:
                    uow.publish_control(CUSTOMER_EVENTS, tick(found.hour, partition, now), partition)
                await clock.advance(uow, found.partitions, found.hour + HOUR)
                hours.update(dict.fromkeys(found.partitions, found.hour + HOUR))
        self._feeds.know(stopped)
        coming = min(hours.values())
        TICKED.set((coming - HOUR).timestamp())
        if coming > full_hour(now) + HOUR:
            reason = "hours were told that have not come: the clock stood ahead then; until the next one no time passes"
            log.warning("ticks.ahead", now=now.isoformat(), next=coming.isoformat(), reason=reason)
        self._last_round = wall
        self._hold(held, away, wall)
        self._settled = not (away and any(is_outage(hour, now) for hour in held.values()))
        return coming

    def _may_have_been_away(self, wall: datetime) -> bool:
        """Whether this process, or the log for it, was not there for a while since the ticks before."""
        slept = self._last_round is None or wall - self._last_round > ABSENT
        held = self._held_since is not None and wall - self._held_since > ABSENT
        return slept or held or self._away

    def _hold(self, held: Mapping[int, datetime], away: bool, wall: datetime) -> None:
        """Note that these partitions are held up, or that none is."""
        if held and self._held_since is None:
            log.info("ticks.held", partitions=sorted(held), reason="the log has yet to take the ticks before")
        self._held_since = (self._held_since or wall) if held else None
        self._away = away and bool(held)

    def _stop_feeds(
        self, uow: UnitOfWork, found: Due, stopped: Mapping[str, datetime], away_since: datetime, now: datetime
    ) -> dict[str, datetime]:
        """After an outage of our own: what did not come in meanwhile was not the customers' silence.

        A family that stands still already is told again: these partitions may have been held up when it stopped.
        """
        since_when = {**dict.fromkeys(FAMILIES, away_since), **stopped}
        clock.stop(uow, since_when.keys() - stopped.keys(), away_since)
        for family, since in sorted(since_when.items()):
            for partition in found.partitions:
                uow.publish_control(CUSTOMER_EVENTS, feed_stopped(family, since, partition, now), partition)
        log.warning("feeds.stopped", since=away_since.isoformat(), reason="ingest or its log was away")
        return since_when


async def _first(*waits: object) -> None:
    """Return when the first of the waits is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()

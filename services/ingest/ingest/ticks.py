"""Time on the log: an hourly record for every partition, so that scoring needs no timers."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from cskit.clock import Clocks
from cskit.db import DatabaseUnavailable
from cskit.messages import UnitOfWork, UnitOfWorks
from cskit.observability import get_logger
from csmodels.topics import CUSTOMER_EVENTS
from ingest.domain.hours import HOUR, Due, due, full_hour
from ingest.domain.records import FAMILIES, feed_stopped, tick
from ingest.feeds import Feeds
from ingest.store import clock

RETRY_SECONDS: Final = 1.0
ABSENT: Final = timedelta(minutes=1)  # of the wall clock, without a round: this process slept through it

log = get_logger()


class Ticks:
    """The worker that appends clock.ticked. Any number of replicas: each hour and partition is told exactly once."""

    name = "ingest-ticks"

    def __init__(self, unit_of_work: UnitOfWorks, clocks: Clocks, feeds: Feeds) -> None:
        self._unit_of_work = unit_of_work
        self._clocks = clocks
        self._feeds = feeds
        self._last_round: datetime | None = None
        self._next_hour: datetime | None = None
        self._lock = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop`. A database that cannot be reached is asked again after a second."""
        while not stop.is_set():
            try:
                next_hour = await self.round()
            except DatabaseUnavailable as error:
                log.warning("ticks.waiting", reason=str(error), seconds=RETRY_SECONDS)
                await _first(stop.wait(), asyncio.sleep(RETRY_SECONDS))
            else:
                await _first(stop.wait(), self._clocks.world.sleep_until(next_hour))

    async def settled(self) -> None:
        """Return once this process has had its first round: before it, nobody here knows of an outage just ended."""
        if self._next_hour is None:
            async with self._lock:
                if self._next_hour is None:
                    await self._round()

    async def round(self) -> datetime:
        """Append what is due, in one transaction; returns when the next hour comes. Raises DatabaseUnavailable."""
        async with self._lock:
            return await self._round()

    async def _round(self) -> datetime:
        now, wall = self._clocks.world.now(), self._clocks.wall.now()
        maybe_away = self._last_round is None or wall - self._last_round > ABSENT
        async with self._unit_of_work() as uow:
            hours = await clock.hours(uow, full_hour(now) + HOUR)
            found = due(hours, now, may_have_been_away=maybe_away)
            stopped = await clock.stopped(uow)
            if found is not None:
                if found.away_since is not None:
                    stopped |= self._stop_feeds(uow, found, set(FAMILIES) - stopped.keys(), found.away_since, now)
                for partition in found.partitions:
                    uow.publish_control(CUSTOMER_EVENTS, tick(found.hour, partition, now), partition)
                await clock.advance(uow, found.partitions, found.hour + HOUR)
                hours.update(dict.fromkeys(found.partitions, found.hour + HOUR))
        self._feeds.know(stopped)
        self._last_round = wall
        self._next_hour = min(hours.values())
        return self._next_hour

    def _stop_feeds(
        self, uow: UnitOfWork, found: Due, families: set[str], since: datetime, now: datetime
    ) -> dict[str, datetime]:
        """After an outage of our own: what did not come in meanwhile was not the customers' silence."""
        clock.stop(uow, families, since)
        for family in sorted(families):
            for partition in found.partitions:
                uow.publish_control(CUSTOMER_EVENTS, feed_stopped(family, since, partition, now), partition)
        log.warning("feeds.stopped", families=sorted(families), since=since.isoformat(), reason="ingest was away")
        return dict.fromkeys(families, since)


async def _first(*waits: object) -> None:
    """Return when the first of the waits is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()

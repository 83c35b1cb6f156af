"""The watch over the feeds: a family of events that goes quiet for everyone is declared stopped, once."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable
from cskit.messages import UnitOfWorks
from cskit.observability import FEED_STOPPED, get_logger
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from ingest.domain import watch
from ingest.domain.hours import HOUR, full_hour
from ingest.domain.records import FAMILIES, feed_stopped
from ingest.domain.watch import Silence
from ingest.feeds import Feeds
from ingest.store import clock
from ingest.store import tails as store
from ingest.tails import KEPT_FOR

EVERY_SECONDS: Final = 30.0  # of the wall clock; an hour of the world clock if that is less
LEAST_SECONDS: Final = 1.0
BEHIND: Final = timedelta(seconds=5)  # of the wall clock: so long the counts of another replica may take

log = get_logger()


class Watch:
    """Declares dead feeds. Any number of replicas: each stop is told once, to every partition.

    The first fresh event of the family that any replica takes ends the stop (Intake). An event within the second
    before the stop may be missed; the next one ends it then.
    """

    name = "ingest-watch"

    def __init__(self, database: Database, unit_of_work: UnitOfWorks, clocks: Clocks, feeds: Feeds) -> None:
        self._database = database
        self._unit_of_work = unit_of_work
        self._clocks = clocks
        self._feeds = feeds
        self._swept_until: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`. A database that cannot be reached is asked again at the next look."""
        seconds = max(LEAST_SECONDS, min(EVERY_SECONDS, HOUR.total_seconds() / self._clocks.world.scale))
        while not stop.is_set():
            try:
                await self.round()
            except DatabaseUnavailable as error:
                log.warning("watch.waiting", reason=str(error), seconds=seconds)
            try:
                async with asyncio.timeout(seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def round(self) -> frozenset[str]:
        """Look once; the families that were declared stopped. Raises DatabaseUnavailable."""
        now = self._clocks.world.now()
        until = now - BEHIND * self._clocks.world.scale
        async with self._database.read() as tx:
            stopped = await store.stopped(tx)
            dead = _dead(await store.hours(tx, until - watch.LOOK_BACK), until)
        declared = await self._declare(until, now) if dead.keys() - stopped.keys() else {}
        stopped |= {family: found.since for family, found in declared.items()}
        self._feeds.know(stopped)
        for family in FAMILIES:
            FEED_STOPPED.labels(family).set(family in stopped)
        for family, found in declared.items():
            log.warning(
                "feed.stopped",
                family=family,
                since=found.since.isoformat(),
                silent_hours=found.hours,
                allowed_hours=found.allowed,
                reason="no event of this family from any source; its measures are held until the next one",
            )
        await self._sweep(now)
        return frozenset(declared)

    async def _declare(self, until: datetime, now: datetime) -> Mapping[str, Silence]:
        """Tell every partition of the feeds that are dead, looked at again under the lock that ticks and watches
        share.
        """
        async with self._unit_of_work() as uow:
            await clock.hours(uow, full_hour(now) + HOUR)
            stopped = await clock.stopped(uow)
            dead = _dead(await store.hours(uow.tx, until - watch.LOOK_BACK), until)
            found = {family: silence for family, silence in sorted(dead.items()) if family not in stopped}
            for family, silence in found.items():
                clock.stop(uow, [family], silence.since)
                for partition in range(PARTITIONS):
                    record = feed_stopped(family, silence.since, partition, now)
                    uow.publish_control(CUSTOMER_EVENTS, record, partition)
        return found

    async def _sweep(self, now: datetime) -> None:
        """Once an hour: forget the tails of replicas that are gone, and the hours that no rule asks for."""
        if self._swept_until is not None and now < self._swept_until:
            return
        async with self._database.write() as tx:
            await store.forget(tx, now - KEPT_FOR)
            await store.forget_hours(tx, now - watch.LOOK_BACK - timedelta(days=7))
        self._swept_until = now + HOUR


def _dead(hours: Mapping[str, list[datetime]], until: datetime) -> dict[str, Silence]:
    silences = {family: watch.silence(seen, until) for family, seen in hours.items()}
    return {family: found for family, found in silences.items() if found is not None and found.is_dead}

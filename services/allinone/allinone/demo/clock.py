"""The clock of the demo's world: it stands still while the history loads, then it runs at its speed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from cskit.clock import Clock, ScaledClock
from cskit.log import Log
from cskit.log.newest import newest_ms
from cskit.platform import open_platform
from cskit.settings import Settings
from csmodels import topics


class DemoClock:
    """Stands at `origin` until `start`; from then on `speed` world seconds pass in one of `wall`, until `hold`."""

    def __init__(self, speed: float, origin: datetime, wall: Clock) -> None:
        self.scale = speed
        self._stands_at = origin
        self._wall = wall
        self._running: ScaledClock | None = None
        self._started = asyncio.Event()

    def start(self) -> None:
        """Let time pass. If it does already, nothing changes."""
        if self._running is None:
            self._running = ScaledClock(self.scale, self._stands_at, self._wall)
            self._started.set()

    def hold(self) -> None:
        """Stand still at the moment that it is, until the next start."""
        self._stands_at = self.now()
        self._running = None
        self._started.clear()

    def now(self) -> datetime:
        return self._stands_at if self._running is None else self._running.now()

    async def sleep_until(self, moment: datetime) -> None:
        while self.now() < moment:
            await self._started.wait()
            if self._running is not None:
                await self._running.sleep_until(moment)


def full_hour(moment: datetime) -> datetime:
    """The hour that the moment lies in, from its beginning."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


async def newest_append(settings: Settings) -> datetime | None:
    """When the log of an embedded folder last took anything; None if it never did. Nobody may serve the folder."""
    async with _log(settings) as log:
        newest = max([await newest_ms(log, topic) for topic in topics.ALL])
    return datetime.fromtimestamp((newest + 1) / 1000, UTC) if newest else None


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[Log]:
    platform = open_platform(settings)
    try:
        await platform.start()
        yield platform.log
    finally:
        await platform.close()

"""The two clocks: `world` for what customers live through, `wall` for machines (ADR: time on the log).

World is real, frozen (unit tests) or scaled (the demo and end-to-end tests, embedded only). Wall is never scaled.
"""

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

_LONGEST_SLEEP = 60.0  # seconds; the system's clock may be set while one sleeps


class Clock(Protocol):
    """Tells the time and sleeps by it."""

    @property
    def scale(self) -> float:
        """Seconds of this clock in one second of the wall; 1.0 unless scaled."""
        ...

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return once `now() >= moment`, at once if it is already so."""
        ...


class RealClock:
    """The system's clock."""

    scale = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110  time is what it waits for
            await asyncio.sleep(min(left, _LONGEST_SLEEP))


class FrozenClock:
    """Stands still until it is advanced, then wakes the sleepers whose moment has come, the earliest first."""

    scale = 1.0

    def __init__(self, at: datetime) -> None:
        self._now = _utc(at)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on by `by`. Sleepers run when the caller next awaits. ValueError if `by` is negative."""
        if by < timedelta(0):
            raise ValueError("a clock does not go back")
        self._now += by
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep_until(self, moment: datetime) -> None:
        if moment <= self._now:
            return
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._order), sleeper))
        await sleeper


class ScaledClock:
    """Starts at `origin` when made and runs `speed` world seconds per second of `wall`."""

    def __init__(self, speed: float, origin: datetime, wall: Clock) -> None:
        if speed <= 0:
            raise ValueError(f"the speed of a clock is above 0, not {speed}")
        self.scale = speed
        self._origin = _utc(origin)
        self._wall = wall
        self._start = wall.now()

    def now(self) -> datetime:
        return self._origin + (self._wall.now() - self._start) * self.scale

    async def sleep_until(self, moment: datetime) -> None:
        while self.now() < moment:
            # One microsecond more, for what the division cut off.
            left = (moment - self._origin) / self.scale + timedelta(microseconds=1)
            await self._wall.sleep_until(self._start + left)


@dataclass(frozen=True, slots=True)
class Clocks:
    """world: event and append times, due dates, quiet hours, link expiry. wall: signatures, keys, leases, timeouts."""

    world: Clock
    wall: Clock

    @classmethod
    def real(cls) -> "Clocks":
        clock = RealClock()
        return cls(world=clock, wall=clock)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)

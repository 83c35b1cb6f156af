"""The clock of the demo's world."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from allinone.demo.clock import DemoClock, full_hour
from cskit.clock import FrozenClock

ORIGIN = datetime(2031, 3, 3, 6, tzinfo=UTC)


async def test_the_world_stands_still_until_it_is_started() -> None:
    wall = FrozenClock(datetime(2026, 11, 24, tzinfo=UTC))
    clock = DemoClock(3600, ORIGIN, wall)
    sleeper = asyncio.create_task(clock.sleep_until(ORIGIN + timedelta(hours=2)))

    wall.advance(timedelta(minutes=5))
    await asyncio.sleep(0)

    assert clock.now() == ORIGIN
    assert not sleeper.done()
    sleeper.cancel()


async def test_then_its_hours_pass_in_seconds_of_the_wall_and_wake_who_sleeps() -> None:
    wall = FrozenClock(datetime(2026, 11, 24, tzinfo=UTC))
    clock = DemoClock(3600, ORIGIN, wall)
    sleeper = asyncio.create_task(clock.sleep_until(ORIGIN + timedelta(hours=2)))
    await asyncio.sleep(0)

    clock.start()
    await asyncio.sleep(0)
    wall.advance(timedelta(seconds=1))
    clock.start()
    await asyncio.sleep(0)
    after_a_second, slept = clock.now(), sleeper.done()
    wall.advance(timedelta(seconds=1.001))
    await sleeper

    assert after_a_second == ORIGIN + timedelta(hours=1)
    assert not slept
    assert clock.now() >= ORIGIN + timedelta(hours=2)


async def test_held_it_stands_at_that_moment_and_who_sleeps_sleeps_on_until_time_passes_again() -> None:
    wall = FrozenClock(datetime(2026, 11, 24, tzinfo=UTC))
    clock = DemoClock(3600, ORIGIN, wall)
    clock.start()
    sleeper = asyncio.create_task(clock.sleep_until(ORIGIN + timedelta(hours=2)))
    await asyncio.sleep(0)

    wall.advance(timedelta(seconds=1))
    clock.hold()
    wall.advance(timedelta(seconds=60))
    for _ in range(5):
        await asyncio.sleep(0)
    held, slept = clock.now(), sleeper.done()
    clock.start()
    await asyncio.sleep(0)
    wall.advance(timedelta(seconds=1.001))
    await sleeper

    assert held == ORIGIN + timedelta(hours=1)
    assert not slept
    assert clock.now() < ORIGIN + timedelta(hours=3)


def test_a_full_hour_is_one_of_utc() -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))

    assert full_hour(datetime(2026, 11, 24, 12, 10, 3, tzinfo=kathmandu)) == datetime(2026, 11, 24, 6, tzinfo=UTC)

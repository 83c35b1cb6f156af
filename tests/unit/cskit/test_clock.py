"""Clocks tell and sleep."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cskit.clock import Clocks, FrozenClock, RealClock, ScaledClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_frozen_clock_wakes_only_those_whose_moment_has_come() -> None:
    clock = FrozenClock(NOON)
    woken: list[str] = []

    async def sleeper(name: str, hours: int) -> None:
        await clock.sleep_until(NOON + timedelta(hours=hours))
        woken.append(name)

    tasks = [asyncio.create_task(sleeper("late", 3)), asyncio.create_task(sleeper("early", 1))]
    await asyncio.sleep(0)

    clock.advance(timedelta(hours=2))
    await asyncio.sleep(0)

    assert woken == ["early"]
    clock.advance(timedelta(hours=1))
    await asyncio.gather(*tasks)
    assert woken == ["early", "late"]


async def test_a_sleeper_that_was_cancelled_does_not_stop_the_clock() -> None:
    clock = FrozenClock(NOON)
    task = asyncio.create_task(clock.sleep_until(NOON + timedelta(hours=1)))
    await asyncio.sleep(0)

    task.cancel()
    await asyncio.sleep(0)
    clock.advance(timedelta(hours=2))

    assert clock.now() == NOON + timedelta(hours=2)


def test_a_clock_neither_goes_back_nor_lacks_a_zone() -> None:
    with pytest.raises(ValueError, match="back"):
        FrozenClock(NOON).advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="zone"):
        FrozenClock(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0, NOON, RealClock())


async def test_a_scaled_clock_runs_an_hour_a_second_and_sleeps_by_the_wall() -> None:
    wall = FrozenClock(datetime(2026, 9, 9, tzinfo=UTC))
    world = ScaledClock(3600, NOON, wall)

    sleeping = asyncio.create_task(world.sleep_until(NOON + timedelta(hours=7)))
    await asyncio.sleep(0)
    wall.advance(timedelta(seconds=6))
    await asyncio.sleep(0)

    assert world.now() == NOON + timedelta(hours=6)
    assert not sleeping.done()
    wall.advance(timedelta(seconds=1, microseconds=1))
    await sleeping
    assert world.now() >= NOON + timedelta(hours=7)


async def test_the_real_clock_sleeps_until_its_moment_and_not_at_all_for_a_past_one() -> None:
    clock = Clocks.real().wall
    moment = clock.now() + timedelta(milliseconds=20)

    await clock.sleep_until(moment)
    await clock.sleep_until(NOON - timedelta(days=9999))

    assert clock.now() >= moment
    assert clock.scale == 1.0

"""What ingest takes on at once, and what it says when the log stands still."""

import asyncio
from collections.abc import Sequence

import pytest

from cskit.errors import Unavailable
from ingest.flow import Flow, Stalled


class StandingLog:
    """A log that acknowledges when it is told to."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()
        self.taken = 0

    async def append(self) -> Sequence[int]:
        await self.flows.wait()
        self.taken += 1
        return [self.taken]


async def proven(flow: Flow) -> StandingLog:
    """A log that has taken something already, and now stands still."""
    log = StandingLog()
    await flow.appended(log.append(), 10)
    log.flows.clear()
    return log


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_who_waits_for_a_log_that_stands_still_is_told_and_nobody_new_is_let_in() -> None:
    flow = Flow(tick=0.01)
    log = await proven(flow)

    with pytest.raises(Stalled):
        await flow.appended(log.append(), 10)

    with pytest.raises(Unavailable) as refused, flow.taking(known=True):
        pass
    assert refused.value.code == "log_unavailable"


async def test_once_the_log_takes_what_was_given_to_it_everybody_is_let_in_again() -> None:
    flow = Flow(tick=0.01)
    log = await proven(flow)
    with pytest.raises(Stalled):
        await flow.appended(log.append(), 10)

    log.flows.set()
    await until(lambda: not flow.stalled)

    with flow.taking(known=True):
        await flow.appended(log.append(), 10)
    assert log.taken == 3


async def test_the_first_events_may_wait_for_the_topics_leader() -> None:
    flow = Flow(tick=0.001)
    log = StandingLog()
    log.flows.clear()
    first = asyncio.create_task(flow.appended(log.append(), 10))

    await asyncio.sleep(0.1)
    log.flows.set()
    await first

    assert log.taken == 1


async def test_a_log_that_is_slow_but_answers_does_not_stand_still() -> None:
    flow = Flow(tick=0.02)
    log = await proven(flow)
    waiting = [asyncio.create_task(flow.appended(log.append(), 10)) for _ in range(3)]

    async def others() -> None:
        for _ in range(20):
            await flow.appended(asyncio.sleep(0.02, [1]), 10)

    await others()
    log.flows.set()

    await asyncio.gather(*waiting)


async def test_an_append_that_fails_is_told_as_it_is() -> None:
    flow = Flow(tick=0.01)

    async def failing() -> Sequence[int]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await flow.appended(failing(), 10)


async def test_bytes_beyond_the_bound_are_not_let_in_but_one_large_request_is() -> None:
    flow = Flow(max_bytes=100)

    with flow.taking(known=True) as large, flow.taking(known=True) as small:
        large.add(500)
        with pytest.raises(Unavailable) as refused:
            small.add(1)

    assert refused.value.code == "too_busy"
    with flow.taking(known=True) as next_one:
        next_one.add(100)


async def test_who_is_not_known_yet_shuts_out_only_others_of_that_kind() -> None:
    flow = Flow(max_bytes=100, strangers_bytes=50)

    with flow.taking(known=False) as stalled, flow.taking(known=False) as stranger, flow.taking(known=True) as known:
        stalled.add(50)
        with pytest.raises(Unavailable):
            stranger.add(1)
        known.add(50)
        stalled.know()
        stranger.know()
        with pytest.raises(Unavailable):
            stranger.add(1)

    with flow.taking(known=False) as stranger, flow.taking(known=False) as other:
        stranger.add(49)
        other.add(1)


async def test_what_the_log_still_holds_counts_when_nobody_waits_any_more() -> None:
    flow = Flow(max_bytes=100, tick=0.01)
    log = await proven(flow)
    with pytest.raises(Stalled):
        await flow.appended(log.append(), 100)
    flow._quiet = 0

    with pytest.raises(Unavailable) as refused, flow.taking(known=True) as taking:
        taking.add(1)

    assert refused.value.code == "too_busy"
    log.flows.set()

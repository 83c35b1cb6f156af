"""What the log let go of: who needs it is told, who does not begins where the log does."""

import asyncio
import time
from datetime import timedelta

import pytest
from tests.contract.runner.stack import NOW, PLUMBING, Noting, Stack, running, usage

from cskit.claims import read_offsets
from cskit.clock import Clocks, FrozenClock
from cskit.log import Log, OffsetOutOfRange, Partition
from cskit.retention import KeepAll, Retention
from cskit.runner import Runner
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS

HERE = partition_of("akagi")


async def let_go(log: Log, until: int) -> None:
    """Drop the records of the account's partition before an offset."""
    await log.trim(CUSTOMER_EVENTS, time.time_ns() // 1_000_000 + 60_000, {HERE: until})


def runner(stack: Stack, *, needs_all: bool, owner: str = "one", handler: Noting | None = None) -> Runner:
    return Runner(
        group="noting",
        topics=[CUSTOMER_EVENTS],
        log=stack.log,
        database=stack.database,
        plumbing=PLUMBING,
        handler=handler or Noting(),
        clocks=stack.clocks,
        owner=owner,
        needs_all=needs_all,
    )


async def test_a_new_group_begins_where_the_log_does(stack: Stack) -> None:
    await stack.append([usage("akagi", f"e{n}") for n in range(10)])
    await let_go(stack.log, 6)

    async with running(runner(stack, needs_all=False)):
        assert await stack.until(4) == ["e6", "e7", "e8", "e9"]


async def test_a_new_group_that_needs_all_ends_and_says_what_the_log_holds(stack: Stack) -> None:
    await stack.append([usage("akagi", f"e{n}") for n in range(10)])
    await let_go(stack.log, 6)

    with pytest.raises(OffsetOutOfRange, match="`kizashi doctor` names the command that resolves it"):
        await asyncio.wait_for(runner(stack, needs_all=True).run(asyncio.Event()), 60)


async def test_a_group_that_fell_behind_what_the_log_holds_ends(stack: Stack) -> None:
    await stack.append([usage("akagi", "e0")])
    async with running(runner(stack, needs_all=False)):
        await stack.until(1)
    await stack.append([usage("akagi", f"e{n}") for n in range(1, 10)])
    await let_go(stack.log, 6)

    with pytest.raises(OffsetOutOfRange):
        await asyncio.wait_for(runner(stack, needs_all=False, owner="two").run(asyncio.Event()), 60)

    assert (await read_offsets(stack.database, PLUMBING, "noting"))[Partition(CUSTOMER_EVENTS, HERE)] == 1


async def test_retention_drops_what_is_old_and_allowed_and_nothing_while_that_cannot_be_told(stack: Stack) -> None:
    await stack.append([usage("akagi", f"e{n}") for n in range(10)])
    await asyncio.sleep(0.05)
    await stack.append([usage("akagi", "e10")])
    allowed: dict[int, int] = {}

    async def until() -> dict[int, int]:
        if not allowed:
            raise KeepAll("the archive does not answer")
        return allowed

    def retention(days: int) -> Retention:
        ahead = FrozenClock(NOW + timedelta(days=400))
        clocks = Clocks(world=ahead, wall=ahead)
        return Retention(log=stack.log, topic=CUSTOMER_EVENTS, days=days, clocks=clocks, until=until)

    with pytest.raises(KeepAll):
        await retention(0).look()
    allowed[HERE] = 7
    young = await retention(30).look()
    old = await retention(0).look()
    allowed[HERE] = 99
    rest = await retention(0).look()

    assert (young, old, rest) == (0, 7, 3)
    assert (await stack.log.begin_offsets(CUSTOMER_EVENTS))[HERE] == 10


async def test_retention_of_an_empty_topic_drops_nothing(stack: Stack) -> None:
    clocks = Clocks(world=FrozenClock(NOW), wall=FrozenClock(NOW))

    assert await Retention(log=stack.log, topic=CUSTOMER_EVENTS, days=30, clocks=clocks).look() == 0


async def test_a_group_that_has_read_nothing_begins_where_the_log_does_also_when_that_has_moved_on(
    stack: Stack,
) -> None:
    await stack.append([usage("akagi", f"e{n}") for n in range(10)])
    await let_go(stack.log, 3)
    stuck = Noting(gate=asyncio.Event())
    working = asyncio.create_task(runner(stack, needs_all=False, handler=stuck).run(asyncio.Event()))
    await asyncio.wait_for(stuck.entered.wait(), 40)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await let_go(stack.log, 6)

    async with running(runner(stack, needs_all=False, owner="two")):
        assert await stack.until(4) == ["e6", "e7", "e8", "e9"]

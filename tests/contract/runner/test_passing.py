"""Records that are passed over: their offsets commit later, and nothing else of them ever does."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaProducer
from tests.contract.runner.stack import PLUMBING, Noting, Stack, clustered, erased, running, usage

from cskit.claims import read_offsets
from cskit.observability import RUNNER_LAG
from cskit.testing.engines import KAFKA, missing_engines
from cskit.testing.prefixed import PrefixedLog
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS

HERE, THERE = partition_of("akagi"), partition_of("benten")


async def offset(stack: Stack, number: int) -> int:
    return (await read_offsets(stack.database, PLUMBING, "noting")).get((CUSTOMER_EVENTS, number), 0)


async def until_offset(stack: Stack, number: int, wanted: int) -> None:
    async with asyncio.timeout(40):
        while await offset(stack, number) < wanted:
            await asyncio.sleep(0.02)


class Wanting:
    """Wants erasures, and says when it was asked about so many records."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, kind: str) -> bool:
        self.asked += 1
        return kind == "person.erased"

    async def until(self, count: int) -> None:
        async with asyncio.timeout(40):
            while self.asked < count:
                await asyncio.sleep(0.01)


async def test_the_offsets_of_what_is_passed_over_are_written_soon_and_at_a_stop(stack: Stack) -> None:
    wants = Wanting()
    async with running(stack.runner(Noting(wants=wants))):
        await stack.append([usage("akagi", f"a{n}") for n in range(3)])
        await until_offset(stack, HERE, 3)
        await stack.append([usage("akagi", "last")])
        await wants.until(4)

    assert await offset(stack, HERE) == 4


async def test_what_is_wanted_takes_the_offsets_of_what_was_passed_over_elsewhere_along(stack: Stack) -> None:
    assert HERE != THERE
    wants = Wanting()
    async with running(stack.runner(Noting(wants=wants))):
        await stack.append([usage("benten", f"b{n}") for n in range(3)])
        await wants.until(3)
        await stack.append([erased("akagi", "gone")])
        seen = await stack.until(1)

        assert (await offset(stack, HERE), await offset(stack, THERE)) == (1, 3)
    assert seen == ["gone"]


async def test_what_is_wanted_is_handled_once_however_workers_end_that_pass_over_the_rest(stack: Stack) -> None:
    sent = 0
    for life in range(6):
        wants = Wanting()
        async with running(stack.runner(Noting(wants=wants), owner=f"life {life}")) as task:
            for n in range(life % 3):
                await stack.append([usage("akagi", f"{life}-{n}"), erased("benten", f"gone {sent}")])
                sent += 1
                await stack.until(sent)
            await stack.append([usage("akagi", f"{life}-last"), usage("benten", f"{life}-last")])
            await wants.until(2 + 2 * (life % 3))
            if life % 2:  # without a word, as if it were killed
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
    async with running(stack.runner(Noting(wants=Wanting()))):
        await stack.append([erased("akagi", "the end")])
        await stack.until(sent + 1)
        for number, end in (await stack.log.end_offsets(CUSTOMER_EVENTS)).items():
            await until_offset(stack, number, end)

    assert sorted(await stack.seen()) == sorted([*(f"gone {n}" for n in range(sent)), "the end"])


@pytest.fixture
async def on_kafka() -> AsyncIterator[Stack]:
    if reason := missing_engines():
        pytest.skip(reason)
    async with clustered() as one:
        yield one


@pytest.mark.kafka
@pytest.mark.postgres
async def test_what_holds_no_record_is_nothing_to_wait_for(on_kafka: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker at a transaction's end, of a foreign producer, is an offset of its own."""
    stack = on_kafka
    assert isinstance(stack.log, PrefixedLog)
    monkeypatch.setattr("cskit.watchdog._WATCH_EVERY", 0.05)
    topic, event = stack.log._prefix + CUSTOMER_EVENTS, usage("akagi", "a")
    foreign = AIOKafkaProducer(bootstrap_servers=os.environ[KAFKA], transactional_id=topic)  # type: ignore[no-untyped-call]
    await foreign.start()
    async with foreign.transaction():
        await foreign.send_and_wait(topic, event.to_bytes(), key=b"akagi", partition=HERE)
    await foreign.stop()
    lag = RUNNER_LAG.labels("noting", CUSTOMER_EVENTS, str(HERE))

    async with running(stack.runner(Noting())):
        lag.set(7)
        assert await stack.until(1) == ["a"]
        async with asyncio.timeout(40):
            while lag._value.get() > 0:
                await asyncio.sleep(0.02)

    (end,) = {end for end in (await stack.log.end_offsets(CUSTOMER_EVENTS)).values() if end}
    offsets = await read_offsets(stack.database, PLUMBING, "noting")
    assert (end, offsets[CUSTOMER_EVENTS, HERE]) == (2, 1)

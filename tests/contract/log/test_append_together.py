"""Calls that share a batch: what becomes of one is nothing to the others."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from cskit.log import LogError, NewRecord, NewRecords
from cskit.testing.log import LogEngine, read_all

NOT_BYTES: Any = "no bytes"  # what a caller's own mistake may be: nothing encodes it
only_kafka = pytest.mark.parametrize(
    "log_engine", [pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(300)])], indirect=True
)


def record(topic: str, value: bytes, partition: int = 0) -> NewRecord:
    return NewRecord(topic, partition, b"key", value)


async def stored(engine: LogEngine, topic: str) -> dict[tuple[int, int], bytes | None]:
    """What each place of the topic holds."""
    return {(one.partition, one.offset): one.value for one in await read_all(engine.log, topic, engine.seconds)}


@only_kafka
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
@pytest.mark.parametrize("by_columns", [False, True], ids=["one-by-one", "by-columns"])
async def test_a_value_that_cannot_be_encoded_fails_its_own_call_only(
    log_engine: LogEngine, topic: str, place: int, by_columns: bool
) -> None:
    bad = [b"before", NOT_BYTES, b"after"]
    faulty: Sequence[NewRecord] = [record(topic, value) for value in bad]
    if by_columns:
        faulty = NewRecords(topic, [0] * 3, [b"key"] * 3, bad, ())
    calls = [[record(topic, b"a0"), record(topic, b"a1")], [record(topic, b"b0")]]

    answers = await asyncio.gather(
        *map(log_engine.log.append, [*calls[:place], faulty, *calls[place:]]), return_exceptions=True
    )
    later = await log_engine.log.append([record(topic, b"later")])

    assert isinstance(answers.pop(place), TypeError)
    found = await stored(log_engine, topic)
    assert [[found[0, offset] for offset in offsets] for offsets in answers] == [[b"a0", b"a1"], [b"b0"]]  # type: ignore[union-attr]
    assert found[0, later[0]] == b"later"
    assert set(found.values()) - {b"before"} == {b"a0", b"a1", b"b0", b"later"}


@only_kafka
async def test_a_call_that_fails_in_one_partition_takes_nobody_of_another_with_it(
    log_engine: LogEngine, topic: str
) -> None:
    nowhere = [record(topic, b"x"), record(topic, b"x", 99)]  # there is no such partition
    log = log_engine.log

    answers: list[Any] = []
    for _ in range(5):  # in batches that wait behind one another, too
        answers += await asyncio.gather(
            *(log.append(nowhere if n % 3 == 1 else [record(topic, b"%d" % n, n % 2)]) for n in range(12)),
            return_exceptions=True,
        )

    found = await stored(log_engine, topic)
    for n, answer in enumerate(answers):
        if n % 3 == 1:
            assert isinstance(answer, LogError)
        else:
            assert [found[n % 2, offset] for offset in answer] == [b"%d" % (n % 12)]


@pytest.mark.parametrize("gone", [0, 1, 2], ids=["first", "between", "last"])
async def test_a_caller_that_goes_away_leaves_the_others_of_its_batch(
    log_engine: LogEngine, topic: str, gone: int
) -> None:
    log = log_engine.log
    calls = [asyncio.create_task(log.append([record(topic, b"%d" % n)])) for n in range(3)]

    await asyncio.sleep(0)  # all three are in one batch
    calls[gone].cancel()
    later = asyncio.create_task(log.append([record(topic, b"later")]))
    answers = await asyncio.gather(*calls, later, return_exceptions=True)

    found = await stored(log_engine, topic)
    assert isinstance(answers.pop(gone), asyncio.CancelledError)
    kept = [b"%d" % n for n in range(3) if n != gone] + [b"later"]
    assert [found[0, offset] for (offset,) in answers] == kept  # type: ignore[misc]


async def test_callers_who_all_go_away_leave_a_log_that_takes_more(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log
    calls = [asyncio.create_task(log.append([record(topic, b"%d" % n, n)])) for n in range(4)]

    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    offsets = await asyncio.gather(*(log.append([record(topic, b"later", n)]) for n in range(4)))

    found = await stored(log_engine, topic)
    assert [found[n, offset] for n, (offset,) in enumerate(offsets)] == [b"later"] * 4

"""What a reader without a group promises."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

import pytest

from cskit.log import LogError, NewRecord, OffsetOutOfRange, Reader, Record
from cskit.testing.log import LogEngine

ALL = dict.fromkeys(range(4), 0)


def records(topic: str, count: int, partition: int = 0) -> list[NewRecord]:
    return [NewRecord(topic, partition, b"k", b"%d" % n) for n in range(count)]


async def read_until(reader: Reader, enough: Callable[[Sequence[Record]], bool], seconds: float) -> list[Record]:
    found: list[Record] = []
    deadline = monotonic() + seconds
    while not enough(found):
        assert monotonic() < deadline, f"{len(found)} records after {seconds} s"
        found += await reader.poll(max_records=1_000, timeout=0.2)
    return found


async def ends(engine: LogEngine, topic: str) -> Mapping[int, int]:
    return await engine.log.end_offsets(topic)


async def test_every_reader_gets_everything_from_where_it_was_told(log_engine: LogEngine, topic: str) -> None:
    await log_engine.log.append([*records(topic, 10, 0), *records(topic, 10, 3)])
    whole = await log_engine.log.reader(topic, ALL)
    part = await log_engine.log.reader(topic, {**ALL, 0: 7, 3: 10})

    of_whole = await read_until(whole, lambda found: len(found) >= 20, log_engine.seconds)
    of_part = await read_until(part, lambda found: len(found) >= 3, log_engine.seconds)

    assert {number: [r.offset for r in of_whole if r.partition == number] for number in (0, 3)} == {
        0: list(range(10)),
        3: list(range(10)),
    }
    assert [(r.partition, r.offset, r.value) for r in of_part] == [(0, 7, b"7"), (0, 8, b"8"), (0, 9, b"9")]
    await whole.stop()
    await part.stop()


async def test_a_reader_at_the_end_hears_of_what_comes(log_engine: LogEngine, topic: str) -> None:
    await log_engine.log.append(records(topic, 5))
    reader = await log_engine.log.reader(topic, await ends(log_engine, topic))
    assert await reader.poll(max_records=10, timeout=0.2) == []
    coming = asyncio.create_task(read_until(reader, lambda found: len(found) >= 2, log_engine.seconds))

    await log_engine.log.append(records(topic, 2, 2))

    assert [(r.partition, r.offset) for r in await coming] == [(2, 0), (2, 1)]
    await reader.stop()


async def test_a_reader_of_what_the_log_does_not_hold_is_told_so(log_engine: LogEngine, topic: str) -> None:
    await log_engine.log.append(records(topic, 3))
    reader = await log_engine.log.reader(topic, {**ALL, 0: 100})

    with pytest.raises(OffsetOutOfRange):
        await read_until(reader, lambda found: len(found) > 0, log_engine.seconds)

    await reader.stop()


async def test_a_reader_that_was_stopped_reads_no_more(log_engine: LogEngine, topic: str) -> None:
    reader = await log_engine.log.reader(topic, ALL)
    await reader.stop()
    await reader.stop()

    with pytest.raises(LogError):
        await reader.poll(max_records=10, timeout=0.1)

"""The engine is stopped and started while there is work."""

import asyncio
from contextlib import suppress

import pytest

from cskit.log import LogError, NewRecord, Partition
from cskit.testing.log import LogEngine, OffsetBook, member, read_all

pytestmark = pytest.mark.alone


async def test_nothing_that_was_acknowledged_is_lost_over_a_restart(log_engine: LogEngine, topic: str) -> None:
    acknowledged: list[tuple[int, bytes]] = []

    async def append(values: range) -> None:
        for n in values:
            value = b"%d" % n
            async with asyncio.timeout(log_engine.seconds):
                while True:
                    with suppress(LogError):
                        (offset,) = await log_engine.log.append([NewRecord(topic, 0, b"k", value)])
                        acknowledged.append((offset, value))
                        break
                    await asyncio.sleep(0.05)

    writing = asyncio.create_task(append(range(200)))
    await asyncio.sleep(0.05)
    await log_engine.restart()
    await writing

    found = {r.offset: r.value for r in await read_all(log_engine.log, topic, log_engine.seconds)}
    assert [value for _, value in acknowledged] == [b"%d" % n for n in range(200)]
    assert all(found[offset] == value for offset, value in acknowledged)
    assert [offset for offset, _ in acknowledged] == sorted(offset for offset, _ in acknowledged)


async def test_a_new_consumer_goes_on_after_a_restart(log_engine: LogEngine, topic: str, group: str) -> None:
    book = OffsetBook()
    before = await log_engine.log.topic_id(topic)
    await log_engine.log.append([NewRecord(topic, 1, b"k", b"%d" % n) for n in range(10)])
    async with member(log_engine.log, group, [topic], book) as first:
        await first.poll_until(lambda: len(book.records) >= 10, log_engine.seconds)

        await log_engine.restart()

    await log_engine.log.append([NewRecord(topic, 1, b"k", b"%d" % n) for n in range(10, 15)])
    async with member(log_engine.log, group, [topic], book) as second:
        await second.poll_until(lambda: len(book.records) >= 15, log_engine.seconds)
    assert await log_engine.log.topic_id(topic) == before
    assert [r.value for r in book.records] == [b"%d" % n for n in range(15)]
    assert book.next[Partition(topic, 1)] == 15

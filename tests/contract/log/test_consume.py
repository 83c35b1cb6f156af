"""What a consumer that is alone in its group promises."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import pytest

from cskit.log import LogError, NewRecord, OffsetOutOfRange, Partition, Records, kafka_consumer
from cskit.log.kafka_consumer import records_of
from cskit.log.kafka_lots import Lot
from cskit.log.sqlite import SqliteLog
from cskit.testing.log import LogEngine, Member, OffsetBook, member


def records(topic: str, count: int, partition: int = 0) -> list[NewRecord]:
    return [NewRecord(topic, partition, b"k", b"%d" % n) for n in range(count)]


async def test_all_partitions_are_assigned_before_anything_is_returned(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    await log_engine.log.append([record for n in range(4) for record in records(topic, 10, n)])

    async with member(log_engine.log, group, [topic]) as reader:
        await reader.poll_until(lambda: len(reader.records) >= 40, log_engine.seconds)

        assert reader.owned == {Partition(topic, n) for n in range(4)}
    assert len(reader.records) == 40


async def test_several_topics_are_read_by_one_consumer(log_engine: LogEngine, topic: str, group: str) -> None:
    other = f"{topic}-b"
    await log_engine.log.ensure_topics([other], 4)
    await log_engine.log.append([*records(topic, 3), *records(other, 4, 3)])

    async with member(log_engine.log, group, [topic, other]) as reader:
        await reader.poll_until(lambda: len(reader.records) >= 7, log_engine.seconds)

    assert reader.book.next[Partition(topic, 0)] == 3
    assert reader.book.next[Partition(other, 3)] == 4


async def test_reading_begins_where_on_assigned_says(log_engine: LogEngine, topic: str, group: str) -> None:
    await log_engine.log.append([*records(topic, 10, 0), *records(topic, 10, 1)])
    book = OffsetBook({Partition(topic, 0): 7, Partition(topic, 1): 10})

    async with member(log_engine.log, group, [topic], book) as reader:
        await reader.poll_until(lambda: len(reader.records) >= 3, log_engine.seconds)
        await log_engine.log.append(records(topic, 1, 1))
        await reader.poll_until(lambda: len(reader.records) >= 4, log_engine.seconds)

    assert [(r.partition, r.offset) for r in reader.records] == [(0, 7), (0, 8), (0, 9), (1, 10)]


async def test_a_group_that_comes_again_reads_again_from_where_it_says(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    await log_engine.log.append(records(topic, 20))
    async with member(log_engine.log, group, [topic]) as first:
        await first.poll_until(lambda: len(first.records) >= 20, log_engine.seconds)
        await first.consumer.commit({Partition(topic, 0): 20})

    async with member(log_engine.log, group, [topic], OffsetBook({Partition(topic, 0): 5})) as again:
        await again.poll_until(lambda: len(again.records) >= 15, log_engine.seconds)

    assert again.records == first.records[5:]


async def test_an_empty_poll_waits_as_long_as_it_was_told(log_engine: LogEngine, topic: str, group: str) -> None:
    async with member(log_engine.log, group, [topic]) as reader:
        await reader.poll_until(lambda: len(reader.owned) == 4, log_engine.seconds)
        begun = monotonic()

        found = await reader.poll(timeout=0.3)

        assert found == {}
        assert monotonic() - begun >= 0.28


async def test_a_waiting_poll_returns_with_the_first_record(log_engine: LogEngine, topic: str, group: str) -> None:
    async with member(log_engine.log, group, [topic]) as reader:
        await reader.poll_until(lambda: len(reader.owned) == 4, log_engine.seconds)
        await log_engine.log.append(records(topic, 1))

        async with asyncio.timeout(log_engine.seconds):
            while not reader.records:
                await reader.poll(timeout=600)


async def test_a_poll_returns_no_more_than_it_was_asked_for_and_starves_no_partition(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    await log_engine.log.append([record for n in range(4) for record in records(topic, 100, n)])

    async with member(log_engine.log, group, [topic]) as reader:
        while len(reader.records) < 400:
            found = await reader.poll(max_records=30, timeout=log_engine.seconds)

            assert all(len(of_partition) <= 30 for of_partition in found.values())


async def test_what_kafka_sent_is_read_without_a_record_of_aiokafkas_own(
    log_engine: LogEngine, topic: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka_lots goes by private names: with another aiokafka it must be looked at again."""
    if isinstance(log_engine.log, SqliteLog):
        return
    kinds: set[type] = set()

    def noted(partition: Any, found: Any) -> Records:
        kinds.add(type(found))
        return records_of(partition, found)

    monkeypatch.setattr(kafka_consumer, "records_of", noted)
    await log_engine.log.append(records(topic, 100))

    async with member(log_engine.log, group, [topic]) as reader:
        while len(reader.records) < 100:
            await reader.poll(max_records=10, timeout=log_engine.seconds)

    assert kinds == {Lot}
    assert [record.offset for record in reader.records] == list(range(100))


async def test_seeking_back_delivers_again(log_engine: LogEngine, topic: str, group: str) -> None:
    await log_engine.log.append([*records(topic, 10, 0), *records(topic, 10, 1)])
    here = Partition(topic, 0)

    async with member(log_engine.log, group, [topic]) as reader:
        await reader.poll_until(lambda: len(reader.records) >= 20, log_engine.seconds)
        before = list(reader.records)
        reader.consumer.seek(here, 4)
        reader.book.next[here] = 4
        await reader.poll_until(lambda: len(reader.records) >= 26, log_engine.seconds)

        assert await reader.poll() == {}
    assert reader.records[20:] == [r for r in before if r.partition == 0][4:]


async def test_what_was_reached_is_what_comes_next(log_engine: LogEngine, topic: str, group: str) -> None:
    await log_engine.log.append([*records(topic, 10, 0), *records(topic, 7, 1)])
    here = Partition(topic, 0)

    async with member(log_engine.log, group, [topic]) as reader:
        await reader.poll_until(lambda: len(reader.records) >= 17, log_engine.seconds)
        reached = await reader.consumer.reached()
        reader.consumer.seek(here, 4)

        assert reached == {Partition(topic, number): end for number, end in enumerate((10, 7, 0, 0))}
        assert await reader.consumer.reached() == {**reached, here: 4}


async def test_a_seek_between_polls_cuts_a_batch_short(log_engine: LogEngine, topic: str, group: str) -> None:
    await log_engine.log.append(records(topic, 50))
    here = Partition(topic, 0)
    taken: list[int] = []

    async with member(log_engine.log, group, [topic]) as reader:
        while len(taken) < 50:
            found = await reader.consumer.poll(max_records=20, timeout=log_engine.seconds)
            if found:
                kept = found[here][:7]
                taken.extend(r.offset for r in kept)
                reader.consumer.seek(here, kept[-1].offset + 1)

    assert taken == list(range(50))


@pytest.mark.parametrize("offset", [11, 1_000_000])
async def test_an_offset_beyond_the_end_is_refused(log_engine: LogEngine, topic: str, group: str, offset: int) -> None:
    await log_engine.log.append(records(topic, 10))

    async with member(log_engine.log, group, [topic], OffsetBook({Partition(topic, 0): offset})) as reader:
        with pytest.raises(OffsetOutOfRange):
            await reader.poll_until(lambda: False, log_engine.seconds)

    assert reader.records == []


async def test_a_topic_made_anew_under_a_consumer_is_refused(log_engine: LogEngine, topic: str, group: str) -> None:
    await log_engine.log.append(records(topic, 10))
    async with member(log_engine.log, group, [topic]) as reader:
        await reader.poll_until(lambda: len(reader.records) >= 10, log_engine.seconds)

        await log_engine.make_anew(topic, 4)
        await log_engine.log.append(records(topic, 5))

        with pytest.raises(LogError):
            await reader.poll_until(lambda: False, log_engine.seconds)
    assert len(reader.records) == 10


async def test_an_error_of_on_assigned_ends_the_consumer_and_another_goes_on(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    class Refusing(Member):
        async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
            if self.assigned:
                return await super().on_assigned(partitions)
            self.assigned.append(partitions)
            raise RuntimeError("the database is away")

    await log_engine.log.append(records(topic, 3))
    refusing = Refusing(log_engine.log.consumer(group, [topic]))
    await refusing.consumer.start(refusing)

    with pytest.raises(RuntimeError, match="the database is away"):
        await refusing.poll_until(lambda: False, log_engine.seconds)
    with pytest.raises((LogError, RuntimeError)):
        await refusing.poll()

    await refusing.stop()
    async with member(log_engine.log, group, [topic]) as other:
        await other.poll_until(lambda: len(other.records) >= 3, log_engine.seconds)
    assert refusing.records == []


async def test_a_consumer_stops_twice_and_then_returns_nothing(log_engine: LogEngine, topic: str, group: str) -> None:
    await log_engine.log.append(records(topic, 3))
    async with member(log_engine.log, group, [topic]) as reader:
        await reader.consumer.stop()
        await reader.consumer.stop()

        with pytest.raises(LogError):
            await reader.poll()

"""What append and the topics promise."""

import asyncio
import time

import pytest

from cskit.log import LogError, MessageTooLarge, NewRecord, NewRecords, TopicMismatch
from cskit.testing.log import LogEngine, read_all
from csmodels.topics import MAX_MESSAGE_BYTES


def record(topic: str, value: bytes, partition: int = 0) -> NewRecord:
    return NewRecord(topic, partition, b"key", value)


async def test_records_of_a_partition_keep_their_order(log_engine: LogEngine, topic: str) -> None:
    values = [b"%d" % n for n in range(300)]

    for start in range(0, 300, 30):
        await log_engine.log.append([record(topic, value, 2) for value in values[start : start + 30]])

    assert [found.value for found in await read_all(log_engine.log, topic, log_engine.seconds)] == values


async def test_the_returned_offsets_are_those_of_the_records_and_leave_no_gap(
    log_engine: LogEngine, topic: str
) -> None:
    log = log_engine.log
    values = [b"%d" % n for n in range(100)]

    first = await log.append([record(topic, value, n % 4) for n, value in enumerate(values[:60])])
    second = await log.append([record(topic, value, n % 4) for n, value in enumerate(values[60:])])

    found = {(r.partition, r.offset): r.value for r in await read_all(log, topic, log_engine.seconds)}
    returned = [*first, *second]
    assert [found[n % 4, offset] for n, offset in enumerate(returned)] == values
    assert [returned[n::4] for n in range(4)] == [list(range(25))] * 4
    assert await log.end_offsets(topic) == dict.fromkeys(range(4), 25)
    assert await log.begin_offsets(topic) == dict.fromkeys(range(4), 0)


async def test_an_empty_append_does_nothing(log_engine: LogEngine, topic: str) -> None:
    offsets = await log_engine.log.append([])

    assert list(offsets) == []
    assert set((await log_engine.log.end_offsets(topic)).values()) == {0}


async def test_one_append_takes_thousands_of_records(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log
    values = [b"%d" % n + b"x" * 350 for n in range(5_000)]

    offsets = await log.append([record(topic, value, n % 4) for n, value in enumerate(values)])

    found = {(r.partition, r.offset): r.value for r in await read_all(log, topic, log_engine.seconds)}
    assert [found[n % 4, offset] for n, offset in enumerate(offsets)] == values


async def test_records_by_columns_are_stored_as_one_by_one(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log
    values = [b"%d" % n for n in range(40)]
    headers = (("traceparent", b"00-1"),)
    columns = NewRecords(topic, [n % 4 for n in range(40)], [b"k%d" % n for n in range(39)] + [None], values, headers)

    offsets = await log.append(columns)

    found = {(r.partition, r.offset): r for r in await read_all(log, topic, log_engine.seconds)}
    stored = [found[n % 4, offset] for n, offset in enumerate(offsets)]
    assert [NewRecord(r.topic, r.partition, r.key, r.value or b"", r.headers) for r in stored] == list(columns)


async def test_records_of_almost_eight_megabytes_pass(log_engine: LogEngine, topic: str) -> None:
    sizes = [7_900_000, 10, 7_900_000, 7_900_000, 10]
    values = [bytes([n]) * size for n, size in enumerate(sizes)]

    await log_engine.log.append([record(topic, value) for value in values])

    assert [found.value for found in await read_all(log_engine.log, topic, log_engine.seconds)] == values


@pytest.mark.parametrize("where", ["key", "value", "headers"])
async def test_a_record_that_is_too_large_is_named_and_nothing_of_its_call_is_appended(
    log_engine: LogEngine, topic: str, where: str
) -> None:
    log = log_engine.log
    rest, large = b"", b"x" * MAX_MESSAGE_BYTES
    too_large = {
        "key": NewRecord(topic, 1, large, b"12"),
        "value": NewRecord(topic, 1, b"12", large),
        "headers": NewRecord(topic, 1, None, rest, (("ab", large),)),
    }[where]

    with pytest.raises(MessageTooLarge) as refused:
        await log.append([record(topic, b"a"), too_large, record(topic, b"b")])

    assert refused.value.index == 1
    assert refused.value.size == MAX_MESSAGE_BYTES + 2
    assert set((await log.end_offsets(topic)).values()) == {0}


async def test_a_refused_call_does_not_hurt_those_beside_it(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log

    before, refused, after = await asyncio.gather(
        log.append([record(topic, b"a")]),
        log.append([record(topic, b"x" * (MAX_MESSAGE_BYTES + 1))]),
        log.append([record(topic, b"b")]),
        return_exceptions=True,
    )

    assert isinstance(refused, MessageTooLarge)
    assert [before, after] == [[0], [1]]


async def test_headers_a_missing_key_and_an_empty_value_come_back_as_they_were(
    log_engine: LogEngine, topic: str
) -> None:
    headers = (("ce-type", b"usage.tracked"), ("twice", b"\x00\xff"), ("twice", b""), ("ключ", "値".encode()))
    records = [
        NewRecord(topic, 0, None, b"v"),
        NewRecord(topic, 0, b"", b""),
        NewRecord(topic, 0, b"\x00k", b"\xff\x00", headers),
    ]

    await log_engine.log.append(records)

    found = await read_all(log_engine.log, topic, log_engine.seconds)
    assert [NewRecord(r.topic, r.partition, r.key, r.value or b"", r.headers) for r in found] == records
    assert all(r.value is not None for r in found)


async def test_concurrent_appends_keep_the_order_of_each_caller(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log

    async def call(caller: int) -> None:
        for n in range(0, 60, 3):
            await log.append([record(topic, b"%d %d" % (caller, n + i)) for i in range(3)])

    await asyncio.gather(*(call(caller) for caller in range(20)))

    found = [(r.value or b"").split() for r in await read_all(log, topic, log_engine.seconds)]
    for caller in range(20):
        assert [int(n) for who, n in found if int(who) == caller] == list(range(60))


async def test_timestamps_are_the_logs_own_and_never_decrease(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log
    before = time.time_ns() // 1_000_000

    for _ in range(20):
        await log.append([record(topic, b"x"), record(topic, b"y")])

    after = time.time_ns() // 1_000_000
    times = [found.timestamp_ms for found in await read_all(log, topic, log_engine.seconds)]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after


async def test_topics_are_made_once(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log
    await log.append([record(topic, b"kept")])
    before = await log.topic_id(topic)

    await log.ensure_topics([topic, f"{topic}-b"], 4)
    await log.ensure_topics([topic, f"{topic}-b"], 4)

    assert await log.topic_id(topic) == before
    assert await log.topic_id(f"{topic}-b") != before
    assert (await log.end_offsets(topic))[0] == 1
    assert await log.end_offsets(f"{topic}-b") == dict.fromkeys(range(4), 0)


async def test_another_partition_count_is_refused(log_engine: LogEngine, topic: str) -> None:
    with pytest.raises(TopicMismatch, match=topic):
        await log_engine.log.ensure_topics([topic], 5)

    assert len(await log_engine.log.end_offsets(topic)) == 4


async def test_a_topic_made_anew_has_another_id_and_is_empty(log_engine: LogEngine, topic: str) -> None:
    await log_engine.log.append([record(topic, b"old")])
    before = await log_engine.log.topic_id(topic)

    await log_engine.make_anew(topic, 4)

    assert await log_engine.log.topic_id(topic) != before
    assert await log_engine.log.append([record(topic, b"new")]) == [0]
    assert [r.value for r in await read_all(log_engine.log, topic, log_engine.seconds)] == [b"new"]


async def test_what_is_unknown_is_refused(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log

    with pytest.raises(LogError):
        await log.append([record(topic, b"x", 4)])
    with pytest.raises(LogError):
        await log.append([record(f"{topic}-none", b"x")])
    with pytest.raises(LogError):
        await log.topic_id(f"{topic}-none")
    with pytest.raises(LogError):
        await log.end_offsets(f"{topic}-none")

    assert set((await log.end_offsets(topic)).values()) == {0}


async def test_a_closed_log_refuses_and_closes_twice(log_engine: LogEngine, topic: str) -> None:
    log = log_engine.log

    await log.close()
    await log.close()

    with pytest.raises(LogError):
        await log.append([record(topic, b"x")])


async def test_what_is_old_and_may_go_is_dropped_and_the_rest_stays_readable(log_engine: LogEngine, topic: str) -> None:
    log, now = log_engine.log, time.time_ns() // 1_000_000
    await log.append([record(topic, b"%d" % n, 0) for n in range(6)])
    await log.append([record(topic, b"%d" % n, 1) for n in range(4)])

    await log.trim(topic, now - 60_000)
    assert await log.begin_offsets(topic) == dict.fromkeys(range(4), 0)

    await log.trim(topic, now + 60_000, {0: 4, 2: 9})
    assert await log.begin_offsets(topic) == {0: 4, 1: 0, 2: 0, 3: 0}
    assert await log.append([record(topic, b"6", 0)]) == [6]
    found = {(r.partition, r.offset) for r in await read_all(log, topic, log_engine.seconds)}
    assert found == {(0, 4), (0, 5), (0, 6), (1, 0), (1, 1), (1, 2), (1, 3)}

    await log.trim(topic, now + 60_000)
    begins, ends = await log.begin_offsets(topic), await log.end_offsets(topic)
    assert ends == {0: 7, 1: 4, 2: 0, 3: 0}
    assert all(ends[number] - begins[number] <= 1 for number in ends)  # the newest record may stay


async def test_records_of_one_partition_are_dropped_up_to_the_first_that_is_young(
    log_engine: LogEngine, topic: str
) -> None:
    log = log_engine.log
    await log.append([record(topic, b"old")] * 3)
    await asyncio.sleep(0.05)
    await log.append([record(topic, b"new")] * 2)
    times = [found.timestamp_ms for found in await read_all(log, topic, log_engine.seconds)]
    assert times[2] < times[3]

    await log.trim(topic, times[3])

    assert (await log.begin_offsets(topic))[0] == 3
    assert [found.value for found in await read_all(log, topic, log_engine.seconds)] == [b"new", b"new"]

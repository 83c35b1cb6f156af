"""Records as they lie in what the broker sent are those that aiokafka makes of the same bytes."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from cskit.log import kafka_lots
from cskit.log.base import Record
from cskit.log.kafka_consumer import record_of
from cskit.log.kafka_lots import Lots

HERE = TopicPartition("events", 3)
BYTES = st.none() | st.binary(max_size=12) | st.binary(min_size=200, max_size=300)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=2)
BATCHES = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.tuples(BYTES, BYTES, HEADERS), min_size=1, max_size=80)), max_size=4
)

kafka_lots.install()


def sent(batches: Sequence[tuple[int, Sequence[tuple[Any, Any, Any]]]], *, append_time: bool = True) -> bytes:
    """Batches as a broker sends them, one behind the other."""
    whole, offset = b"", 0
    for compression, records in batches:
        builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 1 << 20)
        for number, (key, value, headers) in enumerate(records):
            builder.append(number, 1_000 + number, key, value, headers)
        batch = bytearray(builder.build())
        batch[:8] = offset.to_bytes(8, "big")
        if append_time:
            batch[22] |= 0x08
            batch[35:43] = (5_000 + offset).to_bytes(8, "big")
            batch[17:21] = kafka_lots._CRC(memoryview(bytes(batch))[21:]).to_bytes(4, "big")
        whole += batch
        offset += len(records)
    return whole


def partition_records(body: bytes, offset: int, value: Any) -> Any:
    fetcher = kafka_lots.fetcher
    return fetcher.PartitionRecords(HERE, fetcher.MemoryRecords(body), [], offset, None, value, True, 0)


def plainly(body: bytes, offset: int) -> list[Record]:
    """What aiokafka makes of them."""
    return [record_of(record) for record in partition_records(body, offset, None)]


def by_lots(body: bytes, offset: int, most: int | None) -> list[Record]:
    batches, found = partition_records(body, offset, Lots()), []
    while not batches.ended:
        lot = batches.take(most)
        assert most is None or len(lot) <= most
        found += list(lot.records)
        if len(lot):
            assert batches.next_fetch_offset == lot.records[-1].offset + 1
    return found


@given(BATCHES, st.integers(0, 100), st.none() | st.integers(1, 50), st.booleans(), st.integers(0, 80))
@settings(max_examples=200)
def test_they_are_what_aiokafka_makes_of_them(
    batches: list[tuple[int, list[Any]]], offset: int, most: int | None, append_time: bool, cut: int
) -> None:
    body = sent(batches, append_time=append_time)
    body = body[: len(body) - cut]  # the broker may cut the last one off
    offset = min(offset, len(batches[0][1]) - 1) if batches else 0  # it begins with the batch that has the offset

    assert by_lots(body, offset, most) == plainly(body, offset)


def test_one_byte_that_is_wrong_is_noticed() -> None:
    body = bytearray(sent([(0, [(b"k", b"v", [])] * 3)]))
    body[-2] ^= 1

    with pytest.raises(CorruptRecordException):
        partition_records(bytes(body), 0, Lots()).take(None)


def test_what_the_broker_noted_for_itself_is_passed_over() -> None:
    body = bytearray(sent([(0, [(b"k", b"v", [])]), (0, [(b"k", b"w", [])])]))
    body[22] |= 0x20
    length = int.from_bytes(body[8:12], "big")
    body[17:21] = kafka_lots._CRC(memoryview(bytes(body))[21 : 12 + length]).to_bytes(4, "big")

    assert [record.value for record in by_lots(bytes(body), 0, None)] == [b"w"]
    assert plainly(bytes(body), 0) == by_lots(bytes(body), 0, None)


def test_a_value_may_be_empty_or_none_at_all() -> None:
    found = by_lots(sent([(0, [(None, b"", []), (b"", None, [("a", None)])])]), 0, None)

    assert [(record.key, record.value, record.headers) for record in found] == [
        (None, b"", ()),
        (b"", None, (("a", b""),)),
    ]


def test_what_fits_whole_into_a_poll_is_not_torn_to_fill_one_up() -> None:
    lots = Lots()
    ten = sent([(0, [(b"k", b"v", [])] * 5), (4, [(b"k", b"w", [])] * 5)])
    batches = partition_records(ten, 0, lots)

    lots.room = 12
    assert batches.waits(9)
    assert not batches.waits(10)
    assert not batches.waits(12)

    lots.room = 4
    assert not batches.waits(4)
    assert len(batches.take(4)) == 4

    lots.room = 12
    assert batches.waits(5)
    assert not batches.waits(6)
    assert [record.offset for record in batches.take(6).records] == [4, 5, 6, 7, 8, 9]


def test_what_fits_into_no_poll_is_torn() -> None:
    lots = Lots()
    lots.room = 8
    batches = partition_records(sent([(0, [(b"k", b"v", [])] * 10)]), 0, lots)

    assert not batches.waits(3)
    assert len(batches.take(3)) == 3
    assert batches.waits(3)


def test_a_poll_that_has_unpacked_enough_takes_no_more() -> None:
    lots = Lots()
    body = sent([(0, [(b"k", b"v" * 50, [])] * 4), (0, [(b"k", b"w" * 50, [])] * 4)])
    one, other = (partition_records(body, 0, lots) for _ in range(2))

    lots.ask(100)
    lots.left = 100
    assert len(one.take(100)) == 4
    assert one.waits(96)
    assert other.waits(96)

    lots.ask(100)
    assert not one.waits(100)
    assert [record.offset for record in one.take(100).records] == [4, 5, 6, 7]
    assert one.ended
    assert len(other.take(96)) == 8

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as kafkas_murmur2
from hypothesis import given
from hypothesis import strategies as st

from csmodels.partitioning import murmur2, partition_of


@given(st.binary(max_size=200))
def test_murmur2_is_kafkas(data: bytes) -> None:
    assert murmur2(data) == kafkas_murmur2(data) & 0xFFFFFFFF  # type: ignore[no-untyped-call]


@given(st.text(max_size=128), st.integers(1, 64))
def test_the_partition_is_the_one_kafka_chooses(key: str, count: int) -> None:
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return
    partitions = list(range(count))

    assert partition_of(key, count) == DefaultPartitioner()(encoded, partitions, partitions)
    assert partition_of(encoded, count) == partition_of(key, count)


@pytest.mark.parametrize(
    ("data", "expected"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]
)
def test_murmur2_gives_the_values_of_kafkas_own_tests(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected & 0xFFFFFFFF


def test_a_topic_without_partitions_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one partition"):
        partition_of("acme", 0)

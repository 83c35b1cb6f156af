"""Which partition a key belongs to: Kafka's own rule, one function for both platforms."""

from typing import Final

from csmodels.topics import PARTITIONS

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 of data, 0 to 2**32 - 1, as org.apache.kafka.common.utils.Utils.murmur2 computes it."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = (int.from_bytes(data[at : at + 4], "little") * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    if whole < length:
        h = ((h ^ int.from_bytes(data[whole:], "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


def partition_of(key: str | bytes, count: int = PARTITIONS) -> int:
    """The partition, 0 to count - 1, of a key (text is taken as UTF-8), equal to that of Kafka's default partitioner.

    Control records are the exception: they go to every partition, whatever their key says.
    """
    if count < 1:
        raise ValueError("a topic has at least one partition")
    return (murmur2(key.encode() if isinstance(key, str) else key) & 0x7FFFFFFF) % count

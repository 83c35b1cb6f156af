"""xxh3 (64 bits) of many short byte strings at once, as the library xxhash gives of each; the rules are those of XXH3's
specification for 17 to 64 bytes.
"""

from typing import Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from cskit.slices import Ints, Slices, windows, words

_SHORTEST: Final = 17  # bytes, of what is hashed here; all else is left to the library
_LONGEST: Final = 64
_PIECE: Final = 8_192  # rows at once, so that what is worked on stays in the CPU's cache
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFF_FFFF)
_PRIME: Final = np.uint64(0x9E37_79B1_85EB_CA87)
_AVALANCHE: Final = np.uint64(0x1656_6791_9E37_79F9)
_SECRET: Final = (
    0xBE4B_A423_396C_FEB8, 0x1CAD_21F7_2C81_017C, 0xDB97_9083_E96D_D4DE, 0x1F67_B3B7_A4A4_4072,
    0x78E5_C0CC_4EE6_79CB, 0x2172_FFCC_7DD0_5A82, 0x8E24_43F7_7446_08B8, 0x4C26_3A81_E690_35E0,
)  # fmt: skip
_ALL: Final = 0xFFFF_FFFF_FFFF_FFFF

Hashes = NDArray[np.uint64]


def hashes_of(prefix: bytes, texts: Slices, seed: int) -> Hashes:
    """xxh3 of the prefix with each of the texts behind it; none of them is None."""
    found = np.empty(len(texts), dtype=np.uint64)
    lengths = texts.ends - texts.starts + len(prefix)
    here = (lengths >= _SHORTEST) & (lengths <= _LONGEST)
    for start in range(0, len(texts), _PIECE):
        rows = np.flatnonzero(here[start : start + _PIECE]) + start
        if len(rows):
            found[rows] = _hashed(prefix, texts.at(rows), lengths[rows], seed)
    rows = np.flatnonzero(~here)
    found[rows] = [xxhash.xxh3_64_intdigest(prefix + text, seed) for text in texts.at(rows).present()]
    return found


def _hashed(prefix: bytes, texts: Slices, lengths: Ints, seed: int) -> Hashes:
    width = _LONGEST + len(prefix)
    rows = np.empty((len(lengths), width), dtype=np.uint8)
    rows[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    rows[:, len(prefix) :] = windows(texts.buffer, texts.starts, _LONGEST)
    laid = rows.data.cast("B")
    begins = np.arange(len(lengths)) * width
    ends = begins + lengths
    total = lengths.astype(np.uint64) * _PRIME
    long = np.flatnonzero(lengths > 32)
    if len(long):
        total[long] += _mixed(laid, begins[long] + 16, 4, seed) + _mixed(laid, ends[long] - 32, 6, seed)
    total += _mixed(laid, begins, 0, seed) + _mixed(laid, ends - 16, 2, seed)
    total ^= total >> np.uint64(37)
    total *= _AVALANCHE
    total ^= total >> _HALF
    return total


def _mixed(laid: memoryview, at: Ints, secret: int, seed: int) -> Hashes:
    """The sixteen bytes from each place on, mixed with the secret's words."""
    both = words(windows(laid, at, 16))
    one = both[:, 0] ^ np.uint64((_SECRET[secret] + seed) & _ALL)
    other = both[:, 1] ^ np.uint64((_SECRET[secret + 1] - seed) & _ALL)
    # the product of 128 bits, from four of 64
    low, high = one & _LOW, one >> _HALF
    other_low, other_high = other & _LOW, other >> _HALF
    middle = high * other_low
    cross = (low * other_low >> _HALF) + (middle & _LOW) + low * other_high
    upper = (middle >> _HALF) + (cross >> _HALF) + high * other_high
    mixed: Hashes = np.bitwise_xor(upper, one * other)
    return mixed

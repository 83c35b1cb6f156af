"""RFC 3339 times in UTC as numbers, many at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cskit.slices import Ints

LONGEST: Final = 27  # letters: 2026-07-01T12:00:00.123456Z

_SHORTER: Final = {20: b".000000Z", 24: b"000Z"}  # what a time of so many letters lacks, from its Z on
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2199
_DAY_US: Final = 86_400_000_000
_MARKS: Final = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":", 19: ".", 26: "Z"}
# what a digit at each place adds: to the year, the month, the day, the microseconds of the day
_ADDS: Final = (
    {0: 1000, 1: 100, 2: 10, 3: 1},
    {5: 10, 6: 1},
    {8: 10, 9: 1},
    {11: 36_000_000_000, 12: 3_600_000_000, 14: 600_000_000, 15: 60_000_000, 17: 10_000_000, 18: 1_000_000,
     20: 100_000, 21: 10_000, 22: 1_000, 23: 100, 24: 10, 25: 1},
)  # fmt: skip
_MATRIX: Final = np.array([[adds.get(place, 0) for adds in _ADDS] for place in range(LONGEST)], dtype=np.float64)
_OF_SIXTY: Final = (14, 17)  # the tens of minutes and seconds
# the days from 1970 to the first of each month
_MONTHS: Final[Ints] = np.arange(
    f"{_FIRST_YEAR}-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]"
).astype("datetime64[D]").astype(np.int64)  # fmt: skip


def microseconds(letters: NDArray[np.uint8], lengths: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Times as microseconds since 1970, and which of them were written plainly, in UTC, and exist.

    Each is a row of at least LONGEST bytes, of which the first `lengths` are the time: whole seconds, three digits
    behind them, or six.
    """
    whole, lengths = _lengthened(letters[:, :LONGEST], lengths)
    good: NDArray[np.bool_] = lengths == LONGEST
    for place, mark in _MARKS.items():
        good &= whole[:, place] == ord(mark)
    digits = whole - np.uint8(ord("0"))
    for adds in _ADDS:
        for place in adds:
            good &= digits[:, place] <= (5 if place in _OF_SIXTY else 9)
    good &= digits[:, 11] * np.uint8(10) + digits[:, 12] < 24
    year, month, day, of_day = (digits.astype(np.float64) @ _MATRIX).astype(np.int64).T
    good &= (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    months = np.where(good, (year - _FIRST_YEAR) * 12 + month - 1, 0)
    first = _MONTHS[months]
    good &= (day >= 1) & (day <= _MONTHS[months + 1] - first)
    return (first + day - 1) * _DAY_US + of_day, good


def _lengthened(letters: NDArray[np.uint8], lengths: Ints) -> tuple[NDArray[np.uint8], Ints]:
    """Times of whole seconds or milliseconds as such of microseconds; all others as they are."""
    if (lengths == LONGEST).all():
        return letters, lengths
    letters, lengths = np.array(letters), np.array(lengths)
    for length, lacks in _SHORTER.items():
        rows = np.flatnonzero((lengths == length) & (letters[:, length - 1] == ord("Z")))
        letters[rows, length - 1 :] = np.frombuffer(lacks, dtype=np.uint8)
        lengths[rows] = LONGEST
    return letters, lengths

"""Usage of an account that was counted before it is folded: what its events one by one would count."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from scoring.domain.calendar import Month

NOBODY: Final = -1

# a name of usage, a day (1 to 31), how often, and the two smallest people who did it, as their places among those of
# the month: the same twice if it was one, NOBODY if none is known
Row = tuple[str, int, int, int, int]


class MonthUsage(Struct, frozen=True, gc=False):
    """Usage of a month. ids has 16 bytes of each person who was seen, in rising order; any and core have the days of
    each as bits, as packed.People does. Of a name and day there is one row.
    """

    rows: Sequence[Row]
    ids: bytes
    any: Sequence[int]
    core: Sequence[int]


class AccountUsage(Struct, frozen=True, gc=False):
    """The usage of one account in a piece of a partition.

    ids and offsets are the newest of all `count`, in the order of the log; time and received are those of the newest,
    which is the piece's `last`. first_offset is that of the first.
    """

    months: Sequence[tuple[Month, MonthUsage]]
    ids: Sequence[str]
    offsets: Sequence[int]
    count: int
    first_offset: int
    last: int
    time: datetime
    received: datetime

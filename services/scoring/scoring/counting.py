"""Usage that was read by columns, counted for each account in one go."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cskit.columns import UsageColumns, moment
from cskit.messages import Usage
from cskit.slices import Ints
from csmodels.health import MAX_CAUSE_EVENTS
from scoring.domain.calendar import Month, month_of
from scoring.engine.packed import ID_BYTES
from scoring.engine.usage import NOBODY, AccountUsage, MonthUsage, Row

_DAY_US: Final = 86_400_000_000
_QUARTER_US: Final = 900_000_000  # clocks of zones change at full quarters of an hour
_ORDINAL_1970: Final = 719_163
_SPARSE: Final = 4  # places for each value, beyond which values are sorted instead


def counted(usage: Usage, zone: tzinfo, is_core: Callable[[str], bool]) -> Iterator[tuple[str, AccountUsage]]:
    """The usage of each account, in the order in which the accounts come; there is some."""
    columns = usage.columns
    mine, count = _in_order(columns.accounts.numbers)
    order = np.argsort(mine.astype(np.uint16) if count < 1 << 16 else mine, kind="stable")  # of few bits it is fast
    ends = np.cumsum(np.bincount(mine, minlength=count))
    sizes = np.diff(ends, prepend=0)
    months = _months(columns, local_ordinals(columns.times, zone), mine, count, is_core)
    last = order[ends - 1]
    moments = zip(columns.times[last].tolist(), columns.received[last].tolist(), strict=True)
    firsts = order[ends - sizes]
    newest = order[np.repeat(ends, sizes) - np.arange(len(order)) <= MAX_CAUSE_EVENTS]
    ids = [id_.decode() for id_ in columns.ids.at(newest).present()]
    offsets = usage.offsets[newest].tolist()
    texts = columns.accounts.texts
    accounts = [texts[number] for number in columns.accounts.numbers[last].tolist()]
    first_offsets, lasts = usage.offsets[firsts].tolist(), last.tolist()
    since = 0
    for number, (size, (time, received)) in enumerate(zip(sizes.tolist(), moments, strict=True)):
        until = since + min(size, MAX_CAUSE_EVENTS)
        yield (
            accounts[number],
            AccountUsage(
                months=months[number],
                ids=ids[since:until],
                offsets=offsets[since:until],
                count=size,
                first_offset=first_offsets[number],
                last=lasts[number],
                time=moment(time),
                received=moment(received),
            ),
        )
        since = until


def _months(
    columns: UsageColumns, days: Ints, mine: Ints, count: int, is_core: Callable[[str], bool]
) -> list[list[tuple[Month, MonthUsage]]]:
    """The months of each account, by its place."""
    named, names = _named(columns)
    days, ordinals = _numbered(days)
    dates = [date.fromordinal(ordinal) for ordinal in ordinals.tolist()]
    known = sorted({month_of(day) for day in dates})
    place = {month: number for number, month in enumerate(known)}
    of_day = np.array([place[month_of(day)] for day in dates], dtype=np.int64)
    in_month = np.array([day.day for day in dates], dtype=np.int64)
    group = mine * len(known) + of_day[days]  # a month of an account
    places, told = _numbered((group * len(names) + named) * len(dates) + days)
    crowd = _Crowd(columns, group, places, in_month[days], np.array(list(map(is_core, names)), dtype=np.bool_)[named])
    one, other = crowd.two_of(len(told))
    rows: list[Row] = list(
        zip(
            map(names.__getitem__, (told // len(dates) % len(names)).tolist()),
            in_month[told % len(dates)].tolist(),
            _sums(places, columns.counts).tolist(),
            one.tolist(),
            other.tolist(),
            strict=True,
        )
    )
    groups = told // (len(dates) * len(names))
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    found: list[list[tuple[Month, MonthUsage]]] = [[] for _ in range(count)]
    for number, (start, end) in zip(groups[starts].tolist(), pairwise([*starts.tolist(), len(rows)]), strict=True):
        to, month = divmod(number, len(known))
        found[to].append((known[month], crowd.month(number, rows[start:end])))
    return found


class _Crowd:
    """Who was seen in each month of an account: once each, by month and then by id."""

    def __init__(
        self, columns: UsageColumns, group: Ints, places: Ints, in_month: Ints, core: NDArray[np.bool_]
    ) -> None:
        rows = np.flatnonzero(columns.persons.numbers)
        persons, ids = _ranked(columns, rows)
        pair, distinct = _numbered(group[rows] * max(1, len(ids)) + persons)
        groups, who = np.divmod(distinct, max(1, len(ids)))
        order = np.argsort(pair, kind="stable")
        starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
        bits = 1 << (in_month[rows] - 1)
        self._any = np.bitwise_or.reduceat(bits[order], starts).tolist() if len(rows) else []
        self._core = np.bitwise_or.reduceat(np.where(core[rows], bits, 0)[order], starts).tolist() if len(rows) else []
        self._ids = ids[who].tobytes()
        begins = np.searchsorted(groups, np.arange(int(group.max()) + 2))
        self._begins = begins.tolist()
        self._most = int(np.diff(begins).max())
        self._used = places[rows] * self._most + pair - begins[group[rows]]  # where, and who of the month's

    def two_of(self, count: int) -> tuple[Ints, Ints]:
        """For each of so many places the two smallest people of its month: twice the same, or NOBODY."""
        one, other = np.full(count, NOBODY, dtype=np.int64), np.full(count, NOBODY, dtype=np.int64)
        if len(self._used):
            place, person = np.divmod(_distinct(self._used), self._most)
            starts = np.flatnonzero(np.diff(place, prepend=-1))
            seconds = np.minimum(starts + 1, len(place) - 1)
            one[place[starts]] = person[starts]
            other[place[starts]] = np.where(place[seconds] == place[starts], person[seconds], person[starts])
        return one, other

    def month(self, group: int, rows: Sequence[Row]) -> MonthUsage:
        """A month of an account with these rows."""
        start, end = self._begins[group], self._begins[group + 1]
        return MonthUsage(
            rows, self._ids[ID_BYTES * start : ID_BYTES * end], self._any[start:end], self._core[start:end]
        )


def _named(columns: UsageColumns) -> tuple[Ints, list[str]]:
    """Which of the names each has, and these."""
    numbers, distinct = _numbered(columns.names.numbers)
    return numbers, [columns.names.texts[number] for number in distinct.tolist()]


def _ranked(columns: UsageColumns, rows: Ints) -> tuple[Ints, NDArray[np.void]]:
    """Which of the persons is that of each row, and the ids of these in rising order, as 16 bytes each."""
    numbers, distinct = _numbered(columns.persons.numbers[rows])
    texts = columns.persons.texts
    digits = "".join([texts[number] for number in distinct.tolist()]).replace("-", "")
    ids = np.frombuffer(bytes.fromhex(digits), dtype=f"V{ID_BYTES}")
    halves = ids.view(">u8").reshape(-1, 2)
    rising = np.lexsort((halves[:, 1], halves[:, 0]))
    rank = np.empty(len(rising), dtype=np.int64)
    rank[rising] = np.arange(len(rising))
    return rank[numbers], ids[rising]


def _distinct(values: Ints) -> Ints:
    """The distinct values, of which there are some, ascending: np.unique takes ten times as long."""
    ascending = np.sort(values)
    return ascending[np.diff(ascending, prepend=ascending[0] - 1) > 0]


def _sums(places: Ints, values: Ints) -> Ints:
    """The sum of the values of each place."""
    # as two halves, since sums of floats are exact up to 2**53 only
    high, low = (np.bincount(places, weights=part) for part in (values >> 16, values & 0xFFFF))
    sums: Ints = (high.astype(np.int64) << 16) + low.astype(np.int64)
    return sums


def local_ordinals(times: Ints, zone: tzinfo) -> Ints:
    """The ordinals of the zone's days in which moments lie, given as microseconds since 1970."""
    numbers, quarters = _numbered(times // _QUARTER_US)
    offsets = np.array([_offset_us(quarter, zone) for quarter in quarters.tolist()], dtype=np.int64)
    return (times + offsets[numbers]) // _DAY_US + _ORDINAL_1970


@lru_cache(maxsize=4096)
def _offset_us(quarter: int, zone: tzinfo) -> int:
    """How far the zone is ahead of UTC in a quarter of an hour, in microseconds."""
    ahead = moment(quarter * _QUARTER_US).astimezone(zone).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds() * 1_000_000)


def _in_order(numbers: Ints) -> tuple[Ints, int]:
    """Which of the numbers each is, in the order in which they come, and how many there are."""
    numbers, distinct = _numbered(numbers)
    first = np.empty(len(distinct), dtype=np.int64)
    # backwards, since of those that are written to a place the last one stays
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    place = np.empty(len(distinct), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(distinct))
    return place[numbers], len(distinct)


def _numbered(values: Ints) -> tuple[Ints, Ints]:
    """Which of the distinct values each is, and these, ascending. Where they lie close it needs no sorting."""
    if not len(values):
        return values, values
    since = values - values.min()
    span = int(since.max()) + 1
    if span > _SPARSE * len(values):
        distinct, numbers = np.unique(values, return_inverse=True)
        return numbers, distinct
    present = np.flatnonzero(np.bincount(since))
    place = np.empty(span, dtype=np.int64)
    place[present] = np.arange(len(present))
    return place[since], present + values.min()

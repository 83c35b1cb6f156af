"""Usage that was read by columns, counted for each account in one go."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from cskit.columns import UsageColumns, moment
from cskit.messages import Usage
from cskit.slices import Ints
from csmodels.health import MAX_CAUSE_EVENTS
from scoring.engine.usage import AccountUsage, Counted, Seen

_DAY_US: Final = 86_400_000_000
_QUARTER_US: Final = 900_000_000  # clocks of zones change at full quarters of an hour
_ORDINAL_1970: Final = 719_163
_PLACES: Final = 20  # bits: of the table of who was seen
_SPREAD: Final = 0x1E3779B97F4A7C15  # odd: what is multiplied by it differs in its upper bits

# Who did what when as one number: account, person, name, and the day counted from a first one.
_PERSON, _NAME, _DAY = 21, 12, 9  # bits; of accounts there are as many as of persons
_SPARSE: Final = 4  # places for each value, beyond which values are sorted instead
_BEFORE: Final = 400  # days before the first batch that may come yet


class UsageCounter:
    """Counts usage by account. It remembers who was seen with which name on which day, and seldom tells that again: of
    two that share a place of its table, the last one stays.

    So whoever folds what it tells must `forget` where that was not committed, and where facts are no longer what they
    were: an account is erased, another scorecard has other key features.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nobody was seen."""
        self._seen: Ints = np.full(1 << _PLACES, -1, dtype=np.int64)
        self._first_day = 0
        self._numbered_by: Sequence[Sequence[str]] = ()

    def counted(self, usage: Usage, zone: tzinfo) -> Iterator[tuple[str, AccountUsage]]:
        """The usage of each account, in the order in which the accounts come; there is some."""
        columns = usage.columns
        days = local_ordinals(columns.times, zone)
        mine, count = _in_order(columns.accounts.numbers)
        order = np.argsort(mine.astype(np.uint16) if count < 1 << 16 else mine, kind="stable")  # of few bits it is fast
        ends = np.cumsum(np.bincount(mine, minlength=count))
        counts = _counts(columns, mine, days, count)
        people = self._unseen(columns, days, mine, count)
        last = order[ends - 1]
        newest = zip(columns.times[last].tolist(), columns.received[last].tolist(), strict=True)
        offsets, rows = usage.offsets[order].tolist(), order.tolist()
        for number, (start, end) in enumerate(pairwise([0, *ends.tolist()])):
            time, received = next(newest)
            since = max(start, end - MAX_CAUSE_EVENTS)
            yield (
                columns.accounts.text(rows[start]),
                AccountUsage(
                    counts=counts[number],
                    people=people[number],
                    ids=[columns.id(row) for row in rows[since:end]],
                    offsets=offsets[since:end],
                    count=end - start,
                    first_offset=offsets[start],
                    last=rows[end - 1],
                    time=moment(time),
                    received=moment(received),
                ),
            )

    def _unseen(self, columns: UsageColumns, days: Ints, mine: Ints, count: int) -> list[list[Seen]]:
        """Who was seen with which name on which day and was not before, by the places of accounts."""
        accounts, names, persons = columns.accounts, columns.names, columns.persons
        numbered_by = (accounts.texts, names.texts, persons.texts)
        if any(one is not other for one, other in zip(numbered_by, self._numbered_by, strict=False)):
            self.forget()
        if not self._numbered_by:
            self._numbered_by, self._first_day = numbered_by, int(days.min()) - _BEFORE
        since = days - self._first_day
        rows = np.flatnonzero(persons.numbers)
        if (
            max(len(accounts.texts), len(persons.texts)) < 1 << _PERSON
            and len(names.texts) < 1 << _NAME
            and int(since.min()) >= 0
            and int(since.max()) < 1 << _DAY
        ):
            who = (((accounts.numbers << _PERSON | persons.numbers) << _NAME | names.numbers) << _DAY | since)[rows]
            places = ((who * _SPREAD) >> (64 - _PLACES)) & ((1 << _PLACES) - 1)
            new = self._seen[places] != who
            rows, who = rows[new], who[new]
            self._seen[places[new]] = who
            rows = rows[np.unique(who, return_index=True)[1]]
        else:
            self.forget()
        found: list[list[Seen]] = [[] for _ in range(count)]
        for row, to, day in zip(rows.tolist(), mine[rows].tolist(), days[rows].tolist(), strict=True):
            found[to].append((day, names.text(row), persons.text(row)))
        return found


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
    since = values - values.min()
    span = int(since.max()) + 1
    if span > _SPARSE * len(values):
        distinct, numbers = np.unique(values, return_inverse=True)
        return numbers, distinct
    present = np.flatnonzero(np.bincount(since))
    place = np.empty(span, dtype=np.int64)
    place[present] = np.arange(len(present))
    return place[since], present + values.min()


def _counts(columns: UsageColumns, mine: Ints, days: Ints, count: int) -> list[list[Counted]]:
    """How often each name a day, by the places of accounts."""
    since, names = days - days.min(), columns.names
    key = (mine * (int(since.max()) + 1) + since) * len(names.texts) + names.numbers
    key, told = _numbered(key)
    rows = np.empty(len(told), dtype=np.int64)
    rows[key] = np.arange(len(key))
    # as two halves, since sums of floats are exact up to 2**53 only
    high, low = (np.bincount(key, weights=part) for part in (columns.counts >> 16, columns.counts & 0xFFFF))
    sums = (high.astype(np.int64) << 16) + low.astype(np.int64)
    found: list[list[Counted]] = [[] for _ in range(count)]
    for row, to, day, often in zip(rows.tolist(), mine[rows].tolist(), days[rows].tolist(), sums.tolist(), strict=True):
        found[to].append((day, names.text(row), often))
    return found

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
_REMEMBERED: Final = 1_000_000

# Who did what when as one number: account, person, name, and the day counted from a first one.
_PERSON, _NAME, _DAY = 21, 12, 9  # bits; of accounts there are as many as of persons
_BEFORE: Final = 400  # days before the first batch that may come yet


class UsageCounter:
    """Counts usage by account. It remembers who was seen with which name on which day, and tells that once.

    So whoever folds what it tells must `forget` where that was not committed, and where facts are no longer what they
    were: an account is erased, another scorecard has other key features.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nobody was seen."""
        self._seen: Ints = np.empty(0, dtype=np.int64)
        self._first_day = 0
        self._numbered_by: Sequence[Sequence[str]] = ()

    def counted(self, usage: Usage, zone: tzinfo) -> Iterator[tuple[str, AccountUsage]]:
        """The usage of each account, in the order in which the accounts come; there is some."""
        columns = usage.columns
        days = local_ordinals(columns.times, zone)
        _, first, inverse = np.unique(columns.accounts.numbers, return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)  # of an account among those that come
        place[np.argsort(first)] = np.arange(len(first))
        mine = place[inverse]
        order = np.argsort(mine, kind="stable")
        ends = np.cumsum(np.bincount(mine, minlength=len(first)))
        counts = _counts(columns, mine, days)
        people = self._unseen(columns, days, mine)
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

    def _unseen(self, columns: UsageColumns, days: Ints, mine: Ints) -> list[list[Seen]]:
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
            who = ((accounts.numbers << _PERSON | persons.numbers) << _NAME | names.numbers) << _DAY | since
            who, chosen = np.unique(who[rows], return_index=True)
            if len(self._seen):
                new = self._seen.take(self._seen.searchsorted(who), mode="clip") != who
                who, chosen = who[new], chosen[new]
            rows = rows[chosen]
            if len(who):
                self._seen = np.sort(np.concatenate([self._seen, who]), kind="stable")
            if len(self._seen) > _REMEMBERED:
                self.forget()
        else:
            self.forget()
        found: list[list[Seen]] = [[] for _ in range(int(mine.max()) + 1)]
        for row, to, day in zip(rows.tolist(), mine[rows].tolist(), days[rows].tolist(), strict=True):
            found[to].append((day, names.text(row), persons.text(row)))
        return found


def local_ordinals(times: Ints, zone: tzinfo) -> Ints:
    """The ordinals of the zone's days in which moments lie, given as microseconds since 1970."""
    quarters, inverse = np.unique(times // _QUARTER_US, return_inverse=True)
    offsets = np.array([_offset_us(quarter, zone) for quarter in quarters.tolist()], dtype=np.int64)
    return (times + offsets[inverse]) // _DAY_US + _ORDINAL_1970


@lru_cache(maxsize=4096)
def _offset_us(quarter: int, zone: tzinfo) -> int:
    """How far the zone is ahead of UTC in a quarter of an hour, in microseconds."""
    ahead = moment(quarter * _QUARTER_US).astimezone(zone).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds() * 1_000_000)


def _counts(columns: UsageColumns, mine: Ints, days: Ints) -> list[list[Counted]]:
    """How often each name a day, by the places of accounts."""
    since, names = days - days.min(), columns.names
    key = (mine * (int(since.max()) + 1) + since) * len(names.texts) + names.numbers
    _, rows, inverse = np.unique(key, return_index=True, return_inverse=True)
    # as two halves, since sums of floats are exact up to 2**53 only
    high, low = (np.bincount(inverse, weights=part) for part in (columns.counts >> 16, columns.counts & 0xFFFF))
    sums = (high.astype(np.int64) << 16) + low.astype(np.int64)
    found: list[list[Counted]] = [[] for _ in range(int(mine.max()) + 1)]
    for row, to, day, count in zip(rows.tolist(), mine[rows].tolist(), days[rows].tolist(), sums.tolist(), strict=True):
        found[to].append((day, names.text(row), count))
    return found

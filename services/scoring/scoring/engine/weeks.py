"""Weeks of usage: whole ones, from Monday to Sunday in the portfolio's zone."""

from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from scoring.domain.calendar import Month, local_day, month_of
from scoring.domain.watch import TERMS, Decline, WatchTerms, decline
from scoring.engine.facts import Facts
from scoring.engine.feeds import Stopped
from scoring.engine.kept import kept
from scoring.engine.moment import NONE_STOPPED
from scoring.engine.still import seen

_WEEK: Final = 7
_Slices = tuple[tuple[Month, int, int], ...]  # days first <= day - 1 < end of a month


def weekly_counts(facts: Facts, day: date, weeks: int) -> list[int]:
    """The core actions of the last whole weeks before the one of `day`, the oldest first.

    Fewer if the account's first core action is younger. The sixteen of the usual terms lie within the months that a
    score needs (see months_needed). Raises MonthNotLoaded.
    """
    first = facts.slow.first_core
    if first is None:
        return []
    counts = []
    for begin, parts in _weeks_before(day, weeks):
        if first <= begin:
            count = 0
            for month, start, end in parts:
                count += sum(facts.month(month).core[start:end])
            counts.append(count)
    return counts


def usage_decline(
    facts: Facts, at: datetime, zone: tzinfo, stopped: Stopped = NONE_STOPPED, terms: WatchTerms = TERMS
) -> Decline | None:
    """What the weeks before a moment tell, or before the moment in which the usage feed stopped; None: nothing."""
    usage_at = seen("usage", at, stopped)
    day = local_day(usage_at, zone)
    mine = kept(facts.slow)
    told_by = day, terms, _days_before(facts, day, terms.weeks)
    if mine.decline is None or mine.decline[0] != told_by:
        mine.decline = told_by, decline(weekly_counts(facts, day, terms.weeks), terms)
    return mine.decline[1]


def _days_before(facts: Facts, day: date, weeks: int) -> list[tuple[int, ...] | None]:
    """The core actions of all days before the week of a day, as far as they are loaded."""
    months, end = _months_before(day, weeks)
    counts = [found.core if (found := facts.months.get(month)) else None for month in months]
    if counts and (newest := counts[-1]) is not None:
        counts[-1] = newest[:end]
    return counts


@lru_cache(maxsize=64)
def _months_before(day: date, weeks: int) -> tuple[tuple[Month, ...], int]:
    """The months of the weeks before the one of a day, and where they end in the last of these."""
    slices = [each for _, parts in _weeks_before(day, weeks) for each in parts]
    return tuple(dict.fromkeys(month for month, _, _ in slices)), slices[-1][2] if slices else 0


@lru_cache(maxsize=64)  # a batch asks the same for each of its accounts
def _weeks_before(day: date, weeks: int) -> tuple[tuple[date, _Slices], ...]:
    ordinal = day.toordinal() - day.weekday() - weeks * _WEEK
    if ordinal < 1:
        return ()
    monday = date.fromordinal(ordinal)
    return tuple((begin, _slices(begin)) for begin in (monday + timedelta(days=_WEEK * n) for n in range(weeks)))


def _slices(begin: date) -> _Slices:
    end = begin + timedelta(days=_WEEK - 1)
    if begin.month == end.month:
        return ((month_of(begin), begin.day - 1, end.day),)
    return (month_of(begin), begin.day - 1, 31), (month_of(end), 0, end.day)

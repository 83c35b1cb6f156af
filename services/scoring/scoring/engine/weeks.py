"""Weeks of usage: whole ones, from Monday to Sunday in the portfolio's zone."""

from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from scoring.domain.calendar import Month, local_day, month_of
from scoring.domain.watch import TERMS, Decline, WatchTerms, decline
from scoring.engine.facts import Facts
from scoring.engine.feeds import Stopped
from scoring.engine.moment import NONE_STOPPED, seen

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
    return decline(weekly_counts(facts, local_day(seen("usage", at, stopped), zone), terms.weeks), terms)


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

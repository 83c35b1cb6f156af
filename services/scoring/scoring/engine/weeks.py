"""Weeks of usage: whole ones, from Monday to Sunday in the portfolio's zone."""

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Final

from scoring.domain.calendar import Month, day_of, window_masks
from scoring.domain.watch import TERMS, Decline, WatchTerms, decline
from scoring.engine.facts import Facts
from scoring.engine.feeds import Stopped
from scoring.engine.kept import kept
from scoring.engine.moment import NONE_STOPPED
from scoring.engine.past import ends_of
from scoring.engine.still import seen

_WEEK: Final = 7


def weekly_counts(facts: Facts, day: date, weeks: int) -> list[int]:
    """The core actions of the last whole weeks before the one of `day`, the oldest first.

    Fewer if the account's first core action is younger. The sixteen of the usual terms lie within the months that a
    score needs (see months_needed). Raises MonthNotLoaded.
    """
    first = facts.slow.first_core
    if first is None:
        return []
    young = first.toordinal() - (day.toordinal() - day.weekday() - weeks * _WEEK)
    if young > 0:
        weeks -= -(-young // _WEEK)
    counts: list[int] = []
    for month, start, end in _days_before(day, weeks):
        counts += facts.month(month).core[start:end]
    return [sum(counts[begin : begin + _WEEK]) for begin in range(0, len(counts), _WEEK)]


def usage_decline(
    facts: Facts, at: datetime, zone: tzinfo, stopped: Stopped = NONE_STOPPED, terms: WatchTerms = TERMS
) -> Decline | None:
    """What the weeks before a moment tell, or before the moment in which the usage feed stopped; None: nothing."""
    usage_at = seen("usage", at, stopped)
    day = day_of(usage_at, zone)
    mine = kept(facts.slow)
    told_by = day, terms, _counts_before(facts, day, terms.weeks)
    if mine.decline is None or mine.decline[0] != told_by:
        mine.decline = told_by, decline(weekly_counts(facts, day, terms.weeks), terms)
    return mine.decline[1]


def _counts_before(facts: Facts, day: date, weeks: int) -> list[tuple[int, ...] | None]:
    """The core actions of all days before the week of a day, as far as they are loaded; of the first month all."""
    days = _days_before(day, weeks)
    counts = [found.core if (found := facts.months.get(month)) else None for month, _, _ in days]
    if counts and (newest := counts[-1]) is not None:
        counts[-1] = newest[: days[-1][2]]
    return counts


@lru_cache(maxsize=64)  # a batch asks the same for each of its accounts
def _days_before(day: date, weeks: int) -> tuple[tuple[Month, int, int], ...]:
    """The days of the whole weeks before the one of a day, by month: first <= day - 1 < end."""
    monday = day.toordinal() - day.weekday()
    if weeks <= 0 or monday - weeks * _WEEK < 1:
        return ()
    masks = window_masks(date.fromordinal(monday - 1), weeks * _WEEK)
    return tuple((month, *ends_of(mask)) for month, mask in sorted(masks.items()))

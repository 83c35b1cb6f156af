"""Whether a family of events is a dead feed, from the hours in which any of it came in.

The rule is scorecard.md's: no event for the longer of six hours and five times the family's usual gap, not counting
hours in which it is usually empty. Nights, weekends and quiet families are so no alarm.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from ingest.domain.hours import HOUR, full_hour

WEEK: Final = timedelta(weeks=1)
LOOK_BACK: Final = 4 * WEEK
ENOUGH: Final = 2 * WEEK  # of history: before, nobody can say what is usual
LEAST_SILENCE: Final = 6  # hours
GAPS: Final = 5  # so many usual gaps
USUAL: Final = 0.9  # the quantile of the gaps that is the usual one, as for an account's silence


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a family has been silent and how long it may be, in hours that are not usually empty; since when."""

    hours: int
    allowed: int
    since: datetime

    @property
    def is_dead(self) -> bool:
        """Whether the silence is beyond what the family's own rhythm explains."""
        return self.hours >= self.allowed


def silence(seen: Collection[datetime], now: datetime) -> Silence | None:
    """The silence of a family, of which events came in during the full hours `seen`; None if it is too new to tell.

    `now` is the moment up to which `seen` is complete. Only hours that are over by then count as silent. since is the
    end of the last hour with an event: no event is later. Hours before `now` - LOOK_BACK say nothing.
    """
    end = full_hour(now)
    busy = sorted({hour for hour in seen if hour >= now - LOOK_BACK})
    if not busy or end - busy[0] < ENOUGH:
        return None
    counted = _not_usually_empty(busy)
    last = busy[-1]
    steps = [_count(counted, earlier + HOUR, later + HOUR) for earlier, later in pairwise(busy)]
    allowed = max(LEAST_SILENCE, GAPS * _usual(steps))
    return Silence(_count(counted, last + HOUR, end), allowed, last + HOUR)


def _not_usually_empty(busy: Sequence[datetime]) -> frozenset[int]:
    """The hours of the week with events in at least half of the weeks of the family's life up to its last event."""
    first, last = busy[0], busy[-1]
    seen = Counter(map(_hour_of_week, busy))
    there_were = Counter(_hour_of_week(hour) for hour in _hours(first, last + HOUR))
    return frozenset(slot for slot, weeks in seen.items() if 2 * weeks >= there_were[slot])


def _usual(steps: Iterable[int]) -> int:
    """The usual gap; an hour at least."""
    found = sorted(steps)
    return max(1, found[min(int(USUAL * len(found)), len(found) - 1)]) if found else 1


def _count(counted: frozenset[int], first: datetime, end: datetime) -> int:
    """The hours from `first`, included, to `end`, excluded, that count."""
    whole, rest = divmod(max(0, (end - first) // HOUR), 168)
    return whole * len(counted) + sum(_hour_of_week(first + n * HOUR) in counted for n in range(rest))


def _hours(first: datetime, end: datetime) -> Iterable[datetime]:
    return (first + n * HOUR for n in range((end - first) // HOUR))


def _hour_of_week(hour: datetime) -> int:
    return hour.weekday() * 24 + hour.hour

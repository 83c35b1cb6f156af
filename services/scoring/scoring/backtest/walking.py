"""An account's past, event by event, to its scores at the moments of a grid."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final, Literal

from csmodels.catalogue import CustomerEvent
from csmodels.internal import AccountErased
from scoring.backtest.grid import closing_of
from scoring.domain.calendar import local_day, month_of, window_masks
from scoring.domain.score import Score
from scoring.domain.scorecard import Scorecard
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.features import NONE_STOPPED, assess, months_needed
from scoring.engine.feeds import Stopped
from scoring.engine.fold import fold_all, months_touched

View = Literal["as_known", "corrected"]
VOLUME_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Moment:
    """The end of a day, and the feeds that were stopped then."""

    day: date
    at: datetime
    stopped: Stopped

    @classmethod
    def ending(cls, day: date, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> "Moment":
        """The end of that day."""
        return cls(day, closing_of(day, zone), stopped)


@dataclass(frozen=True, slots=True)
class Look:
    """An account at a moment: its facts as the view has them, its score, and the day since which it is known."""

    moment: Moment
    facts: Facts
    score: Score
    since: date


def living(events: Sequence[CustomerEvent]) -> Sequence[CustomerEvent]:
    """The events after the last erasure of the account: what was before is not looked at any more."""
    erased = max((n for n, event in enumerate(events) if isinstance(event, AccountErased)), default=-1)
    return events[erased + 1 :]


def looks(
    account: str,
    events: Sequence[CustomerEvent],
    moments: Sequence[Moment],
    card: Scorecard,
    zone: tzinfo,
    view: View,
) -> Iterator[Look]:
    """The account at each of the rising moments at which anything is known of it.

    events are in the log's order, none is there twice and none erases the account. as_known: at a moment the events
    that had been received by then are folded, in the order in which they were; corrected: all events, and a moment sees
    those that had happened by then.
    """
    if view == "corrected":
        yield from _corrected(account, events, moments, card, zone)
        return
    facts = _empty(account, events, moments, zone)
    # ingest stamps before it appends: of two replicas the later stamp may come first
    waiting = sorted(events, key=lambda event: event.receivedtime)
    place, since = 0, date.max
    for moment in moments:
        first = place
        while place < len(waiting) and waiting[place].receivedtime <= moment.at:
            since = min(since, local_day(waiting[place].time, zone))
            place += 1
        facts = fold_all(facts, waiting[first:place], card, zone).facts
        if place:
            yield Look(moment, facts, assess(facts, moment.at, card, zone, moment.stopped), since)


def recency(facts: Facts, day: date) -> float:
    """Days since the last usage event of any name, by the end of the day; infinite if there is none."""
    last = month_of(day)
    for month in sorted(facts.months, reverse=True):
        if month > last:
            continue
        counts = facts.months[month].events
        for number in range(day.day if month == last else 31, 0, -1):
            if counts[number - 1]:
                return float((day - date(int(month[:4]), int(month[5:]), number)).days)
    return math.inf


def volume(facts: Facts, day: date) -> float:
    """Usage events of any name in the 28 days that end with the day."""
    total = 0
    for month, mask in window_masks(day, VOLUME_DAYS).items():
        counts = facts.months[month].events if month in facts.months else ()
        total += sum(count for number, count in enumerate(counts) if mask >> number & 1)
    return float(total)


def _corrected(
    account: str, events: Sequence[CustomerEvent], moments: Sequence[Moment], card: Scorecard, zone: tzinfo
) -> Iterator[Look]:
    if not events:
        return
    facts = fold_all(_empty(account, events, moments, zone), events, card, zone).facts
    since = min(local_day(event.time, zone) for event in events)
    for moment in moments:
        if since <= moment.day:
            yield Look(moment, facts, assess(facts, moment.at, card, zone, moment.stopped), since)


def _empty(account: str, events: Sequence[CustomerEvent], moments: Sequence[Moment], zone: tzinfo) -> Facts:
    """No facts, with every month loaded that folding and asking will need."""
    months = {month for event in events for month in months_touched(event, zone)}
    for moment in moments:
        months |= months_needed(moment.at, zone, moment.stopped)
    return Facts(account).loaded({month: MonthFacts() for month in months})

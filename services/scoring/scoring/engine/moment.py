"""What measures share of an account at a moment: read once, asked by many."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import reduce
from itertools import compress
from operator import or_
from types import MappingProxyType
from typing import Final

from csmodels.fields import Family
from scoring.domain.calendar import ONE_DAY, business_days_between, local_day, months_back, window_masks
from scoring.domain.lazily import lazy
from scoring.domain.scorecard import Scorecard
from scoring.domain.terms import TouchClass
from scoring.engine.contracts import Contract
from scoring.engine.facts import LONGEST_USAGE, Facts, MonthFacts
from scoring.engine.feeds import Stopped
from scoring.engine.packed import People, bits
from scoring.engine.past import MONTHS_AT_HAND, Past, ends_of, first_ordinal
from scoring.engine.people import core_days, count_people
from scoring.engine.register import Register, read
from scoring.engine.sponsors import Sponsors
from scoring.engine.stages import midnight
from scoring.engine.still import seen, still_at
from scoring.engine.tickets import OpenTicket, aged

__all__ = ["LONGEST_USAGE", "MONTHS_AT_HAND", "NONE_STOPPED", "Moment", "passing", "until_turn"]

NONE_STOPPED: Final[Mapping[Family, datetime]] = MappingProxyType({})


class Moment:
    """An account's facts at a moment. Usage, tickets and billing are as of when their feed stopped, if it did.

    So are the seats, the plan and the contacts that usage and tickets are measured by. day is that of usage in the
    zone, `at` standing for all of it. seats are those of `at`, None if they are not known. with_people: a known
    person's usage was seen; connected: any usage was.
    """

    def __init__(
        self, facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED
    ) -> None:
        slow = facts.slow
        self.facts, self.slow, self.at, self.card, self.zone = facts, slow, at, card, zone
        self.still = still = still_at(slow, at, card, zone, stopped)
        self.usage_at = self.tickets_at = self.billing_at = at
        self.day = self.today = still.lull.today
        if stopped:
            self.usage_at, self.tickets_at = seen("usage", at, stopped), seen("tickets", at, stopped)
            self.billing_at = seen("billing", at, stopped)
            self.day = local_day(self.usage_at, zone)
        self.months = months_back(self.day, MONTHS_AT_HAND)
        self.same = still.lull.same
        self.with_people = slow.first_person is not None and slow.first_person <= self.day
        self.connected = slow.first_usage is not None and slow.first_usage <= self.day
        self._core_days: dict[int, list[int]] = {}

    @lazy
    def past(self) -> Past:
        """The months before the day's."""
        return self.still.past(self.facts, self.day)

    @property
    def running(self) -> list[Contract]:
        """The living contracts, as they are told."""
        return self.still.lull.running

    @property
    def living(self) -> list[Register]:
        """The living contracts."""
        return self.still.lull.living

    @property
    def seats(self) -> int | None:
        """The seats, if they are known."""
        return self.still.lull.seats

    @lazy
    def known(self) -> int:
        """How many people were seen in known_days."""
        return self.seen(self.card.known_days)

    @property
    def size(self) -> int:
        """The seats as of usage, else how many people are known."""
        return self.still.of_usage.seats or self.known

    @property
    def size_of_tickets(self) -> int:
        """The seats as of tickets, else how many people are known: usage may go on where the other feed stopped."""
        return self.still.of_tickets.seats or self.known

    def seen(self, window: int) -> int:
        """How many people were seen in a window."""
        if self.same:
            return count_people(self.facts, window_masks(self.day, window), self.same, core=False)
        return len(self._days(window, core=False))

    def text(self, field: str, at: datetime) -> str | None:
        """A field of the account."""
        value = read(self.slow.account, field, at)
        return value if isinstance(value, str) else None

    @property
    def touch_class(self) -> TouchClass:
        """The account's touch class."""
        return self.still.touch_class

    @property
    def sponsors(self) -> Sponsors:
        """The sponsors."""
        return self.still.lull.sponsors

    @lazy
    def newest(self) -> MonthFacts:
        """The month of the day."""
        return self.facts.month(self.months[-1])

    @lazy
    def people(self) -> People:
        """The people of the day's month."""
        return People.of(self.newest.people)

    @lazy
    def core_bits(self) -> tuple[int, ...]:
        """The days with core actions of each of these people."""
        return bits(self.people.core)

    def mask(self, days: int, skip: int = 0) -> int:
        """What of a window lies in the day's month."""
        return window_masks(self.day, days, skip).get(self.months[-1], 0)

    def core_days(self, window: int) -> list[int]:
        """For each person with a core action in the window on how many of its days."""
        if window not in self._core_days:
            self._core_days[window] = self._days(window, core=True)
        return self._core_days[window]

    def _days(self, window: int, *, core: bool) -> list[int]:
        if self.same:
            return core_days(self.facts, window_masks(self.day, window), self.same)
        mask = self.mask(window)
        here = self.core_bits if core else bits(self.people.any)
        if window <= self.day.day:
            return [days for each in here if (days := (each & mask).bit_count())]
        before, others = self.past.days_before(self.facts, window, self.people, core=core)
        found = [(each & mask).bit_count() + earlier for each, earlier in zip(here, before, strict=True)]
        return [*filter(None, found), *others]

    def core_actions(self, days: int, skip: int = 0) -> int:
        """Core actions of the `days` days that end `skip` days before the day."""
        start, end = ends_of(self.mask(days, skip))
        return self.past.core_actions(self.facts, days, skip) + sum(self.newest.core[start:end])

    def core_ordinals(self, window: int) -> list[int]:
        """The days of the day's month with core actions of anybody in a window, rising, as ordinals."""
        here, first = self._ordinals, self.day.toordinal() - window + 1
        return here if window >= self.day.day else here[bisect_left(here, first) :]

    @lazy
    def _ordinals(self) -> list[int]:
        end, begin = self.day.day, first_ordinal(self.months[-1])
        return list(compress(range(begin, begin + end), self.newest.core[:end]))

    @lazy
    def last_core(self) -> int | None:
        """The last day with core actions of anybody in the last 120, as an ordinal."""
        days = self._ordinals
        return days[-1] if days else self.past.gaps(self.facts, LONGEST_USAGE).last

    @lazy
    def usage_as_of(self) -> datetime | None:
        """The end of the last day with a core action, as far as it has come."""
        last = self.last_core
        if last is None:
            return None
        if last == self.day.toordinal():
            return self.usage_at
        return min(self.usage_at, midnight(date.fromordinal(last) + ONE_DAY, self.zone))

    @lazy
    def open_tickets(self) -> list[OpenTicket]:
        """The open tickets."""
        return aged(self.still.opened, self.tickets_at)

    def idle_business_days(self) -> int:
        """Whole business days since a person was last active, or was first seen if none ever was."""
        if not self.with_people:
            return 0
        here = reduce(or_, self.core_bits, 0) & self.mask(LONGEST_USAGE)
        if here:
            last: int | None = first_ordinal(self.months[-1]) + here.bit_length() - 1
        else:
            last = self.past.last_active(self.facts)
        if last is not None:
            return business_days_between(date.fromordinal(last) + ONE_DAY, self.day)
        first = self.slow.first_person or self.day
        return business_days_between(max(first, date.fromordinal(first_ordinal(self.months[0]))), self.day)


def until_turn(now: Moment, terms: object) -> datetime:
    """When slow facts tell something else."""
    return now.still.until


def passing(now: Moment, times: Iterable[datetime], days: float) -> datetime:
    """When the first of these moments lies `days` days back, or slow facts tell something else."""
    window = timedelta(days=days)
    before, until = now.at - window, now.still.until
    following = min([time for time in times if time > before], default=None)
    return until if following is None else min(following + window, until)

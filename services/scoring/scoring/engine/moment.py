"""What measures share of an account at a moment: read once, asked by many."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from itertools import compress
from types import MappingProxyType
from typing import Final

from csmodels.fields import Family
from scoring.domain.calendar import ONE_DAY, Month, business_days_between, local_day, months_back, window_masks
from scoring.domain.scorecard import Scorecard
from scoring.domain.terms import TouchClass
from scoring.engine import contracts
from scoring.engine.facts import FIRST_DESCRIBED, Facts
from scoring.engine.feeds import Stopped
from scoring.engine.people import active_days, core_days, count_people, roots
from scoring.engine.register import WITHOUT_HISTORY, Value, newest, read
from scoring.engine.sponsors import Sponsors, sponsors
from scoring.engine.tickets import OpenTicket, open_tickets

NONE_STOPPED: Final[Mapping[Family, datetime]] = MappingProxyType({})
MONTHS_AT_HAND: Final = 5  # the newest; they cover 120 days, the longest window of usage
LONGEST_USAGE: Final = 120  # days


def seen(family: Family, at: datetime, stopped: Stopped) -> datetime:
    """The moment as which a family's measures are computed."""
    return min(at, stopped.get(family, at))


class Moment:
    """An account's facts at a moment. Usage, tickets and billing are as of when their feed stopped, if it did.

    day is that of usage in the zone, `at` standing for all of it. seats are None if they are not known; size is then
    how many people were seen in known_days. with_people: a known person's usage was seen; connected: any usage was.
    """

    __slots__ = (
        "_core_days", "_core_ordinals", "_sponsors", "_tickets", "at", "billing_at", "card", "connected", "day",
        "facts", "living", "months", "same", "seats", "size", "slow", "tickets_at", "usage_at", "with_people", "zone",
    )  # fmt: skip

    def __init__(
        self, facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED
    ) -> None:
        slow = facts.slow
        self.facts, self.slow, self.at, self.card, self.zone = facts, slow, at, card, zone
        self.usage_at, self.tickets_at = seen("usage", at, stopped), seen("tickets", at, stopped)
        self.billing_at = seen("billing", at, stopped)
        self.day = local_day(self.usage_at, zone)
        self.months = months_back(self.day, MONTHS_AT_HAND)
        self.same = roots(slow.merges)
        self.living = contracts.living(slow, at, zone)
        self.seats = contracts.seats(slow, self.living, at)
        self.with_people = slow.first_person is not None and slow.first_person <= self.day
        self.connected = slow.first_usage is not None and slow.first_usage <= self.day
        self._core_days: dict[int, list[int]] = {}
        self._core_ordinals: list[int] | None = None
        self._tickets: list[OpenTicket] | None = None
        self._sponsors: Sponsors | None = None
        self.size = self.seats or count_people(facts, window_masks(self.day, card.known_days), self.same, core=False)

    def text(self, field: str) -> str | None:
        """A field of the account."""
        value = read(self.slow.account, field, self.at)
        return value if isinstance(value, str) else None

    def newest(self, field: str) -> Value:
        """A field of the account: of those without history the newest value, else that of the moment."""
        without = field.split(".", 1)[0] in WITHOUT_HISTORY
        return newest(self.slow.account, field) if without else read(self.slow.account, field, self.at)

    @property
    def touch_class(self) -> TouchClass:
        """The account's touch class."""
        return self.card.touch.of(self.text("segment"))

    @property
    def sponsors(self) -> Sponsors:
        """The sponsors."""
        if self._sponsors is None:
            self._sponsors = sponsors(self.slow.contacts, self.same, self.at)
        return self._sponsors

    def invited(self) -> Mapping[str, datetime]:
        """The contacts described, not erased and not left, those of one person as one, and when that was."""
        invited: dict[str, datetime] = {}
        for person, contact in self.slow.contacts.items():
            told = contact.get(FIRST_DESCRIBED)
            if not told or told[0].stamp.time > self.at or person in self.slow.erased:
                continue
            if "left" not in contact or read(contact, "left", self.at) is not True:
                one, since = self.same.get(person, person), told[0].stamp.time
                invited[one] = min(since, invited.get(one, since))
        return invited

    def core_days(self, window: int) -> list[int]:
        """For each person with a core action in the window on how many of its days."""
        if window not in self._core_days:
            self._core_days[window] = core_days(self.facts, window_masks(self.day, window), self.same)
        return self._core_days[window]

    def core_actions(self, days: int, skip: int = 0) -> int:
        """Core actions of the `days` days that end `skip` days before the day."""
        masks = window_masks(self.day, days, skip).items()
        return sum(sum(compress(self.facts.month(month).core, in_mask(mask))) for month, mask in masks)

    @property
    def core_ordinals(self) -> list[int]:
        """The days with core actions of anybody in the last 120, rising, as ordinals."""
        if self._core_ordinals is None:
            last = self.day.toordinal()
            first = last - LONGEST_USAGE + 1
            days: list[int] = []
            for month in self.months:
                begin = first_ordinal(month)
                days += compress(range(begin, begin + 31), self.facts.month(month).core)
            self._core_ordinals = days[bisect_left(days, first) : bisect_right(days, last)]
        return self._core_ordinals

    @property
    def usage_as_of(self) -> datetime | None:
        """The end of the last day with a core action, as far as it has come."""
        days = self.core_ordinals
        if not days:
            return None
        if days[-1] == self.day.toordinal():
            return self.usage_at
        end = datetime.combine(date.fromordinal(days[-1]) + ONE_DAY, time.min, tzinfo=self.zone)
        return min(self.usage_at, end.astimezone(UTC))

    @property
    def open_tickets(self) -> list[OpenTicket]:
        """The open tickets."""
        if self._tickets is None:
            self._tickets = open_tickets(self.slow, self.tickets_at, self.card.tickets)
        return self._tickets

    def idle_business_days(self) -> int:
        """Whole business days since a person was last active, or was first seen if none ever was."""
        if not self.with_people:
            return 0
        masks = window_masks(self.day, LONGEST_USAGE)
        for month in reversed(self.months):
            until_today = active_days(self.facts, month) & masks.get(month, 0)
            if until_today:
                last = first_ordinal(month) + until_today.bit_length() - 1
                return business_days_between(date.fromordinal(last) + ONE_DAY, self.day)
        first = self.slow.first_person or self.day
        return business_days_between(max(first, date.fromordinal(first_ordinal(self.months[0]))), self.day)


@lru_cache(maxsize=512)
def first_ordinal(month: Month) -> int:
    """The ordinal of a month's first day."""
    return date(int(month[:4]), int(month[5:]), 1).toordinal()


@lru_cache(maxsize=512)
def in_mask(mask: int) -> tuple[bool, ...]:
    """For each day of a month whether the mask has it; windows have few different masks."""
    return tuple(bool(mask >> day & 1) for day in range(31))

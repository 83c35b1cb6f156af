"""Business days by country, and the moments that follow from them.

Raises nothing for a country without a calendar: there Saturday and Sunday are free and no other day.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

CLOSE_OF_BUSINESS: Final = time(17, 0)  # when a due day ends for the owner
_WEEKEND: Final = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where somebody works: the country's holidays (None: weekends only) and the zone's hours."""

    country: str | None
    zone: str

    def is_business_day(self, day: date) -> bool:
        """Neither a weekend nor a public holiday of the country."""
        known = _holidays_of(self.country)
        return day.weekday() not in _WEEKEND if known is None else known.is_working_day(day)

    def due(self, now: datetime, business_days: int) -> datetime:
        """The close of business `business_days` business days after today there; 0 is today, or the next such day.

        Always after `now`: once today's close has passed, 0 counts from the next business day.
        """
        day = now.astimezone(ZoneInfo(self.zone)).date()
        due = self._close(self._moved(day, business_days))
        return due if due > now else self._close(self._moved(day, business_days + 1))

    def before(self, due: datetime, business_days: int) -> datetime:
        """The same time of day, that many business days before `due`."""
        local = due.astimezone(ZoneInfo(self.zone))
        day = self._moved(local.date(), -business_days)
        return datetime.combine(day, local.timetz().replace(tzinfo=None), ZoneInfo(self.zone)).astimezone(UTC)

    def _moved(self, day: date, business_days: int) -> date:
        step = timedelta(days=-1 if business_days < 0 else 1)
        left = abs(business_days)
        while left:
            day += step
            left -= self.is_business_day(day)
        while not self.is_business_day(day):
            day += step
        return day

    def _close(self, day: date) -> datetime:
        return datetime.combine(day, CLOSE_OF_BUSINESS, ZoneInfo(self.zone)).astimezone(UTC)


@lru_cache(maxsize=512)
def _holidays_of(country: str | None) -> holidays.HolidayBase | None:
    if country is None or country not in _countries():
        return None
    return holidays.country_holidays(country)


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    """By code: `country_holidays` itself takes every name of its package for a country."""
    return frozenset(holidays.list_supported_countries(include_aliases=False))


def has_calendar(country: str) -> bool:
    """Whether the public holidays of this country (ISO 3166-1 alpha-2) are known."""
    return _holidays_of(country) is not None

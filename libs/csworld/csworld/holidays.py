"""How much is done on a day: weekends and the few holidays that are felt in usage.

Approximations, good enough for a made-up world: moved and lunar holidays, Easter and bank holidays are left out.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

WEEKEND: Final = 0.04
_SATURDAY: Final = 5
_THURSDAY: Final = 3


@dataclass(frozen=True, slots=True)
class Span:
    """From a (month, day) to another one of the same year, both included; `work` is what is left of a workday."""

    first: tuple[int, int]
    last: tuple[int, int]
    work: float

    def holds(self, day: date) -> bool:
        """Whether the day belongs to it."""
        return self.first <= (day.month, day.day) <= self.last


@dataclass(frozen=True, slots=True)
class Nth:
    """The nth such weekday of a month and the days after it, `days` in all."""

    month: int
    weekday: int
    nth: int
    days: int
    work: float

    def holds(self, day: date) -> bool:
        """Whether the day belongs to it."""
        first = date(day.year, self.month, 1)
        start = first + timedelta(days=(self.weekday - first.weekday()) % 7 + 7 * (self.nth - 1))
        return timedelta(0) <= day - start < timedelta(days=self.days)


_NEW_YEAR: Final = (Span((1, 1), (1, 1), 0.05), Span((12, 31), (12, 31), 0.3))
_CHRISTMAS: Final = Span((12, 24), (12, 26), 0.1)
_BETWEEN_THE_YEARS: Final = Span((12, 27), (12, 30), 0.5)
RULES: Final[dict[str, tuple[Span | Nth, ...]]] = {
    "JP": (
        Span((12, 29), (12, 31), 0.1),
        Span((1, 1), (1, 3), 0.03),
        Span((4, 29), (4, 29), 0.08),
        Span((4, 30), (5, 2), 0.7),
        Span((5, 3), (5, 5), 0.05),
        Span((8, 13), (8, 15), 0.35),
    ),
    "US": (*_NEW_YEAR, _CHRISTMAS, _BETWEEN_THE_YEARS, Span((7, 4), (7, 4), 0.08), Nth(11, _THURSDAY, 4, 2, 0.15)),
    "GB": (*_NEW_YEAR, _CHRISTMAS, _BETWEEN_THE_YEARS),
    "AU": (*_NEW_YEAR, _CHRISTMAS, _BETWEEN_THE_YEARS, Span((1, 26), (1, 26), 0.08)),
}


@lru_cache(maxsize=4096)
def work(country: str, day: date) -> float:
    """What is done on the day as a share of a usual workday, 0-1."""
    if day.weekday() >= _SATURDAY:
        return WEEKEND
    return min((rule.work for rule in RULES[country] if rule.holds(day)), default=1.0)


def is_workday(country: str, day: date) -> bool:
    """Whether offices are open."""
    return work(country, day) >= 0.3


def workday_from(country: str, day: date) -> date:
    """The day, or the first workday after it."""
    while not is_workday(country, day):
        day += timedelta(days=1)
    return day

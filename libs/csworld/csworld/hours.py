"""Local days and office hours as moments in UTC."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from csworld.holidays import is_workday

OPENS: Final = 9
CLOSES: Final = 18
ONE_DAY: Final = timedelta(days=1)


@lru_cache(maxsize=8192)
def midnight(zone: str, day: date) -> datetime:
    """Where the zone's day starts, told from its noon: hours after it are right where people are awake."""
    noon = datetime.combine(day, time(12), tzinfo=ZoneInfo(zone))
    return noon.astimezone(UTC) - timedelta(hours=12)


def moment(zone: str, day: date, hour: float) -> datetime:
    """That hour of the zone's day, to the second."""
    return midnight(zone, day) + timedelta(seconds=int(hour * 3600))


def office_hour(random: Random, first: float = OPENS, last: float = CLOSES - 0.5) -> float:
    """An hour of the office day: the middle more often than its ends, lunch less."""
    hour = first + (last - first) * (random.random() + random.random()) / 2
    return hour + 1.3 if 12 <= hour < 13 and random.random() < 0.6 else hour


def local_day(zone: str, at: datetime) -> date:
    """The zone's day in which the moment lies."""
    return at.astimezone(ZoneInfo(zone)).date()


def days_between(zone: str, begin: datetime, end: datetime, before: int = 0) -> list[date]:
    """The zone's days of begin <= moment < end, and `before` days before them."""
    first = local_day(zone, begin) - timedelta(days=before)
    return [first + timedelta(days=n) for n in range((local_day(zone, end) - first).days + 1)]


def after_working_time(start: datetime, span: timedelta, zone: str, country: str) -> datetime:
    """The moment at which `span` of working time has passed since start."""
    day = local_day(zone, start)
    while True:
        if is_workday(country, day):
            at, closes = max(start, moment(zone, day, OPENS)), moment(zone, day, CLOSES)
            if at < closes:
                if at + span <= closes:
                    return at + span
                span -= closes - at
        day += ONE_DAY

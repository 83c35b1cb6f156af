"""Days and months in the portfolio's zone.

A moment is an aware datetime. A day is a calendar day of the zone, however many hours it has.
"""

from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NewType

Month = NewType("Month", str)  # "2026-11"; sorts as time does

SATURDAY: Final = 5
ONE_DAY: Final = timedelta(days=1)
ONE_HOUR: Final = timedelta(hours=1)
_NOTHING: Final = timedelta(0)
_MICROSECOND: Final = timedelta(microseconds=1)


def local_day(at: datetime, zone: tzinfo) -> date:
    """The zone's day in which the moment lies; the first or last day of all if it has none there any more."""
    try:
        return at.astimezone(zone).date()
    except OverflowError:  # within a day of the ends of the years 1 to 9999
        return date.min if at.year == MINYEAR else date.max


day_of = lru_cache(maxsize=256)(local_day)  # for moments that are asked of again and again, as an hour's


@lru_cache(maxsize=1024)
def month_of(day: date) -> Month:
    """The month of a day."""
    return Month(f"{day.year:04d}-{day.month:02d}")


@lru_cache(maxsize=1024)
def first_day(month: Month) -> date:
    """The first day of a month."""
    return date(int(month[:4]), int(month[5:]), 1)


def months_after(first: date, months: int) -> date:
    """The same day `months` months later (or earlier), or the last day of a shorter month; within all that is."""
    number = first.year * 12 + first.month - 1 + months
    if not MINYEAR * 12 <= number < MAXYEAR * 12:
        return date.min if months < 0 else date.max
    year, month = number // 12, number % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(first.day, (following - ONE_DAY).day))


def last_day_after(last: date, months: int) -> date:
    """The last day of what goes on for so many months after a last day, or went on before it: 30 June gives 31 July."""
    following = months_after(days_after(last, 1), months)
    return following if following == date.max else days_after(following, -1)


def days_after(first: date, days: int) -> date:
    """The day `days` days later (or earlier), within all that is."""
    try:
        return first + timedelta(days=days)
    except OverflowError:
        return date.min if days < 0 else date.max


@lru_cache(maxsize=256)  # a batch asks the same for each of its accounts
def months_back(day: date, count: int) -> tuple[Month, ...]:
    """The month of the day and the ones before it, `count` in all, oldest first."""
    newest = day.year * 12 + day.month - 1
    return tuple(Month(f"{n // 12:04d}-{n % 12 + 1:02d}") for n in range(newest - count + 1, newest + 1))


@lru_cache(maxsize=256)
def window_masks(day: date, days: int, skip: int = 0) -> Mapping[Month, int]:
    """The `days` days that end `skip` days before `day` (inclusive), as a mask of bits per month: bit 0 is the 1st."""
    masks: dict[Month, int] = {}
    last = day - timedelta(days=skip)
    left = days
    while left > 0:
        span = min(left, last.day)
        masks[month_of(last)] = ((1 << span) - 1) << (last.day - span)
        left -= span
        last -= timedelta(days=span)
    return masks


@lru_cache(maxsize=64)  # an hour asks the same for each account
def day_end(at: datetime, zone: tzinfo) -> datetime:
    """When the zone's day in which the moment lies ends, in UTC.

    The moment itself where that cannot be told in advance: at the ends of time, and early on a day on which clocks may
    be set back over midnight.
    """
    try:
        local = at.astimezone(zone)
        end = datetime.combine(local.date() + ONE_DAY, time.min, tzinfo=zone)
        set_back = (local.utcoffset() or _NOTHING) - (end.utcoffset() or _NOTHING)
        if set_back > _NOTHING and (local - set_back).date() != local.date():
            return at
        return end.astimezone(UTC)
    except OverflowError:
        return at


def business_days_between(first: date, end: date) -> int:
    """The days from Monday to Friday in first <= day < end; 0 if there are none. Holidays count as business days."""
    span = (end - first).days
    if span <= 0:
        return 0
    weeks, rest = divmod(span, 7)
    return weeks * 5 + sum((first.weekday() + n) % 7 < SATURDAY for n in range(rest))


@lru_cache(maxsize=64)  # an hour asks the same for each account
def closing_moment(hour: datetime, zone: tzinfo) -> datetime | None:
    """The last microsecond of the zone's day that ended in the hour before the tick `hour`, or None if none ended.

    Daily closings are scored at this moment, so that what already happened on the new day stays out of them. A zone
    off the full hour (India) closes at the first tick of the new day.
    """
    today = local_day(hour, zone)
    if local_day(hour - ONE_HOUR, zone) == today:
        return None
    # where midnight does not exist (a change of clocks), `combine` still gives the moment the new day starts
    midnight = datetime.combine(today, time.min, tzinfo=zone).astimezone(UTC)
    while local_day(midnight, zone) < today:
        midnight += ONE_HOUR
    return midnight - _MICROSECOND

"""The days at whose end everybody is scored."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from scoring.domain.calendar import ONE_DAY, local_day

_DAYS: Final = re.compile(r"P(?:(\d{1,4})W|(\d{1,5})D)")
_MICROSECOND: Final = timedelta(microseconds=1)


def days_of(duration: str) -> int:
    """The days of an ISO 8601 duration of whole days or weeks (P60D, P2W). ValueError for anything else, and for 0."""
    found = _DAYS.fullmatch(duration.strip().upper())
    days = int(found[2]) if found and found[2] else 7 * int(found[1]) if found else 0
    if not days:
        raise ValueError(f"“{duration}” is no duration of whole days. Write P60D or P8W.")
    return days


@dataclass(frozen=True, slots=True)
class Grid:
    """Every `every` days from first to last at most; horizon: the days after a moment that are looked at for churn."""

    first: date
    last: date
    every: int
    horizon: int
    zone: tzinfo

    def days(self) -> tuple[date, ...]:
        """The days, rising. Empty if last lies before first."""
        span = (self.last - self.first).days
        return tuple(self.first + timedelta(days=n) for n in range(0, span + 1, self.every))


def closing_of(day: date, zone: tzinfo) -> datetime:
    """The last microsecond of a day of the zone, in UTC: the moment as of which a daily closing is scored."""
    following = day + ONE_DAY
    midnight = datetime.combine(following, time.min, tzinfo=zone).astimezone(UTC)
    while local_day(midnight, zone) < following:  # where clocks change at midnight
        midnight += timedelta(hours=1)
    return midnight - _MICROSECOND

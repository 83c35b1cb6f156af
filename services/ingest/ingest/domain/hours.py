"""The hours that are due, and whether we were away."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
OUTAGE: Final = timedelta(hours=6)  # our own silence beyond this is no customer's


@dataclass(frozen=True, slots=True)
class Due:
    """What to append now: the latest hour, to these partitions, and since when we were away, if too long."""

    hour: datetime
    partitions: tuple[int, ...]
    away_since: datetime | None


def full_hour(moment: datetime) -> datetime:
    """The last full hour, the moment itself if it is one."""
    return moment.replace(minute=0, second=0, microsecond=0)


def is_outage(next_hour: datetime, now: datetime) -> bool:
    """Whether the last tick, the one before `next_hour`, is more than six hours ago."""
    return now - (next_hour - HOUR) > OUTAGE


def due(next_hours: Mapping[int, datetime], now: datetime, *, may_have_been_away: bool) -> Due | None:
    """What is due at `now`; None if every partition's next hour lies ahead.

    Only the latest hour is named: whoever folds it evaluates the hours before. Away since: the last tick, if that is
    more than six hours ago; a lag of a process and a log that were there all the time is no absence.
    """
    partitions = tuple(sorted(number for number, hour in next_hours.items() if hour <= now))
    if not partitions:
        return None
    first = min(next_hours[number] for number in partitions)
    away = may_have_been_away and is_outage(first, now)
    return Due(full_hour(now), partitions, first - HOUR if away else None)

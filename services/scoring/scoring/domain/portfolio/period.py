"""The days that a figure is of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Self

_DAYS_A_MONTH: Final = Decimal("30.4375")  # 365.25 / 12


@dataclass(frozen=True, slots=True)
class Period:
    """From the end of the day `start` to the end of the day `end`: what happened on start < day <= end.

    Of one moment start and end are the same day.
    """

    start: date
    end: date

    @classmethod
    def ending(cls, end: date, months: int) -> Self:
        """The months up to a day: of the last day of a month, whole calendar months. None of them: the moment."""
        return cls(months_before(end, months), end)

    @property
    def first_day(self) -> date:
        """The first day that belongs to it; of a moment the day at whose end it is."""
        return min(self.start + timedelta(days=1), self.end)

    @property
    def months(self) -> Decimal:
        """How many months it lasts: whole ones if it is what `ending` makes of them, else its days in months."""
        days = (self.end - self.start).days
        whole = round(days / _DAYS_A_MONTH)
        return Decimal(whole) if self.ending(self.end, whole) == self else days / _DAYS_A_MONTH

    def __contains__(self, day: date) -> bool:
        return self.start < day <= self.end


def months_before(day: date, months: int) -> date:
    """The same day so many months ago; the last of a month if `day` is the last of one, or there is no such day."""
    number = day.year * 12 + day.month - 1 - months
    last = month_end(date(number // 12, number % 12 + 1, 1))
    return last if day == month_end(day) or day.day > last.day else last.replace(day=day.day)


def month_end(day: date) -> date:
    """The last day of the day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def month_ends(first: date, last: date) -> Iterator[date]:
    """The last days of the months from that of `first` to that of `last`, which ends with `last` itself."""
    end = month_end(first)
    while end < last:
        yield end
        end = month_end(end + timedelta(days=1))
    yield last

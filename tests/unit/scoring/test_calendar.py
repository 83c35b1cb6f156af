"""Days, months and daily closings in zones with and without changes of clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import BERLIN, HOUR, TOKYO

from scoring.domain.calendar import business_days_between, closing_moment, local_day, months_back, window_masks

ZONES = [UTC, TOKYO, BERLIN, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/Santiago"), ZoneInfo("Africa/Cairo")]


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)), st.integers(1, 90), st.integers(0, 60))
def test_a_window_holds_exactly_its_days(day: date, days: int, skip: int) -> None:
    found = {
        date(int(month[:4]), int(month[5:]), n + 1)
        for month, mask in window_masks(day, days, skip).items()
        for n in range(31)
        if mask >> n & 1
    }

    assert found == {day - timedelta(days=skip + n) for n in range(days)}


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_four_months_cover_the_windows(day: date) -> None:
    months = set(months_back(day, 4))

    assert set(window_masks(day, 90)) <= months
    assert len(months) == 4


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(-5, 40))
def test_business_days_are_those_from_monday_to_friday(first: date, days: int) -> None:
    end = first + timedelta(days=days)

    assert business_days_between(first, end) == sum(
        (first + timedelta(days=n)).weekday() < 5 for n in range(max(days, 0))
    )


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_every_day_closes_once_at_its_last_microsecond(zone: ZoneInfo) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    closings = [c for n in range(24 * 364) if (c := closing_moment(start + n * HOUR, zone)) is not None]

    days = [local_day(closing, zone) for closing in closings]

    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    assert len(days) in (363, 364)
    assert all(local_day(c + timedelta(microseconds=1), zone) > local_day(c, zone) for c in closings)


def test_tokyo_closes_its_day_at_15_oclock_utc() -> None:
    assert closing_moment(datetime(2026, 7, 1, 15, tzinfo=UTC), TOKYO) == datetime(
        2026, 7, 1, 14, 59, 59, 999999, tzinfo=UTC
    )
    assert closing_moment(datetime(2026, 7, 1, 14, tzinfo=UTC), TOKYO) is None


def test_the_ends_of_time_have_a_day_in_every_zone() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    for zone in (ZoneInfo("America/New_York"), TOKYO):
        assert local_day(first, zone) == date.min
        assert local_day(last, zone) == date.max

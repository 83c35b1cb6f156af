"""Business days and the moments that follow from them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.domain.calendar import Calendar

TOKYO = Calendar("JP", "Asia/Tokyo")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 7 * 365 * 24 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
CALENDARS = st.sampled_from([TOKYO, Calendar("US", "America/New_York"), Calendar("AE", "Asia/Dubai"), Calendar(None, "UTC")])  # fmt: skip  # noqa: E501


def tokyo(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo("Asia/Tokyo"))  # type: ignore[misc, arg-type]


def test_a_task_is_due_at_five_in_the_afternoon_of_its_owners_zone() -> None:
    assert TOKYO.due(tokyo(2026, 6, 1, 9), 2) == tokyo(2026, 6, 3, 17)


def test_golden_week_and_the_weekend_are_no_business_days() -> None:
    assert TOKYO.due(tokyo(2026, 5, 1, 9), 1) == tokyo(2026, 5, 7, 17)


def test_the_day_is_the_owners_even_where_it_is_still_yesterday_in_utc() -> None:
    assert TOKYO.due(datetime(2026, 6, 1, 16, tzinfo=UTC), 1) == tokyo(2026, 6, 3, 17)


def test_a_weekend_counts_from_the_next_business_day() -> None:
    assert TOKYO.due(tokyo(2026, 6, 6, 12), 1) == tokyo(2026, 6, 8, 17)


def test_a_country_without_a_calendar_has_weekends() -> None:
    assert Calendar("XX", "UTC").due(datetime(2026, 6, 5, 9, tzinfo=UTC), 1) == datetime(2026, 6, 8, 17, tzinfo=UTC)


def test_a_reminder_comes_on_the_business_day_before() -> None:
    assert TOKYO.before(tokyo(2026, 5, 7, 17), 1) == tokyo(2026, 5, 1, 17)


def test_the_close_of_business_keeps_its_hour_over_a_change_of_daylight_time() -> None:
    new_york = Calendar("US", "America/New_York")

    due = new_york.due(datetime(2026, 3, 6, 15, tzinfo=UTC), 1)

    assert due.astimezone(ZoneInfo("America/New_York")).hour == 17
    assert due == datetime(2026, 3, 9, 21, tzinfo=UTC)


@given(CALENDARS, MOMENTS, st.integers(0, 30))
def test_a_due_moment_lies_ahead_on_a_business_day(calendar: Calendar, now: datetime, days: int) -> None:
    due = calendar.due(now, days)

    assert due > now
    assert calendar.is_business_day(due.astimezone(ZoneInfo(calendar.zone)).date())


@given(CALENDARS, MOMENTS, st.integers(1, 10), st.integers(1, 10))
def test_a_reminder_lies_as_many_business_days_before_as_it_says(
    calendar: Calendar, now: datetime, days: int, before: int
) -> None:
    due = calendar.due(now, days)
    remind = calendar.before(due, before)
    zone = ZoneInfo(calendar.zone)

    first, last = remind.astimezone(zone).date(), due.astimezone(zone).date()
    between = [first + timedelta(days=n) for n in range((last - first).days)]
    assert sum(calendar.is_business_day(day) for day in between) == before


@pytest.mark.parametrize("days", range(5))
def test_more_business_days_are_never_due_earlier(days: int) -> None:
    now = tokyo(2026, 4, 28, 18)

    assert TOKYO.due(now, days) <= TOKYO.due(now, days + 1)

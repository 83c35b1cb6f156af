"""Days at whose end everybody is scored."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scoring.backtest.grid import Grid, closing_of, days_of
from scoring.domain.calendar import closing_moment, local_day


def test_durations_are_days_or_weeks() -> None:
    assert [days_of(text) for text in ("P60D", "p14d", "P2W", " P1D ")] == [60, 14, 14, 1]


@pytest.mark.parametrize("text", ["", "60", "P0D", "P1M", "P60", "PT24H", "P1W2D", "P-1D", "P1.5D"])
def test_what_is_no_duration_of_days_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="P60D"):
        days_of(text)


def test_the_grid_begins_at_the_first_day_and_never_passes_the_last() -> None:
    grid = Grid(date(2026, 1, 1), date(2026, 2, 1), 14, 60, UTC)

    assert grid.days() == (date(2026, 1, 1), date(2026, 1, 15), date(2026, 1, 29))


def test_a_span_that_ends_before_it_begins_has_no_day() -> None:
    assert Grid(date(2026, 2, 1), date(2026, 1, 31), 14, 60, UTC).days() == ()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin", "America/Havana", "Asia/Kolkata"])
def test_a_day_closes_where_its_daily_closing_does(zone: str) -> None:
    there = ZoneInfo(zone)

    for number in range(400):
        day = date(2026, 1, 1) + timedelta(days=number)
        moment = closing_of(day, there)

        assert local_day(moment, there) == day
        assert local_day(moment + timedelta(microseconds=1), there) == day + timedelta(days=1)
        if zone != "Asia/Kolkata":  # a zone off the full hour closes at the first tick of the new day
            tick = (moment + timedelta(microseconds=1)).astimezone(UTC)
            assert closing_moment(datetime.fromisoformat(tick.isoformat()), there) == moment

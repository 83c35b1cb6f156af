"""Kaplan and Meier by hand, and days of periods."""

from datetime import date

import pytest

from scoring.domain.portfolio.period import Period, month_ends, months_before
from scoring.domain.portfolio.survival import Observation, median, survival


def _of(text: str) -> list[Observation]:
    """Observations such as "6 6 6 6+": a plus is one to whom it has not happened."""
    return [Observation(float(one.rstrip("+")), not one.endswith("+")) for one in text.split()]


def test_the_trial_of_freireich_comes_out_as_published() -> None:
    # 6-mercaptopurine, weeks in remission: Freireich et al. 1963, worked through in nearly every textbook
    treated = _of("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+")
    placebo = _of("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23")

    assert [(time, round(share, 4)) for time, share in survival(treated)] == [
        (6, 0.8571), (7, 0.8067), (10, 0.7529), (13, 0.6902), (16, 0.6275), (22, 0.5378), (23, 0.4482)
    ]  # fmt: skip
    assert median(treated) == 23
    assert median(placebo) == 8


def test_a_half_that_is_reached_exactly_counts() -> None:
    assert median(_of("3 5 7+ 9+")) == 5
    assert median(_of("1 2 3 4 5 6")) == 3


def test_while_less_than_half_have_it_the_median_is_not_known() -> None:
    assert median(_of("3 7+ 8+")) is None
    assert median([]) is None


def test_who_is_lost_when_it_happens_to_another_was_under_observation() -> None:
    assert survival(_of("5 5+")) == [(5, 0.5)]


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 6, 30), 1, date(2026, 5, 31)),  # the ends of months belong together
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 3, 30), 1, date(2026, 2, 28)),
        (date(2026, 6, 15), 12, date(2025, 6, 15)),
        (date(2026, 1, 31), 1, date(2025, 12, 31)),
        (date(2026, 6, 15), 0, date(2026, 6, 15)),
    ],
)
def test_months_go_back_by_the_calendar(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_a_period_that_ends_with_a_month_is_that_month() -> None:
    june = Period.ending(date(2026, 6, 30), 1)

    assert date(2026, 5, 31) not in june
    assert date(2026, 6, 1) in june
    assert date(2026, 6, 30) in june
    assert (june.months, Period.ending(date(2026, 6, 30), 12).months) == (1, 12)


def test_months_of_a_series_end_with_its_last_day() -> None:
    assert list(month_ends(date(2026, 4, 10), date(2026, 6, 5))) == [
        date(2026, 4, 30),
        date(2026, 5, 31),
        date(2026, 6, 5),
    ]
    assert list(month_ends(date(2026, 6, 1), date(2026, 6, 30))) == [date(2026, 6, 30)]

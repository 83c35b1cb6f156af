"""Weeks of usage: which days they hold, and that a score's months are enough for them."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import ACCOUNT, DAY, NOON, facts_of, usage

from scoring.domain.calendar import Month, months_back
from scoring.domain.watch import TERMS
from scoring.engine.facts import Facts, MonthFacts, SlowFacts
from scoring.engine.moment import MONTHS_AT_HAND
from scoring.engine.weeks import usage_decline, weekly_counts

MONDAY = NOON - 2 * DAY
WEEK = timedelta(days=7)


def on_each_day(month: Month) -> tuple[int, ...]:
    days = monthrange(int(month[:4]), int(month[5:]))[1]
    return (1,) * days + (0,) * (31 - days)


@given(st.dates(date(2001, 1, 1), date(2090, 1, 1)))
def test_the_months_of_a_score_hold_all_the_weeks(day: date) -> None:
    months = {month: MonthFacts(core=on_each_day(month)) for month in months_back(day, MONTHS_AT_HAND)}
    facts = Facts(ACCOUNT, SlowFacts(first_core=date(2000, 1, 1)), months)

    assert weekly_counts(facts, day, TERMS.weeks) == [7] * TERMS.weeks


def test_a_week_is_whole_from_the_monday_after_it() -> None:
    facts = facts_of([usage(MONDAY - 8 * WEEK), usage(MONDAY - DAY), usage(MONDAY)], MONDAY + WEEK)

    sunday, monday = (weekly_counts(facts, (MONDAY + n * DAY).date(), 2) for n in (6, 7))

    assert sunday == [0, 1]
    assert monday == [1, 1]


def test_an_account_younger_than_the_weeks_has_fewer_of_them() -> None:
    facts = facts_of([usage(MONDAY - 3 * WEEK + DAY)], MONDAY)

    assert weekly_counts(facts, MONDAY.date(), 16) == [0, 0]  # the week of its first day is not whole
    assert weekly_counts(facts_of([], MONDAY), MONDAY.date(), 16) == []


def test_days_are_those_of_the_zone() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    late = datetime(2026, 6, 28, 16, tzinfo=UTC)  # Sunday in UTC, Monday in Tokyo
    events = [usage(MONDAY - 8 * WEEK), usage(late)]

    utc = weekly_counts(facts_of(events, MONDAY), MONDAY.date(), 1)
    japan = weekly_counts(facts_of(events, MONDAY, zone=tokyo), MONDAY.date(), 1)

    assert (utc, japan) == ([1], [0])


def test_a_stopped_feed_is_no_decline() -> None:
    days = [usage(MONDAY - n * DAY, count=20) for n in range(22, 160)]
    facts = facts_of(days, MONDAY, MONDAY - 22 * DAY)

    dead = usage_decline(facts, MONDAY, UTC, {"usage": MONDAY - 22 * DAY})
    alive = usage_decline(facts, MONDAY, UTC)

    assert alive is not None
    assert dead is not None
    assert (alive.cusum, dead.cusum) == (3 * (TERMS.most - TERMS.k), 0)

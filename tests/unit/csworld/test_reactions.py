"""How owners deal with tasks, and how working time passes."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from csworld import make_world
from csworld.holidays import is_workday, work
from csworld.hours import after_working_time, moment

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WORLD = make_world(7, accounts=48, now=NOW)
HOUR = timedelta(hours=1)


def test_most_tasks_are_completed_some_without_an_answer_and_a_few_never() -> None:
    account = next(c.id for c in WORLD.customers if c.fate.storyline != "neglected")
    reactions = [WORLD.reaction(f"task-{n}", account) for n in range(600)]

    outcomes = Counter(reaction.outcome for reaction in reactions)

    assert outcomes["reached"] > 380
    assert 90 < outcomes["no_answer"] < 180
    assert 15 < outcomes[""] < 70
    assert all(2 * HOUR <= reaction.after <= 20 * HOUR for reaction in reactions)
    assert all(reaction.touch == (reaction.outcome == "reached") for reaction in reactions)


def test_a_reaction_is_told_by_the_task_alone() -> None:
    account = WORLD.customers[0].id

    assert WORLD.reaction("task-1", account) == make_world(7, accounts=48, now=NOW).reaction("task-1", account)


def test_a_reaction_comes_in_the_owners_office_hours() -> None:
    staff = {member.id: member for member in WORLD.staff}
    for number, customer in enumerate(WORLD.customers):
        at = WORLD.reacts_at(f"task-{number}", customer.id, NOW)
        owner = staff[customer.owner]
        local = at.astimezone(ZoneInfo(owner.time_zone))
        assert at > NOW
        assert 9 <= local.hour <= 18
        assert is_workday(owner.country, local.date())


def test_working_time_stops_over_night_and_over_the_weekend() -> None:
    friday = moment("Asia/Tokyo", date(2026, 11, 20), 16)

    done = after_working_time(friday, 3 * HOUR, "Asia/Tokyo", "JP")

    assert done == moment("Asia/Tokyo", date(2026, 11, 23), 10)


def test_little_is_done_on_weekends_and_the_holidays_of_the_country() -> None:
    assert work("JP", date(2026, 11, 26)) == 1
    assert work("US", date(2026, 11, 26)) < 0.3  # Thanksgiving
    assert work("US", date(2026, 11, 19)) == 1
    assert work("JP", date(2026, 5, 4)) < 0.3
    assert work("JP", date(2026, 8, 14)) < 0.5
    assert work("GB", date(2026, 12, 25)) < 0.3
    assert work("JP", date(2026, 12, 25)) == 1
    assert work("JP", date(2027, 1, 2)) < 0.3
    assert work("US", date(2026, 11, 21)) < 0.1


def test_an_hour_of_the_day_is_right_on_both_sides_of_a_change_of_clocks() -> None:
    before = moment("America/New_York", date(2026, 10, 31), 10)
    after = moment("America/New_York", date(2026, 11, 1), 10)

    assert before == datetime(2026, 10, 31, 14, tzinfo=UTC)
    assert after == datetime(2026, 11, 1, 15, tzinfo=UTC)

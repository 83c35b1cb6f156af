"""Overrides are graded by what became of the account, and by what the score alone would have said."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import DAY, NOON, contract, event, facts_of

from csmodels.fields import Band
from scoring.domain.grading import BEYOND, Outcome, OutcomeKind, due_at, grade, over_at, plain_band
from scoring.engine.outcomes import outcome

BANDS: tuple[Band, ...] = ("red", "yellow", "green")
KINDS = get_args(OutcomeKind)
UNTIL = NOON + 90 * DAY
LATER = NOON + 400 * DAY


def came_to(*events: Any, now: datetime = LATER) -> Outcome | None:
    return outcome(facts_of(events).slow, NOON, UNTIL, now, UTC)


def kind(*events: Any, now: datetime = LATER) -> str | None:
    found = came_to(*events, now=now)
    return found.kind if found else None


@pytest.mark.parametrize(
    ("without", "with_it", "came", "expected"),
    [
        ("yellow", "green", "left", "harmful"),
        ("yellow", "green", "leaving", "harmful"),
        ("yellow", "green", "renewed", "helpful"),
        ("yellow", "green", "kept", "helpful"),
        ("yellow", "red", "left", "helpful"),
        ("green", "yellow", "kept", "harmful"),
        ("green", "green", "left", "neutral"),
        ("red", "yellow", "unknown", "neutral"),
    ],
)
def test_an_override_counts_where_it_changed_the_band(
    without: Band, with_it: Band, came: OutcomeKind, expected: str
) -> None:
    assert grade(without, with_it, Outcome(came, NOON)) == expected


@given(st.sampled_from(BANDS), st.sampled_from(BANDS), st.sampled_from(KINDS))
def test_the_opposite_override_earns_the_opposite_grade(one: Band, other: Band, came: OutcomeKind) -> None:
    opposite = {"helpful": "harmful", "harmful": "helpful", "neutral": "neutral"}

    assert grade(other, one, Outcome(came, NOON)) == opposite[grade(one, other, Outcome(came, NOON))]


@pytest.mark.parametrize(("score", "band"), [(75.0, "green"), (74.9, "yellow"), (50.0, "yellow"), (49.9, "red")])
def test_bands_of_grades_are_by_the_plain_boundaries(score: float, band: str) -> None:
    assert plain_band(score, 75, 50) == band


def test_what_is_awaited_begins_with_the_end_of_the_override() -> None:
    assert over_at(NOON + 30 * DAY, None) == NOON + 30 * DAY
    assert over_at(NOON + 30 * DAY, NOON + DAY) == NOON + DAY
    assert over_at(NOON, NOON + DAY) == NOON
    assert due_at(NOON) == NOON + BEYOND
    assert due_at(datetime.max.replace(tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)


def test_the_end_of_the_last_contract_is_leaving() -> None:
    found = came_to(contract(NOON - DAY, status="active"), contract(NOON + 10 * DAY, status="ended"))

    assert found == Outcome("left", NOON + 10 * DAY)


def test_one_of_two_contracts_that_ends_decides_nothing() -> None:
    both = [contract(NOON - DAY, id_="c1", status="active"), contract(NOON - DAY, id_="c2", status="active")]

    assert kind(*both, contract(NOON + 10 * DAY, id_="c1", status="ended")) == "kept"


def test_a_term_that_passes_without_renewal_is_the_end() -> None:
    term = contract(NOON - DAY, status="active", ends_on=date(2026, 7, 31), auto_renew=False)

    found = came_to(term)

    assert found is not None
    assert (found.kind, found.at) == ("left", datetime(2026, 8, 1, tzinfo=UTC))


def test_a_term_that_goes_on_is_a_renewal() -> None:
    term = contract(NOON - DAY, status="active", ends_on=date(2026, 7, 31), auto_renew=True)
    prolonged = contract(NOON + DAY, ends_on=date(2027, 7, 31))

    assert kind(term) == "renewed"
    assert kind(contract(NOON - DAY, status="active", ends_on=date(2026, 7, 31)), prolonged) == "renewed"


def test_notice_of_all_contracts_is_leaving_as_soon_as_it_is_given() -> None:
    signed = contract(NOON - DAY, status="active")
    notice = contract(NOON + 5 * DAY, status="cancelled")

    assert came_to(signed, notice) == Outcome("leaving", NOON + 5 * DAY)


def test_one_under_notice_in_a_term_begun_by_itself_has_left_after_that_term() -> None:
    term = {"ends_on": date(2026, 4, 30), "auto_renew": True, "term_months": 3}
    noticed = contract(NOON - DAY, status="cancelled")

    assert came_to(contract(NOON - 90 * DAY, status="active", **term), noticed) == Outcome(
        "left", datetime(2026, 8, 1, tzinfo=UTC)
    )


def test_it_is_open_until_it_is_due_and_then_kept() -> None:
    signed = contract(NOON - DAY, status="active")

    assert came_to(signed, now=UNTIL - DAY) is None
    assert came_to(signed, now=UNTIL) == Outcome("kept", UNTIL)


def test_what_comes_after_it_was_due_changes_nothing() -> None:
    signed = contract(NOON - DAY, status="active")
    ended = contract(UNTIL + DAY, status="ended")

    assert kind(signed, ended) == "kept"


def test_who_was_gone_before_is_not_kept() -> None:
    assert kind(contract(NOON - 9 * DAY, status="ended")) == "left"


def test_of_an_account_without_contracts_nothing_can_be_said() -> None:
    assert kind(event("account.described", NOON, {"name": "Acme"})) == "unknown"


def test_contracts_without_end_are_no_error() -> None:
    assert kind(contract(NOON - DAY, status="active", ends_on=date.max)) == "kept"


@given(st.lists(st.tuples(st.integers(-30, 120), st.sampled_from(["active", "cancelled", "ended"])), max_size=6))
def test_an_outcome_once_told_stays_so_as_time_goes_on(changes: list[tuple[int, str]]) -> None:
    events = [contract(NOON + n * DAY, status=status) for n, status in changes]
    told = [came_to(*events, now=NOON + timedelta(days=n)) for n in range(0, 121, 10)]

    decided = [each for each in told if each is not None]

    assert told[-1] is not None
    assert len(set(decided)) == 1
    assert told[: len(told) - len(decided)] == [None] * (len(told) - len(decided))

"""Who was a customer on a day, and who left when."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scoring.builders import DAY, NOON, contract, facts_of

from csmodels.catalogue import CustomerEvent
from scoring.backtest.outcomes import Away, Outcome, by_contracts

TODAY = NOON.date()
ONE = timedelta(days=1)


def outcome(*events: CustomerEvent, until: date = TODAY) -> Outcome:
    return by_contracts(facts_of(events).slow, until, UTC)


def ended(days_ago: int, **more: Any) -> dict[str, Any]:
    return {"starts_on": TODAY - 400 * ONE, "ends_on": TODAY - days_ago * ONE, "auto_renew": False, **more}


def test_without_a_contract_nobody_leaves() -> None:
    assert outcome() == Outcome()


def test_an_account_leaves_on_the_day_after_the_last_day_of_its_contract() -> None:
    found = outcome(contract(NOON - 300 * DAY, status="active", **ended(10)))

    assert found == Outcome((Away(TODAY - 9 * ONE),))
    assert not found.is_away(TODAY - 10 * ONE)
    assert found.is_away(TODAY - 9 * ONE)


def test_an_end_that_was_imported_late_is_the_day_that_it_was() -> None:
    found = outcome(contract(NOON, status="ended", **ended(90)))

    assert found == Outcome((Away(TODAY - 89 * ONE),))


def test_while_another_contract_runs_nobody_has_left() -> None:
    first = contract(NOON - 300 * DAY, status="active", **ended(100))
    second = contract(NOON - 120 * DAY, "c2", status="active", starts_on=TODAY - 120 * ONE)

    assert outcome(first, second) == Outcome()


def test_who_comes_back_was_away_in_between() -> None:
    first = contract(NOON - 300 * DAY, status="active", **ended(100))
    second = contract(NOON - 120 * DAY, "c2", status="active", starts_on=TODAY - 50 * ONE)

    found = outcome(first, second)

    assert found == Outcome((Away(TODAY - 99 * ONE, TODAY - 50 * ONE),))
    assert found.leaves_after(TODAY - 120 * ONE) == TODAY - 99 * ONE
    assert not found.is_away(TODAY - 50 * ONE)


def test_a_contract_that_was_renewed_in_time_never_ended() -> None:
    first = contract(NOON - 300 * DAY, status="active", **ended(100))
    renewed = contract(NOON - 130 * DAY, ends_on=TODAY + 265 * ONE)

    assert outcome(first, renewed) == Outcome()


@pytest.mark.parametrize(
    ("fields", "stays"),
    [
        ({"auto_renew": True}, True),
        ({"auto_renew": True, "status": "cancelled"}, False),
        ({"auto_renew": True, "cancelled_at": NOON - 40 * DAY}, False),
        ({"auto_renew": False}, False),
    ],
)
def test_a_contract_renews_itself_unless_it_is_under_notice(fields: dict[str, Any], stays: bool) -> None:
    found = outcome(contract(NOON - 300 * DAY, **{"status": "active", **ended(10), **fields}))

    assert (found == Outcome()) is stays


def test_a_renewal_in_place_leaves_the_first_day_where_it_was() -> None:
    first = contract(NOON - 300 * DAY, status="active", **ended(100))
    renewed = contract(NOON - 130 * DAY, starts_on=TODAY - 99 * ONE, ends_on=TODAY + 265 * ONE)
    other = contract(NOON - 300 * DAY, "c2", status="active", **ended(150))

    assert outcome(first, renewed, other) == Outcome()


def test_without_a_last_day_the_end_is_when_it_was_first_said() -> None:
    active = contract(NOON - 300 * DAY, status="active", starts_on=TODAY - 300 * ONE)
    said = contract(NOON - 30 * DAY, status="ended")
    again = contract(NOON - 5 * DAY, status="ended", reason="price")

    assert outcome(active, said, again) == Outcome((Away(TODAY - 30 * ONE),))


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ([{"status": "ended"}], date(2026, 3, 10)),
        ([{"status": "cancelled"}], date(2027, 1, 1)),
        ([{"cancelled_at": datetime(2026, 3, 10, tzinfo=UTC)}], date(2027, 1, 1)),
        ([{"status": "cancelled"}, {"status": "ended"}], date(2026, 3, 20)),
        ([{"status": "ended", "cancelled_at": datetime(2024, 11, 1, tzinfo=UTC)}], date(2025, 1, 1)),
        ([{"status": "cancelled"}, {"status": "active"}], None),
    ],
)
@pytest.mark.parametrize("status", [{}, {"status": "active"}])
def test_one_that_renewed_itself_leaves_when_it_is_ended_or_with_the_term_in_which_notice_came(
    status: dict[str, Any], changes: list[dict[str, Any]], since: date | None
) -> None:
    term = {"starts_on": date(2024, 1, 1), "ends_on": date(2024, 12, 31), "auto_renew": True, "term_months": 12}
    signed = contract(datetime(2024, 1, 1, tzinfo=UTC), **status, **term)
    told = [contract(datetime(2026, 3, 10 * (n + 1), tzinfo=UTC), **fields) for n, fields in enumerate(changes)]

    found = outcome(signed, *told, until=date(2027, 6, 1))

    assert found == (Outcome() if since is None else Outcome((Away(since),)))


@pytest.mark.parametrize("status", ["cancelled", "ended"])
def test_one_that_renewed_itself_and_was_imported_after_its_end_left_then(status: str) -> None:
    found = outcome(contract(NOON, status=status, **ended(90, auto_renew=True, term_months=12)))

    assert found == Outcome((Away(TODAY - 89 * ONE),))


def test_an_end_that_has_not_come_yet_is_not_told() -> None:
    found = outcome(contract(NOON - 300 * DAY, status="cancelled", **ended(-20)))

    assert found == Outcome()


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), min_size=1, max_size=6),
    st.integers(-10, 310),
)
def test_an_account_is_away_exactly_after_its_first_contract_on_days_on_which_none_runs(
    terms: list[tuple[int, int]], asked: int
) -> None:
    start = TODAY - 400 * ONE
    events = [
        contract(
            NOON, f"c{n}", status="active", auto_renew=False,
            starts_on=start + first * ONE, ends_on=start + (first + length - 1) * ONE,
        )
        for n, (first, length) in enumerate(terms)
    ]  # fmt: skip

    found = outcome(*events)

    runs = any(first <= asked < first + length for first, length in terms)
    begun = any(first <= asked for first, _ in terms)
    assert found.is_away(start + asked * ONE) is (begun and not runs)

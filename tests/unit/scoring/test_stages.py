"""Stages, onboarding and renewal by contracts and milestones, and how weights blend."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scoring.builders import (
    BERLIN,
    CARD,
    DAY,
    HOUR,
    NOON,
    card_with,
    contract,
    facts_of,
    milestone,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.calendar import last_day_after, months_after
from scoring.domain.measures import COLUMN_OF
from scoring.engine.contracts import contracts_at, running
from scoring.engine.features import features
from scoring.engine.stages import began_at, mix_at, onboarding_at, renewal_ahead, stage_at

TERMS = CARD.stages
ALL = ("kickoff", "data_imported", "go_live", "first_value")
LONG_AGO = date(2024, 1, 1)


def stage(events: Sequence[CustomerEvent], at: datetime = NOON) -> str:
    return stage_at(facts_of(events).slow, at, UTC, TERMS)


def mix(events: Sequence[CustomerEvent], at: datetime) -> dict[str, float]:
    return dict(mix_at(facts_of(events).slow, at, UTC, TERMS)[1])


def signed(on: datetime = NOON - 5 * DAY, id_: str = "c1", **fields: Any) -> CustomerEvent:
    """An old contract, heard of on a day."""
    return contract(on, id_, **{"status": "active", "starts_on": LONG_AGO, **fields})


@pytest.mark.parametrize(
    ("contracts", "expected"),
    [
        ([], "adoption"),
        ([{}], "adoption"),
        ([{"cancelled_at": NOON - DAY, "ends_on": (NOON + 9 * DAY).date()}], "churning"),
        ([{"cancelled_at": NOON + DAY}], "adoption"),
        ([{"status": "cancelled"}, {}], "adoption"),
        ([{"status": "cancelled"}, {"status": "cancelled"}], "churning"),
        ([{"status": "ended"}], "churned"),
        ([{"status": "ended"}, {"status": "trial"}], "adoption"),
        ([{"ends_on": (NOON - DAY).date()}], "churned"),
        ([{"ends_on": NOON.date()}], "renewal"),
        ([{"ends_on": (NOON - DAY).date(), "auto_renew": True, "term_months": 24}], "adoption"),
        ([{"ends_on": (NOON - DAY).date(), "auto_renew": True, "cancelled_at": NOON - 9 * DAY}], "churned"),
        ([{"starts_on": (NOON - 9 * DAY).date()}], "onboarding"),
        ([{"starts_on": (NOON + 9 * DAY).date()}], "onboarding"),
        ([{"starts_on": (NOON - 9 * DAY).date(), "status": "trial"}], "onboarding"),
        ([{"starts_on": (NOON - 9 * DAY).date()}, {}], "adoption"),  # a second contract of an old customer
    ],
)
def test_stages_follow_the_contracts(contracts: list[dict[str, Any]], expected: str) -> None:
    events = [signed(id_=f"c{n}", **fields) for n, fields in enumerate(contracts)]

    assert stage(events) == expected


# Onboarding


def test_onboarding_ends_once_all_milestones_and_first_value_are_reached() -> None:
    begun = contract(NOON, status="active", starts_on=NOON.date())
    reached = [milestone(NOON + (n + 1) * DAY, name) for n, name in enumerate(ALL)]
    slow = facts_of([begun, *reached]).slow

    running = onboarding_at(slow, NOON + 4 * DAY - HOUR, UTC, TERMS)
    done = onboarding_at(slow, NOON + 90 * DAY, UTC, TERMS)

    assert running is not None
    assert (running.outcome, running.ended_at) == ("running", None)
    assert done is not None
    assert (done.outcome, done.ended_at, done.began) == ("completed", NOON + 4 * DAY, NOON.date())
    assert stage_at(slow, NOON + 4 * DAY - HOUR, UTC, TERMS) == "onboarding"
    assert stage_at(slow, NOON + 4 * DAY, UTC, TERMS) == "adoption"


def test_onboarding_without_its_first_value_fails_on_day_120() -> None:
    begun = contract(NOON, status="active", starts_on=NOON.date())
    slow = facts_of([begun, *(milestone(NOON + DAY, name) for name in ALL[:3])]).slow
    day_120 = datetime(2026, 10, 29, tzinfo=UTC)

    before, after = (onboarding_at(slow, at, UTC, TERMS) for at in (day_120 - HOUR, day_120))

    assert before is not None
    assert after is not None
    assert (before.outcome, after.outcome, after.ended_at) == ("running", "failed", day_120)
    assert stage_at(slow, day_120 - HOUR, UTC, TERMS) == "onboarding"
    assert stage_at(slow, day_120, UTC, TERMS) == "adoption"


def test_an_onboarding_that_was_over_before_the_account_was_heard_of_is_unknown() -> None:
    imported = onboarding_at(facts_of([signed()]).slow, NOON, UTC, TERMS)

    assert imported is not None
    assert imported.outcome == "unknown"


def test_a_contract_that_names_no_start_begins_when_it_is_heard_of_or_the_account_was_used_before() -> None:
    heard = contract(NOON, status="active")

    assert stage([heard], NOON + 119 * DAY) == "onboarding"
    assert stage([heard], NOON + 120 * DAY) == "adoption"
    assert stage([heard, usage(NOON - 130 * DAY)]) == "adoption"


def test_a_scorecard_that_asks_for_nothing_has_no_onboarding() -> None:
    card = card_with(stages__onboarding__milestones=[], stages__onboarding__first_value=None)
    slow = facts_of([contract(NOON, status="active")]).slow

    assert stage_at(slow, NOON, UTC, card.stages) == "adoption"
    assert onboarding_at(slow, NOON, UTC, card.stages) is None


# Renewal


@pytest.mark.parametrize(
    ("fields", "days_before"),
    [
        ({"term_months": 12}, 120),
        ({"term_months": 24}, 120),
        ({"term_months": 6}, 61),  # a third of 184 days
        ({"term_months": 3}, 30),  # of 92
        ({"term_months": 2}, 20),  # of 62
        ({"term_months": 1}, None),  # month to month
        ({"starts_on": date(2026, 8, 1)}, None),
        ({"starts_on": date(2026, 3, 1)}, 61),  # 183 days: six months
        ({"status": "trial", "term_months": 12}, None),
    ],
)
def test_renewal_begins_120_days_or_a_third_of_the_term_before_its_end(
    fields: dict[str, Any], days_before: int | None
) -> None:
    ends = datetime(2026, 8, 31, tzinfo=UTC)
    events = [signed(ends - 400 * DAY, ends_on=ends.date(), **fields)]

    def ahead(days: int) -> bool:
        at = ends - days * DAY
        slow = facts_of(events).slow
        return renewal_ahead(running(contracts_at(slow, at, UTC), at, at.date()), at, at.date(), TERMS) is not None

    if days_before is None:
        assert not any(ahead(days) for days in range(200))
    else:
        assert ahead(days_before)
        assert ahead(0)
        assert not ahead(days_before + 1)


def test_a_contract_that_renewed_by_itself_has_its_next_renewal_a_term_later() -> None:
    events = [signed(NOON - 500 * DAY, ends_on=date(2025, 12, 31), term_months=12, auto_renew=True)]

    assert stage(events, datetime(2025, 12, 31, 23, tzinfo=UTC)) == "renewal"
    assert stage(events, datetime(2026, 1, 1, tzinfo=UTC)) == "adoption"
    assert stage(events, datetime(2026, 9, 1, tzinfo=UTC)) == "adoption"
    assert stage(events, datetime(2026, 9, 2, tzinfo=UTC)) == "renewal"


def test_terms_that_end_with_a_month_go_on_ending_with_one() -> None:
    half_year = {"ends_on": date(2026, 6, 30), "term_months": 6, "auto_renew": True}
    events = [signed(NOON - 500 * DAY, **half_year)]

    assert stage(events, datetime(2026, 12, 31, 23, tzinfo=UTC)) == "renewal"
    assert stage(events, datetime(2027, 1, 1, tzinfo=UTC)) == "adoption"


@pytest.mark.parametrize(
    ("last", "months", "following"),
    [
        (date(2026, 6, 30), 1, date(2026, 7, 31)),
        (date(2026, 2, 28), 3, date(2026, 5, 31)),
        (date(2026, 7, 31), 7, date(2027, 2, 28)),
        (date(2026, 1, 14), 1, date(2026, 2, 14)),
        (date(2026, 6, 30), -6, date(2025, 12, 31)),
        (date(9999, 12, 20), 1, date.max),
        (date.max, 12, date.max),
        (date.min, -1, date.min),
    ],
)
def test_a_last_day_some_months_after_another(last: date, months: int, following: date) -> None:
    assert last_day_after(last, months) == following


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        ({"term_months": 12}, date(2026, 12, 31)),
        ({"term_months": 1}, date(2026, 3, 31)),
        ({}, date(2026, 12, 31)),  # as long as the first term
        ({"starts_on": None}, date(2026, 3, 10)),  # no term is known: with the notice
    ],
)
@pytest.mark.parametrize("notice", [{"status": "cancelled"}, {"cancelled_at": datetime(2026, 3, 10, tzinfo=UTC)}])
def test_notice_in_a_term_begun_by_itself_ends_the_contract_with_that_term(
    fields: dict[str, Any], last: date, notice: dict[str, Any]
) -> None:
    told = datetime(2026, 3, 10, tzinfo=UTC)
    term = {"starts_on": LONG_AGO, "ends_on": date(2024, 12, 31), "auto_renew": True}
    events = [signed(told - 700 * DAY, **term | fields), contract(told, **notice)]
    ended = datetime(last.year, last.month, last.day, tzinfo=UTC) + DAY

    assert [stage(events, told - HOUR), stage(events, told)] == ["adoption", "churning"]
    assert [stage(events, ended - HOUR), stage(events, ended)] == ["churning", "churned"]
    assert began_at(facts_of(events).slow, ended + 9 * DAY, UTC, TERMS) == ended


@pytest.mark.parametrize(
    ("before", "begins", "expected"),
    [
        ({"ends_on": date(2025, 12, 31)}, date(2026, 1, 1), "adoption"),  # renewed in place
        ({"ends_on": date(2024, 12, 31), "auto_renew": True, "term_months": 12}, date(2026, 1, 1), "adoption"),
        ({"ends_on": date(2025, 12, 31)}, date(2026, 1, 2), "onboarding"),  # begins anew, after a break
        ({}, date(2026, 1, 1), "onboarding"),  # no end was told: its first day is put right
        ({"ends_on": date(2025, 12, 31), "status": "trial"}, date(2026, 1, 1), "onboarding"),
    ],
)
def test_a_later_first_day_right_after_the_last_one_is_that_of_a_new_term(
    before: dict[str, Any], begins: date, expected: str
) -> None:
    told = datetime(2025, 12, 10, tzinfo=UTC)
    renewed = contract(told, status="active", starts_on=begins, ends_on=begins + timedelta(days=364))
    events = [signed(told - 500 * DAY, **before), renewed]

    assert stage(events, told + 5 * DAY) == expected
    assert stage(events, told + 50 * DAY) == expected


def test_what_is_heard_of_under_notice_after_its_last_day_is_over() -> None:
    past = {"ends_on": (NOON - 90 * DAY).date(), "auto_renew": True, "term_months": 12}

    assert stage([signed(status="cancelled", **past)]) == "churned"
    assert stage([signed(cancelled_at=NOON - 20 * DAY, **past)]) == "churning"


def test_days_of_contracts_are_days_of_the_zone() -> None:
    slow = facts_of([signed(NOON - 500 * DAY, ends_on=date(2026, 12, 31), term_months=12)]).slow
    midnight_in_berlin = datetime(2026, 9, 1, 22, tzinfo=UTC)

    stages = [stage_at(slow, at, BERLIN, TERMS) for at in (midnight_in_berlin - HOUR, midnight_in_berlin)]

    assert stages == ["adoption", "renewal"]


def test_extreme_days_are_borne() -> None:
    for day in (date.min, date.max, date(9999, 12, 1), date(1, 2, 1)):
        for auto_renew in (True, False):
            events = [
                contract(NOON, status="active", starts_on=day, ends_on=day, term_months=months, auto_renew=auto_renew)
                for months in (2, 12, 1200)
            ]
            assert stage(events, NOON + DAY) in ("churned", "adoption", "renewal", "onboarding")
            mix(events, NOON + DAY)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-600, 600))
def test_months_after_is_the_same_day_or_the_last_of_its_month(day: date, months: int) -> None:
    there = months_after(day, months)

    assert (there.year * 12 + there.month) - (day.year * 12 + day.month) == months
    assert there.day == day.day or (there.day < day.day and (there + timedelta(days=1)).day == 1)


# Blending


def test_weights_blend_evenly_over_14_days_after_a_stage_began() -> None:
    events = [signed(NOON - 500 * DAY, ends_on=date(2026, 12, 31), term_months=12)]
    begins = datetime(2026, 9, 2, tzinfo=UTC)

    assert mix(events, begins) == {"adoption": 1}
    assert mix(events, begins + 3.5 * DAY) == pytest.approx({"adoption": 0.75, "renewal": 0.25})
    assert mix(events, begins + 14 * DAY) == {"renewal": 1}
    assert began_at(facts_of(events).slow, begins + 40 * DAY, UTC, TERMS) == begins


def test_a_notice_within_the_renewal_does_not_move_the_weights() -> None:
    term = signed(NOON - 500 * DAY, ends_on=date(2026, 7, 31), term_months=12)
    slow = facts_of([term, contract(NOON, cancelled_at=NOON)]).slow

    assert mix_at(slow, NOON + DAY, UTC, TERMS) == ("churning", {"renewal": pytest.approx(1)})
    assert began_at(slow, NOON + DAY, UTC, TERMS) == NOON


def test_a_new_account_starts_with_the_weights_of_its_first_stage() -> None:
    new = [contract(NOON, status="active", starts_on=NOON.date())]

    assert mix(new, NOON + HOUR) == {"onboarding": 1}
    assert mix([*new, usage(NOON)], NOON + DAY) == {"onboarding": 1}
    assert mix([*new, usage(NOON - 60 * DAY)], NOON + 7 * DAY) == pytest.approx({"adoption": 0.5, "onboarding": 0.5})


days = st.integers(0, 500).map(lambda n: NOON - n * DAY)
patches = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["trial", "active", "cancelled", "ended"]),
        "starts_on": st.none() | days.map(datetime.date),
        "ends_on": st.integers(-300, 300).map(lambda n: (NOON + n * DAY).date()),
        "term_months": st.sampled_from([1, 3, 12, None]),
        "auto_renew": st.booleans(),
        "cancelled_at": st.none() | days,
    },
)
histories = st.lists(
    st.builds(lambda at, id_, patch: contract(at, id_, **patch), days, st.sampled_from(["c1", "c2"]), patches)
    | st.builds(milestone, days, st.sampled_from(ALL)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150)
@given(histories, st.integers(0, 200).map(lambda n: NOON - n * DAY))
def test_the_mix_is_what_a_clock_that_looks_every_hour_would_have_seen(
    events: list[CustomerEvent], at: datetime
) -> None:
    slow = facts_of(events).slow
    hours = [at - n * HOUR for n in range(1, 14 * 24 + 1)]
    seen = [COLUMN_OF[stage_at(slow, hour, UTC, TERMS)] for hour in hours]

    told, shares = mix_at(slow, at, UTC, TERMS)

    assert told == stage_at(slow, at, UTC, TERMS)
    assert sum(shares.values()) == pytest.approx(1)
    heard = [stage_at(slow, hour, UTC, TERMS) for hour in hours if any_heard(events, hour)]
    if len(heard) == len(hours):  # heard of all the time: nothing is left out of the window
        for column, share in shares.items():
            assert share == pytest.approx(seen.count(column) / len(seen), abs=6 / len(seen))


def any_heard(events: Sequence[CustomerEvent], at: datetime) -> bool:
    """Whether a contract was heard of before a moment."""
    return any(event.type == "contract.changed" and event.time <= at for event in events)


@settings(max_examples=80)
@given(histories, st.integers(0, 200).map(lambda n: NOON - n * DAY))
def test_the_stage_and_its_weights_are_the_same_whatever_came_later(events: list[CustomerEvent], at: datetime) -> None:
    moment = at + timedelta(hours=11, minutes=59)
    known = [event for event in events if event.time <= moment]

    assert mix_at(facts_of(events).slow, moment, UTC, TERMS) == mix_at(facts_of(known).slow, moment, UTC, TERMS)


def test_a_moment_that_is_told_of_later_splits_no_share() -> None:
    events = [signed(NOON - 9 * DAY, starts_on=date(2026, 6, 20)), usage(NOON - 30 * DAY)]
    assert mix(events, NOON) == {"adoption": 5 / 14, "onboarding": 9 / 14}

    for minutes in range(1, 400, 7):
        later = contract(NOON + DAY, cancelled_at=NOON - timedelta(minutes=minutes))
        assert mix([*events, later], NOON) == mix(events, NOON)


def test_measures_of_both_columns_are_told_while_they_blend() -> None:
    events = [signed(NOON - 500 * DAY, ends_on=date(2026, 12, 31), term_months=12), usage(NOON)]
    at = datetime(2026, 9, 5, tzinfo=UTC)

    names = {m.measure for m in features(facts_of(events, at), at, CARD, UTC).measurements}

    assert {"csat", "mrr_change", "renewal_checklist"} <= names
    assert "milestones" not in names

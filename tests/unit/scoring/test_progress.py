"""Progress of an account against examples worked out by hand, and its laws."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scoring.builders import (
    CARD,
    DAY,
    HOUR,
    NOON,
    TOKYO,
    card_with,
    contract,
    described,
    facts_of,
    measured,
    milestone,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.calendar import local_day
from scoring.domain.scorecard import Scorecard
from scoring.engine.contracts import contracts_at, running
from scoring.engine.features import features
from scoring.engine.progress import ChecklistItem, Need, Notice, Progress, progress
from scoring.engine.stages import renewal_ahead

JUNE = datetime(2026, 6, 1, 12, tzinfo=UTC)  # 30 days before noon
FEATURED = card_with(usage__key_features=["a", "b", "c", "d"])


def at_noon(events: Sequence[CustomerEvent], at: datetime = NOON, card: Scorecard = CARD) -> Progress:
    return progress(facts_of(events, at, card=card), at, card, UTC)


def signed(at: datetime = JUNE, id_: str = "c1", **fields: Any) -> CustomerEvent:
    return contract(at, id_, **{"status": "active", "starts_on": at.date(), **fields})


# Onboarding


def test_an_onboarding_tells_what_is_reached_and_what_is_due_when() -> None:
    now = at_noon([signed(), milestone(JUNE + 9 * DAY, "kickoff"), milestone(NOON + DAY, "data_imported")])

    assert (now.stage, now.since, now.scorecard, now.at) == ("onboarding", JUNE, "default@1", NOON)
    found = now.onboarding
    assert found is not None
    assert (found.began, found.last_day) == (date(2026, 6, 1), date(2026, 9, 28))  # 120 days, the first one counted
    assert (found.outcome, found.ended_at, found.connected) == ("running", None, True)
    assert [(one.name, one.weight, one.due_on, one.reached_at) for one in found.milestones] == [
        ("kickoff", 1, date(2026, 6, 15), JUNE + 9 * DAY),
        ("data_imported", 2, date(2026, 7, 1), None),  # what tomorrow brings is not known
        ("go_live", 3, date(2026, 7, 31), None),
    ]


def test_first_value_counts_its_days_until_it_is_reached() -> None:
    waiting = at_noon([signed(), milestone(JUNE, "kickoff")]).onboarding
    reached = at_noon([signed(), milestone(JUNE + 20 * DAY, "first_value")]).onboarding

    assert waiting is not None
    assert waiting.first_value is not None
    assert (waiting.first_value.days, waiting.first_value.reached_at) == (30, None)
    assert (waiting.first_value.target_days, waiting.first_value.due_on) == (45, date(2026, 7, 16))
    assert reached is not None
    assert reached.first_value is not None
    assert (reached.first_value.days, reached.first_value.reached_at) == (20, JUNE + 20 * DAY)


@pytest.mark.parametrize(
    ("started", "heard", "done", "outcome", "ended"),
    [
        (JUNE, JUNE, (), "running", None),
        (JUNE, JUNE, ("kickoff", "data_imported", "go_live", "first_value"), "completed", NOON - DAY),
        # 120 days after 1 February it is 1 June
        (JUNE - 120 * DAY, JUNE - 120 * DAY, ("kickoff",), "failed", JUNE.replace(hour=0)),
        (JUNE - 120 * DAY, JUNE + 2 * DAY, (), "unknown", JUNE.replace(hour=0)),
    ],
)
def test_an_onboarding_ends_one_way_or_the_other(
    started: datetime, heard: datetime, done: tuple[str, ...], outcome: str, ended: datetime | None
) -> None:
    found = at_noon([
        signed(heard, starts_on=started.date()), *(milestone(NOON - DAY, name) for name in done)
    ]).onboarding  # fmt: skip

    assert found is not None
    assert (found.outcome, found.ended_at) == (outcome, ended)


def test_what_nobody_ever_told_of_is_not_the_same_as_nothing_done() -> None:
    strict = card_with(stages__onboarding__without_milestones="zero")

    silent, told = at_noon([signed()]).onboarding, at_noon([signed()], card=strict).onboarding

    assert silent is not None
    assert told is not None
    assert (silent.connected, told.connected) == (False, True)


def test_without_a_contract_there_is_neither_onboarding_nor_renewal() -> None:
    now = at_noon([usage(NOON)])

    assert (now.stage, now.since, now.onboarding, now.renewal, now.notices) == ("adoption", None, None, None, ())


# The renewal


def test_a_renewal_says_how_long_is_left_and_what_is_done_for_it() -> None:
    # a year until 30 September: the renewal begins 120 days before, on 2 June
    term = signed(JUNE - 243 * DAY, starts_on=date(2025, 10, 1), ends_on=date(2026, 9, 30), term_months=12)
    events = [term, milestone(JUNE - 31 * DAY, "renewal_proposal"), milestone(JUNE + 9 * DAY, "renewal_review")]

    now = at_noon(events)

    assert (now.stage, now.since) == ("renewal", datetime(2026, 6, 2, tzinfo=UTC))
    found = now.renewal
    assert found is not None
    assert (found.contract, found.begins, found.ends) == ("c1", date(2026, 6, 2), date(2026, 9, 30))
    assert (found.begun, found.days_left, found.connected) == (True, 91, True)
    assert found.checklist == (
        ChecklistItem("renewal_review", JUNE + 9 * DAY),
        ChecklistItem("renewal_proposal", None),  # that one was of the term before
        ChecklistItem("renewal_agreed", None),
    )


def test_a_renewal_that_has_not_begun_is_told_ahead() -> None:
    # a year until 31 May 2027: it begins 120 days before, on 31 January
    found = at_noon([signed(ends_on=date(2027, 5, 31), term_months=12)]).renewal

    assert found is not None
    assert (found.begins, found.ends, found.days_left) == (date(2027, 1, 31), date(2027, 5, 31), 334)
    assert (found.begun, found.connected) == (False, False)


@pytest.mark.parametrize(
    "fields",
    [
        {},  # without an end
        {"status": "trial", "ends_on": date(2026, 8, 31)},
        {"ends_on": date(2026, 7, 31), "term_months": 1},  # month to month
        {"ends_on": date(2026, 9, 30), "cancelled_at": JUNE + DAY},
        {"ends_on": date(2026, 6, 30)},  # over since yesterday
        {"starts_on": date(2026, 7, 2), "ends_on": date(2026, 12, 31)},  # not before tomorrow
    ],
)
def test_some_contracts_have_no_renewal(fields: dict[str, Any]) -> None:
    assert at_noon([signed(**fields)]).renewal is None


def test_of_two_renewals_the_one_whose_term_ends_first_is_told() -> None:
    far = signed(JUNE - 200 * DAY, "far", ends_on=date(2026, 10, 15), term_months=12)
    near = signed(JUNE - 200 * DAY, "near", ends_on=date(2026, 8, 15), term_months=12)

    found = at_noon([far, near]).renewal

    assert found is not None
    assert (found.contract, found.days_left) == ("near", 45)


@pytest.mark.parametrize("ends", [date(2026, 8, 15), date(2027, 6, 1)])
def test_of_two_renewals_of_one_day_the_same_is_told_in_whatever_order_they_come(ends: date) -> None:
    one, other = (signed(JUNE - 200 * DAY, id_, ends_on=ends, term_months=12) for id_ in ("one", "other"))

    first, second = at_noon([one, other]).renewal, at_noon([other, one]).renewal

    assert first is not None
    assert first == second


# Notices


def test_notices_say_when_they_were_given_and_when_the_contract_ends() -> None:
    events = [
        signed(id_="told", ends_on=date(2026, 9, 30), cancelled_at=JUNE + 5 * DAY),
        signed(id_="by_status"),
        contract(JUNE + 3 * DAY, "by_status", status="cancelled"),
        contract(JUNE + 8 * DAY, "by_status", status="cancelled"),
        signed(id_="withdrawn", status="cancelled"),
        contract(JUNE + 2 * DAY, "withdrawn", status="active"),
        signed(id_="later", cancelled_at=NOON + DAY),
        signed(id_="over", status="cancelled", ends_on=date(2026, 6, 30)),
        signed(id_="in_its_third_year", ends_on=date(2025, 3, 31), auto_renew=True, term_months=12),
        contract(JUNE + 9 * DAY, "in_its_third_year", status="cancelled"),
    ]

    now = at_noon(events)

    assert now.notices == (
        Notice("by_status", JUNE + 3 * DAY, None),
        Notice("told", JUNE + 5 * DAY, date(2026, 9, 30)),
        Notice("in_its_third_year", JUNE + 9 * DAY, date(2027, 3, 31)),
    )


def test_the_last_contract_under_notice_sets_the_stage() -> None:
    now = at_noon([signed(ends_on=date(2026, 9, 30), cancelled_at=JUNE + 5 * DAY)])

    assert (now.stage, now.since) == ("churning", JUNE + 5 * DAY)


# The adoption level


def at_work(names: str, people: int, days: int = 10) -> list[CustomerEvent]:
    """So many people use each of these features on so many days."""
    return [usage(NOON - n * DAY, who, name) for n in range(days) for who in range(1, people + 1) for name in names]


def test_a_level_tells_what_the_next_one_needs() -> None:
    # two of four key features; two people of ten seats at work on ten days
    now = at_noon([described(JUNE, seats=10), *at_work("ab", 2)], card=FEATURED).adoption

    assert (now.level, now.next, now.active, now.window_days) == ("medium", "high", 2, 28)
    assert now.needs == (Need("breadth", 0.5, 0.375), Need("depth", 0.2, 0.35))


def test_nobody_at_work_needs_one_person_for_low() -> None:
    idle = at_noon([described(JUNE, seats=10), usage(NOON - 40 * DAY)], card=FEATURED).adoption
    one = at_noon([described(JUNE, seats=10), usage(NOON, 1, "a")], card=FEATURED).adoption

    assert (idle.level, idle.active, idle.next, idle.needs) == ("none", 0, "low", ())
    assert (one.level, one.active, one.next) == ("low", 1, "medium")
    assert one.needs == (Need("breadth", 0.0, 0.25), Need("depth", 0.0, 0.2))


def test_above_the_highest_level_there_is_none() -> None:
    now = at_noon([described(JUNE, seats=4), *at_work("ab", 2)], card=FEATURED).adoption

    assert (now.level, now.next, now.needs) == ("high", None, ())


def test_a_level_that_names_no_measure_is_passed_over() -> None:
    bare = card_with(usage__key_features=["a", "b", "c", "d"], adoption_levels__medium={})

    now = at_noon([described(JUNE, seats=10), usage(NOON, 1, "a")], card=bare).adoption

    assert (now.level, now.next) == ("low", "high")


# Laws

TOLD = st.lists(
    st.fixed_dictionaries({
        "id_": st.sampled_from(["c1", "c2"]),
        "days": st.integers(0, 500),
        "status": st.sampled_from(["active", "trial", "cancelled", "ended"]),
        "starts": st.none() | st.integers(-30, 500),
        "ends": st.none() | st.integers(-200, 400),
        "term_months": st.sampled_from([None, 1, 3, 12]),
        "auto_renew": st.sampled_from([None, True, False]),
        "cancelled": st.none() | st.integers(-30, 60),
    }),
    max_size=4,
)  # fmt: skip
NAMES = ("kickoff", "data_imported", "go_live", "first_value", "renewal_review", "renewal_proposal", "renewal_agreed")
REACHED = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(-5, 400)), max_size=8)


def _contract(told: dict[str, Any]) -> CustomerEvent:
    return contract(
        NOON - told["days"] * DAY,
        told["id_"],
        status=told["status"],
        starts_on=None if told["starts"] is None else (NOON - told["starts"] * DAY).date(),
        ends_on=None if told["ends"] is None else (NOON + told["ends"] * DAY).date(),
        term_months=told["term_months"],
        auto_renew=told["auto_renew"],
        cancelled_at=None if told["cancelled"] is None else NOON - told["cancelled"] * DAY,
    )


@given(told=TOLD, reached=REACHED, later=st.integers(0, 60), people=st.integers(0, 3))
@settings(max_examples=150)
def test_progress_never_tells_another_story_than_the_score(
    told: list[dict[str, Any]], reached: list[tuple[str, int]], later: int, people: int
) -> None:
    at = NOON + later * DAY + HOUR
    events = [_contract(one) for one in told] + [milestone(NOON - days * DAY, name) for name, days in reached]
    events += [usage(NOON - days * DAY, who, "a") for who in range(people) for days in range(12)]
    facts = facts_of(events, at, zone=TOKYO, card=FEATURED)

    now = progress(facts, at, FEATURED, TOKYO)

    scored = features(facts, at, FEATURED, TOKYO)
    today = local_day(at, TOKYO)
    ahead = renewal_ahead(running(contracts_at(facts.slow, at, TOKYO), at, today), at, today, FEATURED.stages)
    assert (now.stage, now.adoption.level) == (scored.stage, scored.adoption_level)
    assert now.since is None or now.since <= at
    assert (now.renewal is not None and now.renewal.begun) == (ahead is not None)
    if now.renewal is not None and ahead is not None:
        assert (now.renewal.begins, now.renewal.ends) == (ahead.begins, ahead.ends)
        done = [item for item in now.renewal.checklist if item.reached_at is not None]
        measure = measured("renewal_checklist", events, at, FEATURED, TOKYO)
        assert (measure.status == "fresh") == now.renewal.connected
        assert measure.value is None or measure.value == len(done) / 3
    if now.stage == "churning":
        assert now.notices
    if now.onboarding is not None and now.onboarding.outcome == "completed":
        assert all(one.reached_at is not None for one in now.onboarding.milestones)
    if now.adoption.level != "none":
        short = [need for need in now.adoption.needs if need.value is not None and need.value < need.needed]
        unknown = all(need.value is None for need in now.adoption.needs)
        assert short or unknown or now.adoption.next is None


def test_a_zone_decides_which_day_it_is() -> None:
    # 23:00 of 31 July in UTC is 1 August in Tokyo
    late = datetime(2026, 7, 31, 23, tzinfo=UTC)
    term = signed(ends_on=date(2026, 9, 30), term_months=3)
    left = []

    for zone in (UTC, TOKYO):
        renewal = progress(facts_of([term], late, zone=zone), late, CARD, zone).renewal
        left.append(renewal and renewal.days_left)

    assert left == [61, 60]

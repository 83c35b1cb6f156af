"""O1, O2, O3 and C3 of the default scorecard against examples worked out by hand."""

from datetime import UTC, date

import pytest
from tests.unit.scoring.builders import (
    CARD,
    DAY,
    NOON,
    card_with,
    contact,
    contract,
    event,
    facts_of,
    measured,
    milestone,
    person,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.score import score
from scoring.engine.features import features

# The default: kickoff 1 due on day 14, data_imported 2 on day 30, go_live 3 on day 60; first value on day 45.


def started(days: int) -> CustomerEvent:
    """A contract that began so many days ago."""
    return contract(NOON - days * DAY, status="active", starts_on=(NOON - days * DAY).date())


# O1


@pytest.mark.parametrize(
    ("days", "done", "status", "value"),
    [
        (5, [], "not_connected", None),
        (5, ["other"], "not_applicable", None),  # nothing is due yet
        (14, ["other"], "fresh", 0.0),  # a true zero
        (20, ["kickoff"], "fresh", 1.0),
        (30, ["kickoff"], "fresh", 1 / 3),
        (20, ["kickoff", "go_live"], "fresh", 1.0),  # done early counts as due
        (60, ["kickoff", "data_imported"], "fresh", 3 / 6),
        (60, ["kickoff", "data_imported", "go_live"], "fresh", 1.0),
    ],
)
def test_milestones_are_the_weights_done_over_those_due(
    days: int, done: list[str], status: str, value: float | None
) -> None:
    events = [started(days), *(milestone(NOON - DAY, name) for name in done)]

    found = measured("milestones", events)

    assert (found.status, found.value) == (status, value)


def test_milestones_that_nobody_ever_told_of_are_zero_if_the_scorecard_says_so() -> None:
    strict = card_with(stages__onboarding__without_milestones="zero")

    assert measured("milestones", [started(20)], card=strict).value == 0.0
    assert measured("first_value", [started(90)], card=strict).value == 2.0


def test_without_a_contract_nothing_of_onboarding_applies() -> None:
    events = [usage(NOON), milestone(NOON, "kickoff")]

    assert measured("milestones", events).status == "not_applicable"
    assert measured("first_value", events).status == "not_applicable"


# O2


@pytest.mark.parametrize(
    ("days", "reached_on_day", "value", "points"),
    [
        (9, None, 0.2, 80),  # under way, in time so far
        (45, None, 1.0, 80),
        (54, None, 1.2, 60),
        (90, None, 2.0, 0),
        (100, 45, 1.0, 100),  # in time, for good
        (46, 2, 2 / 45, 100),
        (100, 54, 1.2, 60),  # late, and stays as late as it was
    ],
)
def test_first_value_in_time_is_100_and_late_by_the_curve(
    days: int, reached_on_day: int | None, value: float, points: float
) -> None:
    events = [started(days), milestone(NOON - days * DAY, "kickoff")]
    if reached_on_day is not None:
        events.append(milestone(NOON - (days - reached_on_day) * DAY, "first_value"))

    found = measured("first_value", events)
    curve = CARD.measures["first_value"].curve

    assert found.value == pytest.approx(value)
    assert (curve.points(value) if found.points is None else found.points) == pytest.approx(points)


def test_points_that_are_given_outright_go_into_the_score() -> None:
    events = [started(40), milestone(NOON - 20 * DAY, "first_value"), usage(NOON)]

    scored = score(features(facts_of(events, NOON), NOON, CARD, UTC), CARD, "onboarding", None)

    told = next(c for c in scored.contributions if c.measure == "first_value")
    assert (told.points, told.value) == (100, 20 / 45)
    assert told.contribution == pytest.approx(told.weight * 25)


# O3


def test_activation_is_the_invited_people_with_a_core_action() -> None:
    events = [
        *(contact(NOON - 20 * DAY, who, role="field_user") for who in (1, 2, 3, 4, 5)),
        contact(NOON - DAY, 5, left=True),  # left: not counted
        contact(NOON + DAY, 8, role="other"),  # not yet invited
        usage(NOON - 19 * DAY, 1),
        usage(NOON, 2, name="login"),  # no core action
        usage(NOON - 3 * DAY, 5),
        usage(NOON, 7),  # never invited
    ]

    found = measured("activation", events)

    assert (found.status, found.value) == ("fresh", 1 / 4)


def test_an_invited_person_who_is_erased_counts_as_before_in_whatever_order_it_is_told() -> None:
    events = [*(contact(NOON - 20 * DAY, who, locale="ja") for who in (1, 2)), contact(NOON - 9 * DAY, 1, locale="en")]
    events += [usage(NOON - 3 * DAY, 1), usage(NOON - DAY, 3)]
    erased = event("person.erased", NOON, {"person": person(1)})

    for given in ([*events, erased], [erased, *events], [erased, *events[::-1]]):
        slow = facts_of(given).slow

        assert slow.contacts == facts_of([*events, erased]).slow.contacts
        assert slow.contacts[person(1)].keys() == {"described"}
        for at in (NOON, NOON - 15 * DAY, NOON - 21 * DAY):
            assert measured("activation", given, at) == measured("activation", events, at)


def test_an_invited_person_under_two_ids_is_one_and_active_under_either() -> None:
    events = [
        *(contact(NOON, who, locale="ja") for who in (1, 2, 3)),
        event("contact.merged", NOON, {"from_": person(1), "into": person(2)}),
        usage(NOON, 2),
    ]

    assert measured("activation", events).value == 1 / 2


def test_who_left_under_one_of_their_ids_is_invited_no_more_unless_they_came_back_under_another() -> None:
    events = [
        contact(NOON - 29 * DAY, 1, role="sponsor"),
        contact(NOON - 20 * DAY, 2, left=True),
        event("contact.merged", NOON - 10 * DAY, {"from_": person(1), "into": person(2)}),
        contact(NOON - 25 * DAY, 3, role="other"),
        usage(NOON - 3 * DAY, 3),
    ]

    assert measured("activation", events).value == 1.0
    assert measured("activation", events, NOON - 21 * DAY).status == "not_connected"
    assert measured("activation", [*events, contact(NOON - 5 * DAY, 1, left=False)]).value == 1 / 2


@pytest.mark.parametrize("invited", [1, 20])  # few are looked up, many are compared
def test_activation_looks_back_120_days_wherever_months_begin(invited: int) -> None:
    events = [contact(NOON - 200 * DAY, who) for who in range(1, invited + 1)]
    events += [usage(NOON - 100 * DAY, who) for who in range(1, invited + 1)] + [usage(NOON + 20 * DAY, 99)]

    for days in (-100, 0, 10, 19):  # until 20 July, 120 days from 23 March on
        assert measured("activation", events, NOON + days * DAY).value == 1.0
    for days in (20, 30, 31, 50):
        assert measured("activation", events, NOON + days * DAY).value == 0.0


def test_activation_needs_contacts_and_a_known_persons_usage() -> None:
    assert measured("activation", [contact(NOON, 1)]).status == "not_connected"
    assert measured("activation", [usage(NOON, 1)]).status == "not_connected"
    assert measured("activation", [contact(NOON, 1), usage(NOON, 2, name="login")]).value == 0.0


def test_who_was_described_anew_was_invited_when_first_described() -> None:
    events = [contact(NOON, 1, locale="en"), contact(NOON - 9 * DAY, 1, locale="ja"), usage(NOON - 9 * DAY, 1)]

    assert measured("activation", events, NOON - 5 * DAY).value == 1.0
    assert measured("activation", events, NOON - 10 * DAY).status == "not_connected"


# C3


def test_the_renewal_checklist_is_the_share_of_its_items_reached_since_the_renewal_began() -> None:
    # a term from 1 October 2025 to 30 September 2026: a third is 121 days, so it begins 120 days before, on 2 June
    term = contract(
        NOON - 270 * DAY, status="active", starts_on=date(2025, 10, 1), ends_on=date(2026, 9, 30), term_months=12
    )
    last_year = [milestone(NOON - 300 * DAY, f"renewal_{step}") for step in ("review", "proposal", "agreed")]

    nothing_yet = measured("renewal_checklist", [term, *last_year])
    one = measured("renewal_checklist", [term, *last_year, milestone(NOON - 20 * DAY, "renewal_review")])
    earlier = measured("renewal_checklist", [term, *last_year], NOON - 60 * DAY)

    assert (nothing_yet.status, nothing_yet.value) == ("fresh", 0.0)
    assert one.value == 1 / 3
    assert earlier.status == "not_applicable"
    assert measured("renewal_checklist", [term]).status == "not_connected"
    assert measured("renewal_checklist", []).status == "not_applicable"


def test_a_milestone_reached_again_counts_again_in_any_order() -> None:
    again = [milestone(NOON - n * DAY, "renewal_review", id_=f"m{n}") for n in (400, 20, 200)]

    one, other = facts_of(again), facts_of(again[::-1])

    assert one.slow == other.slow
    assert one.slow.milestones["renewal_review"].time == NOON - 400 * DAY
    assert [entry.stamp.time for entry in one.slow.again["renewal_review"]] == [
        NOON - 400 * DAY, NOON - 200 * DAY, NOON - 20 * DAY
    ]  # fmt: skip
    assert facts_of(again[:1]).slow.again == {}

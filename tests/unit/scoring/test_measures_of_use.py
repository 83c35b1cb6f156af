"""U3, U4 and U5 of the default scorecard against examples worked out by hand."""

from datetime import UTC, datetime

import pytest
from tests.unit.scoring.builders import (
    CARD,
    DAY,
    NOON,
    card_with,
    described,
    event,
    facts_of,
    measured,
    person,
    ticket,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.scorecard import Scorecard
from scoring.engine.features import features

NAMED = card_with(usage__key_features=["a", "b", "c", "d"], usage__entitled={"basic": ["a", "b"], "none": []})


# U3


def test_breadth_is_the_key_features_that_two_people_used_in_28_days_over_those_of_the_plan() -> None:
    events = [
        usage(NOON, 1, name="a"),
        usage(NOON - 27 * DAY, 2, name="a"),  # two people, on different days
        usage(NOON, 1, name="b"),
        usage(NOON, 1, name="b"),  # one person twice
        usage(NOON, 1, name="c"),
        usage(NOON - 28 * DAY, 2, name="c"),  # the second one too long ago
        usage(NOON, 1, name="z"),
        usage(NOON, 2, name="z"),  # no key feature
    ]

    everything = measured("breadth", events, card=NAMED)
    basic = measured("breadth", [*events, described(NOON, plan="basic")], card=NAMED)
    nothing = measured("breadth", [*events, described(NOON, plan="none")], card=NAMED)

    assert (everything.status, everything.value, everything.estimate) == ("fresh", 1 / 4, False)
    assert basic.value == 1 / 2
    assert nothing.status == "not_applicable"


def test_until_key_features_are_named_the_eight_most_used_names_stand_in_as_an_estimate() -> None:
    events = [usage(NOON, n % 2, name=f"f{n // 2}", count=9) for n in range(6)]  # f0, f1, f2 by two people each
    events += [usage(NOON, 1, name=f"g{n}", count=9) for n in range(5)]  # by one person each
    rare = [usage(NOON, n, name="rare", count=1) for n in range(4)]  # by many, but the ninth by use
    logins = [usage(NOON, n, name="login", count=99) for n in range(4)]

    found = measured("breadth", [*events, *rare, *logins])
    few = measured("breadth", events[:4])

    assert (found.value, found.estimate) == (3 / 8, True)
    assert few.value == 2 / 8


def test_people_who_turn_out_to_be_one_are_one_person_for_breadth_and_depth() -> None:
    days = [usage(NOON - n * DAY, 1 + n % 2, name="a") for n in range(12)]
    merge = event("contact.merged", NOON, {"from_": person(1), "into": person(2)})
    size = described(NOON, seats=2)

    before = [measured(m, [*days, size], card=NAMED).value for m in ("breadth", "depth")]
    after = [measured(m, [*days, merge, size], card=NAMED).value for m in ("breadth", "depth")]

    assert before == [1 / 4, 0]
    assert after == [0, 1 / 2]


def test_breadth_and_depth_without_a_known_person_are_not_connected_and_after_a_silence_zero() -> None:
    for measure in ("breadth", "depth"):
        assert measured(measure, [usage(NOON, None)]).status == "not_connected"
        silent = measured(measure, [usage(NOON - 40 * DAY), described(NOON, seats=3)])
        assert (silent.status, silent.value) == ("fresh", 0.0)


# U4


def test_depth_is_the_people_with_ten_days_of_core_actions_in_28_over_the_seats() -> None:
    events = [
        *(usage(NOON - n * DAY, 1) for n in range(10)),
        *(usage(NOON - n * DAY, 2) for n in range(9)),
        *(usage(NOON - n * DAY, 3) for n in (*range(9), 28)),  # the tenth day outside
        *(usage(NOON, 4) for _ in range(10)),  # ten times on one day
        *(usage(NOON - n * DAY, 5, name="login") for n in range(20)),
        *(usage(NOON - n * DAY, 6) for n in range(18, 28)),
        described(NOON, seats=8),
    ]

    found = measured("depth", events)

    assert (found.value, found.estimate) == (2 / 8, False)
    assert measured("depth", events[:-1]).value == 2 / 6  # the people known stand in


# U5


def test_silence_is_days_since_the_last_core_action_over_the_usual_gap() -> None:
    # core actions on days 30, 26, 20 and 6 before now: gaps 4, 6, 14; with 3, 5, 7, 10 in order 3 4 5 6 7 10 14;
    # the 90th percentile lies at place 5.4: 10 + .4 * 4
    events = [usage(NOON - n * DAY, None) for n in (30, 26, 20, 6)] + [usage(NOON, 1, name="login")]

    found = measured("silence", events)

    assert found.value == pytest.approx(6 / 11.6)
    assert found.as_of == datetime(2026, 6, 26, tzinfo=UTC)


def test_who_works_daily_is_missed_sooner_than_who_works_monthly() -> None:
    daily = measured("silence", [usage(NOON - n * DAY) for n in range(4, 100)])
    monthly = measured("silence", [usage(NOON - n * DAY) for n in (4, 34, 64, 94)])

    # 95 gaps of 1 and 3, 5, 7, 10: place 88.2 of 98 is a 1
    assert daily.value == pytest.approx(4 / 1)
    # 3 5 7 10 30 30 30: place 5.4
    assert monthly.value == pytest.approx(4 / 30)


@pytest.mark.parametrize(
    ("events", "status", "value"),
    [
        ([described(NOON, seats=2)], "not_connected", None),
        ([usage(NOON)], "fresh", 0.0),
        ([usage(NOON - 8 * DAY, name="login")], "fresh", 8 / 9.1),  # 3 5 7 10: place 2.7 is 9.1
        ([usage(NOON - 119 * DAY)], "fresh", 119 / 9.1),
        ([usage(NOON - 300 * DAY)], "fresh", 120 / 9.1),
        ([usage(NOON - 300 * DAY, name="login")], "fresh", 120 / 9.1),
    ],
)
def test_silence_at_its_edges(events: list[CustomerEvent], status: str, value: float | None) -> None:
    found = measured("silence", events)

    assert (found.status, found.value) == (status, None if value is None else pytest.approx(value))


# Adoption level


@pytest.mark.parametrize(
    ("people", "names", "level"),
    [(0, 0, "none"), (1, 4, "low"), (2, 1, "low"), (2, 2, "medium"), (3, 2, "medium"), (4, 3, "high"), (9, 8, "high")],
)
def test_the_adoption_level_is_told_by_breadth_and_depth_together(people: int, names: int, level: str) -> None:
    events = [usage(NOON - 50 * DAY), described(NOON, seats=10)]
    events += [usage(NOON - n * DAY, who, name="f0") for who in range(people) for n in range(12)]
    events += [usage(NOON, 20 + who, name=f"f{n}") for n in range(names) for who in range(2)]

    found = features(facts_of(events, NOON), NOON, CARD, UTC)

    assert found.adoption_level == level


def test_the_adoption_level_is_told_in_every_stage() -> None:
    events = [usage(NOON - n * DAY, who, name=f"f{who}") for n in range(12) for who in range(4)]
    events += [usage(NOON, 5, name=f"f{n}") for n in range(4)]
    young = [*events, described(NOON, seats=6), event("contract.changed", NOON - 12 * DAY, {"contract": "c"})]

    found = features(facts_of(young, NOON), NOON, CARD, UTC)

    assert (found.stage, found.adoption_level) == ("onboarding", "high")
    assert "breadth" not in {m.measure for m in found.measurements}


def test_a_card_without_breadth_and_depth_knows_low_and_none_only() -> None:
    card: Scorecard = card_with(adoption_levels__medium={}, adoption_levels__high={})

    found = features(facts_of([usage(NOON), ticket(NOON)], NOON, card=card), NOON, card, UTC)

    assert found.adoption_level == "low"

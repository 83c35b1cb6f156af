"""What expressions of a scorecard see of an account, and measures that are expressions."""

from collections.abc import Mapping
from datetime import UTC, date
from decimal import Decimal

import pytest
from tests.unit.scoring.builders import (
    CARD,
    DAY,
    DOCUMENT,
    NOON,
    card_with,
    changed,
    contact,
    contract,
    described,
    facts_of,
    milestone,
    ticket,
    touch,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.document import InvalidDocument
from scoring.domain.parsing import parse_scorecard
from scoring.domain.terms import Evaluate, FeatureValue
from scoring.engine.described import described as of_conditions
from scoring.engine.features import assess, features
from scoring.engine.moment import Moment
from scoring.engine.values import FEATURE_FIELDS, feature_values

KINDS = {"text": str, "number": float, "any": dict}


def values_of(events: list[CustomerEvent]) -> Mapping[str, FeatureValue]:
    return feature_values(Moment(facts_of(events, NOON), NOON, CARD, UTC))


def test_days_as_a_customer_are_known_without_an_onboarding() -> None:
    card = card_with(stages__onboarding__milestones=[], stages__onboarding__first_value=None)
    facts = facts_of([contract(NOON - 30 * DAY, starts_on=date(2026, 1, 1))], NOON)

    for each in (CARD, card):
        assert feature_values(Moment(facts, NOON, each, UTC))["customer_days"] == 181.0
    assert "customer_days" not in values_of([usage(NOON)])


def test_custom_fields_are_cleared_one_by_one_or_all_at_once_in_whatever_order_it_is_told() -> None:
    events = [
        described(NOON - 4 * DAY, custom={"tier": "gold", "beta": True}),
        described(NOON - 3 * DAY, custom=None),
        described(NOON - 2 * DAY, custom={"tier": "silver", "size": 3}),
        described(NOON - DAY, custom={"size": None}),
    ]

    for given in (events, events[::-1]):
        facts = facts_of(given, NOON)
        assert values_of(given)["custom"] == {"tier": "silver"}
        assert of_conditions(facts, NOON, UTC, "JPY")["custom"] == {"tier": "silver", "beta": None, "size": None}


def test_an_accounts_features_are_plain_values_by_name() -> None:
    events = [
        described(NOON - 9 * DAY, plan="pro", segment="enterprise", industry="retail", country="JP", employees=300),
        described(NOON - 9 * DAY, custom={"tier": "gold", "beta": True, "score": 4}),
        contract(
            NOON - 9 * DAY, status="active", mrr=Decimal("80.50"), currency="JPY", seats=12, term_months=12,
            starts_on=date(2025, 8, 1), ends_on=date(2026, 7, 31),
        ),
        *(usage(NOON - n * DAY, n % 3, count=2) for n in (1, 5, 10, 40, 85, 88)),
        usage(NOON, 7, name="login"),
        ticket(NOON - DAY, "t1", severity=1, status="open"),
        ticket(NOON - DAY, "t2", severity=3, status="open"),
        ticket(NOON - DAY, "t3", status="solved", csat=4),
        touch(NOON - 2.5 * DAY, "out"),
        contact(NOON - DAY, 1, role="sponsor"),
        contact(NOON - DAY, 2, role="payer"),
        milestone(NOON - DAY, "kickoff"),
    ]  # fmt: skip

    assert values_of(events) == {
        "stage": "renewal", "stage_days": 9.0, "plan": "pro", "segment": "enterprise", "industry": "retail",
        "country": "JP", "touch_class": "high", "employees": 300.0,
        "custom": {"tier": "gold", "beta": True, "score": 4.0},
        "seats": 12.0, "mrr": 80.5, "contracts": 1.0, "customer_days": 334.0, "days_to_renewal": 30.0,
        "core_actions_7d": 4.0, "core_actions_28d": 6.0, "core_actions_56d_before": 2.0, "active_people_28d": 2.0,
        "people_90d": 3.0, "days_since_core_action": 1.0, "open_tickets": 2.0, "open_severity_1": 1.0,
        "rated_tickets": 1.0, "days_since_contact": 2.5, "contacts": 2.0, "sponsors": 1.0, "milestones": 1.0,
    }  # fmt: skip


def test_every_feature_that_is_told_is_listed_with_its_kind() -> None:
    everything = values_of([usage(NOON), touch(NOON), contract(NOON, status="active", mrr=Decimal(1), seats=1)])

    assert all(isinstance(value, KINDS[FEATURE_FIELDS[name]]) for name, value in everything.items())


def test_what_is_not_known_is_left_out() -> None:
    nothing = values_of([])

    assert nothing == {
        "stage": "adoption", "touch_class": "mid", "custom": {}, "contracts": 0.0, "open_tickets": 0.0,
        "open_severity_1": 0.0, "rated_tickets": 0.0, "contacts": 0.0, "sponsors": 0.0, "milestones": 0.0,
    }  # fmt: skip


def per_seat(expression: str) -> Evaluate:
    """Stands for a compiler: it knows one expression."""
    if expression != "core_actions_28d / seats":
        raise ValueError("Line 1, column 1: only one expression is known here.")

    def evaluate(values: Mapping[str, FeatureValue]) -> float | None:
        actions, seats = values.get("core_actions_28d"), values.get("seats")
        return actions / seats if isinstance(actions, float) and isinstance(seats, float) else None

    return evaluate


MEASURE = {
    "kind": "cel",
    "expression": "core_actions_28d / seats",
    "label": {"en": "Actions a seat", "ja": "席あたり操作数"},
    "weights": {"adoption": 50},
    "curve": [[0, 0], [10, 100]],
}


def test_a_measure_in_cel_is_its_expressions_value_and_counts_like_any_other() -> None:
    card = parse_scorecard(changed("measures.per_seat", MEASURE), per_seat)
    events = [usage(NOON, 1, count=10), described(NOON, seats=2)]

    scored = assess(facts_of(events, NOON), NOON, card, UTC)

    told = next(c for c in scored.contributions if c.measure == "per_seat")
    assert (told.status, told.value, told.points) == ("fresh", 5.0, 50.0)
    assert told.contribution == pytest.approx(told.weight * (50 - 75))


def test_a_measure_in_cel_that_needs_what_is_not_known_is_not_connected() -> None:
    card = parse_scorecard(changed("measures.per_seat", MEASURE), per_seat)

    found = features(facts_of([usage(NOON)], NOON), NOON, card, UTC)

    told = next(m for m in found.measurements if m.measure == "per_seat")
    assert (told.status, told.value) == ("not_connected", None)


@pytest.mark.parametrize(
    ("measure", "compiler", "what"),
    [
        (MEASURE, None, "cannot be used here"),
        (MEASURE | {"expression": "1 +"}, per_seat, "Line 1, column 1"),
        (MEASURE | {"expression": "x" * 2001}, per_seat, "too long"),
        (MEASURE | {"expression": 7}, per_seat, "no text"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused_with_its_place(
    measure: dict[str, object], compiler: object, what: str
) -> None:
    with pytest.raises(InvalidDocument, match=what) as refused:
        parse_scorecard(changed("measures.per_seat", measure), compiler)  # type: ignore[arg-type]

    assert refused.value.where == "measures.per_seat.expression"


def test_scorecards_with_the_same_expression_are_equal_however_often_it_is_compiled() -> None:
    one, other = (parse_scorecard(changed("measures.per_seat", MEASURE), per_seat) for _ in range(2))

    assert one == other
    assert one.sha256 == other.sha256 != parse_scorecard(DOCUMENT).sha256

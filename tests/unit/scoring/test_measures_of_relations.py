"""S2, R2, C1, C2 and the sponsor's cap of the default scorecard against examples worked out by hand."""

from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.scoring.builders import (
    CARD,
    DAY,
    HOUR,
    NOON,
    answer,
    contact,
    contract,
    event,
    facts_of,
    invoice,
    measured,
    person,
    ticket,
    touch,
)

from csmodels.catalogue import CustomerEvent
from scoring.engine.features import features


def rating(at: Any, score: int, response: str = "q1") -> CustomerEvent:
    """An answer to a CSAT survey."""
    data = {"survey": "s", "response": response, "revision": 1, "kind": "csat", "score": score}
    return event("survey.answered", at, data, id_=f"{response}:1")


# S2


def test_csat_is_the_share_of_satisfied_ratings_with_four_pseudo_answers() -> None:
    events = [
        ticket(NOON - 9 * DAY, "t1", status="solved", csat=5),
        ticket(NOON - 8 * DAY, "t2", status="solved", csat=3),
        ticket(NOON - 91 * DAY, "t3", status="solved", csat=1),  # too old
        ticket(NOON - 3 * DAY, "t4", status="open"),  # not rated
        rating(NOON - 2 * DAY, 4),
        rating(NOON, 1, "q2"),
        answer(NOON, 0),  # NPS
    ]

    found = measured("csat", events)

    assert found.value == pytest.approx((2 + 4 * 0.8) / (4 + 4))
    assert found.as_of == NOON


def test_a_rating_that_was_changed_counts_as_it_was_given_last() -> None:
    events = [ticket(NOON - 2 * DAY, csat=1), ticket(NOON, csat=5)]

    assert measured("csat", events).value == pytest.approx((1 + 3.2) / 5)
    assert measured("csat", events, NOON - DAY).value == pytest.approx(3.2 / 5)


def test_a_ticket_told_once_more_as_a_whole_is_no_new_rating_but_another_one_is() -> None:
    rated = ticket(NOON - 200 * DAY, status="closed", csat=1)
    again = ticket(NOON - 5 * DAY, status="closed", csat=1, topic="billing")

    assert measured("csat", [rated, again]) == measured("csat", [rated])
    assert measured("csat", [rated, again]).status == "stale"
    cleared = ticket(NOON - 6 * DAY, csat=None)
    assert measured("csat", [rated, cleared, again]).as_of == NOON - 5 * DAY


def test_csat_without_a_rating_is_not_connected_and_with_old_ones_stale() -> None:
    assert measured("csat", [ticket(NOON, status="open"), answer(NOON, 9)]).status == "not_connected"
    old = measured("csat", [ticket(NOON - 90 * DAY, csat=5)])
    assert (old.status, old.value, old.as_of) == ("stale", None, NOON - 90 * DAY)


def test_ratings_of_a_stopped_ticket_feed_do_not_grow_old() -> None:
    events = [ticket(NOON - 30 * DAY, csat=5)]
    later = NOON + 80 * DAY

    stopped = measured("csat", events, later, stopped={"tickets": NOON})

    assert measured("csat", events, later).status == "stale"
    assert (stopped.value, stopped.frozen) == (pytest.approx(4.2 / 5), True)


# R2


def test_a_sponsor_is_met_known_or_gone() -> None:
    sponsor = contact(NOON - 200 * DAY, 1, role="sponsor")
    met = touch(NOON - 89 * DAY, who=1)

    def found(*events: CustomerEvent) -> tuple[str, float | None]:
        told = measured("sponsor", events)
        return told.status, told.value

    assert found() == ("not_connected", None)
    assert found(contact(NOON, 1, role="payer")) == ("not_connected", None)
    assert found(sponsor) == ("fresh", 1)
    assert found(sponsor, met) == ("fresh", 2)
    assert found(sponsor, touch(NOON - 90 * DAY, who=1)) == ("fresh", 1)
    assert found(sponsor, touch(NOON, "out", who=1)) == ("fresh", 1)  # a mail without an answer
    assert found(sponsor, touch(NOON, who=2), touch(NOON)) == ("fresh", 1)  # with somebody else
    assert found(sponsor, met, contact(NOON, 1, left=True)) == ("fresh", 0)
    assert found(sponsor, met, contact(NOON, 1, role="other")) == ("fresh", 0)
    assert found(sponsor, contact(NOON, 1, left=True), contact(NOON, 2, role="sponsor")) == ("fresh", 1)
    assert [CARD.measures["sponsor"].curve.points(n) for n in (0, 1, 2)] == [0, 60, 100]


def test_a_sponsor_met_under_another_id_was_met() -> None:
    merge = event("contact.merged", NOON, {"from_": person(1), "into": person(2)})
    events = [contact(NOON - 9 * DAY, 1, role="sponsor"), touch(NOON, who=2)]

    assert measured("sponsor", events).value == 1
    assert measured("sponsor", [*events, merge]).value == 2


def test_a_sponsor_gone_and_not_replaced_caps_the_score_for_90_days() -> None:
    events = [contact(NOON - 200 * DAY, 1, role="sponsor"), contact(NOON, 1, left=True)]
    replaced = [*events, contact(NOON + 30 * DAY, 2, role="sponsor")]

    def caps(told: list[CustomerEvent], at: Any) -> tuple[str, ...]:
        return features(facts_of(told, at), at, CARD, UTC).caps

    assert caps(events, NOON - HOUR) == ()
    assert caps(events, NOON) == ("sponsor_gone",)
    assert caps(events, NOON + 90 * DAY - HOUR) == ("sponsor_gone",)
    assert caps(events, NOON + 90 * DAY) == ()
    assert caps(replaced, NOON + 29 * DAY) == ("sponsor_gone",)
    assert caps(replaced, NOON + 30 * DAY) == ()
    assert CARD.caps.at_most("sponsor_gone") == 60


# C1


def test_overdue_is_the_days_of_the_invoice_overdue_the_longest() -> None:
    events = [
        invoice(NOON - 60 * DAY, "i1", amount="10", due_on=(NOON - 20 * DAY).date()),
        invoice(NOON - 60 * DAY, "i2", amount="10", due_on=(NOON - 30 * DAY).date(), paid_at=NOON - 2 * DAY),
        invoice(NOON - 60 * DAY, "i3", amount="-5", due_on=(NOON - 40 * DAY).date()),  # a credit note
        invoice(NOON - 60 * DAY, "i4", amount="10"),  # no due day
    ]

    assert measured("overdue", events).value == 20
    assert measured("overdue", events, NOON - 3 * DAY).value == 27  # i2 was not paid yet
    assert measured("overdue", [*events, invoice(NOON, "i1", paid_at=NOON)]).value == 0
    assert measured("overdue", []).status == "not_connected"


def test_an_invoice_is_not_overdue_on_its_due_day_and_does_not_age_while_billing_is_stopped() -> None:
    events = [invoice(NOON - 9 * DAY, amount="10", due_on=NOON.date())]
    later = NOON + 30 * DAY

    stopped = measured("overdue", events, later, stopped={"billing": NOON})

    assert measured("overdue", events).value == 0
    assert measured("overdue", events, later).value == 30
    assert (stopped.value, stopped.frozen) == (0, True)


# C2


def priced(at: Any, id_: str = "c1", mrr: str = "100", **fields: Any) -> CustomerEvent:
    """A contract with a price."""
    return contract(at, id_, **{"status": "active", "mrr": Decimal(mrr), "currency": "JPY", **fields})


def test_mrr_change_compares_the_price_of_living_contracts_with_180_days_ago() -> None:
    events = [
        priced(NOON - 300 * DAY, "c1", "100"),
        priced(NOON - 300 * DAY, "c2", "60"),
        priced(NOON - 300 * DAY, "c3", "999", status="trial"),
        priced(NOON - 90 * DAY, "c1", "80"),
        contract(NOON - 60 * DAY, "c2", status="ended"),
        priced(NOON - 30 * DAY, "c4", "64"),
    ]

    assert measured("mrr_change", events).value == pytest.approx((144 - 160) / 160)
    assert measured("mrr_change", events[:3]).value == 0.0


def test_mrr_change_is_told_apart_from_not_applicable_and_not_connected() -> None:
    gone = [priced(NOON - 300 * DAY), contract(NOON, status="ended")]
    dollars = [priced(NOON - 300 * DAY), priced(NOON, "c2", currency="USD")]

    assert measured("mrr_change", gone).value == -1.0
    assert measured("mrr_change", [priced(NOON - 179 * DAY)]).status == "not_applicable"
    assert measured("mrr_change", [priced(NOON - 300 * DAY, mrr="0")]).status == "not_applicable"
    assert measured("mrr_change", dollars).status == "not_applicable"
    assert measured("mrr_change", [contract(NOON - 300 * DAY, status="active")]).status == "not_connected"
    assert measured("mrr_change", []).status == "not_connected"

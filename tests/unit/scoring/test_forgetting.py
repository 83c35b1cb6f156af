"""What is forgotten moves no score of the last 400 days."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.scoring.builders import (
    BERLIN,
    CARD,
    DAY,
    NOON,
    answer,
    card_with,
    contact,
    contract,
    described,
    event,
    facts_of,
    measured,
    ticket,
    touch,
    usage,
)
from tests.unit.scoring.test_fold_laws import DATA, codes, people

from csmodels.catalogue import CustomerEvent
from scoring.domain.money import Rates
from scoring.domain.scorecard import Scorecard
from scoring.engine.features import features, override_at
from scoring.engine.measuring import measured as measured_at
from scoring.engine.moment import Moment
from scoring.engine.profile import profile
from scoring.engine.retention import forgotten
from scoring.engine.values import feature_values

NOW = datetime(2027, 9, 1, 12, tzinfo=UTC)  # moments that data name lie some 430 to 550 days before it
UNTOLD = card_with(measures__open_tickets__without_tickets="not_connected")
YEN = Rates("JPY")
REF = "ingest/00000000-0000-4000-8000-000000000001"


@st.composite
def lives(draw: st.DrawFn) -> list[CustomerEvent]:
    """Events of 1,500 days, of all types that leave something in the slow part."""
    made = []
    times = st.datetimes(datetime(2023, 8, 1), datetime(2027, 9, 1), timezones=st.just(UTC))  # noqa: DTZ001
    types = sorted(DATA.keys() - {"usage.tracked", "signal.seen"})
    for n in range(draw(st.integers(5, 40))):
        type_, at = draw(st.sampled_from(types)), draw(times)
        who = draw(people) if type_ == "contact.described" else draw(st.none() | people)
        made.append(event(type_, at, draw(DATA[type_]), who=who, id_=f"e{n}", source=draw(codes)))
    for n in range(draw(st.integers(0, 6))):
        kind, score = draw(st.sampled_from([("nps", 9), ("nps", 3), ("csat", 2)]))
        data = {"survey": "s", "response": f"r{n}", "revision": 1, "kind": kind, "score": score}
        made.append(event("survey.answered", draw(times), data, who=draw(st.none() | people), id_=f"r{n}:1"))
    return made


@settings(max_examples=150)
@given(lives(), st.lists(st.floats(0, 400), min_size=1, max_size=4), st.sampled_from([CARD, UNTOLD]))
def test_no_moment_of_the_last_400_days_sees_what_is_forgotten(
    events: list[CustomerEvent], back: Sequence[float], card: Scorecard
) -> None:
    moments = [NOW - days * DAY for days in back]
    facts = facts_of(events, *moments, zone=BERLIN)

    kept = structs.replace(facts, slow=forgotten(facts.slow, NOW))

    for at in moments:
        now, then = Moment(facts, at, card, BERLIN), Moment(kept, at, card, BERLIN)
        assert features(kept, at, card, BERLIN) == features(facts, at, card, BERLIN)
        for measure in card.measures.values():
            assert measured_at(then, measure) == measured_at(now, measure)
        assert {**feature_values(then), "rated_tickets": 0} == {**feature_values(now), "rated_tickets": 0}
        assert profile(kept, at, BERLIN, YEN) == profile(facts, at, BERLIN, YEN)
        assert override_at(kept.slow, at) == override_at(facts.slow, at)
    assert forgotten(kept.slow, NOW) is kept.slow


def _told(measure: str, events: Sequence[CustomerEvent], at: datetime, card: Scorecard = CARD) -> tuple[Any, Any]:
    """A measure after and before something is forgotten."""
    facts = facts_of(events, at)
    kept = structs.replace(facts, slow=forgotten(facts.slow, NOON))
    assert kept.slow is not facts.slow
    return measured_at(Moment(kept, at, card, UTC), card.measures[measure]), measured(measure, events, at, card)


def test_who_was_a_sponsor_between_other_roles_stays_one_who_is_gone() -> None:
    roles = {700: "champion", 690: "sponsor", 650: "other"}
    note = event("note.recorded", NOON - 900 * DAY, {"author": "mika", "text_ref": REF})

    kept, whole = _told("sponsor", [*(contact(NOON - n * DAY, role=role) for n, role in roles.items()), note], NOON)

    assert kept == whole
    assert (kept.status, kept.value) == ("fresh", 0.0)


def test_the_newest_touch_before_the_oldest_moment_stays_for_it() -> None:
    calls = [touch(NOON - n * DAY) for n in (1000, 590, 585, 10)]

    kept, whole = _told("contact", [described(NOON - 1000 * DAY, segment="smb"), *calls], NOON - 399 * DAY)

    assert kept == whole
    assert kept.value == pytest.approx(186 / 90)


def test_what_was_ever_connected_stays_connected() -> None:
    done = [ticket(NOON - n * DAY, f"t{n}", status="solved", opened_at=NOON - n * DAY, csat=4) for n in (660, 650)]
    answers = [answer(NOON - n * DAY, 9, f"r{n}") for n in (860, 850)]

    for measure, status in (("open_tickets", "fresh"), ("csat", "stale"), ("nps", "stale")):
        kept, whole = _told(measure, [*done, *answers], NOON, UNTOLD)
        assert kept == whole
        assert kept.status == status


def test_how_a_contract_went_is_not_forgotten_but_what_was_said_again_is() -> None:
    said = {900: "active", 800: "cancelled", 799: "cancelled", 700: "active", 650: "active", 10: "active"}
    events = [contract(NOON - n * DAY, status=status) for n, status in said.items()]
    facts = facts_of([*events, usage(NOON - 5 * DAY)], NOON)

    kept = structs.replace(facts, slow=forgotten(facts.slow, NOON))

    for each in (facts, kept):
        assert feature_values(Moment(each, NOON, CARD, UTC))["stage_days"] == 700
    told = [(NOON - entry.stamp.time).days for entry in kept.slow.contracts["c1"]["status"]]
    assert told == [900, 800, 700, 650, 10]

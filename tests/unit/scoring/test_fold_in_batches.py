"""Laws of folding many events at once: it is what folding one by one gives, rows and what changed included."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta, tzinfo
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.scoring.builders import ACCOUNT, BERLIN, CARD, DAY, NOON, TOKYO, event, person, ticket, usage
from tests.unit.scoring.test_fold_laws import quick, worlds

from csmodels.catalogue import CustomerEvent
from scoring.domain.calendar import Month
from scoring.domain.scorecard import Scorecard
from scoring.engine.codec import canonical, decode_month, encode_month, encode_slow
from scoring.engine.facts import NAMES_KEPT, Facts, MonthFacts, MonthNotLoaded
from scoring.engine.features import assess, months_needed
from scoring.engine.fold import Folded, fold, fold_all, months_touched

JULY = Month("2026-07")
FIRST_FORMAT = (
    "0197c42000000000000040008000000000000001000000000000400080000000000000029201059200059600040101020196"
    "0003010102019293a56c6f67696e9200019192010093ae7265706f72745f6372656174656496000301010201929201019203"
    "019193a9706167655f76696577a770726963696e67920001"
)


def one_by_one(facts: Facts, events: Sequence[CustomerEvent], card: Scorecard, zone: tzinfo) -> Folded:
    """The definition: each event folded alone."""
    months: frozenset[Month] = frozenset()
    slow = erased = False
    for each in events:
        step = fold(facts, each, card, zone)
        facts = step.facts
        if step.erased:
            months, slow, erased = frozenset(), False, True
        months, slow = months | step.months, slow or step.slow
    return Folded(facts, months, slow, erased)


def empty(events: Sequence[CustomerEvent], zone: tzinfo = UTC) -> Facts:
    """An account's facts with all months loaded that the events touch."""
    months = months_needed(NOON, zone).union(*(months_touched(each, zone) for each in events))
    return Facts(ACCOUNT).loaded({month: MonthFacts() for month in months})


def read_back(facts: Facts) -> Facts:
    """As they come from their rows."""
    return structs.replace(
        facts, months={key: decode_month(encode_month(month)) for key, month in facts.months.items()}
    )


def assert_equal(one: Folded, other: Folded) -> None:
    assert (one.months, one.slow, one.erased) == (other.months, other.slow, other.erased)
    assert canonical(one.facts) == canonical(other.facts)
    assert one.facts == other.facts
    assert encode_slow(one.facts.slow) == encode_slow(other.facts.slow)
    for key, month in one.facts.months.items():
        assert encode_month(month) == encode_month(other.facts.months[key])


erasures = st.lists(st.integers(0, 30), max_size=2)
uses = st.lists(
    st.builds(
        lambda days, hours, who, name, count: usage(
            NOON - days * DAY + timedelta(hours=hours), who or None, name, count, received=NOON + DAY
        ),
        st.sampled_from([0, 0, 1, 5, 29, 30, 31, 62, 398, 402, 517, 518, 519, 520, 521, 522]),
        st.integers(-12, 11),
        st.integers(0, 8),
        st.sampled_from(["report_created", "made", "sent", "login"]),
        st.integers(1, 9),
    ),
    max_size=30,
)


@quick
@given(worlds(), erasures, uses, st.sampled_from([UTC, TOKYO, BERLIN]), st.data())
def test_a_batch_is_its_events_one_by_one(
    world: list[CustomerEvent], places: list[int], used: list[CustomerEvent], zone: tzinfo, data: st.DataObject
) -> None:
    events: list[CustomerEvent] = data.draw(st.permutations([*world, *used]))
    for place in places:
        events.insert(place, event("account.erased", NOON, {"account": ACCOUNT}))
    cuts = sorted({0, len(events), *data.draw(st.lists(st.integers(0, len(events)), max_size=3))})
    batched = plain = empty(events, zone)

    for start, end in pairwise(cuts):
        some, each = fold_all(batched, events[start:end], CARD, zone), one_by_one(plain, events[start:end], CARD, zone)
        assert_equal(some, each)
        batched, plain = read_back(some.facts), each.facts

    assert canonical(batched) == canonical(plain)
    assert assess(batched, NOON, CARD, zone) == assess(plain, NOON, CARD, zone)


@quick
@given(st.lists(st.integers(0, 400), min_size=1, max_size=60), st.integers(1, 30))
def test_people_are_the_same_however_many_there_are_already(people: list[int], batch: int) -> None:
    crowd = [usage(NOON - n % 3 * DAY, 2 * n, name=f"name{n % 3}") for n in range(255)]
    known = fold_all(empty([]).loaded({Month("2026-06"): MonthFacts()}), crowd, CARD, UTC).facts
    events = [usage(NOON - n % 5 * DAY, n, name=f"name{n % 4}") for n in people]

    batched = known
    for start in range(0, len(events), batch):
        batched = read_back(fold_all(batched, events[start : start + batch], CARD, UTC).facts)

    assert_equal(Folded(batched), Folded(one_by_one(known, events, CARD, UTC).facts))


@quick
@given(st.permutations([n // 2 for n in range(160)]), st.integers(1, 160))
def test_of_many_names_the_same_are_kept_in_any_batches(names: list[int], batch: int) -> None:
    card = replace(CARD, actions=replace(CARD.actions, key_features=("name1", "name7")))
    events = [usage(NOON, n % 3 + 1, name=f"name{n}") for n in names]

    batched = empty(events)
    for start in range(0, len(events), batch):
        batched = fold_all(batched, events[start : start + batch], card, UTC).facts

    assert canonical(batched) == canonical(one_by_one(empty(events), events, card, UTC).facts)
    assert len(batched.month(JULY).names) == NAMES_KEPT


def test_a_batch_asks_for_its_months_and_its_account_as_one_event_does() -> None:
    with pytest.raises(MonthNotLoaded):
        fold_all(Facts(ACCOUNT), [usage(NOON)], CARD, UTC)
    with pytest.raises(ValueError, match="of acme cannot be folded into the facts of other"):
        fold_all(Facts("other"), [usage(NOON)], CARD, UTC)


def test_a_batch_without_consequence_gives_the_facts_it_got() -> None:
    facts = fold_all(empty([]), [ticket(NOON, status="open")], CARD, UTC).facts

    assert fold_all(facts, [], CARD, UTC).facts is facts
    assert not fold_all(facts, [], CARD, UTC).changed


def test_months_that_were_written_in_the_first_format_are_read_and_written_anew() -> None:
    events = [usage(NOON, 2, count=3), usage(NOON, 1, "login"), usage(NOON + DAY, None), usage(NOON + 2 * DAY, 2)]
    events.append(event("signal.seen", NOON, {"kind": "page_view", "topic": "pricing"}))
    month = fold_all(empty([]), events, CARD, UTC).facts.month(JULY)

    first = decode_month(bytes.fromhex(FIRST_FORMAT))

    assert first == month
    assert encode_month(first) == encode_month(month)
    assert encode_month(month)[:1] == b"\x02"


def test_packed_people_and_names_read_as_plain_ones() -> None:
    month = fold_all(empty([]), [usage(NOON, 3), usage(NOON, 1), usage(NOON, 2)], CARD, UTC).facts.month(JULY)

    assert {**month.people} == {person(n): (1, 1) for n in (1, 2, 3)}
    assert person(3) in month.people
    assert person(4) not in month.people
    assert month.names.get("login") is None
    assert dict(month.names["report_created"].people) == {1: (person(1), person(2))}
    assert month != MonthFacts()

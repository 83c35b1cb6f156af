"""Laws of folding: order is free, repeats of registers are harmless, rows read back equal."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scoring.builders import (
    ACCOUNT,
    BERLIN,
    CARD,
    DAY,
    NOON,
    TOKYO,
    event,
    facts_of,
    person,
    ticket,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.calendar import Month
from scoring.engine.codec import canonical, decode_month, decode_slow, encode_month, encode_slow
from scoring.engine.facts import NAMES_KEPT, Facts, MonthFacts, SlowFacts
from scoring.engine.features import assess, features, months_needed
from scoring.engine.fold import fold, fold_all, months_touched
from scoring.engine.register import Register, Stamp, read, since, write

times = st.datetimes(datetime(2026, 2, 20), datetime(2026, 7, 1), timezones=st.just(UTC))  # noqa: DTZ001
people = st.integers(1, 5)
codes = st.sampled_from(["a", "b", "c"])
ref = "ingest/00000000-0000-4000-8000-000000000001"


def _merge_patch(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in fields.items()})


DATA: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "usage.tracked": st.fixed_dictionaries(
        {"name": st.sampled_from(["made", "sent", "login"]), "count": st.integers(1, 9)}
    ),
    "signal.seen": st.fixed_dictionaries({"kind": st.just("page_view"), "topic": st.none() | codes}),
    "account.described": _merge_patch(
        plan=codes,
        segment=st.sampled_from(["enterprise", "smb"]),
        seats=st.integers(0, 9),
        custom=st.dictionaries(codes, st.none() | st.booleans() | st.integers(0, 1), max_size=2),
    ),
    "contact.described": _merge_patch(
        role=st.sampled_from(["payer", "sponsor"]), locale=st.just("ja"), left=st.booleans()
    ),
    "ticket.changed": st.tuples(
        codes,
        _merge_patch(
            severity=st.integers(1, 4),
            status=st.sampled_from(["open", "pending", "solved"]),
            opened_at=times,
            solved_at=times,
            csat=st.integers(1, 5),
        ),
    ).map(lambda t: {"ticket": t[0], **t[1]}),
    "contract.changed": st.tuples(
        codes,
        _merge_patch(
            status=st.sampled_from(["trial", "active", "cancelled", "ended"]),
            seats=st.integers(1, 9),
            mrr=st.sampled_from([Decimal("10.50"), Decimal("21")]),
            starts_on=st.dates(date(2025, 9, 1), date(2026, 8, 1)),
            ends_on=st.dates(date(2026, 1, 1), date(2027, 1, 1)),
            term_months=st.sampled_from([1, 3, 12]),
            auto_renew=st.booleans(),
            cancelled_at=times,
        ),
    ).map(lambda t: {"contract": t[0], **t[1]}),
    "invoice.changed": st.tuples(codes, _merge_patch(paid_at=times, due_on=times.map(datetime.date))).map(
        lambda t: {"invoice": t[0], **t[1]}
    ),
    "touch.recorded": st.fixed_dictionaries({"kind": st.just("call"), "direction": st.sampled_from(["in", "both"])}),
    "note.recorded": st.just({"author": "mika", "text_ref": ref}),
    "voice.recorded": st.just({"sentiment": -1, "role": "payer"}),
    "milestone.reached": st.fixed_dictionaries(
        {"milestone": st.sampled_from([*CARD.stages.onboarding.names, "renewal_review", "a"])}
    ),
    "owner.changed": st.fixed_dictionaries({"from_": st.none(), "to": codes}),
    "override.set": st.fixed_dictionaries(
        {
            "override": codes,
            "points": st.floats(-10, 10),
            "expires_at": times,
            "author": codes,
            "text_ref": st.just(ref),
        }
    ),
    "override.ended": st.fixed_dictionaries({"override": codes}),
    "person.erased": st.fixed_dictionaries({"person": people.map(person)}),
    "contact.merged": st.lists(people, min_size=2, max_size=2, unique=True).map(
        lambda pair: {"from_": person(pair[0]), "into": person(pair[1])}
    ),
}


@st.composite
def worlds(draw: st.DrawFn) -> list[CustomerEvent]:
    """Events of all types but account.erased, each with an id of its own and often of the same moment."""
    made = []
    for n in range(draw(st.integers(1, 30))):
        type_ = draw(st.sampled_from(sorted(DATA)))
        who = draw(people) if type_ == "contact.described" else draw(st.none() | people)
        at = draw(times | st.sampled_from([NOON - 40 * DAY, NOON - 3 * DAY]))
        made.append(event(type_, at, draw(DATA[type_]), who=who, id_=f"e{n}", source=draw(codes), received=NOON))
    for n in range(draw(st.integers(0, 3))):
        data = {"survey": "s", "response": "r", "revision": n + 1, "kind": "nps", "score": draw(st.integers(0, 10))}
        made.append(event("survey.answered", draw(times), data, who=draw(st.none() | people), id_=f"r:{n + 1}"))
    return made


quick = settings(max_examples=60)


@quick
@given(worlds(), st.data())
def test_any_order_of_arrival_gives_equal_facts_rows_and_scores(
    events: list[CustomerEvent], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(events))

    one, other = facts_of(events, NOON, zone=BERLIN), facts_of(shuffled, NOON, zone=BERLIN)

    assert canonical(one) == canonical(other)
    assert encode_slow(one.slow) == encode_slow(other.slow)
    assert all(encode_month(one.months[m]) == encode_month(other.months[m]) for m in one.months)
    assert assess(one, NOON, CARD, BERLIN) == assess(other, NOON, CARD, BERLIN)


@quick
@given(worlds(), st.data())
def test_repeats_of_all_but_counts_change_nothing(events: list[CustomerEvent], data: st.DataObject) -> None:
    repeatable = [e for e in events if e.type not in ("usage.tracked", "signal.seen")]
    facts = facts_of(events, NOON)

    again = fold_all(facts, data.draw(st.permutations(repeatable)), CARD, UTC)

    assert again.facts == facts
    assert not again.changed


@quick
@given(worlds())
def test_rows_read_back_equal(events: list[CustomerEvent]) -> None:
    facts = facts_of(events, zone=TOKYO)

    slow = decode_slow(encode_slow(facts.slow))
    months = {key: decode_month(encode_month(month)) for key, month in facts.months.items()}

    assert slow == facts.slow
    assert months == facts.months
    assert canonical(Facts(ACCOUNT, slow, months)) == canonical(facts)


@quick
@given(worlds())
def test_what_changed_is_told_row_by_row(events: list[CustomerEvent]) -> None:
    for zone in (UTC, TOKYO):
        facts = facts_of([], zone=zone).loaded({m: MonthFacts() for e in events for m in months_touched(e, zone)})
        for given_event in events:
            step = fold(facts, given_event, CARD, zone)
            assert step.months <= months_touched(given_event, zone)
            for month, rows in step.facts.months.items():
                assert (month in step.months) == (rows != facts.months[month])
            assert step.slow == (step.facts.slow != facts.slow)
            facts = step.facts


@quick
@given(worlds(), times)
def test_a_later_event_never_changes_what_was_known_of_an_earlier_day(
    events: list[CustomerEvent], at: datetime
) -> None:
    moment = at.replace(hour=23, minute=59, second=59, microsecond=999999)
    timeless = {"contact.merged", "person.erased"}  # they tell who people are, at any moment
    known = [e for e in events if e.time <= moment or e.type in timeless]

    with_future = features(facts_of(events, NOON, moment), moment, CARD, UTC)
    without = features(facts_of(known, NOON, moment), moment, CARD, UTC)

    assert with_future == without


def test_an_erased_account_is_empty_and_starts_anew() -> None:
    facts = facts_of([usage(NOON), ticket(NOON)], NOON)
    gone = event("account.erased", NOON, {"account": ACCOUNT})
    anew = usage(NOON, 2)

    after = fold_all(facts, [gone, anew], CARD, UTC)

    assert after.erased
    assert canonical(after.facts) == canonical(facts_of([anew], NOON))


def test_an_event_of_another_account_and_a_control_record_are_refused() -> None:
    tick = event("clock.ticked", NOON, {"hour": NOON}, subject="!control")

    with pytest.raises(ValueError, match=r"clock\.ticked of !control"):
        fold(Facts(ACCOUNT), tick, CARD, UTC)
    with pytest.raises(ValueError, match="of acme cannot be folded into the facts of other"):
        fold(Facts("other"), usage(NOON), CARD, UTC)


def test_usage_older_than_520_days_leaves_no_day_but_tells_how_long_there_was_history() -> None:
    old = usage(NOON - 521 * DAY, received=NOON)

    folded = fold(Facts(ACCOUNT), old, CARD, UTC)

    assert months_touched(old, UTC) == frozenset()
    assert (folded.months, folded.slow) == (frozenset(), True)
    assert folded.facts.slow.first_core == (NOON - 521 * DAY).date()
    assert months_touched(usage(NOON - 520 * DAY, received=NOON), UTC) == {"2025-01"}


def test_of_many_names_the_same_are_kept_whole_in_any_order_and_key_features_always() -> None:
    card_names = tuple(f"key{n}" for n in range(3))
    card = replace(CARD, actions=replace(CARD.actions, key_features=card_names))
    events = [usage(NOON - n % 2 * DAY, n % 3 + 1, name=f"name{n // 2}") for n in range(180)]
    events += [usage(NOON, 1, name=name) for name in card_names]

    one, other = facts_of(events, card=card), facts_of(events[::-1], card=card)

    assert canonical(one) == canonical(other)
    names = {name for month in one.months.values() for name in month.names}
    assert set(card_names) <= names
    assert all(len(month.names) == NAMES_KEPT for month in one.months.values())


def test_the_two_smallest_people_of_a_feature_and_day_are_kept() -> None:
    facts = facts_of([usage(NOON, n) for n in (5, 3, 9, 3, 4)])

    assert facts.months[Month("2026-07")].names["report_created"].people == {1: (person(3), person(4))}
    assert facts.months[Month("2026-07")].names["report_created"].counts[0] == 5


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(["a", "b", None, True, 1])),
        max_size=40,
        unique_by=lambda p: p[0],
    ),
    st.data(),
)
def test_a_register_field_is_its_last_writer_and_keeps_its_history(
    writes: Sequence[tuple[int, str | bool | int | None]], data: st.DataObject
) -> None:
    def fill(order: Sequence[tuple[int, str | bool | int | None]]) -> Register:
        register: Register = {}
        for n, value in order:
            register = write(register, Stamp(NOON + n * timedelta(hours=6), "s", str(n)), {"f": value}, UTC)
        return register

    register = fill(writes)

    assert register == fill(data.draw(st.permutations(list(writes))))
    entries = register.get("f", ())
    days = {(n + 2) // 4 for n, _ in writes}  # the first step is at noon, so each third of four starts a day
    assert len(entries) <= len(days) + 1
    for n in range(-1, 205):
        end = (NOON + n * timedelta(hours=6)).replace(hour=23)
        last = [value for at, value in sorted(writes) if NOON + at * timedelta(hours=6) <= end]
        assert read(register, "f", end) is (last[-1] if last else None)


def test_fields_that_nothing_is_computed_of_keep_their_newest_value_only() -> None:
    facts = facts_of(
        [event("account.described", NOON + n * DAY, {"name": f"n{n}", "plan": f"p{n}"}) for n in (1, 2, 0)]
    )

    assert [entry.value for entry in facts.slow.account["name"]] == ["n2"]
    assert [entry.value for entry in facts.slow.account["plan"]] == ["p0", "p1", "p2"]


def test_a_register_is_first_heard_of_when_its_first_event_happened() -> None:
    events = [ticket(NOON + n * timedelta(hours=1), status="open") for n in range(3)]

    for order in (events, events[::-1], [events[1], events[0], events[2]]):
        assert since(facts_of(order).slow.tickets["t1"]) == NOON


def test_bytes_of_another_format_are_refused() -> None:
    for raw in (b"", b"\x02abc", b"\x01\xff", b"\x01\x93\x01"):
        with pytest.raises(ValueError):
            decode_slow(raw)
        with pytest.raises(ValueError):
            decode_month(raw)
    assert decode_slow(encode_slow(SlowFacts())) == SlowFacts()


def test_five_months_are_needed_and_those_of_a_stopped_feed_instead() -> None:
    assert months_needed(NOON, UTC) == {"2026-03", "2026-04", "2026-05", "2026-06", "2026-07"}
    at = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)
    assert "2026-07" in months_needed(at, TOKYO)
    stopped = months_needed(NOON, UTC, {"usage": NOON - 40 * DAY})
    assert stopped == {"2026-01", "2026-02", "2026-03", "2026-04", "2026-05"}

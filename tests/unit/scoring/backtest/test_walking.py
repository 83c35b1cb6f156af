"""Point-in-time honesty: what a moment may see, and that it is what live would have shown."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

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
    contract,
    described,
    event,
    facts_of,
    passed,
    taken,
    ticket,
    touch,
    usage,
)

from cskit.messages import Message
from csmodels.catalogue import CustomerEvent
from csmodels.topics import CUSTOMER_EVENTS
from scoring.account import Account, Cut, Rules
from scoring.backtest.grid import closing_of
from scoring.backtest.walking import Look, Moment, View, living, looks, recency, volume
from scoring.domain.money import Rates
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.features import assess, months_needed

TODAY = NOON.date()
MOMENTS = [Moment.ending(TODAY + timedelta(days=14 * n), UTC) for n in range(-6, 1)]
quick = settings(max_examples=40)


@st.composite
def events(draw: st.DrawFn) -> CustomerEvent:
    """An event of the last 120 days that was received up to 40 days after it happened."""
    at = NOON - draw(st.integers(0, 120 * 24)) * timedelta(hours=1)
    received = at + draw(st.sampled_from([0, 0, 0, 1, 30, 700])) * timedelta(hours=1)
    match draw(st.integers(0, 5)):
        case 0:
            return ticket(at, "t", severity=draw(st.integers(1, 4)), status="open", received=received)
        case 1:
            return event("touch.recorded", at, {"kind": "call", "direction": "both"}, received=received)
        case 2:
            return event("account.described", at, {"seats": draw(st.integers(1, 9))}, received=received)
        case _:
            who, count = draw(st.integers(1, 4)), draw(st.integers(1, 9))
            return usage(at, who, count=count, name=draw(st.sampled_from(["a", "b", "login"])), received=received)


def seen(given: Sequence[CustomerEvent], view: View = "as_known", moments: Sequence[Moment] = MOMENTS) -> list[Look]:
    return list(looks(ACCOUNT, given, moments, CARD, UTC, view))


@quick
@given(st.lists(events(), min_size=1, max_size=40), events(), st.integers(0, len(MOMENTS) - 1))
def test_an_event_that_is_received_after_a_moment_never_changes_what_was_known_at_or_before_it(
    known: list[CustomerEvent], late: CustomerEvent, number: int
) -> None:
    moment = MOMENTS[number]
    received = max(late.receivedtime, moment.at + timedelta(microseconds=1))
    later = late.model_copy(update={"receivedtime": received})
    before = [look for look in seen(known) if look.moment.at <= moment.at]

    after = [look for look in seen([*known, later]) if look.moment.at <= moment.at]

    assert [(look.score, look.since) for look in after] == [(look.score, look.since) for look in before]


@quick
@given(st.lists(events(), min_size=1, max_size=40))
def test_walking_from_moment_to_moment_gives_what_folding_from_scratch_gives(given: list[CustomerEvent]) -> None:
    found = {look.moment.at: look.score for look in seen(given)}

    for moment in MOMENTS:
        known = [one for one in given if one.receivedtime <= moment.at]
        if known:
            assert found[moment.at] == assess(facts_of(known, moment.at), moment.at, CARD, UTC)
        else:
            assert moment.at not in found


@quick
@given(st.lists(events(), min_size=1, max_size=40))
def test_where_all_is_received_when_it_happens_corrected_is_as_known(given: list[CustomerEvent]) -> None:
    prompt = [one.model_copy(update={"receivedtime": one.time}) for one in given]

    known, corrected = seen(prompt), seen(prompt, "corrected")

    assert [look.score for look in corrected] == [look.score for look in known]


def test_corrected_sees_what_was_received_later_and_as_known_does_not() -> None:
    told_late = [usage(NOON - n * DAY, received=NOON - 2 * DAY) for n in range(10, 90)]
    moment = Moment.ending(TODAY - timedelta(days=10), UTC)

    known, corrected = (seen(told_late, view, [moment]) for view in ("as_known", "corrected"))  # type: ignore[arg-type]

    assert known == []
    assert corrected[0].score.coverage > 0
    assert recency(corrected[0].facts, moment.day) == 0


@pytest.mark.parametrize("zone", [UTC, BERLIN, TOKYO])
def test_a_moment_has_the_score_of_the_live_daily_closing(zone: object) -> None:
    happened = [
        described(NOON - 100 * DAY, seats=4, segment="smb"),
        contract(NOON - 100 * DAY, status="active", starts_on=TODAY - timedelta(days=100)),
        *(usage(NOON - n * DAY, who=n % 3, count=3) for n in range(100, 1, -1)),
        ticket(NOON - 20 * DAY, severity=1, status="open", opened_at=NOON - 20 * DAY),
        touch(NOON - 15 * DAY),
    ]
    happened.sort(key=lambda one: one.receivedtime)
    rules = Rules(CARD, zone, Rates("USD"), {})  # type: ignore[arg-type]
    months = {m for n in range(140) for m in months_needed(NOON - n * DAY, rules.zone)}
    account = Account(Facts(ACCOUNT).loaded({month: MonthFacts() for month in months}))
    closings: dict[date, float] = {}
    waiting = list(happened)
    for number in range(-100, 1):  # live: what came in a day, then the hour in which the day ends
        day = TODAY + timedelta(days=number)
        end = closing_of(day, rules.zone) + timedelta(microseconds=1)
        while waiting and waiting[0].receivedtime < end:
            one = waiting.pop(0)
            message = Message(one, CUSTOMER_EVENTS, 0, 0, one.receivedtime, ())
            account = taken(account, [message], Cut(0, 0, one.receivedtime), rules).account
        account, evaluations = passed(account, end, 0, 0, end, rules)
        for found in evaluations:
            if found.kind == "closing":
                closings[day] = found.score.value

    moments = [Moment.ending(TODAY + timedelta(days=n), rules.zone) for n in range(-98, 1, 7)]
    shown = list(looks(ACCOUNT, happened, moments, CARD, rules.zone, "as_known"))

    assert len(shown) == len(moments)
    assert {look.moment.day: look.score.value for look in shown}.items() <= closings.items()


def test_while_a_feed_is_stopped_its_measures_stand_still() -> None:
    active = [usage(NOON - n * DAY, who=n % 3) for n in range(40, 100)]
    since = NOON - 40 * DAY
    moment = Moment.ending(TODAY, UTC)

    (silent,), (frozen,) = (seen(active, moments=[one]) for one in (moment, replace(moment, stopped={"usage": since})))

    assert frozen.score.value > silent.score.value
    assert any(one.frozen for one in frozen.score.contributions)


def test_what_was_before_an_erasure_is_not_looked_at() -> None:
    gone = event("account.erased", NOON - 10 * DAY, {"account": ACCOUNT})
    old, new = usage(NOON - 50 * DAY), usage(NOON - 3 * DAY)

    assert list(living([old, gone, new])) == [new]
    assert list(living([old, new])) == [old, new]
    assert list(living([old, gone])) == []


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 5)), max_size=12),
    st.integers(0, 70),
)
@quick
def test_recency_and_volume_are_those_of_the_days_up_to_a_day(made: list[tuple[int, int]], back: int) -> None:
    day = TODAY - timedelta(days=back)
    noon = [datetime.combine(TODAY - timedelta(days=ago), time(12), tzinfo=UTC) for ago, _ in made]
    facts = facts_of([usage(at, name="login", count=count) for at, (_, count) in zip(noon, made, strict=True)], NOON)

    silence, events_in_28_days = recency(facts, day), volume(facts, day)

    ages = [(ago - back, count) for ago, count in made if ago >= back]
    assert silence == min((age for age, _ in ages), default=float("inf"))
    assert events_in_28_days == sum(count for age, count in ages if age < 28)

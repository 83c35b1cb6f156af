"""An account between two cuts: its causes, its evaluations, and the event that leaves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs
from tests.unit.scoring.builders import (
    ACCOUNT,
    CARD,
    DAY,
    HOUR,
    NOON,
    TOKYO,
    described,
    event,
    passed,
    person,
    taken,
    ticket,
    touch,
    usage,
)

from cskit.messages import Message
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS
from scoring.account import Account, Cut, Rules, Taken
from scoring.causes import Causes, Told
from scoring.domain.calendar import Month, closing_moment
from scoring.domain.money import Rates
from scoring.engine.facts import Facts, MonthFacts, SlowFacts
from scoring.engine.features import assess, months_needed
from scoring.publishing import health_changed

UTC = ZoneInfo("UTC")
NOTE = {"author": "sam", "text_ref": "ingest/00000000-0000-4000-8000-000000000000"}
RULES = Rules(CARD, UTC, Rates("USD"), {})


def unknown(*needed: datetime) -> Account:
    months: set[Month] = {month for at in needed for month in months_needed(at, UTC)}
    return Account(Facts(ACCOUNT).loaded({month: MonthFacts() for month in months}))


def at(moment: datetime, offset: int = 0) -> Cut:
    return Cut(4, offset, moment)


def messages(*events: Event) -> list[Message[Event]]:
    return [Message(event, CUSTOMER_EVENTS, 4, offset, event.receivedtime, ()) for offset, event in enumerate(events)]


def take(account: Account, events: Sequence[Event], cut: Cut, rules: Rules) -> Taken:
    return taken(account, messages(*events), cut, rules)


def seen(*events: Event) -> Taken:
    return take(unknown(NOON, NOON + 40 * DAY), events, at(NOON), RULES)


def test_causes_keep_the_newest_twenty_events_and_count_the_others() -> None:
    events = [usage(NOON, id_=f"e{n}") for n in range(50)]

    causes = Causes().with_events(Told.by(messages(*events[:30]))).with_events(Told.by(messages(*events[30:])))

    assert causes.events == tuple(f"e{n}" for n in range(30, 50))
    assert causes.more == 30


def test_what_moved_the_score_too_little_to_be_published_is_a_cause_of_what_is() -> None:
    first = seen(described(NOON, seats=400), usage(NOON, id_="u1"))
    quiet = take(first.account, [usage(NOON, id_="u2")], at(NOON), RULES)
    assert quiet.evaluations[0].change is None

    loud = take(quiet.account, [ticket(NOON, severity=1, status="open", opened_at=NOON - DAY)], at(NOON), RULES)

    (evaluation,) = loud.evaluations
    assert evaluation.change is not None
    assert evaluation.causes.events[0] == "u2"
    assert len(evaluation.causes.events) == 2
    assert loud.account.causes == Causes()


def test_an_override_that_expires_is_the_cause_when_time_takes_it_away() -> None:
    override = {
        "override": "o1",
        "points": -9.0,
        "expires_at": NOON + HOUR,
        "author": "sam",
        "text_ref": "ingest/00000000-0000-4000-8000-000000000000",
    }
    set_ = seen(usage(NOON), event("override.set", NOON, override))
    assert set_.evaluations[-1].causes.override == "o1"

    _, (evaluation,) = passed(set_.account, NOON + 2 * HOUR, 4, 9, NOON + 2 * HOUR, RULES)

    assert evaluation.change is not None
    assert (evaluation.causes.override, evaluation.causes.time, evaluation.causes.events) == ("o1", True, ())


def test_an_hour_that_moves_nothing_leaves_the_times_of_what_did() -> None:
    account = seen(usage(NOON - 2 * HOUR, received=NOON)).account

    after, (evaluation,) = passed(account, NOON + HOUR, 4, 9, NOON + HOUR, RULES)

    assert (evaluation.occurred_at, evaluation.received_at) == (NOON - 2 * HOUR, NOON)
    assert evaluation.change is None
    assert after.standing is not None
    assert after.standing.at == NOON + HOUR


def test_an_account_scored_as_of_a_later_moment_is_left_alone_by_the_hour() -> None:
    account = seen(usage(NOON)).account

    assert passed(account, NOON - HOUR, 4, 9, NOON, RULES) == (account, [])


def test_what_a_closing_brings_an_account_scored_later_is_told_once_the_hours_of_the_record_are_through() -> None:
    account = seen(usage(NOON)).account
    assert account.standing is not None
    assert account.verdict.published is not None
    other = structs.replace(account.verdict.published, band="red" if account.verdict.band != "red" else "green")
    later = structs.replace(account.standing, at=NOON + 3 * DAY)
    account = structs.replace(account, standing=later, verdict=structs.replace(account.verdict, published=other))

    account, (_, held) = passed(account, NOON + 12 * HOUR, 4, 9, NOON + 3 * DAY, RULES, more=True)
    _, (_, told) = passed(account, NOON + 36 * HOUR, 4, 9, NOON + 3 * DAY, RULES)

    assert (held.change, held.verdict.published, held.causes.time) == (None, other, True)
    assert told.change is not None
    assert told.cut.at == held.cut.at == NOON + 3 * DAY
    assert told.version == other.version + 1


def test_an_account_never_scored_is_left_alone_by_the_hour() -> None:
    assert passed(unknown(), NOON, 4, 9, NOON, RULES)[1] == []


def test_the_hour_after_midnight_closes_the_day_in_the_portfolios_zone() -> None:
    rules = Rules(CARD, TOKYO, Rates("USD"), {})
    account = seen(usage(NOON)).account

    _, evaluations = passed(account, NOON.replace(hour=15), 4, 9, NOON, rules)

    assert [one.kind for one in evaluations] == ["closing", "change"]
    assert evaluations[0].version is None


def test_an_evaluation_that_is_not_published_is_no_event() -> None:
    first = seen(described(NOON, seats=400), usage(NOON))
    quiet = take(first.account, [usage(NOON)], at(NOON), RULES)

    with pytest.raises(ValueError, match="not published"):
        health_changed(quiet.evaluations[0], NOON)


def test_an_erasure_forgets_what_came_before_it_and_keeps_counting() -> None:
    before = seen(usage(NOON)).account

    done = take(before, [event("account.erased", NOON, {"account": ACCOUNT}), usage(NOON)], at(NOON), RULES)

    assert done.erased
    assert done.account.version == before.version + 1
    data = health_changed(done.evaluations[0], NOON).data
    assert (data.version, data.previous.version, data.previous.band) == (before.version + 1, 0, "grey")


def test_an_erased_person_of_an_account_that_is_not_known_makes_no_account() -> None:
    alone = event("person.erased", NOON, {"person": person(1)})
    gone = event("account.erased", NOON, {"account": ACCOUNT})

    for events in ([alone], [alone, alone], [usage(NOON), gone, alone]):
        done = seen(*events)
        assert done.evaluations == ()
        assert done.account.standing is None
        assert done.account.facts.slow == SlowFacts()
    after = seen(alone, described(NOON, seats=4)).account.facts.slow
    assert after.erased == frozenset()  # as if the two had come in batches of their own
    assert seen(described(NOON, seats=4), alone).account.facts.slow.erased == {person(1)}


def test_a_closing_forgets_what_is_too_old_to_be_seen() -> None:
    old = [touch(NOON - n * DAY) for n in (582, 581, 580, 579)]
    account = seen(*old).account
    midnight = NOON + 12 * HOUR
    assert len(account.facts.slow.touches) == 4

    hour, _ = passed(account, NOON + HOUR, 4, 1, NOON + HOUR, RULES)
    closing, evaluations = passed(hour, midnight, 4, 2, midnight, RULES)

    assert hour.facts.slow is account.facts.slow
    days = sorted((NOON - one.stamp.time).days for one in closing.facts.slow.touches.values())
    assert days == [579, 580, 582]  # the first stays, and the newest that the oldest moment sees
    assert [one.kind for one in evaluations] == ["closing", "change"]


def test_what_time_alone_changed_is_told_before_what_comes_late() -> None:
    open_ = ticket(NOON, severity=1, status="open", opened_at=NOON)
    account = seen(*(usage(NOON - n * DAY, n % 3) for n in range(20)), open_).account
    late = usage(NOON - 5 * DAY, received=NOON + DAY, backfill=True)

    by_time, backfill = take(account, [late], at(NOON + DAY, 7), RULES).evaluations

    assert (by_time.kind, backfill.kind) == ("ageing", "backfill")
    assert by_time.kind < backfill.kind  # so their rows stand in order
    assert (by_time.change is not None, by_time.causes.time, by_time.causes.events) == (True, True, ())
    assert (by_time.occurred_at, by_time.received_at) == (NOON + DAY, NOON + DAY)
    assert health_changed(by_time, NOON).data.backfill is False
    assert by_time.version == account.version + 1
    assert late.id in backfill.causes.events


def test_late_events_before_anything_else_has_happened_are_told_alone() -> None:
    account = seen(usage(NOON)).account
    late = usage(NOON - 5 * DAY, received=NOON, backfill=True)

    assert [one.kind for one in take(account, [late], at(NOON), RULES).evaluations] == ["backfill"]
    assert [one.kind for one in seen(late).evaluations] == ["backfill"]


def test_late_events_skip_dwell_only_if_they_moved_the_score() -> None:
    weeks = [usage(NOON - n * DAY, n % 4) for n in range(80)]
    account = seen(*weeks, described(NOON, seats=4)).account
    score = account.standing
    assert score is not None
    # the score lies just above a boundary that the band has not crossed yet
    card = replace(CARD, green=score.value - 0.5)
    yellow = structs.replace(account, verdict=structs.replace(account.verdict, band="yellow"))
    rules = replace(RULES, card=card)

    idle = take(yellow, [event("note.recorded", NOON, NOTE, backfill=True)], at(NOON), rules).evaluations[-1]
    moving = take(yellow, [touch(NOON, backfill=True)], at(NOON), rules).evaluations[-1]

    assert (idle.score.value, idle.verdict.band) == (score.value, "yellow")
    assert score.value < moving.score.value < card.green + card.dwell.margin
    assert moving.verdict.band == "green"


@pytest.mark.parametrize(("zone", "apart"), [("UTC", False), ("Asia/Tokyo", False), ("Asia/Kolkata", True)])
def test_the_end_of_a_day_stands_for_the_hour_that_begins_with_the_next(zone: str, apart: bool) -> None:
    """In a zone off the full hour half an hour lies between them, and the hour is looked at on its own."""
    rules = Rules(CARD, ZoneInfo(zone), Rates("USD"), {})
    began = NOON.replace(hour=0)
    account = take(unknown(began, began + 2 * DAY), [described(began, seats=4), usage(began)], at(began), rules).account
    hour = next(began + n * HOUR for n in range(1, 30) if closing_moment(began + n * HOUR, rules.zone))
    closing = closing_moment(hour, rules.zone)

    after, (closed, hourly) = passed(account, hour, 4, 9, hour, rules)

    assert (closed.kind, closed.cut.at) == ("closing", closing)
    assert (hourly.kind, hourly.cut.at) == ("change", hour if apart else closing)
    assert after.standing is not None
    assert after.standing.at == hourly.cut.at
    later, (following,) = passed(after, hour + HOUR, 4, 10, hour + HOUR, rules)
    assert following.cut.at == hour + HOUR
    assert following.score == assess(later.facts, hour + HOUR, CARD, rules.zone)


def test_what_happened_on_the_new_day_is_not_in_the_closing_and_the_hour_keeps_it() -> None:
    began = NOON.replace(hour=0)
    midnight = began + DAY
    account = take(unknown(began, midnight + DAY), [described(began, seats=4), usage(began)], at(began), RULES).account
    account = take(account, [usage(midnight + HOUR / 20, who=2)], at(midnight + HOUR / 20, 5), RULES).account

    _, (closed, hourly) = passed(account, midnight, 4, 9, midnight, RULES)

    assert closed.cut.at < midnight
    assert hourly.cut.at == midnight + HOUR / 20
    assert hourly.score.value > closed.score.value

"""Where a batch is cut, which hours pass, and what control records change."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.integration.scoring.world import HOUR, NOON, SECOND, Stream, control, tick, usage

from csmodels.envelope import Event
from scoring.domain.scorecard import Scorecard
from scoring.expressions import parsed
from scoring.planning import ONE_HOUR, PartitionState, plan
from scoring.scorecards import built_in

CARDS = {card.name: card for card in built_in()}
CARD = built_in()[0]
IN_FORCE = {CARD.id: CARD.version}
NEW = PartitionState(4, IN_FORCE)


def card(id_: str, version: int = 1, applies_to: str | None = None) -> Scorecard:
    """A scorecard as the default, with another name."""
    named = {"scorecard": id_, "version": version} | ({"applies_to": applies_to} if applies_to else {})
    return parsed({**CARD.document, **named})


ANOTHER, SECOND_DEFAULT = card("another"), card(CARD.id, 2)
ENTERPRISE = card("enterprise", applies_to='account.segment == "enterprise"')
ALL = CARDS | {each.name: each for each in (ANOTHER, SECOND_DEFAULT, ENTERPRISE)}


def applied(scorecard: Scorecard, sha256: str | None = None, at: datetime = NOON) -> Event:
    """The control record that applies a scorecard."""
    data = {"scorecard": scorecard.id, "version": scorecard.version, "sha256": sha256 or scorecard.sha256}
    return control("scorecard.applied", at, data)


def test_a_batch_is_cut_at_each_tick_and_at_its_end() -> None:
    stream = Stream().append(usage("acme", NOON), tick(NOON), usage("acme", NOON + SECOND), usage("acme", NOON + HOUR))

    first, second = plan(NEW, stream.messages, CARDS).segments

    assert (len(first.events), len(second.events)) == (1, 2)
    assert first.cut is not None
    assert (first.cut.offset, first.cut.at) == (0, NOON)
    assert first.tick is not None
    assert (first.tick.hours, first.tick.offset) == ((NOON,), 1)
    assert second.cut is not None
    assert (second.cut.offset, second.cut.at, second.tick) == (3, NOON + HOUR, None)


def test_a_tick_alone_has_no_cut_of_events() -> None:
    (segment,) = plan(NEW, Stream().append(tick(NOON)).messages, CARDS).segments

    assert segment.cut is None
    assert segment.tick is not None


def test_control_records_alone_cut_nothing_but_are_remembered() -> None:
    stop = control("feed.stopped", NOON, {"family": "usage", "since": NOON})

    planned = plan(NEW, Stream().append(stop).messages, CARDS)

    assert planned.segments == ()
    assert planned.state.stopped == {"usage": NOON}


def test_a_feed_that_resumes_in_the_batch_is_stopped_only_until_then() -> None:
    stop = control("feed.stopped", NOON, {"family": "usage", "since": NOON})
    resume = control("feed.resumed", NOON + HOUR, {"family": "usage", "at": NOON + HOUR})

    planned = plan(NEW, Stream().append(stop, tick(NOON), resume, tick(NOON + HOUR)).messages, CARDS)

    assert [dict(segment.state.stopped) for segment in planned.segments] == [{"usage": NOON}, {}]


def test_an_event_is_scored_as_of_a_moment_at_which_it_is_known() -> None:
    """Append times are cut to milliseconds, so an event may look younger than the log."""
    at = NOON + timedelta(microseconds=900)

    (segment,) = plan(NEW, Stream().append(usage("acme", at), at=NOON).messages, CARDS).segments

    assert segment.cut is not None
    assert segment.cut.at == at


def test_a_partition_never_goes_back_in_time_from_cut_to_cut() -> None:
    later = plan(NEW, Stream().append(usage("acme", NOON)).messages, CARDS).state

    (segment,) = plan(later, Stream().append(usage("acme", NOON - HOUR)).messages, CARDS).segments

    assert segment.cut is not None
    assert segment.cut.at == NOON


def test_a_scorecard_is_applied_by_its_name_and_hash_or_not_at_all() -> None:
    good, bad = applied(ANOTHER), applied(ANOTHER, sha256="0" * 64)

    obeyed = plan(NEW, Stream().append(good).messages, ALL)
    refused = plan(NEW, Stream().append(bad).messages, ALL)

    assert (dict(obeyed.state.applied), obeyed.unknown) == ({"another": 1}, ())
    assert (dict(refused.state.applied), len(refused.unknown)) == (IN_FORCE, 1)


def test_a_scorecard_with_a_condition_joins_the_others_and_one_without_takes_the_place_of_the_default() -> None:
    planned = plan(NEW, Stream().append(applied(ENTERPRISE), applied(ANOTHER)).messages, ALL)

    assert [dict(segment.state.applied) for segment in planned.segments] == [
        {CARD.id: 1, "enterprise": 1},
        {"another": 1, "enterprise": 1},
    ]


def test_a_record_that_would_leave_no_default_changes_nothing() -> None:
    conditional = card(CARD.id, 3, applies_to="account.seats > 5")

    planned = plan(NEW, Stream().append(applied(conditional)).messages, ALL | {conditional.name: conditional})

    assert (dict(planned.state.applied), planned.segments, len(planned.unknown)) == (IN_FORCE, (), 1)


def test_all_accounts_are_scored_anew_at_the_record_that_applies_a_scorecard() -> None:
    stream = Stream().append(usage("acme", NOON), applied(SECOND_DEFAULT, at=NOON + SECOND))

    before, then = plan(NEW, stream.messages, ALL).segments

    assert before.application is None
    assert then.application is not None
    assert (then.application.cut.offset, then.application.cut.at) == (1, NOON + SECOND)
    assert (then.events, then.cut, dict(then.state.applied)) == ((), None, {CARD.id: 2})


def test_a_scorecard_that_is_in_force_already_is_not_applied_again() -> None:
    planned = plan(NEW, Stream().append(applied(CARD)).messages, ALL)

    assert (planned.segments, planned.unknown) == ((), ())


@given(st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=20), st.integers(1, 20))
def test_every_hour_after_the_first_is_evaluated_once_and_in_order(ticks: list[int], size: int) -> None:
    stream = Stream().append(*(tick(NOON + hours * HOUR) for hours in ticks))
    state, evaluated = NEW, []

    for batch in stream.cut(size):
        planned = plan(state, batch, CARDS)
        evaluated += [hour for segment in planned.segments if segment.tick for hour in segment.tick.hours]
        state = planned.state

    first = NOON + ticks[0] * HOUR
    last = max(NOON + hours * HOUR for hours in ticks)
    assert evaluated == [first + n * ONE_HOUR for n in range(int((last - first) / ONE_HOUR) + 1)]


def test_exchange_rates_change_once_at_the_record_that_names_a_newer_version() -> None:
    first, second, old = (control("rates.changed", NOON, {"version": version}) for version in (1, 2, 1))
    stream = Stream().append(usage("acme", NOON), first, usage("acme", NOON + SECOND), second, old, tick(NOON + HOUR))

    planned = plan(NEW, stream.messages, CARDS)

    told = [(len(one.events), one.state.rates, one.application and one.application.rates) for one in planned.segments]
    assert told == [(1, 0, None), (0, 1, True), (1, 1, None), (0, 2, True), (0, 2, None)]
    assert planned.state.rates == 2


def test_events_before_a_scorecard_is_applied_are_folded_under_the_one_before() -> None:
    stream = Stream().append(usage("acme", NOON), applied(ANOTHER), applied(ANOTHER), usage("acme", NOON + SECOND))

    changed = plan(NEW, stream.messages, ALL).segments
    unchanged = plan(PartitionState(4, {"another": 1}), stream.messages, ALL).segments

    assert [(len(one.events), dict(one.state.applied)) for one in changed] == [
        (1, IN_FORCE),
        (0, {"another": 1}),
        (1, {"another": 1}),
    ]
    assert changed[0].cut is not None
    assert (changed[0].cut.offset, changed[0].tick) == (0, None)
    assert [len(one.events) for one in unchanged] == [2]

"""Where a batch is cut, which hours pass, and what control records change."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.integration.scoring.world import HOUR, NOON, SECOND, Stream, control, tick, usage

from scoring.planning import ONE_HOUR, PartitionState, plan
from scoring.scorecards import built_in

CARDS = {card.name: card for card in built_in()}
CARD = built_in()[0]
NEW = PartitionState(4, CARD.name)


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
    good = {"scorecard": CARD.id, "version": CARD.version, "sha256": CARD.sha256}
    bad = {**good, "sha256": "0" * 64}
    before = PartitionState(4, "another@1")

    applied = plan(before, Stream().append(control("scorecard.applied", NOON, good)).messages, CARDS)
    refused = plan(before, Stream().append(control("scorecard.applied", NOON, bad)).messages, CARDS)

    assert (applied.state.scorecard, applied.unknown) == (CARD.name, ())
    assert (refused.state.scorecard, len(refused.unknown)) == ("another@1", 1)


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


def test_events_before_a_scorecard_is_applied_are_folded_under_the_one_before() -> None:
    applied = control("scorecard.applied", NOON, {"scorecard": CARD.id, "version": CARD.version, "sha256": CARD.sha256})
    stream = Stream().append(usage("acme", NOON), applied, applied, usage("acme", NOON + SECOND))

    changed = plan(PartitionState(4, "another@1"), stream.messages, CARDS).segments
    unchanged = plan(NEW, stream.messages, CARDS).segments

    assert [(len(one.events), one.state.scorecard) for one in changed] == [(1, "another@1"), (1, CARD.name)]
    assert changed[0].cut is not None
    assert (changed[0].cut.offset, changed[0].tick) == (0, None)
    assert [len(one.events) for one in unchanged] == [2]

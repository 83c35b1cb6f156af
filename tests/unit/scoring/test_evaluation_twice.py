"""An evaluation is the same whether anything of an earlier one is used again or not."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from weakref import ref
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scoring.builders import (
    BERLIN,
    CARD,
    DAY,
    DOCUMENT,
    HOUR,
    NOON,
    TOKYO,
    card_with,
    changed,
    contract,
    facts_of,
    milestone,
    usage,
)
from tests.unit.scoring.test_fold_laws import worlds

from csmodels.catalogue import CustomerEvent
from scoring.domain.calendar import day_end, local_day
from scoring.domain.money import Rates
from scoring.domain.scorecard import Scorecard
from scoring.engine.codec import decode_month, decode_slow, encode_month, encode_slow
from scoring.engine.facts import Facts, MonthFacts, SlowFacts
from scoring.engine.features import assess, features, months_needed
from scoring.engine.fold import fold_all, months_touched
from scoring.engine.kept import kept
from scoring.engine.moment import NONE_STOPPED
from scoring.engine.profile import profile
from scoring.engine.progress import progress
from scoring.engine.still import next_turn
from scoring.engine.weeks import usage_decline
from scoring.expressions import parsed

DOLLARS = Rates("USD")
TICK = timedelta(microseconds=1)
EXPRESSION = {"label": {"en": "E", "ja": "E"}, "weights": 5, "curve": [[0, 0], [9, 100]], "kind": "cel"}
FULL = parsed(
    changed("measures.own", EXPRESSION | {"expression": "features.open_tickets + features.people_90d"}, DOCUMENT)
)
EVERYWHERE = card_with(
    **{f"measures__{name}__weights": 10 for name in DOCUMENT["measures"]},
    usage__key_features=["made", "sent", "other"],
    usage__entitled={"a": ["made"]},
    seats__known_days=40,
    measures__csat__window_days=20,
    measures__nps__window_days=25,
    measures__sponsor__met_days=15,
    measures__mrr_change__window_days=30,
    measures__silence__window_days=45,
    measures__breadth__people=1,
)
CARDS = [CARD, FULL, EVERYWHERE, card_with(stages__blend_days=60), card_with(stages__blend_days=0)]
ZONES: list[tzinfo] = [UTC, TOKYO, BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("America/Asuncion")]
quick = settings(max_examples=150)


def _anew(facts: Facts) -> Facts:
    """Equal facts that nothing is kept of."""
    months = {month: decode_month(encode_month(each)) for month, each in facts.months.items()}
    return Facts(facts.account, decode_slow(encode_slow(facts.slow)), months)


def _told(facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Mapping[Any, datetime]) -> list[Any]:
    loaded = facts.loaded({m: MonthFacts() for m in months_needed(at, zone, stopped) if m not in facts.months})
    found = features(loaded, at, card, zone, stopped)
    return [
        found,
        list(found.mix.items()),
        assess(loaded, at, card, zone, stopped),
        usage_decline(loaded, at, zone, stopped, card.watch),
        profile(loaded, at, zone, DOLLARS),
        progress(loaded, at, card, zone, stopped),
    ]


def _moments_of(facts: Facts, zone: tzinfo) -> Iterator[datetime]:
    """Moments on which something may turn."""
    at = NOON - 140 * DAY
    while at < NOON + 5 * DAY:
        at = min(next_turn(facts.slow, at), max(day_end(at, zone), at + timedelta(hours=1)))
        yield at


windows = st.sampled_from([timedelta(), *(n * DAY for n in (14, 15, 20, 25, 30, 60, 90, 180))])
steps = st.sampled_from([timedelta(), -TICK, TICK, timedelta(seconds=1), timedelta(hours=5), -timedelta(minutes=7)])


@quick
@given(worlds(), worlds(), st.sampled_from(ZONES), st.data())
def test_what_is_used_again_gives_what_would_be_found_anew(
    before: Sequence[CustomerEvent], late: Sequence[CustomerEvent], zone: tzinfo, data: st.DataObject
) -> None:
    facts = facts_of(before, NOON, zone=zone)
    turns = list(_moments_of(facts, zone))
    moments = data.draw(
        st.lists(st.builds(lambda t, w, s: t + w + s, st.sampled_from(turns), windows, steps), min_size=1, max_size=6)
    )
    cards = data.draw(st.lists(st.sampled_from(CARDS), min_size=1, max_size=2))
    stops = data.draw(
        st.lists(
            st.dictionaries(st.sampled_from(["usage", "tickets", "billing"]), st.sampled_from(turns), max_size=2)
            | st.just(NONE_STOPPED),
            min_size=1,
            max_size=2,
        )
    )
    rising = sorted(moments)
    asked = [*rising, *moments, *[at + s for at in rising for s in (timedelta(0), TICK, timedelta(seconds=30))]]

    for number, at in enumerate(asked):
        if number % 3 == 2 and late:  # usage and slow events arrive on the way, one or some at a time
            some, late = late[: data.draw(st.integers(1, 3))], late[3:]
            known = {m: MonthFacts() for e in some for m in months_touched(e, zone) if m not in facts.months}
            facts = fold_all(facts.loaded(known), some, CARD, zone).facts
        for card in cards:
            for stopped in stops:
                assert _told(facts, at, card, zone, stopped) == _told(_anew(facts), at, card, zone, stopped)


@quick
@given(worlds(), st.sampled_from(ZONES), st.data())
def test_each_moment_of_a_lull_is_like_its_first(
    events: Sequence[CustomerEvent], zone: tzinfo, data: st.DataObject
) -> None:
    facts = facts_of(events, NOON, zone=zone)
    turns = list(_moments_of(facts, zone))

    for _ in range(6):
        at = data.draw(st.sampled_from(turns)) + data.draw(windows) + data.draw(steps)
        for card in CARDS:
            _told(facts, at, card, zone, NONE_STOPPED)
            still = kept(facts.slow).still
            assert still is not None
            if still.until <= at:
                continue
            last = still.until - TICK
            _told(facts, min(at + TICK, last), card, zone, NONE_STOPPED)  # from then on it is known until when
            ends = [min(until, still.until) - TICK for _, until, _ in still.measurements.values() if until is not None]
            for moment in (last, at, at + (last - at) / 2, *ends, at):
                assert _told(facts, moment, card, zone, NONE_STOPPED) == _told(
                    _anew(facts), moment, card, zone, NONE_STOPPED
                )


@given(
    st.integers(0, 40 * 366 * 86400).map(lambda n: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=n)),
    st.sampled_from(ZONES),
)
def test_a_day_ends_where_told_and_not_before(at: datetime, zone: tzinfo) -> None:
    end = day_end(at, zone)

    if end > at:
        today = local_day(at, zone)
        assert local_day(end, zone) > today
        for part in range(9):
            assert local_day(at + (end - at) * part / 9, zone) == today
        assert local_day(end - TICK, zone) == today


def test_a_day_whose_midnight_may_come_twice_is_not_told() -> None:
    newfoundland = ZoneInfo("America/St_Johns")  # until 2011 clocks were set back at 0:01

    before, after = datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC), datetime(2010, 11, 7, 2, 31, 30, tzinfo=UTC)

    assert local_day(before, newfoundland) > local_day(after, newfoundland)
    assert day_end(before, newfoundland) == before
    assert day_end(datetime.max.replace(tzinfo=UTC), newfoundland) == datetime.max.replace(tzinfo=UTC)


def test_nothing_is_kept_of_facts_that_are_only_equal() -> None:
    facts = facts_of([], NOON)
    assess(facts, NOON, CARD, UTC)

    assert kept(facts.slow).still is not None
    assert kept(SlowFacts()).still is None
    assert facts.slow == SlowFacts()


def _same_as_anew(facts: Facts, moments: Sequence[datetime], card: Scorecard) -> None:
    for at in moments:
        assert _told(facts, at, card, UTC, NONE_STOPPED) == _told(_anew(facts), at, card, UTC, NONE_STOPPED)


def test_late_usage_of_an_earlier_month_is_seen() -> None:
    early = [usage(NOON - 90 * DAY, who) for who in (1, 2, 3)]
    facts = facts_of([*early, usage(NOON - 9 * DAY, 1), usage(NOON, 1)], NOON)
    _same_as_anew(facts, [NOON], CARD)

    late = fold_all(facts, [usage(NOON - 8 * DAY, 2), usage(NOON - 5 * DAY, 3, name="sent")], CARD, UTC).facts

    assert late.slow is facts.slow
    assert assess(late, NOON, CARD, UTC) != assess(facts, NOON, CARD, UTC)
    _same_as_anew(late, [NOON], CARD)


def test_a_moment_may_be_earlier_than_the_one_before() -> None:
    told = contract(NOON - 30 * DAY, mrr=Decimal(10), currency="USD", starts_on=date(2026, 1, 1))
    facts = facts_of([told, usage(NOON - 90 * DAY), usage(NOON)], NOON)
    hours = (-2, 2, -1, 3, 0, -3)  # at noon the price has been told for 30 days

    values = [features(facts, NOON + n * HOUR, EVERYWHERE, UTC).measurements for n in hours]

    assert len({m for found in values for m in found if m.measure == "mrr_change"}) == 2
    _same_as_anew(facts, [NOON + n * HOUR for n in hours], EVERYWHERE)


def test_stages_blend_alike_while_what_a_contract_told_leaves_the_window() -> None:
    events = [usage(NOON - 200 * DAY), usage(NOON)]
    events += [contract(NOON - 200 * DAY, starts_on=date(2025, 12, 15), ends_on=date(2026, 6, 20), term_months=6)]
    events += [contract(NOON - 14 * DAY + n * HOUR, ends_on=date(2026, 6, 21 + n)) for n in range(0, 8, 2)]
    events += [milestone(NOON - 14 * DAY + n * HOUR, name) for n, name in enumerate(CARD.stages.onboarding.names)]
    facts = facts_of(events, NOON)

    _same_as_anew(facts, [NOON + n * timedelta(minutes=37) for n in range(-3, 18)], CARD)


def test_what_is_kept_goes_with_the_facts_without_the_garbage_collector() -> None:
    facts = facts_of([usage(NOON), contract(NOON, status="active")], NOON)
    assess(facts, NOON, CARD, UTC)
    usage_decline(facts, NOON, UTC)
    profile(facts, NOON, UTC, DOLLARS)
    alive = ref(facts.slow)
    gc.disable()
    try:
        del facts
        assert alive() is None
    finally:
        gc.enable()

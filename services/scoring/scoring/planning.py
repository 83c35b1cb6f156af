"""What a batch of one partition asks for: where it is cut, which hours pass, under which control records. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cskit.columns import moment
from cskit.messages import Message, Usage, append_time
from csmodels.envelope import Event
from csmodels.internal import ClockTicked, FeedResumed, FeedStopped, RatesChanged, ScorecardApplied
from scoring.account import Cut
from scoring.domain.precedence import Applied, NoDefault, applying
from scoring.domain.scorecard import Scorecard
from scoring.engine.feeds import Stopped, fold_feed

ONE_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What the control records of a partition have said so far.

    applied are the scorecards in force, rates the version of the exchange rates; hour is the last one evaluated (None
    before the first tick), at the latest moment as of which accounts were scored but for the hours.
    """

    partition: int
    applied: Applied
    hour: datetime | None = None
    at: datetime | None = None
    stopped: Stopped = field(default_factory=dict)
    rates: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """Hours to evaluate in order, at the record that told of the last one."""

    hours: tuple[datetime, ...]
    offset: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Application:
    """The record that changed which scorecards or exchange rates are in force, and the moment as of which everybody
    whom that concerns is scored anew.
    """

    cut: Cut
    received_at: datetime
    rates: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """Events of accounts up to a cut, in offset order, then what concerns all accounts: hours that pass, or scorecards
    or exchange rates that are in force from then on. Cut is None without events. usage are those that were read by
    columns.
    """

    events: tuple[Message[Event], ...]
    cut: Cut | None
    tick: Tick | None
    state: PartitionState  # in force when the events are scored and everybody is evaluated
    application: Application | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments of a partition's batch, the state after it, and control records that cannot be obeyed: they name an
    unknown scorecard, or would leave none without a condition.
    """

    segments: tuple[Segment, ...]
    state: PartitionState
    unknown: tuple[ScorecardApplied, ...] = ()


def plan(
    state: PartitionState,
    messages: Sequence[Message[Event]],
    cards: Mapping[str, Scorecard],
    usage: Usage | None = None,
) -> Plan:
    """Cut a partition's messages (offsets ascend) at each clock.ticked, where scorecards or rates change, and at the
    end. usage is what of the batch was read by columns.

    An hour that was evaluated already is ignored; the hours between it and a new one are all evaluated; before the
    first tick of a partition there is nothing to catch up. cards are the known scorecards by name ("id@version"), those
    of the state among them.
    """
    segments: list[Segment] = []
    unknown: list[ScorecardApplied] = []
    waiting: list[Message[Event]] = []
    counted = 0  # usage that has its place in a segment

    def cut(before: int | None, tick: Tick | None) -> None:
        """End a segment before an offset, or with all that there is."""
        nonlocal state, counted
        some = usage.until(before, counted) if usage is not None else None
        some = some or None
        place = None
        if waiting or some is not None:
            moments = [_moment(message) for message in waiting]
            offsets = [message.offset for message in waiting[-1:]]
            if some is not None:
                counted += len(some)
                moments.append(_moment_of(some))
                offsets.append(int(some.offsets[-1]))
            at = max(moments)
            state = replace(state, at=at if state.at is None else max(at, state.at))
            assert state.at is not None
            place = Cut(state.partition, max(offsets), state.at)
        segments.append(Segment(tuple(waiting), place, tick, state, usage=some))
        waiting.clear()

    def change(message: Message[Event], then: PartitionState, *, rates: bool = False) -> None:
        """Go on under what is in force from a record on; what came before it is folded under what was."""
        nonlocal state
        if waiting or more_before(message.offset):
            cut(message.offset, None)
        at = _moment(message)
        state = replace(then, at=at if state.at is None else max(at, state.at))
        assert state.at is not None
        place = Cut(state.partition, message.offset, state.at)
        segments.append(Segment((), None, None, state, Application(place, message.event.receivedtime, rates)))

    def more_before(offset: int | None) -> bool:
        return usage is not None and bool(usage.until(offset, counted))

    for message in messages:
        match message.event:
            case ClockTicked() as event:
                hours = _hours(state.hour, event.data.hour)
                if hours:
                    cut(message.offset, Tick(hours, message.offset, event.receivedtime))
                    state = replace(state, hour=event.data.hour)
            case FeedStopped() | FeedResumed() as event:
                state = replace(state, stopped=fold_feed(state.stopped, event))
            case ScorecardApplied() as event:
                applied = _applying(state.applied, event, cards)
                if applied is None:
                    unknown.append(event)
                elif applied != state.applied:
                    change(message, replace(state, applied=applied))
            case RatesChanged() as event:
                if event.data.version > state.rates:
                    change(message, replace(state, rates=event.data.version), rates=True)
            case _:
                waiting.append(message)
    if waiting or more_before(None):
        cut(None, None)
    return Plan(tuple(segments), state, tuple(unknown))


def _applying(applied: Applied, event: ScorecardApplied, cards: Mapping[str, Scorecard]) -> Applied | None:
    """What is in force after the record; None if it cannot be obeyed."""
    card = cards.get(f"{event.data.scorecard}@{event.data.version}")
    if card is None or card.sha256 != event.data.sha256:
        return None
    try:
        return applying(applied, card, cards)
    except NoDefault:
        return None


def _moment(message: Message[Event]) -> datetime:
    """As of when an event is surely known: append times are cut to milliseconds, and clocks of machines differ."""
    return max(message.appended_at, message.event.receivedtime, message.event.time)


def _moment_of(usage: Usage) -> datetime:
    """The latest of such moments of usage."""
    columns = usage.columns
    return max(append_time(int(usage.appended_ms.max())), moment(int(max(columns.received.max(), columns.times.max()))))


def _hours(last: datetime | None, hour: datetime) -> tuple[datetime, ...]:
    if last is None:
        return (hour,)
    return tuple(last + ONE_HOUR * n for n in range(1, int((hour - last) / ONE_HOUR) + 1))

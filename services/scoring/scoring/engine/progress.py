"""How far an account has come in its stage: onboarding, the renewal, notices, and what the next level asks for.

All of it by the same rules as the measures and stages of the score, so that none of them can tell another story.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from csmodels.fields import AdoptionLevel, Stage
from scoring.domain.calendar import days_after, local_day
from scoring.domain.measures import MeasureId
from scoring.domain.score import adoption_level
from scoring.domain.scorecard import AdoptionLevels, Scorecard, Stages
from scoring.domain.terms import RenewalChecklist
from scoring.engine import milestones
from scoring.engine.contracts import Contract, contract_at
from scoring.engine.facts import Facts, SlowFacts
from scoring.engine.feeds import Stopped
from scoring.engine.measuring import measured
from scoring.engine.moment import NONE_STOPPED, Moment
from scoring.engine.register import since
from scoring.engine.stages import (
    Outcome,
    Renewal,
    began_at,
    midnight,
    next_renewal,
    onboarding_at,
    stage_at,
)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone of the onboarding; reached_at is when it was first reached, None: not yet."""

    name: str
    weight: float
    due_on: date
    reached_at: datetime | None


@dataclass(frozen=True, slots=True)
class FirstValue:
    """The milestone that is the first value; days are those from the start until it was reached, or until now."""

    milestone: str
    target_days: int
    due_on: date
    days: int
    reached_at: datetime | None


@dataclass(frozen=True, slots=True)
class Onboarding:
    """The onboarding. connected: whether any milestone was ever told of; else nothing is known of them.

    last_day is the last one on which it may be completed.
    """

    began: date
    last_day: date
    outcome: Outcome
    ended_at: datetime | None
    connected: bool
    milestones: tuple[Milestone, ...]
    first_value: FirstValue | None


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """An item of the renewal checklist; reached_at is when it was last reached, since the renewal began."""

    name: str
    reached_at: datetime | None


@dataclass(frozen=True, slots=True)
class RenewalAhead:
    """The renewal that is ahead of a contract, or comes next (begun false). days_left are those to the term's end.

    connected: whether any item of the checklist was ever told of; else nothing is known of them.
    """

    contract: str
    begins: date
    ends: date
    begun: bool
    days_left: int
    connected: bool
    checklist: tuple[ChecklistItem, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A contract that runs under notice of cancellation, and its last day as far as known."""

    contract: str
    cancelled_at: datetime
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class Need:
    """A measure that the next level names: its value (None: not known, which holds nobody back), and that needed."""

    measure: MeasureId
    value: float | None
    needed: float


@dataclass(frozen=True, slots=True)
class Adoption:
    """The level, and the next one with what it needs; next None: it is the highest.

    active are the people with a core action in the last window_days; low needs one of them and no measure.
    """

    level: AdoptionLevel
    active: int
    window_days: int
    next: AdoptionLevel | None
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an account stands at a moment. since None: it has no contract, so no stage ever began.

    onboarding None: there is no contract, or the scorecard asks for nothing. renewal None: none comes.
    """

    at: datetime
    scorecard: str
    stage: Stage
    since: datetime | None
    onboarding: Onboarding | None
    renewal: RenewalAhead | None
    notices: tuple[Notice, ...]
    adoption: Adoption


def progress(facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> Progress:
    """Where an account stands at a moment, by a scorecard. It needs the months that features(...) needs."""
    slow = facts.slow
    return Progress(
        at=at,
        scorecard=card.name,
        stage=stage_at(slow, at, zone, card.stages),
        since=began_at(slow, at, zone, card.stages),
        onboarding=_onboarding(slow, at, zone, card.stages),
        renewal=_renewal(slow, at, zone, card),
        notices=_notices(slow, at, zone),
        adoption=_adoption(Moment(facts, at, card, zone, stopped)),
    )


def _onboarding(slow: SlowFacts, at: datetime, zone: tzinfo, stages: Stages) -> Onboarding | None:
    terms, found = stages.onboarding, onboarding_at(slow, at, zone, stages)
    if found is None:
        return None
    return Onboarding(
        began=found.began,
        last_day=days_after(found.began, terms.days - 1),
        outcome=found.outcome,
        ended_at=found.ended_at,
        connected=milestones.connected(slow, at, terms),
        milestones=tuple(
            Milestone(
                name=each.name,
                weight=each.weight,
                due_on=days_after(found.began, each.due_day),
                reached_at=milestones.first_reached(slow, each.name, at),
            )
            for each in terms.milestones
        ),
        first_value=_first_value(slow, at, zone, stages, found.began),
    )


def _first_value(slow: SlowFacts, at: datetime, zone: tzinfo, stages: Stages, began: date) -> FirstValue | None:
    terms = stages.onboarding
    if terms.first_value is None:
        return None
    reached = milestones.first_reached(slow, terms.first_value, at)
    return FirstValue(
        milestone=terms.first_value,
        target_days=terms.target_day,
        due_on=days_after(began, terms.target_day),
        days=max((local_day(reached or at, zone) - began).days, 0),
        reached_at=reached,
    )


def _renewal(slow: SlowFacts, at: datetime, zone: tzinfo, card: Scorecard) -> RenewalAhead | None:
    """Of the renewals that have begun the one whose term ends first, as renewal_ahead says; else the next to begin."""
    today = local_day(at, zone)
    coming = list(_renewals(slow, at, zone, card.stages))
    begun = [each for each in coming if each[1].begins <= today]
    if not coming:
        return None

    def first(each: tuple[str, Renewal]) -> tuple[date, date, str]:
        id_, one = each  # of several on one day the same one, in whatever order they were heard of
        return (one.ends, one.begins, id_) if begun else (one.begins, one.ends, id_)

    id_, renewal = min(begun or coming, key=first)
    items = _checklist(card)
    latest = {item: milestones.last_reached(slow, item, at) for item in items}
    begins = midnight(renewal.begins, zone)
    return RenewalAhead(
        contract=id_,
        begins=renewal.begins,
        ends=renewal.ends,
        begun=bool(begun),
        days_left=(renewal.ends - today).days,
        connected=any(reached is not None for reached in latest.values()),
        checklist=tuple(
            ChecklistItem(item, reached if reached is not None and reached >= begins else None)
            for item, reached in latest.items()
        ),
    )


def _renewals(slow: SlowFacts, at: datetime, zone: tzinfo, stages: Stages) -> Iterator[tuple[str, Renewal]]:
    """The next renewal of each contract that has one, by the rule of renewal_ahead."""
    today = local_day(at, zone)
    for id_, contract in _running(slow, at, zone):
        if contract.status == "trial" or contract.under_notice(at):
            continue
        renewal = next_renewal(contract, today, stages)
        if contract.started(today) and renewal is not None:
            yield id_, renewal


def _checklist(card: Scorecard) -> Sequence[str]:
    """The items of all measures of that kind, each once."""
    terms = (measure.terms for measure in card.measures.values())
    return tuple(dict.fromkeys(item for each in terms if isinstance(each, RenewalChecklist) for item in each.items))


def _notices(slow: SlowFacts, at: datetime, zone: tzinfo) -> tuple[Notice, ...]:
    """The notices in force, the oldest first."""
    found = [
        Notice(id_, noticed, contract.last_day(at))
        for id_, contract in _running(slow, at, zone)
        if (noticed := contract.noticed(at)) is not None
    ]
    return tuple(sorted(found, key=lambda notice: (notice.cancelled_at, notice.contract)))


def _running(slow: SlowFacts, at: datetime, zone: tzinfo) -> Iterator[tuple[str, Contract]]:
    """The contracts that were heard of and have not ended, by their id."""
    today = local_day(at, zone)
    for id_, register in slow.contracts.items():
        heard = since(register)
        if heard is not None and heard <= at:
            contract = contract_at(register, at, zone, heard)
            if not contract.ended(at, today):
                yield id_, contract


def _adoption(now: Moment) -> Adoption:
    terms = now.card.adoption
    active = len(now.core_days(terms.window_days)) if now.with_people else 0
    values = {id_: measured(now, now.card.measures[id_]).value for id_ in terms.names}
    level = adoption_level(values, active, now.card)
    following = _next(level, terms)
    needs = {"medium": terms.medium, "high": terms.high}.get(following or "", {})
    return Adoption(
        level=level,
        active=active,
        window_days=terms.window_days,
        next=following,
        needs=tuple(Need(id_, values[id_], least) for id_, least in needs.items()),
    )


def _next(level: AdoptionLevel, terms: AdoptionLevels) -> AdoptionLevel | None:
    """The next level that can be reached: one that names no measure is reached by nobody."""
    match level:
        case "none":
            return "low"
        case "low" if terms.medium:
            return "medium"
        case "low" | "medium" if terms.high:
            return "high"
    return None

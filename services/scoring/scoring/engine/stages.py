"""Where an account stands between its start and its end: stages, onboarding, the renewal ahead.

It needs the slow part only. All of it is told by facts and a moment alone, with registers as they were at that moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final, Literal

from csmodels.fields import Stage
from scoring.domain.calendar import ONE_DAY, local_day
from scoring.domain.measures import COLUMN_OF, Column
from scoring.domain.scorecard import Stages
from scoring.engine.contracts import day, ended, known, moment, started, under_notice
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register, read, since

Outcome = Literal["running", "completed", "failed", "unknown"]

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_OF_STAGES: Final = ("status", "cancelled_at", "starts_on", "ends_on", "term_months", "auto_renew")


@dataclass(frozen=True, slots=True)
class OnboardingNow:
    """The onboarding of an account at a moment.

    began: the start of its first contract; where that tells none, when it was heard of, or the account was used before.
    ended_at: when all was reached, or the days had passed; None while it runs. failed: the days passed before all was
    reached; unknown: they had passed before anything was heard of the account.
    """

    began: date
    ended_at: datetime | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Renewal:
    """The renewal that is ahead of a contract: the day it begins, and the last day of the term."""

    begins: date
    ends: date


def stage_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> Stage:
    """The stage at a moment; without any contract it is adoption.

    churned after the end of the last contract; churning while every living one is under notice; renewal while one has
    its renewal ahead (this goes before onboarding, whose end is farther); onboarding while it runs.
    """
    today = local_day(at, zone)
    contracts = known(slow, at)
    running = [contract for contract in contracts if not ended(contract, at, today)]
    if not running:
        return "churned" if contracts else "adoption"
    if all(under_notice(contract, at) for contract in running):
        return "churning"
    if renewal_ahead(running, at, today, terms) is not None:
        return "renewal"
    onboarding = onboarding_at(slow, at, zone, terms)
    return "onboarding" if onboarding is not None and onboarding.ended_at is None else "adoption"


def onboarding_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> OnboardingNow | None:
    """The onboarding; None without a contract, or if the scorecard asks for nothing.

    It ends when all milestones of the scorecard and first value are reached, or at its last day.
    """
    contracts = known(slow, at)
    if not contracts or not terms.onboarding.names:
        return None
    heard = _heard(contracts)
    began = min(_start(slow, contract, at, zone) for contract in contracts)
    over = days_after(began, terms.onboarding.days)
    reached = [slow.milestones.get(name) for name in terms.onboarding.names]
    completed = max((stamp.time for stamp in reached if stamp is not None), default=None)
    deadline = midnight(over, zone)
    if completed is not None and completed <= at and completed < deadline and None not in reached:
        return OnboardingNow(began, max(completed, heard), "completed")
    if at < deadline:
        return OnboardingNow(began, None, "running")
    return OnboardingNow(began, deadline, "failed" if heard < deadline else "unknown")


def renewal_ahead(running: list[Register], at: datetime, today: date, terms: Stages) -> Renewal | None:
    """Of the renewals that have begun the one whose term ends first; None if none has.

    Trials and contracts under notice have none, nor terms shorter than the scorecard says (month to month).
    """
    ahead = [
        renewal
        for contract in running
        if read(contract, "status", at) != "trial" and not under_notice(contract, at)
        if started(contract, at, today)
        if (renewal := next_renewal(contract, at, today, terms)) is not None and renewal.begins <= today
    ]
    return min(ahead, key=lambda renewal: renewal.ends, default=None)


def next_renewal(contract: Register, at: datetime, today: date, terms: Stages) -> Renewal | None:
    """The next renewal of a contract, begun or not: min(days, share of the term) before the term's end.

    One that renewed by itself goes on in terms of the same length until a new end is told.
    """
    ends = day(read(contract, "ends_on", at))
    if ends is None:
        return None
    months = read(contract, "term_months", at)
    starts = day(read(contract, "starts_on", at))
    if not isinstance(months, int):
        months = None if starts is None else round((ends - starts).days / 30.4)
    if months is not None and months < terms.shortest_renewal_months:
        return None
    if ends < today:  # under notice, or without auto_renew, it would have ended
        if not months:
            return None
        passed = (today.year - ends.year) * 12 + today.month - ends.month
        ends = next(e for n in (0, 1) if (e := months_after(ends, (passed // months + n) * months)) >= today)
    before = terms.renewal_days
    if months:
        before = min(before, int((ends - months_after(ends, -months)).days * terms.renewal_share))
    return Renewal(days_after(ends, -before), ends)


def mix_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> tuple[Stage, Mapping[Column, float]]:
    """The stage, and of the last blend_days the share that was spent in the stages of each column of weights.

    So the weights of a stage come in evenly after it began. The time before the first contract was heard of counts only
    if the account was in use before.
    """
    stage = stage_at(slow, at, zone, terms)
    alone: Mapping[Column, float] = {COLUMN_OF[stage]: 1.0}
    start = at - timedelta(days=terms.blend_days)
    contracts = known(slow, at)
    if not contracts or start >= at:
        return stage, alone
    heard = _heard(contracts)
    if heard > start and (slow.first_usage is None or slow.first_usage >= local_day(heard, zone)):
        start = heard
    turns = {turn for turn in _turns(slow, contracts, start, at, zone, terms) if start < turn <= at}
    if start == at or (not turns and heard < start):
        return stage, alone
    spent: dict[Column, float] = {}
    for begin, end in pairwise(sorted({start, *turns, at})):
        column = COLUMN_OF[stage_at(slow, begin, zone, terms)]
        spent[column] = spent.get(column, 0.0) + (end - begin) / (at - start)
    return stage, spent


def began_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> datetime | None:
    """When the stage at a moment began; None without a contract: then nothing ever began."""
    contracts = known(slow, at)
    if not contracts:
        return None
    heard = _heard(contracts)
    began, before = heard, stage_at(slow, heard, zone, terms)
    for turn in sorted({turn for turn in _turns(slow, contracts, heard, at, zone, terms) if heard < turn <= at}):
        stage = stage_at(slow, turn, zone, terms)
        if stage != before:
            began, before = turn, stage
    return began


def _start(slow: SlowFacts, contract: Register, at: datetime, zone: tzinfo) -> date:
    """When a contract began: as it says, else when it was first heard of, or the account was used before that."""
    starts = day(read(contract, "starts_on", at))
    if starts is not None:
        return starts
    heard = local_day(since(contract) or at, zone)
    return min(heard, slow.first_usage) if slow.first_usage else heard


def _heard(contracts: Iterable[Register]) -> datetime:
    """When the first of the contracts was heard of."""
    return min(first for contract in contracts if (first := since(contract)) is not None)


def _turns(
    slow: SlowFacts, contracts: Sequence[Register], start: datetime, at: datetime, zone: tzinfo, terms: Stages
) -> set[datetime]:
    """All moments after start, up to `at`, at which the stage may have turned, and some of no meaning."""
    turns = {slow.milestones[name].time for name in terms.onboarding.names if name in slow.milestones}
    since_day, today = local_day(start, zone), local_day(at, zone)
    days: set[date] = set()
    for contract in contracts:
        told = {e.stamp.time for field in _OF_STAGES for e in contract.get(field, ()) if start < e.stamp.time <= at}
        first = since(contract) or at
        turns.add(first)
        turns |= told
        if not _tells_start(contract, first):  # then the start is told by these
            begun = (local_day(first, zone), slow.first_usage)
            days.update(days_after(each, terms.onboarding.days) for each in begun if each is not None)
        days |= _days_ahead(contract, start, since_day, today, terms)
        for moment_ in told:  # what holds from then on, until something else is told
            days |= _days_ahead(contract, moment_, local_day(moment_, zone), today, terms)
        for entry in contract.get("cancelled_at", ()):
            if (cancelled := moment(entry.value)) is not None:
                turns.add(cancelled)
    return turns | {midnight(each, zone) for each in days if since_day <= each <= today}


def _tells_start(contract: Register, first: datetime) -> bool:
    """Whether a contract has told its start all the time since it was heard of."""
    told = contract.get("starts_on", ())
    return bool(told) and told[0].stamp.time <= first and all([entry.value is not None for entry in told])


def _days_ahead(contract: Register, told: datetime, day_: date, last: date, terms: Stages) -> set[date]:
    """The days on which the stage may turn by what a contract says at a moment (of day_), until a last day."""
    days: set[date] = set()
    starts, ends = day(read(contract, "starts_on", told)), day(read(contract, "ends_on", told))
    if starts is not None:
        days |= {starts, days_after(starts, terms.onboarding.days)}
    if ends is not None:
        days.add(days_after(ends, 1))
        while day_ <= last and (renewal := next_renewal(contract, told, day_, terms)) is not None:
            day_ = days_after(renewal.ends, 1)
            days |= {renewal.begins, day_}
            if day_ == date.max:
                break
    return days


def months_after(first: date, months: int) -> date:
    """The same day `months` months later (or earlier), or the last day of a shorter month; within all that is."""
    number = first.year * 12 + first.month - 1 + months
    if not MINYEAR * 12 <= number < MAXYEAR * 12:
        return date.min if months < 0 else date.max
    year, month = number // 12, number % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(first.day, (following - ONE_DAY).day))


def days_after(first: date, days: int) -> date:
    """The day `days` days later (or earlier), within all that is."""
    try:
        return first + timedelta(days=days)
    except OverflowError:
        return date.min if days < 0 else date.max


def midnight(first: date, zone: tzinfo) -> datetime:
    """When a day of the zone begins."""
    try:
        return datetime.combine(first, time.min, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return _FIRST if first.year == MINYEAR else _LAST

"""Where an account stands between its start and its end: stages, onboarding, the renewal ahead.

It needs the slow part only. All of it is told by facts and a moment alone, with registers as they were at that moment.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from csmodels.fields import Stage
from scoring.domain.calendar import day_of, days_after, last_day_after, local_day
from scoring.domain.lazily import lazy
from scoring.domain.measures import COLUMN_OF, Column
from scoring.domain.scorecard import Stages
from scoring.engine.contracts import OF_STAGES, Contract, contract_at, contracts_at, moment, term_end, term_of
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register

Outcome = Literal["running", "completed", "failed", "unknown"]

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class OnboardingNow(Struct, frozen=True, gc=False):
    """The onboarding of an account at a moment.

    began: the start of its first contract; where that tells none, when it was heard of, or the account was used before.
    ended_at: when all was reached, or the days had passed; None while it runs. failed: the days passed before all was
    reached; unknown: they had passed before anything was heard of the account.
    """

    began: date
    ended_at: datetime | None
    outcome: Outcome


class Renewal(Struct, frozen=True, gc=False):
    """The renewal that is ahead of a contract: the day it begins, and the last day of the term."""

    begins: date
    ends: date


class Course:
    """What contracts tell of stages, for moments from which on they say the same. It holds no facts as a whole."""

    def __init__(self, slow: SlowFacts, contracts: Sequence[Contract], zone: tzinfo, terms: Stages) -> None:
        self.contracts, self.zone, self.terms = contracts, zone, terms
        self._milestones, self._first_usage = slow.milestones, slow.first_usage

    def stage(self, at: datetime, today: date) -> Stage:
        """The stage at a moment, of which today is the day; see stage_at."""
        running = willing = ahead = False
        for contract in self.contracts:
            if not contract.ended(at, today):
                running = True
                if not contract.under_notice(at):
                    willing = True
                    ahead = ahead or _ahead(contract, today, self.terms) is not None
        if not running:
            return "churned" if self.contracts else "adoption"
        if not willing:
            return "churning"
        if ahead:
            return "renewal"
        onboarding = self.onboarding(at)
        return "onboarding" if onboarding is not None and onboarding.ended_at is None else "adoption"

    def onboarding(self, at: datetime) -> OnboardingNow | None:
        """The onboarding at a moment; see onboarding_at."""
        if not self.contracts or not self.terms.onboarding.names:
            return None
        began, deadline, completed = self._onboarding
        if completed is not None and completed <= at:
            return OnboardingNow(began, max(completed, self.heard), "completed")
        if at < deadline:
            return OnboardingNow(began, None, "running")
        return OnboardingNow(began, deadline, "failed" if self.heard < deadline else "unknown")

    @lazy
    def heard(self) -> datetime:
        """When the first of the contracts, which are some, was heard of."""
        return min([contract.first for contract in self.contracts])

    @lazy
    def began(self) -> date:
        """The start of the first of the contracts, which are some."""
        return min([contract.began or self._start(contract) for contract in self.contracts])

    @lazy
    def _onboarding(self) -> tuple[date, datetime, datetime | None]:
        """When it began, when its days are over, and when all was reached, if that was before."""
        onboarding = self.terms.onboarding
        began = self.began
        deadline = midnight(days_after(began, onboarding.days), self.zone)
        reached = [stamp.time for name in onboarding.names if (stamp := self._milestones.get(name)) is not None]
        completed = max(reached) if len(reached) == len(onboarding.names) else None
        return began, deadline, completed if completed is not None and completed < deadline else None

    def _start(self, contract: Contract) -> date:
        """When a contract began that does not say so: when it was heard of, or the account was used before that."""
        heard = local_day(contract.first, self.zone)
        return min(heard, self._first_usage) if self._first_usage else heard


def stage_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> Stage:
    """The stage at a moment; without any contract it is adoption.

    churned after the end of the last contract; churning while every living one is under notice; renewal while one has
    its renewal ahead (this goes before onboarding, whose end is farther); onboarding while it runs.
    """
    return Course(slow, contracts_at(slow, at, zone), zone, terms).stage(at, local_day(at, zone))


def onboarding_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> OnboardingNow | None:
    """The onboarding; None without a contract, or if the scorecard asks for nothing.

    It ends when all milestones of the scorecard and first value are reached, or at its last day.
    """
    return Course(slow, contracts_at(slow, at, zone), zone, terms).onboarding(at)


def renewal_ahead(running: Iterable[Contract], at: datetime, today: date, terms: Stages) -> Renewal | None:
    """Of the renewals that have begun the one whose term ends first; None if none has.

    Trials and contracts under notice have none, nor terms shorter than the scorecard says (month to month).
    """
    ahead = [_ahead(contract, today, terms) for contract in running if not contract.under_notice(at)]
    return min(filter(None, ahead), key=lambda renewal: (renewal.ends, renewal.begins), default=None)


def _ahead(contract: Contract, today: date, terms: Stages) -> Renewal | None:
    """The renewal of a running contract that is under no notice, if it has begun."""
    if contract.status == "trial" or not contract.started(today):
        return None
    renewal = next_renewal(contract, today, terms)
    return renewal if renewal is not None and renewal.begins <= today else None


def next_renewal(contract: Contract, today: date, terms: Stages) -> Renewal | None:
    """The next renewal of a contract, begun or not: min(days, share of the term) before the term's end.

    One that renewed by itself goes on in terms of the same length until a new end is told.
    """
    return _next_renewal(contract.starts, contract.ends, contract.term, today, terms.renewal_terms)


def _next_renewal(
    starts: date | None, ends: date | None, months: int | None, today: date, terms: tuple[int, float, int]
) -> Renewal | None:
    if ends is None:
        return None
    return _renewal(starts if months is None else None, ends, months, today if ends < today else None, terms)


@lru_cache(maxsize=4096)  # terms of contracts begin and end on few days, and one is asked of at several moments
def _renewal(
    starts: date | None, ends: date, months: int | None, today: date | None, terms: tuple[int, float, int]
) -> Renewal | None:
    """The renewal at the end of a term, or of the first one after it that has not ended today."""
    days, share, shortest = terms
    months = term_of(starts, ends, months)
    if months is not None and months < shortest:
        return None
    if today is not None:  # under notice, or without auto_renew, it would have ended
        if not months:
            return None
        ends = term_end(ends, months, today)
    before = days
    if months:
        before = min(before, int((ends - last_day_after(ends, -months)).days * share))
    return Renewal(days_after(ends, -before), ends)


class Path(NamedTuple):
    """How the stages went of late: the column of weights at `start`, and the ones from each later turn on.

    heard: when the first contract was heard of; from_heard: nothing before that counts. before None: one stage all the
    time. lasting: until the next turn it tells of later moments, too; else it is that of `at` alone.
    """

    at: datetime
    heard: datetime
    from_heard: bool
    before: Column | None
    turns: tuple[tuple[datetime, Column], ...]
    lasting: bool


def mix_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> tuple[Stage, Mapping[Column, float]]:
    """The stage, and of the last blend_days the share that was spent in the stages of each column of weights.

    So the weights of a stage come in evenly after it began. The time before the first contract was heard of counts only
    if the account was in use before.
    """
    course = Course(slow, contracts_at(slow, at, zone), zone, terms)
    stage = course.stage(at, local_day(at, zone))
    return stage, mixed(stage, path_at(slow, at, course), at, terms)


def path_at(slow: SlowFacts, at: datetime, course: Course) -> Path:
    """The stages of the last blend_days; course: what the contracts known at the moment tell then."""
    zone, terms, contracts = course.zone, course.terms, course.contracts
    start = at - timedelta(days=terms.blend_days)
    if not contracts or start >= at:
        return Path(at, at, False, None, (), True)
    heard, from_heard = course.heard, False
    if heard > start and (slow.first_usage is None or slow.first_usage >= local_day(heard, zone)):
        start, from_heard = heard, True
    # if nothing was told after the start, contracts say the same all the time, and so do the turns that mean nothing
    told = [_told(contract.register, start, at) for contract in contracts]
    lasting = not any(told)
    turns = sorted([turn for turn in _turns(slow, contracts, told, start, at, zone, terms) if start < turn <= at])
    if start == at or (not turns and heard < start):
        return Path(at, heard, from_heard, None, (), lasting)
    same = lasting and all([contract.first <= start for contract in contracts])

    def column(begin: datetime) -> Column:
        day = day_of(begin, zone)
        if same:
            return COLUMN_OF[course.stage(begin, day)]
        then = [c for c in contracts if c.first <= begin] if lasting else contracts_at(slow, begin, zone)
        return COLUMN_OF[Course(slow, then, zone, terms).stage(begin, day)]

    before = column(start)
    columns = [before, *map(column, turns)]
    # a turn that means nothing would split a share in two, whose sum may be another double
    real = [(turn, now) for turn, (last, now) in zip(turns, pairwise(columns), strict=True) if now != last]
    return Path(at, heard, from_heard, before, tuple(real), lasting)


def mixed(stage: Stage, path: Path, at: datetime, terms: Stages) -> Mapping[Column, float]:
    """The shares of the columns at a moment for which the path stands."""
    if path.before is None:
        return {COLUMN_OF[stage]: 1.0}
    begin = at - timedelta(days=terms.blend_days)
    if path.heard > begin and path.from_heard:
        begin = path.heard
    column, turns = path.before, list[tuple[datetime, Column]]()
    for turn, following in path.turns:
        if turn <= begin:
            column = following
        else:
            turns.append((turn, following))
    if begin == at or (not turns and path.heard < begin):
        return {COLUMN_OF[stage]: 1.0}
    whole = at - begin
    spent: dict[Column, float] = {}
    for turn, following in turns:
        spent[column] = spent.get(column, 0.0) + (turn - begin) / whole
        begin, column = turn, following
    if begin < at:
        spent[column] = spent.get(column, 0.0) + (at - begin) / whole
    return spent


def began_at(slow: SlowFacts, at: datetime, zone: tzinfo, terms: Stages) -> datetime | None:
    """When the stage at a moment began; None without a contract: then nothing ever began."""
    contracts = contracts_at(slow, at, zone)
    if not contracts:
        return None
    heard = min([contract.first for contract in contracts])
    began, before = heard, stage_at(slow, heard, zone, terms)
    told = [_told(contract.register, heard, at) for contract in contracts]
    for turn in sorted([turn for turn in _turns(slow, contracts, told, heard, at, zone, terms) if heard < turn <= at]):
        stage = stage_at(slow, turn, zone, terms)
        if stage != before:
            began, before = turn, stage
    return began


def _turns(
    slow: SlowFacts,
    contracts: Sequence[Contract],
    told_by: Sequence[Set[datetime]],
    start: datetime,
    at: datetime,
    zone: tzinfo,
    terms: Stages,
) -> set[datetime]:
    """All moments after start, up to `at`, at which the stage may have turned, and some of no meaning; told_by: when
    each contract told anything.
    """
    turns = {slow.milestones[name].time for name in terms.onboarding.names if name in slow.milestones}
    since_day, today = day_of(start, zone), day_of(at, zone)
    days: set[date] = set()
    for contract, told in zip(contracts, told_by, strict=True):
        register, first = contract.register, contract.first
        turns.add(first)
        turns |= told
        if not _tells_start(register, first):  # then the start is told by these
            begun = (local_day(first, zone), slow.first_usage)
            days.update([days_after(each, terms.onboarding.days) for each in begun if each is not None])
        before = contract_at(register, start, zone, first) if told else contract
        days.update(_days_ahead(before, start, since_day, today, terms))
        notices = set(filter(None, [moment(entry.value) for entry in register.get("cancelled_at", ())]))
        turns |= notices
        for moment_ in {*told, *(notice for notice in notices if start < notice <= at)}:
            then = contract_at(register, moment_, zone, first)  # until something else is told
            days.update(_days_ahead(then, moment_, local_day(moment_, zone), today, terms))
    turns.update([midnight(each, zone) for each in days if since_day <= each <= today])
    return turns


def _told(contract: Register, start: datetime, at: datetime) -> set[datetime]:
    """When a contract told anything of stages after start, up to `at`."""
    found: set[datetime] = set()
    for field in OF_STAGES:
        entries = contract.get(field)
        if entries and entries[-1].stamp.time > start:
            found.update([entry.stamp.time for entry in entries if start < entry.stamp.time <= at])
    return found


def _tells_start(contract: Register, first: datetime) -> bool:
    """Whether a contract has told its start all the time since it was heard of."""
    told = contract.get("starts_on", ())
    return bool(told) and told[0].stamp.time <= first and all([entry.value is not None for entry in told])


def _days_ahead(contract: Contract, at: datetime, day_: date, last: date, terms: Stages) -> Iterable[date]:
    """The days on which the stage may turn by what a contract says at a moment (of day_), until a last day."""
    onboarding = terms.onboarding.days
    days = _days_told(
        contract.began, contract.starts, contract.ends, contract.term, day_, last, onboarding, terms.renewal_terms
    )
    final = contract.last_day(at)
    return days if final == contract.ends or final is None else (*days, days_after(final, 1))


@lru_cache(maxsize=4096)
def _days_told(
    began: date | None,
    starts: date | None,
    ends: date | None,
    months: int | None,
    day_: date,
    last: date,
    onboarding_days: int,
    terms: tuple[int, float, int],
) -> Sequence[date]:
    days: set[date] = set()
    if began is not None:
        days |= {began, days_after(began, onboarding_days)}
    if ends is not None:
        days.add(days_after(ends, 1))
        while day_ <= last and (renewal := _next_renewal(starts, ends, months, day_, terms)) is not None:
            day_ = days_after(renewal.ends, 1)
            days |= {renewal.begins, day_}
            if day_ == date.max:
                break
    return tuple(days)


@lru_cache(maxsize=1024)
def midnight(first: date, zone: tzinfo) -> datetime:
    """When a day of the zone begins."""
    try:
        return datetime.combine(first, time.min, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return _FIRST if first.year == MINYEAR else _LAST

"""An account as scoring holds it, and what a cut or an hour makes of it: pure functions of values, in steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import takewhile
from typing import Final, Literal, NamedTuple, cast

from msgspec import Struct, structs

from cskit.messages import Message
from csmodels.catalogue import CustomerEvent
from csmodels.envelope import Event
from csmodels.internal import AccountErased, PersonErased
from scoring.causes import Causes, Told
from scoring.domain.calendar import Month, closing_moment
from scoring.domain.money import Rates
from scoring.domain.precedence import Segmental
from scoring.domain.score import Score
from scoring.domain.scorecard import Scorecard
from scoring.domain.steps import Steps
from scoring.domain.verdict import Change, Verdict, closed, judge
from scoring.domain.watch import Decline
from scoring.engine.described import described
from scoring.engine.facts import Facts
from scoring.engine.features import assessing
from scoring.engine.feeds import Stopped
from scoring.engine.fold import fold_all, folding
from scoring.engine.profile import Profile, needs_rates, profile
from scoring.engine.retention import forgotten
from scoring.engine.usage import AccountUsage
from scoring.engine.weeks import usage_decline

_MICROSECOND: Final = timedelta(microseconds=1)

Kind = Literal["ageing", "backfill", "change", "closing"]  # of a row of history; so they sort within one moment


@dataclass(frozen=True, slots=True)
class Rules:
    """What an evaluation needs beside the account: fixed for a partition between two control records.

    card is the default scorecard; others are those with conditions, in the order in which they are asked.
    """

    card: Scorecard
    zone: tzinfo
    rates: Rates
    stopped: Stopped
    others: tuple[Segmental, ...] = ()
    folded_by: Scorecard | None = None  # the default with the key features of all, where there are others

    def card_of(self, facts: Facts, at: datetime) -> Scorecard:
        """The scorecard that counts for an account at a moment (see domain.precedence); needs the slow part only."""
        if self.others:
            account = described(facts, at, self.zone, self.rates)
            for each in self.others:
                if each.holds(account):
                    return each.card
        return self.card

    @property
    def folding(self) -> Scorecard:
        """By which facts are folded."""
        return self.folded_by or self.card


@dataclass(frozen=True, slots=True)
class Cut:
    """The record of cs.customer-events at which accounts are scored, and the moment as of which."""

    partition: int
    offset: int
    at: datetime


class Standing(Struct, frozen=True, gc=False):
    """The score that an account has now, as far as the next one is compared with it; as of `at`."""

    at: datetime
    value: float
    scorecard: str
    override: str | None
    occurred_at: datetime
    received_at: datetime


class Account(Struct, frozen=True, gc=False):
    """Facts, verdict and standing. `standing` is None until it is scored for the first time.

    base is the version that an erased account of the same id had reached: versions go on from there.
    """

    facts: Facts
    verdict: Verdict = Verdict()
    base: int = 0
    standing: Standing | None = None
    causes: Causes = Causes()

    @property
    def id(self) -> str:
        """The account's id."""
        return self.facts.account

    @property
    def version(self) -> int:
        """The number of the last published change."""
        return self.base + self.verdict.version


class Evaluation(Struct, frozen=True, gc=False):
    """One scoring of an account: a row of history if it is published or a closing, and what the live row shows."""

    account: str
    cut: Cut
    kind: Kind
    score: Score
    verdict: Verdict
    change: Change | None
    base: int
    causes: Causes
    profile: Profile
    occurred_at: datetime
    received_at: datetime

    @property
    def version(self) -> int | None:
        """The version it was published as, or None."""
        return self.base + self.change.now.version if self.change else None


@dataclass(frozen=True, slots=True)
class Taken:
    """An account after the events of a segment: its evaluations in order, and which rows of its facts changed.

    erased: it was erased on the way, so every row of it goes first. standing None after that: it is gone.
    """

    account: Account
    evaluations: tuple[Evaluation, ...]
    months: frozenset[Month] = frozenset()
    slow: bool = False
    erased: bool = False


def taking(
    account: Account, messages: Sequence[Message[Event]], cut: Cut, rules: Rules, usage: AccountUsage | None = None
) -> Steps[Taken]:
    """Fold an account's events (in offset order) and score it: backfill first and on its own, then what is live.

    Before backfill comes what is due without it, such as a cap that time has brought since the last hour: published
    with the backfill it would count as old, and the next hour would find nothing left to tell.
    The months that the events touch and the cut needs are loaded. An erasure forgets all that came before it. Of an
    account that nothing is known of nobody can be erased: that alone does not make it one.
    usage: what of the live events was counted already; none of the others erases the account then.
    """
    erased = max((n for n, message in enumerate(messages) if isinstance(message.event, AccountErased)), default=None)
    if erased is not None:
        assert usage is None
        gone = fold_all(account.facts, [cast("AccountErased", messages[erased].event)], rules.folding, rules.zone)
        account, messages = Account(gone.facts, base=account.version), messages[erased + 1 :]
    if account.standing is None:
        messages = _of_somebody(messages, usage)
    months: frozenset[Month] = frozenset()
    slow = False
    evaluations: list[Evaluation] = []
    for backfill in (True, False):
        some = [message for message in messages if message.event.backfill is backfill]
        counted = None if backfill else usage
        if some or counted is not None:
            if backfill and account.standing is not None:
                account, due = yield from _evaluated(
                    account, cut, rules, "ageing", occurred_at=cut.at, received_at=cut.at, by_time=True
                )
                evaluations += [due] if due.change else []
            events = cast("Sequence[CustomerEvent]", [message.event for message in some])
            folded = yield from folding(account.facts, events, rules.folding, rules.zone, counted)
            months, slow = months | folded.months, slow or folded.slow
            told = Told.by(some, counted)
            account = structs.replace(account, facts=folded.facts)
            account, evaluation = yield from _told(account, cut, rules, told, backfill=backfill)
            evaluations.append(evaluation)
    return Taken(account, tuple(evaluations), months, slow, erased is not None)


def _of_somebody(messages: Sequence[Message[Event]], usage: AccountUsage | None) -> Sequence[Message[Event]]:
    """Without erasures of people that come before anything else of an account that nothing is known of."""
    first = usage.first_offset if usage is not None else None
    before = takewhile(lambda m: isinstance(m.event, PersonErased) and (first is None or m.offset < first), messages)
    return messages[len(list(before)) :]


def _told(account: Account, cut: Cut, rules: Rules, told: Told, *, backfill: bool) -> Steps[tuple[Account, Evaluation]]:
    """The account, whose facts hold the events already that tell this, scored at a cut."""
    caused = structs.replace(account, causes=account.causes.with_events(told))
    kind: Kind = "backfill" if backfill else "change"
    return (yield from _evaluated(caused, cut, rules, kind, occurred_at=told.occurred_at, received_at=told.received_at))


def passing(
    account: Account,
    hour: datetime,
    partition: int,
    offset: int,
    received_at: datetime,
    rules: Rules,
    *,
    more: bool = False,
) -> Steps[tuple[Account, list[Evaluation]]]:
    """The account after an hour that a record at `offset` told of: the closing of the day that ended in it, if one
    did, then the score as of the hour. At a closing the slow facts lose what is too old to be seen.

    An account that was scored as of a later moment keeps that moment; where the record tells of `more` hours after this
    one, what a closing brings is then left to the next that is told, since two cannot be told as of one moment. The
    closing decides on dwell and is recorded; a change is published as of the hour only, so that what already happened
    on the new day never goes back and forth. Where the day ended with the hour itself and nothing happened on the new
    day, its end stands for the hour: what the new day alone brings is told by the next one.
    """
    standing = account.standing
    if standing is None:
        return account, []
    done: list[Evaluation] = []
    at, found = max(hour, standing.at), None
    closing = closing_moment(hour, rules.zone)
    if closing is not None:
        found = yield from _looked(account.facts, closing, rules)
        account, evaluation = _closed(account, standing, Cut(partition, offset, closing), found)
        done.append(evaluation)
        account = _without_the_old(account, closing)
        if standing.at <= closing and hour - closing <= _MICROSECOND:
            at = closing
        else:
            found = None
    elif standing.at > hour:
        return account, []
    cut = Cut(partition, offset, at)
    account, evaluation = yield from _evaluated(
        account,
        cut,
        rules,
        "change",
        occurred_at=hour,
        received_at=received_at,
        by_time=True,
        found=found,
        held=more and standing.at > hour,
    )
    return account, [*done, evaluation]


def rescoring(
    account: Account, cut: Cut, received_at: datetime, rules: Rules, *, rates: bool = False
) -> Steps[tuple[Account, Evaluation | None]]:
    """The account after the record at `cut` has put other scorecards or exchange rates in force, and its score by those
    that count for it now; None where these change nothing of it. An account that was scored as of a later moment keeps
    it.
    """
    standing = account.standing
    if standing is None:
        return account, None
    at = max(cut.at, standing.at)
    same = rules.card_of(account.facts, at).name == standing.scorecard
    if same and not (rates and needs_rates(account.facts, at, rules.zone, rules.rates)):
        return account, None
    cut = replace(cut, at=at)
    return (
        yield from _evaluated(
            account, cut, rules, "change", occurred_at=received_at, received_at=received_at, by_time=same
        )
    )


class _Look(NamedTuple):
    """What the facts say at a moment."""

    card: Scorecard
    score: Score
    decline: Decline | None
    profile: Profile


def _looked(facts: Facts, at: datetime, rules: Rules) -> Steps[_Look]:
    card = rules.card_of(facts, at)
    score = yield from assessing(facts, at, card, rules.zone, rules.stopped)
    decline = usage_decline(facts, at, rules.zone, rules.stopped, card.watch)
    yield
    told = profile(facts, at, rules.zone, rules.rates)
    yield
    return _Look(card, score, decline, told)


def _closed(account: Account, standing: Standing, cut: Cut, found: _Look) -> tuple[Account, Evaluation]:
    card, score, decline, profile_ = found
    verdict = closed(account.verdict, score, moment=cut.at, card=card, decline=decline)
    after = Account(account.facts, verdict, account.base, standing, account.causes)
    return after, Evaluation(
        account=account.id,
        cut=cut,
        kind="closing",
        score=score,
        verdict=verdict,
        change=None,
        base=account.base,
        causes=account.causes,
        profile=profile_,
        occurred_at=standing.occurred_at,
        received_at=standing.received_at,
    )


def _without_the_old(account: Account, closing: datetime) -> Account:
    slow = forgotten(account.facts.slow, closing)
    if slow is account.facts.slow:
        return account
    return structs.replace(account, facts=structs.replace(account.facts, slow=slow))


def _evaluated(
    account: Account,
    cut: Cut,
    rules: Rules,
    kind: Kind,
    *,
    occurred_at: datetime,
    received_at: datetime,
    by_time: bool = False,
    found: _Look | None = None,
    held: bool = False,
) -> Steps[tuple[Account, Evaluation]]:
    """held: what is to be published waits for the next evaluation."""
    card, score, decline, profile_ = found or (yield from _looked(account.facts, cut.at, rules))
    before = account.standing
    # the account was scored at this very cut without the backfill: if that moved nothing, dwell stays as it was
    moved_late = kind == "backfill" and (before is None or before.value != score.value)
    verdict, change = judge(
        account.verdict, score, moment=cut.at, closing=False, backfill=moved_late, card=card, decline=decline
    )
    if by_time and before is not None and before.value == score.value and change is None:
        occurred_at, received_at = before.occurred_at, before.received_at  # time passed and moved nothing
    causes = _with_rest(account.causes, before, score, card, by_time=by_time, changed=change is not None)
    if held and change is not None:
        verdict, change = structs.replace(verdict, published=account.verdict.published), None
    after = Account(
        account.facts,
        verdict=verdict,
        base=account.base,
        standing=Standing(cut.at, score.value, score.scorecard, score.override, occurred_at, received_at),
        causes=Causes() if change else causes,
    )
    return after, Evaluation(
        account=account.id,
        cut=cut,
        kind=kind,
        score=score,
        verdict=verdict,
        change=change,
        base=account.base,
        causes=causes,
        profile=profile_,
        occurred_at=occurred_at,
        received_at=received_at,
    )


def _with_rest(
    causes: Causes, before: Standing | None, score: Score, card: Scorecard, *, by_time: bool, changed: bool
) -> Causes:
    """The causes with those that are no event: time, another scorecard, an override that came or went."""
    if before is None:
        return causes
    time = causes.time or (by_time and (changed or before.value != score.value))
    scorecard = card.id if before.scorecard != score.scorecard else causes.scorecard
    override = causes.override
    if before.override != score.override:
        override = score.override or before.override
    if (time, scorecard, override) == (causes.time, causes.scorecard, causes.override):
        return causes
    return structs.replace(causes, time=time, scorecard=scorecard, override=override)

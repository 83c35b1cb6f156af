"""The message edge: cs.customer-events becomes scores, history and cs.health-events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from time import monotonic
from typing import Final, Protocol

from cskit.clock import Clocks
from cskit.db import Database
from cskit.log import NewRecord, Partition
from cskit.messages import Message, Retry, UnitOfWork, event_record
from cskit.observability import get_logger
from cskit.settings import SettingsError
from csmodels.catalogue import CustomerEvent
from csmodels.envelope import Event
from csmodels.internal import ScorecardApplied
from csmodels.topics import HEALTH_EVENTS
from scoring.account import Account, Evaluation, Rules, Taken, passed, rescored, taken
from scoring.catalogue import Catalogue, UnknownScorecard, names_of
from scoring.domain.calendar import Month, closing_moment, local_day, month_of
from scoring.domain.scorecard import Scorecard
from scoring.engine.facts import KEPT_DAYS, Facts
from scoring.engine.features import months_needed
from scoring.engine.fold import months_touched
from scoring.memory import Memory
from scoring.planning import Application, PartitionState, Plan, Segment, Tick, plan
from scoring.publishing import health_changed
from scoring.settings import ScoringSettings
from scoring.store import folding as store
from scoring.store.scorecards import first_in_force
from scoring.tables import PLUMBING

log = get_logger()

_EVALUATIONS_AT_ONCE: Final = 1_000  # of accounts nobody touched: then they are written
_RETRY_UNKNOWN: Final = 5.0  # seconds until a scorecard that is in force is looked for again
_SILENCE: Final = 0.03  # seconds of work without a statement; then others get their turn, too


class ScoringHandler:
    """Folds batches of cs.customer-events.

    cards are the scorecards that ship; the first one is in force until another is applied. Others are loaded when they
    are applied.
    """

    def __init__(
        self, *, settings: ScoringSettings, cards: Sequence[Scorecard], database: Database, clocks: Clocks
    ) -> None:
        self._settings = settings
        self._zone = settings.tzinfo
        self._catalogue = Catalogue(cards)
        self._database = database
        self._clocks = clocks
        self._memory = Memory(settings.in_memory)
        self._states: dict[int, PartitionState] = {}

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """Make sure that days are counted in the zone they always were. SettingsError if not."""
        await check_zone(self._database, self._settings)
        async with self._database.write() as tx:
            await self._catalogue.seed(tx, self._clocks.world.now())

    async def wanted(self) -> None:
        """All of them: whatever befalls an account is kept."""

    def forget(self) -> None:
        """See Handler.forget."""
        self._memory.clear()
        self._states.clear()

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """Score what the batch touches at each of its cuts, and everything at each hour that passes in it.

        What is written, but for scored_at, is a function of the log and of where the batch was cut.
        """
        batches = {
            number: list(part) for number, part in groupby(sorted(messages, key=_place), key=lambda m: m.partition)
        }
        if new := batches.keys() - self._states.keys():
            first = await first_in_force(uow.tx) or self._catalogue.first
            self._states.update(await store.load_states(uow.tx, new, first))
        states = self._states
        await self._know_scorecards(uow, [states[number] for number in batches], messages)
        plans = {number: plan(states[number], part, self._catalogue.cards) for number, part in batches.items()}
        work = await self._load(uow, self._wanted(plans.values()))
        partition_of: dict[str, int] = {message.event.subject: message.partition for message in messages}
        fold = _Fold(uow, work, partition_of, self._clocks.world.now())
        for planned in plans.values():
            for segment in planned.segments:
                rules = self._rules(segment.state)
                await fold.take(segment, rules)
                if segment.tick is not None:
                    await self._tick(fold, segment.state, segment.tick, rules)
                if segment.application is not None:
                    await self._apply(fold, segment.state, segment.application, rules)
            for event in planned.unknown:
                log.error(
                    "scorecard.unknown",
                    scorecard=event.data.scorecard,
                    version=event.data.version,
                    sha256=event.data.sha256,
                    kept=names_of(planned.state.applied),
                )
        await fold.write()
        changed = {number: each.state for number, each in plans.items() if each.state != states[number]}
        store.write_states(uow.tx, list(changed.values()))
        states.update(changed)
        self._memory.put(self._trimmed(account) for account in fold.work.values())

    async def _know_scorecards(
        self, uow: UnitOfWork, states: Sequence[PartitionState], messages: Sequence[Message[Event]]
    ) -> None:
        """Load the scorecards that are in force or applied in the batch.

        Retry if one that is in force is not there: nothing can be scored until somebody restores it. A record that
        names an unknown one is no reason to stop: it was none of ours, whose rows are there before their records.
        """
        named = {name for state in states for name in names_of(state.applied)}
        events = [message.event for message in messages if isinstance(message.event, ScorecardApplied)]
        applied = {f"{event.data.scorecard}@{event.data.version}": event.data.sha256 for event in events}
        for name, sha256 in applied.items():
            if name in self._catalogue.cards and self._catalogue.cards[name].sha256 != sha256 and name not in named:
                self._catalogue.forget(name)
        await self._catalogue.load(uow.tx, named | applied.keys())
        for state in states:
            try:
                self._rules(state)
            except UnknownScorecard as error:
                raise Retry(_RETRY_UNKNOWN, f"partition {state.partition}: {error}") from error

    async def _tick(self, fold: "_Fold", state: PartitionState, tick: Tick, rules: Rules) -> None:
        """Let the hours pass for all accounts of a partition."""

        async def passes(some: "_Fold", ids: Sequence[str]) -> None:
            await some.passes(ids, tick, rules)

        lot = max(1, _EVALUATIONS_AT_ONCE // len(tick.hours))
        await self._for_all(fold, state.partition, self._months(state, tick), lot, passes)
        if any(closing_moment(hour, self._zone) for hour in tick.hours):
            oldest = local_day(tick.hours[-1], self._zone) - timedelta(days=KEPT_DAYS)
            await store.drop_months(fold.uow.tx, state.partition, month_of(oldest))

    async def _apply(self, fold: "_Fold", state: PartitionState, application: Application, rules: Rules) -> None:
        """Score all accounts of a partition by the scorecards that were applied."""

        async def rescores(some: "_Fold", ids: Sequence[str]) -> None:
            await some.rescores(ids, application, rules)

        months = self._months_at(state, application.cut.at)
        await self._for_all(fold, state.partition, months, _EVALUATIONS_AT_ONCE, rescores)

    async def _for_all(self, fold: "_Fold", partition: int, months: frozenset[Month], lot: int, step: "_Step") -> None:
        """Take a step for all accounts of a partition: those at hand, then the others in lots."""
        await step(fold, [id_ for id_ in fold.work if fold.partition_of[id_] == partition])
        after: str | None = ""
        while after is not None:
            ids = await store.accounts_of(fold.uow.tx, partition, after, lot)
            after = ids[-1] if len(ids) == lot else None
            others = await self._load(fold.uow, {id_: months for id_ in ids if id_ not in fold.work})
            apart = _Fold(fold.uow, others, dict.fromkeys(others, partition), fold.scored_at)
            await step(apart, list(others))
            await apart.write()
            self._memory.refresh(self._trimmed(account) for account in apart.work.values())

    def _rules(self, state: PartitionState) -> Rules:
        return self._catalogue.rules(state.applied, self._zone, self._settings.currency, state.stopped)

    def _months_at(self, state: PartitionState, *moments: datetime) -> frozenset[Month]:
        """The months that the scores of these moments need; an account may have been scored as of a later one."""
        reached = [moment for moment in (state.at, state.hour) if moment is not None]
        return frozenset().union(*(months_needed(moment, self._zone, state.stopped) for moment in {*moments, *reached}))

    def _months(self, state: PartitionState, tick: Tick) -> frozenset[Month]:
        """The months that a tick's evaluations need."""
        closings = (closing_moment(hour, self._zone) for hour in tick.hours)
        return self._months_at(state, *tick.hours, *(closing for closing in closings if closing))

    def _wanted(self, plans: Iterable[Plan]) -> dict[str, Set[Month]]:
        """The accounts that the events touch, with every month that folding and scoring them will ask for."""
        wanted: dict[str, set[Month]] = defaultdict(set)
        for planned in plans:
            needed: set[Month] = set()
            touched: set[str] = set()
            for segment in planned.segments:
                state = segment.state
                if segment.cut is not None:
                    needed |= months_needed(segment.cut.at, self._zone, state.stopped)
                if segment.tick is not None:
                    needed |= self._months(state, segment.tick)
                if segment.application is not None:
                    needed |= self._months_at(state, segment.application.cut.at)
                for message in segment.events:
                    wanted[message.event.subject] |= months_touched(_customer(message.event), self._zone)
                    touched.add(message.event.subject)
            for id_ in touched:
                wanted[id_] |= needed
        return dict(wanted)

    async def _load(self, uow: UnitOfWork, wanted: Mapping[str, Set[Month]]) -> dict[str, Account]:
        """These accounts with at least these months, from memory where they are there."""
        known = {id_: account for id_ in wanted if (account := self._memory.get(id_)) is not None}
        found = await store.load(uow.tx, {id_: months for id_, months in wanted.items() if id_ not in known})
        missing = {
            id_: months for id_, account in known.items() if (months := wanted[id_] - account.facts.months.keys())
        }
        more = await store.load_months(uow.tx, missing)
        for id_, account in known.items():
            found[id_] = replace(account, facts=account.facts.loaded(more[id_])) if id_ in more else account
        return {id_: found[id_] for id_ in wanted}

    def _trimmed(self, account: Account) -> Account:
        """The account with only those months that the next scores will need."""
        if account.standing is None:
            return account
        needed = months_needed(account.standing.at, self._zone)
        if account.facts.months.keys() <= needed:
            return account
        kept = {month: facts for month, facts in account.facts.months.items() if month in needed}
        return replace(account, facts=Facts(account.id, account.facts.slow, kept))


class _Step(Protocol):
    """What is done for some accounts at hand."""

    async def __call__(self, fold: "_Fold", ids: Sequence[str], /) -> None: ...


class _Fold:
    """Accounts at hand during a batch, what has become of them, and what is to be written."""

    def __init__(
        self, uow: UnitOfWork, work: dict[str, Account], partition_of: Mapping[str, int], scored_at: datetime
    ) -> None:
        self.uow = uow
        self.work = work
        self.partition_of = partition_of
        self.scored_at = scored_at
        self._changes = store.Changes()
        self._records: list[NewRecord] = []
        self._spoke = monotonic()

    async def take(self, segment: Segment, rules: Rules) -> None:
        """Fold the events of a segment and score the accounts they touch."""
        if segment.cut is None:
            return
        touched: dict[str, list[Message[Event]]] = defaultdict(list)
        for message in segment.events:
            touched[message.event.subject].append(message)
        for id_, messages in touched.items():
            before = self.work[id_].facts.slow
            done = taken(self.work[id_], [message.event for message in messages], segment.cut, rules)
            self._fold(id_, done)
            self._changes.book(before, done, segment.cut, rules.zone)
            self._judged(done.account, done.evaluations, messages[-1].traceparent)
            await self._speak()

    async def passes(self, ids: Sequence[str], tick: Tick, rules: Rules) -> None:
        """Let the hours of a tick pass for these accounts."""
        for id_ in ids:
            slow = self.work[id_].facts.slow
            for hour in tick.hours:
                account, evaluations = passed(
                    self.work[id_], hour, self.partition_of[id_], tick.offset, tick.received_at, rules
                )
                self._judged(account, evaluations, None)
                await self._speak()
            if self.work[id_].facts.slow is not slow:
                self._changes.slow[id_] = self.work[id_].facts.slow

    async def rescores(self, ids: Sequence[str], application: Application, rules: Rules) -> None:
        """Score these accounts by other scorecards than before."""
        for id_ in ids:
            account, evaluation = rescored(self.work[id_], application.cut, application.received_at, rules)
            if evaluation is not None:
                self._judged(account, [evaluation], None)
            await self._speak()

    async def write(self) -> None:
        """Write everything, and put what is published into the outbox."""
        await store.write(self.uow.tx, self._changes, self.scored_at)
        self.uow.send(self._records)
        self._changes, self._records = store.Changes(), []

    async def _speak(self) -> None:
        """Send the database a statement if there was none for a while; it changes nothing of what is written.

        The row of the offset is locked all the time that accounts are scored. PostgreSQL ends a transaction that is
        idle for five seconds (so that a stopped zombie cannot hold that lock), and the runner's watchdog takes one
        without statements for stuck: a backlog of hours may take minutes. While it waits, the process answers others.
        """
        if monotonic() - self._spoke >= _SILENCE:
            await store.speak(self.uow.tx)
            self._spoke = monotonic()

    def _fold(self, id_: str, done: Taken) -> None:
        facts = done.account.facts
        if done.erased:
            self._changes.erase(id_, done.account.base)
        for month in done.months:
            self._changes.months[id_, month] = facts.month(month)
        if done.slow:
            self._changes.slow[id_] = facts.slow
        self.work[id_] = done.account

    def _judged(self, account: Account, evaluations: Sequence[Evaluation], traceparent: str | None) -> None:
        self.work[account.id] = account
        for evaluation in evaluations:
            if evaluation.kind != "closing":
                self._changes.live[account.id] = account, evaluation
            if evaluation.change is not None or evaluation.kind == "closing":
                self._changes.history.append(evaluation)
            if evaluation.change is not None:
                event = health_changed(evaluation, self.scored_at)
                self._records.append(event_record(HEALTH_EVENTS, event, traceparent=traceparent))


async def check_zone(database: Database, settings: ScoringSettings) -> None:
    """Store the zone at the first start. SettingsError with a sentence if it is another one now."""
    problem = other_zone(await store.first_zone(database, PLUMBING, settings.zone), settings)
    if problem:
        raise SettingsError(problem)


def other_zone(first: str, settings: ScoringSettings) -> str | None:
    """What is wrong if the zone of the first start is not that of the settings."""
    if first == settings.zone:
        return None
    return (
        f"KIZASHI_TIME_ZONE is {settings.zone}, but the days of this installation have been counted in {first} "
        f"since its first start. Set it to {first}, or rebuild."
    )


def _place(message: Message[Event]) -> tuple[int, int]:
    return message.partition, message.offset


def _customer(event: Event) -> CustomerEvent:
    return event  # type: ignore[return-value]

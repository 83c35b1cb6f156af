"""The message edge: cs.customer-events becomes scores, history and cs.health-events."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, datetime, tzinfo
from itertools import groupby
from typing import Final, Protocol

import numpy as np
from msgspec import structs

from cskit.clock import Clocks
from cskit.db import Database
from cskit.log import Partition
from cskit.messages import Message, Retry, UnitOfWork, Usage
from cskit.observability import get_logger
from cskit.settings import SettingsError
from csmodels.catalogue import CustomerEvent
from csmodels.envelope import Event
from csmodels.internal import RatesChanged, ScorecardApplied
from scoring.account import Account, Rules
from scoring.batch import BatchFold
from scoring.catalogue import Catalogue, UnknownScorecard, names_of
from scoring.counting import local_ordinals
from scoring.domain.calendar import Month, closing_moment, month_of
from scoring.domain.money import Rates
from scoring.domain.scorecard import Scorecard
from scoring.engine.facts import Facts
from scoring.engine.features import months_needed
from scoring.engine.fold import months_touched
from scoring.engine.retention import oldest_month
from scoring.memory import Memory
from scoring.planning import Application, PartitionState, Plan, Tick, plan
from scoring.rates import KnownRates
from scoring.settings import ScoringSettings
from scoring.store import folding as store
from scoring.store.scorecards import first_in_force
from scoring.tables import PLUMBING

log = get_logger()

_ACCOUNTS_AT_ONCE: Final = 100  # that nobody touched: so few that the garbage collector does not come by for them
_EVALUATIONS_AT_ONCE: Final = 1_000  # of these, where many hours passed: then they are written
_RETRY_UNKNOWN: Final = 5.0  # seconds until a scorecard that is in force is looked for again


class ScoringHandler:
    """Folds batches of cs.customer-events.

    cards are the scorecards that ship; the first one is in force until another is applied. Others are loaded when they
    are applied. recounts: what a core action and a key feature is goes by what was applied last, from the first event
    on, as a rebuild counts; else by what is in force at each event. published: how many health events a partition has
    at most. A database that is new beside a log that is not gives accounts versions above these.
    """

    def __init__(
        self,
        *,
        settings: ScoringSettings,
        cards: Sequence[Scorecard],
        database: Database,
        clocks: Clocks,
        recounts: bool = False,
        published: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._settings = settings
        self._zone = settings.tzinfo
        self._catalogue = Catalogue(cards)
        self._database = database
        self._clocks = clocks
        self._rates = KnownRates(settings.currency)
        self._published = published
        self._base = 0
        self._recounts = recounts
        self._folded_by: Scorecard | None = None
        self._memory = Memory(settings.in_memory)
        self._states: dict[int, PartitionState] = {}

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """Make sure that days are counted in the zone they always were. SettingsError if not."""
        await check_zone(self._database, self._settings)
        async with self._database.write() as tx:
            await self._catalogue.seed(tx, self._clocks.world.now())
        if self._published is not None:
            self._base = await store.first_base(self._database, PLUMBING, self._published)
        if self._recounts:
            async with self._database.read() as tx:
                applied_last = await self._catalogue.current(tx, self._zone, Rates(self._settings.currency))
            self._folded_by = applied_last.folding

    async def wanted(self) -> None:
        """All of them: whatever befalls an account is kept."""

    def forget(self) -> None:
        """See Handler.forget."""
        self._memory.clear()
        self._states.clear()

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """See on_columns."""
        await self.on_columns(messages, {}, uow)

    async def on_columns(self, messages: Sequence[Message[Event]], usage: Mapping[int, Usage], uow: UnitOfWork) -> None:
        """Score what the batch touches at each of its cuts, and everything at each hour that passes in it.

        What is written, but for scored_at, is a function of the log and of where the batch was cut.
        """
        batches: dict[int, list[Message[Event]]] = {number: [] for number in sorted(usage)}
        for number, part in groupby(sorted(messages, key=_place), key=lambda m: m.partition):
            batches[number] = list(part)
        if new := batches.keys() - self._states.keys():
            first = await first_in_force(uow.tx) or self._catalogue.first
            self._states.update(await store.load_states(uow.tx, new, first))
        states = self._states
        await self._know_rates(uow, messages)
        await self._know_scorecards(uow, [states[number] for number in batches], messages)
        cards = self._catalogue.cards
        plans = {number: plan(states[number], part, cards, usage.get(number)) for number, part in batches.items()}
        work = await self._load(uow, self._wanted(plans.values()))
        partition_of: dict[str, int] = {message.event.subject: message.partition for message in messages}
        for number, some in usage.items():
            partition_of.update(dict.fromkeys(some.accounts(), number))
        fold = BatchFold(uow, work, partition_of, self._clocks.world.now())
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

    async def _know_rates(self, uow: UnitOfWork, messages: Sequence[Message[Event]]) -> None:
        """Load the exchange rates that are in force or change in the batch."""
        changed = {m.event.data.version for m in messages if isinstance(m.event, RatesChanged)}
        await self._rates.load(uow.tx, {state.rates for state in self._states.values()} | changed)

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

    async def _tick(self, fold: BatchFold, state: PartitionState, tick: Tick, rules: Rules) -> None:
        """Let the hours pass for all accounts of a partition."""

        async def passes(some: BatchFold, ids: Sequence[str]) -> None:
            await some.passes(ids, tick, rules)

        lot = min(_ACCOUNTS_AT_ONCE, max(1, _EVALUATIONS_AT_ONCE // len(tick.hours)))
        await self._for_all(fold, state.partition, self._months(state, tick), lot, passes)
        if any(closing_moment(hour, self._zone) for hour in tick.hours):
            await fold.drop_months(state.partition, oldest_month(tick.hours[-1], self._zone))

    async def _apply(self, fold: BatchFold, state: PartitionState, application: Application, rules: Rules) -> None:
        """Score all accounts of a partition by the scorecards or exchange rates that are in force now."""

        async def rescores(some: BatchFold, ids: Sequence[str]) -> None:
            await some.rescores(ids, application, rules)

        months = self._months_at(state, application.cut.at)
        await self._for_all(fold, state.partition, months, _ACCOUNTS_AT_ONCE, rescores)

    async def _for_all(
        self, fold: BatchFold, partition: int, months: frozenset[Month], lot: int, step: "_Step"
    ) -> None:
        """Take a step for all accounts of a partition: those at hand, then the others in lots. While a step is taken
        and what came of it is written, the next lot is read; others get their turn, too.
        """

        async def read(after: str) -> tuple[str | None, dict[str, Account]]:
            ids = await store.accounts_of(fold.uow.tx, partition, after, lot)
            others = await self._load(fold.uow, {id_: months for id_ in ids if id_ not in fold.work})
            return ids[-1] if len(ids) == lot else None, others

        for ids in store.lots([id_ for id_ in fold.work if fold.partition_of[id_] == partition], lot):
            await step(fold, ids)
        reading = asyncio.create_task(read(""))
        try:
            after: str | None = ""
            while after is not None:
                after, others = await reading
                if after is not None:
                    reading = asyncio.create_task(read(after))
                apart = BatchFold(fold.uow, others, dict.fromkeys(others, partition), fold.scored_at)
                await step(apart, list(others))
                await apart.write()
                self._memory.refresh(apart.work.values(), self._trimmed)
        finally:
            reading.cancel()  # if a step failed: it ends before its transaction does
            await asyncio.gather(reading, return_exceptions=True)

    def _rules(self, state: PartitionState) -> Rules:
        rules = self._catalogue.rules(state.applied, self._zone, self._rates.of(state.rates), state.stopped)
        return rules if self._folded_by is None else replace(rules, folded_by=self._folded_by)

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
                if segment.usage is not None:
                    touched.update(segment.usage.accounts())
                    for account, month in _old_months(segment.usage, self._zone, needed):
                        wanted[account].add(month)
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
            found[id_] = structs.replace(account, facts=account.facts.loaded(more[id_])) if id_ in more else account
        return {id_: self._based(found[id_]) for id_ in wanted}

    def _based(self, account: Account) -> Account:
        """The account; one that is new here with a version to go on from."""
        if account.standing is not None or account.base >= self._base:
            return account
        return structs.replace(account, base=self._base)

    def _trimmed(self, account: Account) -> Account:
        """The account with only those months that the next scores will need."""
        if account.standing is None:
            return account
        needed = months_needed(account.standing.at, self._zone)
        if account.facts.months.keys() <= needed:
            return account
        kept = {month: facts for month, facts in account.facts.months.items() if month in needed}
        return structs.replace(account, facts=Facts(account.id, account.facts.slow, kept))


class _Step(Protocol):
    """What is done for some accounts at hand."""

    async def __call__(self, fold: BatchFold, ids: Sequence[str], /) -> None: ...


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
        f"since its first start. Set it to {first}. Another zone needs a new installation (an empty data folder, or "
        "empty databases and log; another archive) to which everything is sent again."
    )


def _old_months(usage: Usage, zone: tzinfo, at_hand: Set[Month]) -> Iterator[tuple[str, Month]]:
    """The accounts with usage of months that are not at hand, and these months."""
    times = usage.columns.times
    first, last = local_ordinals(np.array([times.min(), times.max()]), zone).tolist()
    # a day more on both sides, for zones that put back their clocks at midnight
    if {month_of(date.fromordinal(ordinal)) for ordinal in range(first - 1, last + 2)} <= at_hand:
        return
    ordinals = local_ordinals(times, zone)
    for ordinal in np.unique(ordinals).tolist():
        month = month_of(date.fromordinal(ordinal))
        if month not in at_hand:
            for row in np.flatnonzero(ordinals == ordinal).tolist():
                yield usage.columns.accounts.text(row), month


def _place(message: Message[Event]) -> tuple[int, int]:
    return message.partition, message.offset


def _customer(event: Event) -> CustomerEvent:
    return event  # type: ignore[return-value]

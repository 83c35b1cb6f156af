"""Accounts at hand during a batch: what becomes of them, and what is to be written of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
from msgspec import structs

from cskit.defects import is_defect
from cskit.log import NewRecord
from cskit.messages import Message, UnitOfWork, Usage, event_record
from cskit.observability import ACCOUNT_DEFECTS, get_logger
from csmodels.envelope import Event
from csmodels.internal import AccountErased
from csmodels.topics import HEALTH_EVENTS
from scoring.account import Account, Cut, Evaluation, Rules, Taken, passing, rescoring, taking
from scoring.counting import counted
from scoring.domain.calendar import Month
from scoring.domain.steps import SideBySide, Steps
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.usage import AccountUsage
from scoring.planning import Application, Segment, Tick
from scoring.publishing import health_changed
from scoring.store import folding as store

log = get_logger()

_SIDE_BY_SIDE: Final = 100  # accounts: what is worked on stays in the processor's caches
_DEFECTS_AT_ONCE: Final = 20  # accounts: where it befalls more, the code is wrong for all


class BatchFold:
    """Accounts at hand during a batch, what has become of them, and what is to be written."""

    def __init__(
        self,
        uow: UnitOfWork,
        work: dict[str, Account],
        partition_of: Mapping[str, int],
        scored_at: datetime,
    ) -> None:
        self.uow = uow
        self.work = work
        self.partition_of = partition_of
        self.scored_at = scored_at
        self._changes = store.Changes()
        self._records: list[NewRecord] = []
        self._defects = 0

    async def take(self, segment: Segment, rules: Rules) -> None:
        """Fold the events of a segment and score the accounts they touch."""
        if segment.cut is None:
            return
        piece = _Piece.of(segment, segment.cut, rules)
        for ids in store.lots(piece.ids, _SIDE_BY_SIDE):
            work = SideBySide([self._taking(id_, piece, rules) for id_ in ids])
            for _ in work:
                await self.uow.speak()
            for number, id_ in enumerate(ids):
                done, records = work.results[number]
                self._changes.book(self.work[id_].facts.slow, done, piece.cut, rules.zone)
                self._fold(id_, done)
                self._judged(done.account, done.evaluations, records)

    def _taking(self, id_: str, piece: "_Piece", rules: Rules) -> Steps[tuple[Taken, list[NewRecord]]]:
        done = yield from taking(self.work[id_], piece.messages_of(id_), piece.cut, rules, piece.used.get(id_))
        yield
        return done, self._told(done.evaluations, piece.traceparent(id_))

    async def passes(self, ids: Sequence[str], tick: Tick, rules: Rules) -> None:
        """Let the hours of a tick pass for these accounts."""
        await self._alone(ids, lambda id_: self._passing(id_, tick, rules))

    def _passing(self, id_: str, tick: Tick, rules: Rules) -> Steps[None]:
        for hour in tick.hours:
            before = self.work[id_]
            more = hour != tick.hours[-1]
            account, evaluations = yield from passing(
                before, hour, self.partition_of[id_], tick.offset, tick.received_at, rules, more=more
            )
            yield
            self._judged(account, evaluations, self._told(evaluations))
            self._changes.age(before.facts, account.facts)

    async def rescores(self, ids: Sequence[str], application: Application, rules: Rules) -> None:
        """Score these accounts by other scorecards or exchange rates than before."""
        await self._alone(ids, lambda id_: self._rescoring(id_, application, rules))

    def _rescoring(self, id_: str, application: Application, rules: Rules) -> Steps[None]:
        account, evaluation = yield from rescoring(
            self.work[id_], application.cut, application.received_at, rules, rates=application.rates
        )
        yield
        if evaluation is not None:
            self._judged(account, [evaluation], self._told([evaluation]))

    async def _alone(self, ids: Sequence[str], steps: Callable[[str], Steps[None]]) -> None:
        """Do what concerns all accounts. What cannot be told to one of them keeps nothing from the others: it stays as
        it was until the next hour.
        """
        work = SideBySide([steps(id_) for id_ in ids], apart=True)
        for _ in work:
            await self.uow.speak()
            await asyncio.sleep(0)
        for number, error in work.failed.items():
            self._defects += 1
            if not is_defect(error) or self._defects > _DEFECTS_AT_ONCE:
                raise error
            ACCOUNT_DEFECTS.inc()
            log.error("account.defect", account=ids[number], exc_info=error)

    def _told(self, evaluations: Sequence[Evaluation], traceparent: str | None = None) -> list[NewRecord]:
        """The records of those that are published."""
        return [
            event_record(HEALTH_EVENTS, health_changed(each, self.scored_at), traceparent=traceparent)
            for each in evaluations
            if each.change is not None
        ]

    async def write(self) -> None:
        """Write everything, and put what is published into the outbox."""
        await store.write(self.uow.tx, self._changes, self.scored_at)
        self.uow.send(self._records)
        self._changes, self._records = store.Changes(), []

    async def drop_months(self, partition: int, before: Month) -> None:
        """Forget the months before one of all accounts of a partition, what was folded until now among them."""
        await self.write()
        await store.drop_months(self.uow.tx, partition, before)
        for id_, account in self.work.items():
            if self.partition_of[id_] == partition and any(month < before for month in account.facts.months):
                months = {m: MonthFacts() if m < before else facts for m, facts in account.facts.months.items()}
                self.work[id_] = structs.replace(account, facts=Facts(id_, account.facts.slow, months))

    def _fold(self, id_: str, done: Taken) -> None:
        facts = done.account.facts
        if done.erased:
            self._changes.erase(id_, done.account.base)
        for month in done.months:
            self._changes.months[id_, month] = facts.month(month)
        if done.slow:
            self._changes.slow[id_] = facts.slow
        self.work[id_] = done.account

    def _judged(self, account: Account, evaluations: Sequence[Evaluation], records: Sequence[NewRecord]) -> None:
        self.work[account.id] = account
        for evaluation in evaluations:
            if evaluation.kind != "closing":
                self._changes.live[account.id] = account, evaluation
            if evaluation.change is not None or evaluation.kind == "closing":
                self._changes.history.append(evaluation)
        self._records += records


@dataclass(frozen=True, slots=True)
class _Piece:
    """The events of a segment by account: messages in offset order, and what was counted of `usage`."""

    cut: Cut
    messages: Mapping[str, Sequence[Message[Event]]]
    usage: Usage | None
    used: Mapping[str, AccountUsage]

    @classmethod
    def of(cls, segment: Segment, cut: Cut, rules: Rules) -> Self:
        """The events of a segment."""
        messages: dict[str, list[Message[Event]]] = {}
        for message in segment.events:
            messages.setdefault(message.event.subject, []).append(message)
        usage = _of_living(segment.usage, messages) if segment.usage is not None else None
        used = counted(usage, rules.zone, rules.folding.actions.is_core) if usage else ()
        return cls(cut, messages, usage, dict(used))

    @property
    def ids(self) -> list[str]:
        """The accounts."""
        return list({**self.messages, **self.used})

    def messages_of(self, id_: str) -> Sequence[Message[Event]]:
        """The messages of an account."""
        return self.messages.get(id_, ())

    def traceparent(self, id_: str) -> str | None:
        """That of the last event of an account."""
        messages, used = self.messages_of(id_), self.used.get(id_)
        if self.usage is None or used is None or (messages and messages[-1].offset > used.offsets[-1]):
            return messages[-1].traceparent
        return self.usage.traceparent(used.last)


def _of_living(usage: Usage, touched: dict[str, list[Message[Event]]]) -> Usage:
    """The usage without that of accounts that are erased in the same piece: it joins their other messages."""
    erased = {id_ for id_, some in touched.items() if any(isinstance(m.event, AccountErased) for m in some)}
    if not erased:
        return usage
    accounts = usage.columns.accounts
    theirs = np.array([accounts.texts[number] in erased for number in accounts.numbers.tolist()], dtype=np.bool_)
    for number in np.flatnonzero(theirs).tolist():
        message = usage.message(number)
        touched[message.event.subject].append(message)
    for id_ in erased:
        touched[id_].sort(key=lambda message: message.offset)
    return usage.where(~theirs)

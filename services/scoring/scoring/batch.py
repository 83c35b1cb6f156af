"""Accounts at hand during a batch: what becomes of them, and what is to be written of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import numpy as np

from cskit.defects import is_defect
from cskit.log import NewRecord
from cskit.messages import Message, UnitOfWork, Usage, event_record
from cskit.observability import ACCOUNT_DEFECTS, get_logger
from csmodels.envelope import Event
from csmodels.internal import AccountErased
from csmodels.topics import HEALTH_EVENTS
from scoring.account import Account, Evaluation, Rules, Taken, passed, rescored, taken
from scoring.counting import counted
from scoring.engine.usage import AccountUsage
from scoring.planning import Application, Segment, Tick
from scoring.publishing import health_changed
from scoring.store import folding as store

log = get_logger()

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
        touched: dict[str, list[Message[Event]]] = {}
        for message in segment.events:
            touched.setdefault(message.event.subject, []).append(message)
        used: dict[str, AccountUsage] = {}
        if segment.usage is not None:
            usage = _of_living(segment.usage, touched)
            used = dict(counted(usage, rules.zone, rules.folding.actions.is_core)) if usage else {}
        for id_ in {**touched, **used}:
            messages, of_usage = touched.get(id_, []), used.get(id_)
            before = self.work[id_].facts.slow
            done = taken(self.work[id_], messages, segment.cut, rules, of_usage)
            self._fold(id_, done)
            self._changes.book(before, done, segment.cut, rules.zone)
            if of_usage is None or (messages and messages[-1].offset > of_usage.offsets[-1]):
                traceparent = messages[-1].traceparent
            else:
                traceparent = usage.traceparent(of_usage.last)
            self._judged(done.account, done.evaluations, traceparent)
            await self.uow.speak()

    async def passes(self, ids: Sequence[str], tick: Tick, rules: Rules) -> None:
        """Let the hours of a tick pass for these accounts."""
        for id_ in ids:
            slow = self.work[id_].facts.slow
            with self._alone(id_):
                for hour in tick.hours:
                    more = hour != tick.hours[-1]
                    account, evaluations = passed(
                        self.work[id_], hour, self.partition_of[id_], tick.offset, tick.received_at, rules, more=more
                    )
                    self._judged(account, evaluations, None)
                    await self.uow.speak()
            if self.work[id_].facts.slow is not slow:
                self._changes.slow[id_] = self.work[id_].facts.slow

    async def rescores(self, ids: Sequence[str], application: Application, rules: Rules) -> None:
        """Score these accounts by other scorecards than before."""
        for id_ in ids:
            with self._alone(id_):
                account, evaluation = rescored(self.work[id_], application.cut, application.received_at, rules)
                if evaluation is not None:
                    self._judged(account, [evaluation], None)
            await self.uow.speak()

    @contextmanager
    def _alone(self, id_: str) -> Iterator[None]:
        """What concerns all accounts and cannot be told to one of them keeps nothing from the others: it stays as it
        was until the next hour.
        """
        try:
            yield
        except Exception as error:
            self._defects += 1
            if not is_defect(error) or self._defects > _DEFECTS_AT_ONCE:
                raise
            ACCOUNT_DEFECTS.inc()
            log.error("account.defect", account=id_, exc_info=error)

    async def write(self) -> None:
        """Write everything, and put what is published into the outbox."""
        await store.write(self.uow.tx, self._changes, self.scored_at)
        self.uow.send(self._records)
        self._changes, self._records = store.Changes(), []

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
        records = [
            event_record(HEALTH_EVENTS, health_changed(each, self.scored_at), traceparent=traceparent)
            for each in evaluations
            if each.change is not None
        ]
        self.work[account.id] = account
        for evaluation in evaluations:
            if evaluation.kind != "closing":
                self._changes.live[account.id] = account, evaluation
            if evaluation.change is not None or evaluation.kind == "closing":
                self._changes.history.append(evaluation)
        self._records += records


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

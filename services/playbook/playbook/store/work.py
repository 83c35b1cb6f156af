"""Accounts, runs, tasks and timers for one transaction: locked in the order of ids, loaded and saved in bulk.

The row of the account is the lock for all that concerns it, so that two consumers, a timer and a person never decide
about one account at the same time. Runs and tasks are locked after it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from cskit.db import Database, Tx
from csmodels.ids import AccountId, PlaybookId, RunId, TaskId
from playbook.domain.run import Cause, Enrolled, Reason, Run, State, View
from playbook.domain.task import Status, Task
from playbook.domain.views import without
from playbook.effects_tables import deliveries, effects
from playbook.store.portions import portions
from playbook.tables import accounts, erased_accounts, notes, runs, tasks, timers

_ACTIVE_TASKS: ColumnElement[bool] = tasks.c.status.in_([Status.OPEN.value, Status.SNOOZED.value])
_NEXT_TIMER: Final = select(timers.c.due).order_by(timers.c.due).limit(1)
_TASK_FIELDS = tuple(field.name for field in fields(Task))


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of an account: the version of its last health.changed (0: none yet) and that health."""

    version: int
    health: View | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """Where in cs.customer-events an account was erased last."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment to come back at; `kind` is health (the subject is a run), remind, due or wake (a task)."""

    id: str
    kind: str
    account: AccountId
    subject: str
    due: datetime


async def lock_accounts(tx: Tx, ids: Collection[AccountId]) -> dict[AccountId, Account]:
    """The accounts, made if they are new, and locked until the transaction ends."""
    held: dict[AccountId, Account] = {}
    while wanted := sorted(set(ids) - held.keys()):  # again for a row that an erasure deleted while we waited for it
        tx.insert(accounts, [{"account": each, "version": 0, "health": None} for each in wanted], ignore=True)
        mine = accounts.c.account.in_(wanted)
        rows = await tx.fetch(select(accounts).where(mine).order_by(accounts.c.account).with_for_update())
        held |= {AccountId(row.account): Account(row.version, row.health) for row in rows}
    return held


async def erasures(tx: Tx, ids: Collection[AccountId]) -> dict[AccountId, Erasure]:
    """Those of the accounts that were erased once; ask after locking them."""
    rows = await tx.fetch(select(erased_accounts).where(erased_accounts.c.account.in_(sorted(ids))))
    return {AccountId(row.account): Erasure(row.partition, row.offset) for row in rows}


async def active_runs(tx: Tx, ids: Collection[AccountId]) -> dict[RunId, Run]:
    """The runs of the accounts that have not ended, locked."""
    statement = (
        select(runs)
        .where(runs.c.account.in_(sorted(ids)), runs.c.state != State.ENDED.value)
        .order_by(runs.c.id)
        .with_for_update()
    )
    return {run.id: run for run in map(run_of, await tx.fetch(statement))}


async def active_tasks(tx: Tx, ids: Collection[AccountId]) -> dict[TaskId, Task]:
    """The tasks of the accounts that are open or snoozed, locked."""
    statement = (
        select(tasks).where(tasks.c.account.in_(sorted(ids)), _ACTIVE_TASKS).order_by(tasks.c.id).with_for_update()
    )
    return {task.id: task for task in map(task_of, await tx.fetch(statement))}


async def known_runs(tx: Tx, ids: Collection[RunId]) -> set[RunId]:
    """Which of these runs there are, ended ones too."""
    known: set[RunId] = set()
    for some in portions(sorted(ids)):
        known |= {RunId(row.id) for row in await tx.fetch(select(runs.c.id).where(runs.c.id.in_(some)))}
    return known


async def enrolments(tx: Tx, ids: Collection[AccountId]) -> dict[tuple[PlaybookId, AccountId], Enrolled]:
    """How often the accounts went through the playbooks, and when last."""
    table = runs.c
    statement = (
        select(table.playbook, table.account, func.count().label("times"), func.max(table.enrolled_at).label("last"))
        .where(table.account.in_(sorted(ids)), table.enrolled_at.is_not(None))
        .group_by(table.playbook, table.account)
    )
    return {
        (PlaybookId(row.playbook), AccountId(row.account)): Enrolled(row.times, row.last)
        for row in await tx.fetch(statement)
    }


def save_accounts(tx: Tx, changed: Mapping[AccountId, Account]) -> None:
    """Write the health of accounts."""
    tx.upsert(
        accounts,
        [{"account": key, "version": each.version, "health": each.health} for key, each in sorted(changed.items())],
    )


def save_runs(tx: Tx, changed: Iterable[Run]) -> None:
    """Write runs, new and changed."""
    tx.upsert(runs, [_run_row(run) for run in sorted(changed, key=lambda run: run.id)])


def save_tasks(tx: Tx, changed: Iterable[Task]) -> None:
    """Write tasks, new and changed; closed ones first, so that a step never has two open tasks on the way."""
    tx.upsert(tasks, [_task_row(task) for task in sorted(changed, key=lambda task: (task.active, task.id))])


def add_timers(tx: Tx, new: Sequence[Timer]) -> None:
    """Write timers; one that is there already stays."""
    tx.insert(
        timers,
        [
            {"id": each.id, "kind": each.kind, "account": each.account, "subject": each.subject, "due": each.due}
            for each in new
        ],
        ignore=True,
    )


async def take_due_timers(tx: Tx, now: datetime, limit: int, without: Collection[str] = ()) -> Sequence[Timer]:
    """Delete timers that are due, the earliest first, and answer them; not those that another replica is taking."""
    due = (
        select(timers.c.id)
        .where(timers.c.due <= now, timers.c.id.not_in(without))
        .order_by(timers.c.due, timers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due_timers")
    )
    statement = delete(timers).where(timers.c.id.in_(select(due.c.id))).returning(*timers.c)
    taken = [Timer(row.id, row.kind, AccountId(row.account), row.subject, row.due) for row in await tx.fetch(statement)]
    return sorted(taken, key=lambda timer: (timer.due, timer.id))


async def next_timer(database: Database, without: Collection[str] = ()) -> datetime | None:
    """When the next timer is due."""
    rows = await database.fetch(_NEXT_TIMER.where(timers.c.id.not_in(without)) if without else _NEXT_TIMER)
    moment: datetime | None = rows[0].due if rows else None
    return moment


def save_erasures(tx: Tx, new: Mapping[AccountId, Erasure]) -> None:
    """Write where accounts were erased."""
    tx.upsert(
        erased_accounts,
        [{"account": key, "partition": each.partition, "offset": each.offset} for key, each in sorted(new.items())],
    )


async def forget_accounts(tx: Tx, ids: Collection[AccountId]) -> None:
    """Delete what was known of erased accounts, and their webhooks.

    Runs and tasks stay as ended records, textless, and without the events that started them.
    """
    sent = select(effects.c.id).where(effects.c.account.in_(sorted(ids)))
    await tx.execute(delete(deliveries).where(deliveries.c.effect.in_(sent)))
    for table in (accounts, notes, effects, timers):
        await tx.execute(delete(table).where(table.c.account.in_(sorted(ids))))
    await tx.execute(update(runs).where(runs.c.account.in_(sorted(ids))).values(event={}))


async def let_go(tx: Tx, ids: Collection[AccountId]) -> None:
    """Delete the rows of accounts of which no health is known, which were made only to lock them."""
    await tx.execute(delete(accounts).where(accounts.c.account.in_(sorted(ids)), accounts.c.version == 0))


async def forget_people(tx: Tx, people: Mapping[AccountId, Collection[str]]) -> None:
    """Take people out of the events that started the runs of these accounts, ended ones too, and delete the notes on
    the tasks of these runs: what was written there is of the person.
    """
    theirs: list[str] = []
    rows = await tx.fetch(select(runs.c.id, runs.c.account, runs.c.event).where(runs.c.account.in_(sorted(people))))
    for row in rows:
        event = row.event
        for person in people[row.account]:
            event = without(event, person)
        if event != row.event:
            await tx.execute(update(runs).where(runs.c.id == row.id).values(event=event))
            theirs.append(row.id)
    for some in portions(theirs):
        await tx.execute(delete(notes).where(notes.c.task.in_(select(tasks.c.id).where(tasks.c.run.in_(some)))))


def run_of(row: Row[Any]) -> Run:
    """A row as a run."""
    return Run(
        id=row.id, playbook=row.playbook, version=row.version, account=row.account,
        cause=Cause(row.cause, row.cause_type, row.event), started_at=row.started_at, changed_at=row.changed_at,
        state=State(row.state), enrolled_at=row.enrolled_at, step=row.step,
        reason=Reason(row.reason) if row.reason else None, ended_at=row.ended_at,
    )  # fmt: skip


def task_of(row: Row[Any]) -> Task:
    """A row as a task."""
    values = {name: row._mapping[name] for name in _TASK_FIELDS}
    return Task(**{**values, "status": Status(values["status"])})


def _run_row(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "playbook": run.playbook,
        "version": run.version,
        "account": run.account,
        "cause": run.cause.id,
        "cause_type": run.cause.type,
        "event": run.cause.event,
        "state": run.state.value,
        "step": run.step,
        "reason": run.reason.value if run.reason else None,
        "started_at": run.started_at,
        "enrolled_at": run.enrolled_at,
        "changed_at": run.changed_at,
        "ended_at": run.ended_at,
    }


def _task_row(task: Task) -> dict[str, object]:
    values = {name: getattr(task, name) for name in _TASK_FIELDS}
    return {**values, "status": task.status.value}

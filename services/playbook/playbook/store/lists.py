"""What the API shows, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select

from cskit.db import Tx
from playbook.domain.run import Run
from playbook.domain.task import Task
from playbook.store.work import run_of, task_of
from playbook.tables import notes, runs, tasks


@dataclass(frozen=True, slots=True)
class After:
    """The last item of the page before: its moment and its id."""

    moment: datetime
    id: str


async def task_page(tx: Tx, equal: Mapping[str, str], after: After | None, limit: int) -> Sequence[Task]:
    """Tasks with these values (account, owner, status, playbook, run), the ones due first in front."""
    table = tasks.c
    statement = select(tasks).where(*(table[name] == value for name, value in equal.items()))
    if after is not None:
        statement = statement.where(
            or_(table.due_at > after.moment, and_(table.due_at == after.moment, table.id > after.id))
        )
    return [task_of(row) for row in await tx.fetch(statement.order_by(table.due_at, table.id).limit(limit))]


async def run_page(tx: Tx, equal: Mapping[str, str], after: After | None, limit: int) -> Sequence[Run]:
    """Runs with these values (account, playbook, state), the newest first."""
    table = runs.c
    statement = select(runs).where(*(table[name] == value for name, value in equal.items()))
    if after is not None:
        statement = statement.where(
            or_(table.started_at < after.moment, and_(table.started_at == after.moment, table.id > after.id))
        )
    return [run_of(row) for row in await tx.fetch(statement.order_by(table.started_at.desc(), table.id).limit(limit))]


async def task(tx: Tx, id_: str) -> Task | None:
    """A task, closed ones too."""
    rows = await tx.fetch(select(tasks).where(tasks.c.id == id_))
    return task_of(rows[0]) if rows else None


async def run(tx: Tx, id_: str) -> Run | None:
    """A run, ended ones too."""
    rows = await tx.fetch(select(runs).where(runs.c.id == id_))
    return run_of(rows[0]) if rows else None


async def notes_of(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """The notes of these tasks."""
    if not ids:
        return {}
    rows = await tx.fetch(select(notes.c.task, notes.c.text).where(notes.c.task.in_(ids)))
    return {row.task: row.text for row in rows}

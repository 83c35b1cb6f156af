"""/v1/tasks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter
from pydantic import Field

from cskit.auth import Principal
from cskit.db import Tx
from cskit.errors import Conflict, Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, requires
from cskit.messages import UnitOfWork
from csmodels import api as wire
from csmodels.api import Body, Page, TaskCompletion
from csmodels.fields import Code, Staff, TaskStatus, UtcTime
from csmodels.ids import TaskId
from playbook.api.edge import Edge, actor_of, after_of, check_text, page_of
from playbook.domain.task import Done, Event, Moved, Reassigned, Reopened, Snoozed, Status, Task
from playbook.ledger import Ledger
from playbook.store import lists, records

LONGEST_NOTE: Final = 4000
_LATEST: Final = timedelta(days=3653)  # ten years ahead


class TaskPatch(Body):
    """Snooze a task (with a moment and a reason), take it up again, give it to somebody, or move it."""

    status: Literal["open", "snoozed"] | None = None
    snoozed_until: UtcTime | None = None
    reason: Annotated[Code | None, Field(description="Why it is snoozed, a code")] = None
    owner: Staff | None = None
    due_at: UtcTime | None = None


def routes(edge: Edge) -> APIRouter:
    """The endpoints."""
    router = APIRouter(prefix="/v1/tasks", tags=["tasks"])
    reader = Annotated[Principal, requires("read")]
    writer = Annotated[Principal, requires("write")]

    @router.get("")
    async def list_tasks(
        _: reader,
        account: str | None = None,
        owner: str | None = None,
        status: TaskStatus | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[wire.Task]:
        """Tasks, the ones due first in front."""
        asked = {"account": account, "owner": owner, "status": status}
        equal = {name: value for name, value in asked.items() if value is not None}
        async with edge.database.read() as tx:
            found = await lists.task_page(tx, equal, after_of(cursor), limit + 1)
            shown, more = page_of(found, limit, lambda task: (task.due_at, task.id))
            items = await _answers(tx, shown)
        return Page(items=items, next=more)

    @router.get("/{task}")
    async def show_task(task: str, _: reader) -> wire.Task:
        """A task."""
        return await _shown(edge, task)

    @router.patch("/{task}")
    async def change_task(task: str, body: TaskPatch, principal: writer, ids: WriteId) -> wire.Task:
        """Change a task that is open or snoozed; 409 if it is closed."""
        async with edge.units() as uow:
            before = await _found(uow.tx, task)
            ledger = await _locked(edge, uow, before)
            if not await edge.repeated(uow, ids):
                _change(ledger, before, _events(before, body, edge))
                details = body.model_dump(mode="json", exclude_unset=True)
                edge.record(uow, ids, principal, "task.changed", task, **details)
            await ledger.save()
        return await _shown(edge, task)

    @router.post("/{task}/complete")
    async def complete_task(task: str, body: TaskCompletion, principal: writer, ids: WriteId) -> wire.Task:
        """Close a task with an outcome (a code) and a note, which stays here. Repeated with its outcome: the same."""
        check_text("note", body.note, LONGEST_NOTE)
        async with edge.units() as uow:
            before = await _found(uow.tx, task)
            ledger = await _locked(edge, uow, before)
            same = before.status is Status.COMPLETED and before.outcome == body.outcome
            if not same and not await edge.repeated(uow, ids):
                _change(ledger, before, [Done(body.outcome)])
                if body.note is not None:
                    now = edge.world.now()
                    records.note(uow.tx, before.id, before.account, actor_of(principal), body.note, now)
                edge.record(uow, ids, principal, "task.completed", task, outcome=body.outcome)
            await ledger.save()
        return await _shown(edge, task)

    return router


def _events(task: Task, body: TaskPatch, edge: Edge) -> list[Event]:
    """What the body asks for, in a fixed order. Invalid if it does not go together."""
    now = edge.world.now()
    events: list[Event] = []
    if "owner" in body.model_fields_set:
        events.append(Reassigned(body.owner))
    if body.due_at is not None:
        if body.due_at <= now:
            raise Invalid("due_in_past", "due_at lies in the past; give a later moment.", field="due_at")
        _check_not_too_late(body.due_at, now, "due_at")
        remind = body.due_at - (task.due_at - task.remind_at) if task.remind_at is not None else None
        events.append(Moved(body.due_at, remind if remind is not None and remind > now else None))
    if body.status == "snoozed":
        if body.snoozed_until is None or body.snoozed_until <= now:
            raise Invalid("snooze_needs_end", "Snoozing needs snoozed_until, in the future.", field="snoozed_until")
        _check_not_too_late(body.snoozed_until, now, "snoozed_until")
        if body.reason is None:
            raise Invalid(
                "snooze_needs_reason", "Snoozing needs a reason, a code such as customer_away.", field="reason"
            )
        events.append(Snoozed(body.snoozed_until, body.reason))
    elif body.snoozed_until is not None or body.reason is not None:
        raise Invalid("not_snoozed", "snoozed_until and reason go with the status snoozed.", field="status")
    elif body.status == "open":
        events.append(Reopened())
    if not events:
        raise Invalid("nothing_to_change", "The body changes nothing; give status, owner or due_at.")
    return events


def _check_not_too_late(moment: datetime, now: datetime, field: str) -> None:
    if moment - now > _LATEST:
        raise Invalid("too_late", f"{field} lies more than ten years ahead; give an earlier moment.", field=field)


async def _locked(edge: Edge, uow: UnitOfWork, task: Task) -> Ledger:
    catalogue = await edge.playbooks.catalogue(uow.tx)
    return await Ledger.opened(uow, edge.means, catalogue, {task.account}, edge.world.now())


def _change(ledger: Ledger, task: Task, events: Sequence[Event]) -> None:
    for event in events:
        if ledger.change_task(TaskId(task.id), event) is None:
            raise Conflict("task_closed", f"The task is {task.status.value}; only an open or snoozed one can change.")


async def _found(tx: Tx, id_: str) -> Task:
    task = await lists.task(tx, id_)
    if task is None:
        raise NotFound("unknown_task", f"There is no task “{id_}”. GET /v1/tasks lists them.")
    return task


async def _shown(edge: Edge, id_: str) -> wire.Task:
    async with edge.database.read() as tx:
        return (await _answers(tx, [await _found(tx, id_)]))[0]


async def _answers(tx: Tx, tasks: Sequence[Task]) -> list[wire.Task]:
    notes = await lists.notes_of(tx, [task.id for task in tasks])
    return [
        wire.Task(
            id=task.id, account=task.account, title=dict(task.title), how=dict(task.how), playbook=task.playbook,
            run=task.run, step=task.step, owner=task.owner, priority=task.priority, status=task.status.value,
            due_at=task.due_at, remind_at=task.remind_at, snoozed_until=task.snoozed_until, outcome=task.outcome,
            note=notes.get(task.id), version=task.version, created_at=task.created_at, changed_at=task.changed_at,
            completed_at=task.completed_at,
        )
        for task in tasks
    ]  # fmt: skip

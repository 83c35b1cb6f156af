"""The state machine of a task: a table and one step function. It performs nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from csmodels.ids import AccountId, PlaybookId, RunId, StaffId, TaskId
from playbook.domain.definition import Priority, Texts


class Status(StrEnum):
    """Completed and cancelled are never left."""

    OPEN = "open"
    SNOOZED = "snoozed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


ACTIVE: Final = frozenset({Status.OPEN, Status.SNOOZED})


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a run's step. `version` counts its changes from 1; `reason` says why it was last changed."""

    id: TaskId
    account: AccountId
    playbook: PlaybookId
    run: RunId
    step: str
    title: Texts
    how: Texts
    owner: StaffId | None
    priority: Priority
    due_at: datetime
    remind_at: datetime | None
    created_at: datetime
    changed_at: datetime
    status: Status = Status.OPEN
    version: int = 1
    reason: str | None = None
    snoozed_until: datetime | None = None
    reminded_at: datetime | None = None
    overdue_at: datetime | None = None
    completed_at: datetime | None = None
    outcome: str | None = None

    @property
    def active(self) -> bool:
        """Whether somebody has still to do it."""
        return self.status in ACTIVE


@dataclass(frozen=True, slots=True)
class Reminded:
    """The moment to remind came: the one that was meant, since it may have been moved."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class DuePassed:
    """The due moment came: the one that was meant."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class Woken:
    """A snooze came to its end: the one that was meant."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class Snoozed:
    """A person put it off, with a reason."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Reopened:
    """A person took it up again before its snooze ended."""


@dataclass(frozen=True, slots=True)
class Reassigned:
    """A person gave it to somebody else, or to nobody."""

    owner: StaffId | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A person gave it another due moment, and with it another reminder."""

    due_at: datetime
    remind_at: datetime | None


@dataclass(frozen=True, slots=True)
class Retriggered:
    """The playbook came to this step again: one task stays open, and belongs to the newer run."""

    by: Task


@dataclass(frozen=True, slots=True)
class Done:
    """A person did it."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """It is no longer needed."""

    reason: str


Event: TypeAlias = Reminded | DuePassed | Woken | Snoozed | Reopened | Reassigned | Moved | Retriggered | Done | Dropped


def _remind(task: Task, event: Reminded, now: datetime) -> Task:
    if task.remind_at != event.moment or task.reminded_at is not None:
        return task
    return _changed(task, now, "reminder", reminded_at=now)


def _expire(task: Task, event: DuePassed, now: datetime) -> Task:
    if task.due_at != event.moment or task.overdue_at is not None:
        return task
    return _changed(task, now, "overdue", overdue_at=now)


def _catch_up(task: Task, now: datetime) -> Task:
    """An open task whose moments may have passed unheard while it was snoozed; once it is due no reminder is needed."""
    if task.due_at <= now:
        return _expire(task, DuePassed(task.due_at), now)
    if task.remind_at is not None and task.remind_at <= now:
        return _remind(task, Reminded(task.remind_at), now)
    return task


def _wake(task: Task, event: Woken, now: datetime) -> Task:
    if task.snoozed_until != event.moment:
        return task
    return _catch_up(_changed(task, now, "snooze_ended", status=Status.OPEN, snoozed_until=None), now)


def _snooze(task: Task, event: Snoozed, now: datetime) -> Task:
    return _changed(task, now, event.reason, status=Status.SNOOZED, snoozed_until=event.until)


def _reopen(task: Task, event: Reopened, now: datetime) -> Task:
    return _catch_up(_changed(task, now, "reopened", status=Status.OPEN, snoozed_until=None), now)


def _reassign(task: Task, event: Reassigned, now: datetime) -> Task:
    return task if task.owner == event.owner else _changed(task, now, "reassigned", owner=event.owner)


def _move(task: Task, event: Moved, now: datetime) -> Task:
    if task.due_at == event.due_at:
        return task
    return _changed(
        task, now, "moved",
        due_at=event.due_at, remind_at=event.remind_at, reminded_at=None, overdue_at=None,
    )  # fmt: skip


def _retrigger(task: Task, event: Retriggered, now: datetime) -> Task:
    """What the step says now, by the earlier of the two due moments: a second alarm does not buy time."""
    newer = event.by
    sooner = newer.due_at < task.due_at
    again = _changed(
        task, now, "triggered_again",
        run=newer.run, title=newer.title, how=newer.how, priority=newer.priority,
        owner=newer.owner or task.owner, status=Status.OPEN, snoozed_until=None,
        due_at=newer.due_at if sooner else task.due_at, remind_at=newer.remind_at if sooner else task.remind_at,
        reminded_at=None if sooner else task.reminded_at,
    )  # fmt: skip
    return _catch_up(again, now)


def _complete(task: Task, event: Done, now: datetime) -> Task:
    return _changed(
        task, now, None,
        status=Status.COMPLETED, outcome=event.outcome, completed_at=now, snoozed_until=None,
    )  # fmt: skip


def _drop(task: Task, event: Dropped, now: datetime) -> Task:
    return _changed(task, now, event.reason, status=Status.CANCELLED, snoozed_until=None)


def _changed(task: Task, now: datetime, reason: str | None, **fields: object) -> Task:
    changed: Task = replace(task, version=task.version + 1, changed_at=now, reason=reason, **fields)  # type: ignore[arg-type]
    return changed


_Transition: TypeAlias = Callable[[Task, Any, datetime], Task]
# (status, event) -> what becomes of the task; what is not here changes nothing
TRANSITIONS: Final[Mapping[tuple[Status, type], _Transition]] = {
    (Status.OPEN, Reminded): _remind,
    (Status.OPEN, DuePassed): _expire,
    (Status.OPEN, Snoozed): _snooze,
    (Status.OPEN, Reassigned): _reassign,
    (Status.OPEN, Moved): _move,
    (Status.OPEN, Retriggered): _retrigger,
    (Status.OPEN, Done): _complete,
    (Status.OPEN, Dropped): _drop,
    (Status.SNOOZED, Woken): _wake,
    (Status.SNOOZED, Snoozed): _snooze,
    (Status.SNOOZED, Reopened): _reopen,
    (Status.SNOOZED, Reassigned): _reassign,
    (Status.SNOOZED, Moved): _move,
    (Status.SNOOZED, Retriggered): _retrigger,
    (Status.SNOOZED, Done): _complete,
    (Status.SNOOZED, Dropped): _drop,
}


def step(task: Task, event: Event, now: datetime) -> Task:
    """The task after the event; the same task if the event means nothing to it (any more)."""
    transition = TRANSITIONS.get((task.status, type(event)))
    return task if transition is None else transition(task, event, now)


def news(before: Task | None, after: Task) -> str | None:
    """The type of the event that tells of this change; None if nothing changed."""
    if before is None:
        return "task.created"
    if before == after:
        return None
    if after.status is Status.COMPLETED:
        return "task.completed"
    if before.overdue_at is None and after.overdue_at is not None:
        return "task.overdue"
    return "task.changed"


def moments(before: Task | None, after: Task) -> tuple[tuple[str, datetime], ...]:
    """The moments that are newly waited for: remind, due, wake. Old ones need no cancelling: they then mean nothing."""
    if not after.active:
        return ()
    now = {"remind": after.remind_at, "due": after.due_at, "wake": after.snoozed_until}
    was = {"remind": before.remind_at, "due": before.due_at, "wake": before.snoozed_until} if before else {}
    return tuple((kind, moment) for kind, moment in now.items() if moment is not None and moment != was.get(kind))

"""cs.playbook-events: the life cycle of runs, tasks and effects."""

from typing import Annotated, Literal

from pydantic import Field

from csmodels.envelope import Data, Event
from csmodels.fields import Code, Person, Staff, TaskStatus, TextRef, Trigger, UtcTime, Whole, WireId


class Run(Data):
    """A run of a playbook: which version, what started it (the trigger's id), and why it ended."""

    run: WireId
    playbook: Code
    version: Annotated[Whole, Field(ge=1)]
    trigger: Trigger
    reason: Code | None = None


class RunStarted(Event):
    """A playbook started for the account."""

    type: Literal["run.started"] = "run.started"
    data: Run


class EndedRun(Run):
    """A run that ended; the reason is required."""

    reason: Code


class RunEnded(Event):
    """A run came to its end."""

    type: Literal["run.ended"] = "run.ended"
    data: EndedRun


class Task(Data):
    """A task for a person; one added by hand has neither run nor step. reason: why it was changed last."""

    task: WireId
    run: WireId | None = None
    step: Code | None = None
    owner: Staff | None = None
    due_at: UtcTime | None = None
    status: TaskStatus
    outcome: Code | None = None
    text_ref: TextRef | None = None
    reason: Code | None = None


class TaskCreated(Event):
    """A task was made."""

    type: Literal["task.created"] = "task.created"
    data: Task


class TaskChanged(Event):
    """A task was reassigned, snoozed, moved or cancelled."""

    type: Literal["task.changed"] = "task.changed"
    data: Task


class CompletedTask(Task):
    """A task that is done; the outcome is required."""

    outcome: Code


class TaskCompleted(Event):
    """A task was done."""

    type: Literal["task.completed"] = "task.completed"
    data: CompletedTask


class TaskOverdue(Event):
    """A task's due time passed."""

    type: Literal["task.overdue"] = "task.overdue"
    data: Task


class EmailEffect(Data):
    """An email to a person."""

    effect: WireId
    run: WireId | None = None
    step: Code | None = None
    person: Person
    reason: Code | None = None


class EmailSent(Event):
    """The mail server took an email."""

    type: Literal["email.sent"] = "email.sent"
    data: EmailEffect


class EmailFailed(Event):
    """An email was given up or came back."""

    type: Literal["email.failed"] = "email.failed"
    data: EmailEffect


class WebhookEffect(Data):
    """A webhook to an endpoint."""

    effect: WireId
    run: WireId | None = None
    step: Code | None = None
    endpoint: WireId
    reason: Code | None = None


class WebhookFailed(Event):
    """A webhook was given up."""

    type: Literal["webhook.failed"] = "webhook.failed"
    data: WebhookEffect


class SuppressedTouch(Data):
    """An effect that was held back, to a person or an endpoint, and the reason."""

    effect: WireId
    run: WireId | None = None
    step: Code | None = None
    person: Person | None = None
    endpoint: WireId | None = None
    reason: Code


class TouchSuppressed(Event):
    """An effect was held back: budget, quiet hours, opt-out, holdout."""

    type: Literal["touch.suppressed"] = "touch.suppressed"
    data: SuppressedTouch

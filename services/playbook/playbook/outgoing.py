"""What leaves playbook, as values: events for the bus, and the data of webhooks about tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from cskit.messages import UnitOfWork
from csmodels import playbook as wire
from csmodels.envelope import Event
from csmodels.ids import AccountId, EventId, RunId, derived_id
from playbook.domain.run import ALL_ENDPOINTS, Run, SendWebhook
from playbook.domain.task import Task
from playbook.domain.views import plain

SOURCE: Final = "playbook"
_TASK_EVENTS: Final[Mapping[str, type[Event]]] = {
    "task.created": wire.TaskCreated,
    "task.changed": wire.TaskChanged,
    "task.completed": wire.TaskCompleted,
    "task.overdue": wire.TaskOverdue,
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is told about an account, to an endpoint or to all that subscribed to the type."""

    account: AccountId
    endpoint: str
    id: str
    type: str
    data: Mapping[str, Any]
    run: RunId
    step: str


class Enqueue(Protocol):
    """Puts a webhook into the deliveries, in the transaction of the unit of work.

    `endpoint` is an endpoint's name, or "*" for every endpoint that subscribed to the type. Repeating a `webhook_id`
    for an endpoint changes nothing.
    """

    async def __call__(
        self,
        uow: UnitOfWork,
        endpoint: str,
        webhook_id: str,
        type: str,
        timestamp: datetime,
        data: Mapping[str, Any],
        run: str,
        step: str,
    ) -> None: ...


def run_event(run: Run, type_: str, now: datetime) -> Event:
    """run.started or run.ended."""
    id_ = EventId(derived_id(run.id, type_))
    if type_ == "run.started":
        data = wire.Run(run=run.id, playbook=run.playbook, version=run.version, trigger=run.cause.id)
        return wire.RunStarted(id=id_, source=SOURCE, subject=run.account, time=now, receivedtime=now, data=data)
    reason = str(run.reason) if run.reason else ""
    ended = wire.EndedRun(run=run.id, playbook=run.playbook, version=run.version, trigger=run.cause.id, reason=reason)
    return wire.RunEnded(id=id_, source=SOURCE, subject=run.account, time=now, receivedtime=now, data=ended)


def task_event(task: Task, type_: str, now: datetime) -> Event:
    """task.created, task.changed, task.completed or task.overdue."""
    return _TASK_EVENTS[type_].model_validate(
        {
            "id": derived_id(task.id, type_, str(task.version)),
            "source": SOURCE,
            "subject": task.account,
            "time": now,
            "receivedtime": now,
            "data": {
                "task": task.id,
                "run": task.run,
                "step": task.step,
                "owner": task.owner,
                "due_at": task.due_at,
                "status": task.status.value,
                "outcome": task.outcome,
                "reason": task.reason,
            },
        }
    )


def step_webhook(run: Run, command: SendWebhook) -> Webhook:
    """The webhook that a step of the run sends."""
    return Webhook(run.account, command.endpoint, command.id, command.type, command.data, run.id, command.step)


def task_webhook(task: Task, type_: str) -> Webhook:
    """The webhook that tells of this change of the task."""
    id_ = derived_id(task.id, type_, str(task.version), "webhook")
    return Webhook(task.account, ALL_ENDPOINTS, id_, type_, _task_data(task), task.run, task.step)


def _task_data(task: Task) -> dict[str, Any]:
    data: dict[str, Any] = plain(
        {
            "task": task.id,
            "account": task.account,
            "playbook": task.playbook,
            "run": task.run,
            "step": task.step,
            "title": task.title,
            "owner": task.owner,
            "priority": task.priority,
            "status": task.status.value,
            "due_at": task.due_at,
            "outcome": task.outcome,
            "reason": task.reason,
            "version": task.version,
            "created_at": task.created_at,
        }
    )
    return data

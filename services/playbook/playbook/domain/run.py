"""The state machine of a run: a table and one step function, (run, event, now) -> (run, commands). It performs nothing.

A run waits for the account's first health if there is none yet, then goes through its steps, and ends when none of its
tasks is open any more, when its exit holds, or when a newer run took its tasks over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias, assert_never

from csmodels.ids import AccountId, EffectId, PlaybookId, RunId, StaffId, TaskId, derived_id
from playbook.domain import placeholders
from playbook.domain import task as tasks
from playbook.domain.calendar import Calendar
from playbook.domain.definition import OWNER_OF_ACCOUNT, Definition, TaskStep, WebhookStep
from playbook.domain.document import Plain
from playbook.domain.task import Dropped, Retriggered, Task

WAIT_FOR_HEALTH: Final = timedelta(hours=1)
BY_HAND: Final = "hand"  # the type of a trigger that is a person
ALL_ENDPOINTS: Final = "*"  # every endpoint that subscribed to the type
STEP_WEBHOOK: Final = "playbook.step"  # the type of the webhook that a step sends

View: TypeAlias = Mapping[str, Any]  # the variables of conditions
Rule: TypeAlias = Callable[[View], bool]


class State(StrEnum):
    """Ended is never left."""

    WAITING = "waiting"  # for the account's first health, at most WAIT_FOR_HEALTH
    RUNNING = "running"
    ENDED = "ended"


class Reason(StrEnum):
    """Why a run ended."""

    COMPLETED = "completed"  # every step was taken and no task is open any more
    EXIT = "exit"  # the playbook's exit holds
    SUPERSEDED = "superseded"  # a newer run of the playbook took its open task over
    WHEN = "trigger_false"  # with the first health it turned out that the trigger does not hold
    ACCOUNTS = "not_for_account"  # the same for the accounts that the playbook is for
    NO_HEALTH = "no_health"  # no health came in time, and a condition needed it
    ENROLL = "enroll_limit"  # another run went first, and the account may not go through again
    ERASED = "account_erased"


@dataclass(frozen=True, slots=True)
class Playbook:
    """A definition that can be run. Rules never raise; `early` tells that `when` needs no health to be judged."""

    definition: Definition
    version: int
    when: Rule
    accounts: Rule
    exit: Rule
    early: bool
    exit_sees_events: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """What triggers: its id (unique for the account), its type, and what conditions see of it."""

    id: str
    type: str
    event: View


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a playbook for an account. `enrolled_at` is None until it has taken its first step."""

    id: RunId
    playbook: PlaybookId
    version: int
    account: AccountId
    cause: Cause
    started_at: datetime
    changed_at: datetime
    state: State = State.WAITING
    enrolled_at: datetime | None = None
    step: int = 0  # how many steps were taken
    reason: Reason | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How often the account went through the playbook, and when last."""

    times: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a run sees: conditions' variables, the account's owner and calendars, and what is open for the playbook."""

    view: View
    health_known: bool
    owner: StaffId | None
    calendar_of: Callable[[StaffId | None], Calendar]
    open_tasks: Sequence[Task]  # of this playbook and account, of whichever run
    enrolled: Enrolled


@dataclass(frozen=True, slots=True)
class Opened:
    """The run was made."""


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """The account's health was published, perhaps for the first time."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The first health did not come in time."""


@dataclass(frozen=True, slots=True)
class EventSeen:
    """Another event of the account, for an exit that speaks of events."""


@dataclass(frozen=True, slots=True)
class TaskClosed:
    """A task of the run was completed."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskTaken:
    """A newer run took a task over."""


@dataclass(frozen=True, slots=True)
class AccountErased:
    """The account is to be forgotten."""


Event: TypeAlias = Opened | HealthChanged | DeadlinePassed | EventSeen | TaskClosed | TaskTaken | AccountErased


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Make a task."""

    task: Task


@dataclass(frozen=True, slots=True)
class UpdateTask:
    """Change a task."""

    before: Task
    task: Task


@dataclass(frozen=True, slots=True)
class SendWebhook:
    """Send a webhook; its id is the same however often the step is computed."""

    id: EffectId
    endpoint: str
    type: str
    data: Mapping[str, Plain]
    step: str


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Come back with DeadlinePassed at this moment."""

    due: datetime


@dataclass(frozen=True, slots=True)
class TellRun:
    """Hand an event on to another run of the account."""

    run: RunId
    event: TaskTaken


@dataclass(frozen=True, slots=True)
class Publish:
    """Tell the bus of the run: run.started or run.ended."""

    type: str


Command: TypeAlias = CreateTask | UpdateTask | SendWebhook | StartTimer | TellRun | Publish
Outcome: TypeAlias = tuple[Run, tuple[Command, ...]]


def run_id(playbook: PlaybookId, account: AccountId, cause: str) -> RunId:
    """The id of the one run of this playbook, account and trigger."""
    return RunId(derived_id(playbook, account, cause))


def part_id(run: Run, step: str, visit: int = 1) -> str:
    """The id of what a step makes. This version visits each step of a run once."""
    return derived_id(run.playbook, run.account, run.cause.id, step, str(visit))


def opened(playbook: Playbook, account: AccountId, cause: Cause, scene: Scene, now: datetime) -> Run | None:
    """The run that the cause starts, not yet stepped; None if the playbook is not for it. By hand it always starts."""
    if cause.type != BY_HAND:
        view = {**scene.view, "event": cause.event}
        if (scene.health_known or playbook.early) and not playbook.when(view):
            return None
        if scene.health_known and not playbook.accounts(view):
            return None
        if not may_enroll(playbook.definition, scene.enrolled, now):
            return None
    id_ = playbook.definition.id
    return Run(run_id(id_, account, cause.id), id_, playbook.version, account, cause, now, now)


def may_enroll(definition: Definition, enrolled: Enrolled, now: datetime) -> bool:
    """Whether the account may go through (again) now."""
    limits = definition.enroll
    if limits.at_most is not None and enrolled.times >= limits.at_most:
        return False
    return limits.once_every is None or enrolled.last is None or now - enrolled.last >= limits.once_every


@dataclass(frozen=True, slots=True)
class _Turn:
    """The arguments of one step."""

    playbook: Playbook
    run: Run
    scene: Scene
    now: datetime

    def view(self, task: Task | None = None) -> View:
        return self.scene.view if task is None else {**self.scene.view, "task": task_view(task)}

    def own_tasks(self) -> list[Task]:
        return [task for task in self.scene.open_tasks if task.run == self.run.id]


def _open(turn: _Turn, event: Opened) -> Outcome:
    started = Publish("run.started")
    if turn.scene.health_known:
        run, commands = _admit(turn, event)
        return run, (started, *commands)
    return turn.run, (started, StartTimer(turn.run.started_at + WAIT_FOR_HEALTH))


def _admit(turn: _Turn, event: Event) -> Outcome:
    """Judge the conditions with what is known now, then take the steps."""
    playbook, run = turn.playbook, turn.run
    view = {**turn.scene.view, "event": run.cause.event}
    if run.cause.type != BY_HAND:
        late = isinstance(event, DeadlinePassed)
        if not playbook.when(view):
            return _end(turn, Reason.NO_HEALTH if late else Reason.WHEN)
        if not playbook.accounts(view):
            return _end(turn, Reason.NO_HEALTH if late else Reason.ACCOUNTS)
        if not may_enroll(playbook.definition, turn.scene.enrolled, turn.now):
            return _end(turn, Reason.ENROLL)
        if playbook.exit(turn.scene.view):
            return _end(turn, Reason.EXIT)
    steps = playbook.definition.steps
    running = replace(run, state=State.RUNNING, enrolled_at=turn.now, step=len(steps), changed_at=turn.now)
    commands: list[Command] = []
    for one in steps:
        match one:
            case TaskStep():
                commands += _task(replace(turn, run=running), one)
            case WebhookStep():
                commands.append(_webhook(running, one, view))
            case _:
                assert_never(one)
    if any(isinstance(one, TaskStep) for one in steps):
        return running, tuple(commands)
    ended, last = _end(replace(turn, run=running), Reason.COMPLETED)
    return ended, (*commands, *last)


def _task(turn: _Turn, one: TaskStep) -> list[Command]:
    """A new task, or the one that is open for this step already, brought up to date."""
    run, now = turn.run, turn.now
    owner = turn.scene.owner if one.owner == OWNER_OF_ACCOUNT else StaffId(one.owner)
    calendar = turn.scene.calendar_of(owner)
    due = calendar.due(now, one.due)
    remind = calendar.before(due, one.remind) if one.remind is not None else None
    made = Task(
        id=TaskId(part_id(run, one.id)), account=run.account, playbook=run.playbook, run=run.id, step=one.id,
        title=one.title, how=one.how, owner=owner, priority=one.priority, due_at=due,
        remind_at=remind if remind is not None and remind > now else None, created_at=now, changed_at=now,
    )  # fmt: skip
    for task in turn.scene.open_tasks:
        if task.step == one.id and task.run != run.id:
            return [UpdateTask(task, tasks.step(task, Retriggered(made), now)), TellRun(task.run, TaskTaken())]
    return [CreateTask(made)]


def _webhook(run: Run, one: WebhookStep, view: View) -> SendWebhook:
    rendered = {key: placeholders.render(value, view) for key, value in one.data.items()}
    fixed: dict[str, Plain] = {"account": run.account, "playbook": run.playbook, "run": run.id, "step": one.id}
    return SendWebhook(EffectId(part_id(run, one.id)), one.endpoint, STEP_WEBHOOK, {**rendered, **fixed}, one.id)


def _leave_if_over(turn: _Turn, event: Event) -> Outcome:
    return _end(turn, Reason.EXIT) if turn.playbook.exit(turn.view()) else (turn.run, ())


def _settle_closed(turn: _Turn, event: TaskClosed) -> Outcome:
    if turn.playbook.exit(turn.view(event.task)):
        return _end(turn, Reason.EXIT)
    return (turn.run, ()) if turn.own_tasks() else _end(turn, Reason.COMPLETED)


def _settle_taken(turn: _Turn, event: TaskTaken) -> Outcome:
    return (turn.run, ()) if turn.own_tasks() else _end(turn, Reason.SUPERSEDED)


def _erase(turn: _Turn, event: AccountErased) -> Outcome:
    return _end(turn, Reason.ERASED)


def _end(turn: _Turn, reason: Reason) -> Outcome:
    """The end: what is still open is no longer needed."""
    now = turn.now
    ended = replace(turn.run, state=State.ENDED, reason=reason, ended_at=now, changed_at=now)
    dropped = [UpdateTask(task, tasks.step(task, Dropped("no_longer_needed"), now)) for task in turn.own_tasks()]
    return ended, (*dropped, Publish("run.ended"))


_Transition: TypeAlias = Callable[[_Turn, Any], Outcome]
# (state, event) -> what happens; what is not here changes nothing. No row begins in ENDED.
TRANSITIONS: Final[Mapping[tuple[State, type], _Transition]] = {
    (State.WAITING, Opened): _open,
    (State.WAITING, HealthChanged): _admit,
    (State.WAITING, DeadlinePassed): _admit,
    (State.WAITING, AccountErased): _erase,
    (State.RUNNING, HealthChanged): _leave_if_over,
    (State.RUNNING, EventSeen): _leave_if_over,
    (State.RUNNING, TaskClosed): _settle_closed,
    (State.RUNNING, TaskTaken): _settle_taken,
    (State.RUNNING, AccountErased): _erase,
}


def step(playbook: Playbook, run: Run, event: Event, scene: Scene, now: datetime) -> Outcome:
    """The run after the event, and what is to be done, in order. An event that means nothing to it changes nothing."""
    transition = TRANSITIONS.get((run.state, type(event)))
    return (run, ()) if transition is None else transition(_Turn(playbook, run, scene, now), event)


def task_view(task: Task) -> View:
    """A task as conditions see it."""
    return {
        "step": task.step,
        "owner": task.owner,
        "status": task.status.value,
        "outcome": task.outcome,
        "priority": task.priority,
        "due_at": task.due_at,
    }

"""The accounts at hand in one transaction, with their runs and tasks: load, let them step, save, publish.

Consumers, timers and people all change runs through it, so every change locks the account and its runs first.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, assert_never

from cskit.messages import Message, UnitOfWork, event_record
from cskit.observability import bind_traceparent
from csmodels.envelope import Event as WireEvent
from csmodels.health import HealthChanged as WireHealthChanged
from csmodels.ids import AccountId, PlaybookId, RunId, StaffId, TaskId, derived_id
from csmodels.internal import AccountErased as WireAccountErased
from csmodels.internal import PersonErased as WirePersonErased
from csmodels.topics import PLAYBOOK_EVENTS
from playbook.catalogue import Catalogue
from playbook.domain import run as runs
from playbook.domain import task as tasks
from playbook.domain.calendar import Calendar
from playbook.domain.definition import OWNER_OF_ACCOUNT, TaskStep
from playbook.domain.run import (
    AccountErased,
    Cause,
    Command,
    CreateTask,
    DeadlinePassed,
    Enrolled,
    EventSeen,
    HealthChanged,
    Opened,
    Playbook,
    Publish,
    Run,
    Scene,
    SendWebhook,
    StartTimer,
    State,
    TaskClosed,
    TellRun,
    UpdateTask,
)
from playbook.domain.task import Task
from playbook.domain.views import cause_of, event_view, health_view, is_backfill, variables, without
from playbook.outgoing import Enqueue, Webhook, run_event, step_webhook, task_event, task_webhook
from playbook.store import people, work
from playbook.store.people import Member
from playbook.store.work import Account, Erasure, Timer

_MOMENTS: Final[Mapping[str, Callable[[datetime], tasks.Event]]] = {
    "remind": tasks.Reminded,
    "due": tasks.DuePassed,
    "wake": tasks.Woken,
}


@dataclass(frozen=True, slots=True)
class Means:
    """What a ledger needs beside its transaction: where webhooks go, the zone of those without a calendar."""

    enqueue: Enqueue
    zone: str
    wake_timers: Callable[[], None]  # called after a commit that put timers in


class Ledger:
    """Made by `opened`. Nothing is written before `save`."""

    def __init__(
        self,
        uow: UnitOfWork,
        means: Means,
        catalogue: Catalogue,
        now: datetime,
        accounts: dict[AccountId, Account],
        erasures: dict[AccountId, Erasure],
        active: dict[RunId, Run],
        open_tasks: dict[TaskId, Task],
        enrolled: dict[tuple[PlaybookId, AccountId], Enrolled],
        staff: Mapping[StaffId, Member],
        known: set[RunId],
    ) -> None:
        self._uow = uow
        self._means = means
        self._catalogue = catalogue
        self._now = now
        self._accounts = accounts
        self._erasures = erasures
        self._runs = active
        self._tasks = open_tasks
        self._runs_of: dict[AccountId, dict[RunId, None]] = defaultdict(dict)  # all that were at hand, ended ones too
        self._tasks_of: dict[tuple[AccountId, PlaybookId], dict[TaskId, None]] = defaultdict(dict)  # closed ones too
        for run in active.values():
            self._runs_of[run.account][run.id] = None
        for task in open_tasks.values():
            self._tasks_of[task.account, task.playbook][task.id] = None
        self._enrolled = enrolled
        self._staff = staff
        self._known = known | active.keys()
        self._changed_accounts: set[AccountId] = set()
        self._changed_runs: dict[RunId, Run] = {}
        self._changed_tasks: dict[TaskId, Task] = {}
        self._erased: set[AccountId] = set()
        self._people: dict[AccountId, set[str]] = {}
        self._timers: list[Timer] = []
        self._events: list[tuple[str | None, WireEvent]] = []
        self._webhooks: list[tuple[str | None, Webhook]] = []
        self._trace: str | None = None

    @classmethod
    async def opened(
        cls,
        uow: UnitOfWork,
        means: Means,
        catalogue: Catalogue,
        accounts: Collection[AccountId],
        now: datetime,
        *,
        causes: Iterable[tuple[PlaybookId, AccountId, str]] = (),
        owners: Collection[StaffId] = (),
    ) -> "Ledger":
        """Lock and load the accounts. `causes` are the runs that may be started, `owners` those who may get tasks."""
        held = await work.lock_accounts(uow.tx, accounts)
        erasures = await work.erasures(uow.tx, accounts)
        active = await work.active_runs(uow.tx, accounts)
        open_tasks = await work.active_tasks(uow.tx, accounts)
        enrolled = await work.enrolments(uow.tx, accounts)
        known = await work.known_runs(uow.tx, {runs.run_id(*cause) for cause in causes})
        everyone = {*owners, *_owners_of(held.values()), *(task.owner for task in open_tasks.values() if task.owner)}
        for playbook in catalogue.versions.values():
            everyone |= {
                StaffId(step.owner)
                for step in playbook.definition.steps
                if isinstance(step, TaskStep) and step.owner != OWNER_OF_ACCOUNT
            }
        staff = await people.members(uow.tx, everyone)
        return cls(uow, means, catalogue, now, held, erasures, active, open_tasks, enrolled, staff, known)

    # What happens

    def on_message(self, message: Message[WireEvent]) -> None:
        """An event of the log. Health that is older than what is known, or than an erasure, changes nothing."""
        self._trace = message.traceparent
        event = message.event
        account = event.account_id
        if isinstance(event, WireAccountErased):
            self._erase(account, Erasure(message.partition, message.offset))
            return
        if isinstance(event, WirePersonErased):
            self._erase_person(account, event.data.person)
            return
        if isinstance(event, WireHealthChanged):
            if event.data.version <= self._accounts[account].version or self._was_erased_since(event):
                return
            self._accounts[account] = Account(event.data.version, health_view(event))
            self._changed_accounts.add(account)
            self._all(account, HealthChanged(), event_view(event))
        else:
            self._all(account, EventSeen(), event_view(event))
        self._trigger(account, event)

    def _erase(self, account: AccountId, erasure: Erasure) -> None:
        self._timers = [timer for timer in self._timers if timer.account != account]
        self._webhooks = [each for each in self._webhooks if each[1].account != account]
        self._all(account, AccountErased(), {})
        self._erased.add(account)
        self._erasures[account] = erasure
        self._accounts[account] = Account(0, None)
        self._changed_accounts.discard(account)
        self._rewrite(account, lambda _: {})

    def _was_erased_since(self, event: WireHealthChanged) -> bool:
        """Whether the account was erased after the record at which it was scored: topics do not wait for each other."""
        erasure = self._erasures.get(event.account_id)
        cut = event.data
        return erasure is not None and erasure.partition == cut.partition and cut.offset < erasure.offset

    def _erase_person(self, account: AccountId, person: str) -> None:
        self._people.setdefault(account, set()).add(person)
        self._rewrite(account, lambda event: without(event, person))

    def _rewrite(self, account: AccountId, rewritten: Callable[[runs.View], runs.View]) -> None:
        """Change what the account's runs at hand keep of the events that started them; `save` does it for the rest."""
        for held in (self._runs, self._changed_runs):
            for run in [held[id_] for id_ in self._runs_of[account] if id_ in held]:
                held[run.id] = replace(run, cause=replace(run.cause, event=rewritten(run.cause.event)))

    def _trigger(self, account: AccountId, event: WireEvent) -> None:
        playbooks = self._catalogue.started_by(event.type)
        if not playbooks:
            return
        cause = cause_of(event)
        for playbook in playbooks:
            if playbook.definition.trigger.backfill or not is_backfill(event):
                self.start(playbook, account, cause)

    def start(self, playbook: Playbook, account: AccountId, cause: Cause) -> RunId | None:
        """Start a run, if the playbook is for this account and cause and there is none yet; its id if one started."""
        if runs.run_id(playbook.definition.id, account, cause.id) in self._known:
            return None
        scene = self._scene(account, playbook.definition.id, cause.event)
        run = runs.opened(playbook, account, cause, scene, self._now)
        if run is None:
            return None
        self._known.add(run.id)
        self._step(run, Opened(), cause.event)
        return run.id

    def on_timer(self, timer: Timer) -> None:
        """A timer came due; one whose meaning is gone changes nothing."""
        self._trace = None
        if timer.kind == "health":
            run = self._runs.get(RunId(timer.subject))
            if run is not None:
                self._step(run, DeadlinePassed(), run.cause.event)
            return
        self.change_task(TaskId(timer.subject), _MOMENTS[timer.kind](timer.due))

    def change_task(self, id_: TaskId, event: tasks.Event) -> Task | None:
        """Let a task step; None if it is not open. Its run hears of the end of a task."""
        before = self._tasks.get(id_)
        if before is None:
            return None
        after = tasks.step(before, event, self._now)
        self._keep(before, after)
        run = self._runs.get(after.run)
        if not after.active and run is not None:
            self._step(run, TaskClosed(after), {})
        return after

    def calendar_of(self, owner: StaffId | None) -> Calendar:
        """The calendar of a member of the staff; for one who is not known the portfolio's zone without holidays."""
        member = self._staff.get(owner) if owner is not None else None
        return Calendar(None, self._means.zone) if member is None else Calendar(member.country, member.time_zone)

    # How it is carried out

    def _all(self, account: AccountId, event: runs.Event, view: Mapping[str, Any]) -> None:
        """Every run of the account hears of the event, the one started first in front."""
        mine = [self._runs[id_] for id_ in self._runs_of[account] if id_ in self._runs]
        for run in sorted(mine, key=lambda run: (run.started_at, run.id)):
            current = self._runs.get(run.id)
            if current is not None:
                self._step(current, event, view)

    def _step(self, run: Run, event: runs.Event, view: Mapping[str, Any]) -> None:
        playbook = self._catalogue.versions[run.playbook, run.version]
        scene = self._scene(run.account, run.playbook, view)
        after, commands = runs.step(playbook, run, event, scene, self._now)
        if after == run and run.id in self._runs:
            return
        if run.enrolled_at is None and after.enrolled_at is not None:
            key = (run.playbook, run.account)
            self._enrolled[key] = Enrolled(self._enrolled.get(key, Enrolled()).times + 1, after.enrolled_at)
        self._changed_runs[run.id] = after
        self._runs_of[run.account][run.id] = None
        if after.state is State.ENDED:
            self._runs.pop(run.id, None)
        else:
            self._runs[run.id] = after
        for command in commands:
            self._perform(after, command)

    def _perform(self, run: Run, command: Command) -> None:
        match command:
            case CreateTask(task):
                self._keep(None, task)
            case UpdateTask(before, task):
                self._keep(before, task)
            case SendWebhook():
                self._webhooks.append((self._trace, step_webhook(run, command)))
            case StartTimer(due):
                self._timers.append(_timer("health", run.account, run.id, due, 0))
            case TellRun(other, event):
                told = self._runs.get(other)
                if told is not None:
                    self._step(told, event, {})
            case Publish(type_):
                self._events.append((self._trace, run_event(run, type_, self._now)))
            case _:
                assert_never(command)

    def _keep(self, before: Task | None, after: Task) -> None:
        """Remember a task, and tell of its change: on the bus, to endpoints, by timers for its new moments."""
        type_ = tasks.news(before, after)
        if type_ is None:
            return
        self._changed_tasks[after.id] = after
        self._tasks_of[after.account, after.playbook][after.id] = None
        if after.active:
            self._tasks[after.id] = after
        else:
            self._tasks.pop(after.id, None)
        self._events.append((self._trace, task_event(after, type_, self._now)))
        self._webhooks.append((self._trace, task_webhook(after, type_)))
        for kind, moment in tasks.moments(before, after):
            self._timers.append(_timer(kind, after.account, after.id, moment, after.version))

    def _scene(self, account: AccountId, playbook: PlaybookId, event: Mapping[str, Any]) -> Scene:
        health = self._accounts[account].health
        owner = _owner_in(health)
        member = self._staff.get(owner) if owner is not None else None
        return Scene(
            view=variables(health, event, _staff_view(member, self._now) if member else None),
            health_known=health is not None,
            owner=owner,
            calendar_of=self.calendar_of,
            open_tasks=[self._tasks[id_] for id_ in self._tasks_of[account, playbook] if id_ in self._tasks],
            enrolled=self._enrolled.get((playbook, account), Enrolled()),
        )

    async def save(self) -> None:
        """Write all that changed, and what is to leave, in the transaction of the ledger."""
        uow = self._uow
        if self._erased:
            await work.forget_accounts(uow.tx, self._erased)
            work.save_erasures(uow.tx, {key: self._erasures[key] for key in self._erased})
        if self._people:
            await work.forget_people(uow.tx, self._people)
        work.save_accounts(uow.tx, {key: self._accounts[key] for key in self._changed_accounts})
        if strangers := self._erasures.keys() - self._changed_accounts:
            await work.let_go(uow.tx, strangers)
        work.save_runs(uow.tx, self._changed_runs.values())
        work.save_tasks(uow.tx, self._changed_tasks.values())
        work.add_timers(uow.tx, self._timers)
        if self._timers:
            uow.after_commit(self._means.wake_timers)
        for trace, event in self._events:
            uow.send([event_record(PLAYBOOK_EVENTS, event, traceparent=trace)])
            await uow.speak()
        for trace, each in self._webhooks:
            with bind_traceparent(trace):
                await self._means.enqueue(
                    uow, each.endpoint, each.id, each.type, self._now, each.data, each.run, each.step
                )
            await uow.speak()


def _timer(kind: str, account: AccountId, subject: str, due: datetime, version: int) -> Timer:
    return Timer(derived_id("timer", subject, kind, str(version)), kind, account, subject, due)


def _owner_in(health: Mapping[str, Any] | None) -> StaffId | None:
    owner = (health or {}).get("account", {}).get("owner")
    return StaffId(owner) if owner else None


def _owners_of(accounts: Iterable[Account]) -> set[StaffId]:
    return {owner for owner in (_owner_in(account.health) for account in accounts) if owner is not None}


def _staff_view(member: Member, now: datetime) -> Mapping[str, Any]:
    away = member.away_from is not None and member.away_from <= now
    if member.away_until is not None:
        away = now < member.away_until and (member.away_from is None or away)
    return {
        "id": member.id, "role": member.role, "leader": member.leader, "country": member.country,
        "time_zone": member.time_zone, "locale": member.locale, "capacity": member.capacity, "away": away,
    }  # fmt: skip

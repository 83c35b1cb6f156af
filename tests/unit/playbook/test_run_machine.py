"""The state machine of a run, alone and in company of other runs of the account."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmodels.ids import AccountId, StaffId
from playbook.definitions import Compiler
from playbook.domain import run as runs
from playbook.domain import task as tasks
from playbook.domain.calendar import Calendar
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
    Reason,
    Run,
    Scene,
    SendWebhook,
    StartTimer,
    State,
    TaskClosed,
    TaskTaken,
    TellRun,
    UpdateTask,
)
from playbook.domain.task import Status, Task

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
ACME = AccountId("acme")
PLAYBOOK = Compiler().compile(
    """
id: rescue
name: {en: Rescue}
kind: adoption
trigger: {on: health.changed, when: 'health.band == "red" && previous.band != "red"'}
accounts: 'account.mrr >= 100'
enroll: {once_every: P30D, at_most: 3}
exit: 'health.band == "green" || task.outcome == "saved"'
steps:
  - {id: call, task: {title: {en: Call}, owner: account.owner, due: 2 business days, remind: 1 business day before}}
  - {id: crm, webhook: {endpoint: crm, data: {score: '{{ health.score }}'}}}
  - {id: visit, task: {title: {en: Visit}, owner: s-9, due: 5 business days}}
""",
    3,
)
ONLY_WEBHOOK = replace(
    PLAYBOOK, definition=replace(PLAYBOOK.definition, steps=PLAYBOOK.definition.steps[1:2]), exit=lambda view: False
)
EARLY = replace(PLAYBOOK, early=True, when=lambda view: view["event"]["data"]["score"] <= 6)


def view(band: str = "red", mrr: float | None = 500.0, previous: str = "yellow") -> dict[str, Any]:
    return {
        "health": {"band": band, "score": 41.5},
        "previous": {"band": previous},
        "account": {"mrr": mrr, "owner": "s-1"},
        "event": {"type": "health.changed"},
    }


def scene(seen: Mapping[str, Any] | None = None, **more: Any) -> Scene:
    basis: dict[str, Any] = {
        "view": view() if seen is None else seen,
        "health_known": seen is None or "health" in seen,
        "owner": StaffId("s-1"),
        "calendar_of": lambda owner: Calendar("JP", "Asia/Tokyo"),
        "open_tasks": [],
        "enrolled": Enrolled(),
    }
    return Scene(**{**basis, **more})


def cause(id_: str = "acme:7", type_: str = "health.changed", **data: Any) -> Cause:
    return Cause(id_, type_, {"type": type_, "data": data})


def waiting(playbook: Playbook = PLAYBOOK, why: Cause | None = None) -> Run:
    run = runs.opened(playbook, ACME, why or cause("nps:1", "survey.answered", score=3), scene({}), NOW)
    assert run is not None
    return run


def started(playbook: Playbook = PLAYBOOK, id_: str = "acme:7", **more: Any) -> tuple[Run, tuple[Command, ...]]:
    run = runs.opened(playbook, ACME, cause(id_), scene(**more), NOW)
    assert run is not None
    return runs.step(playbook, run, Opened(), scene(**more), NOW)


def kinds(commands: tuple[Command, ...]) -> list[str]:
    return [each.type if isinstance(each, Publish) else type(each).__name__ for each in commands]


def test_a_red_account_gets_its_tasks_and_its_webhook_in_the_order_of_the_steps() -> None:
    run, commands = started()

    assert run.state is State.RUNNING
    assert kinds(commands) == ["run.started", "CreateTask", "SendWebhook", "CreateTask"]
    _, call, webhook, visit = commands
    assert isinstance(call, CreateTask)
    assert isinstance(visit, CreateTask)
    assert (call.task.owner, visit.task.owner) == ("s-1", "s-9")
    assert call.task.due_at == datetime(2026, 6, 3, 8, tzinfo=UTC)
    assert call.task.remind_at == datetime(2026, 6, 2, 8, tzinfo=UTC)
    assert isinstance(webhook, SendWebhook)
    assert webhook.data == {"account": "acme", "playbook": "rescue", "run": run.id, "step": "crm", "score": 41.5}


def test_ids_follow_from_playbook_account_trigger_and_step_alone() -> None:
    first, commands = started()
    second, again = started()
    later = replace(PLAYBOOK, version=4)
    third, _ = started(later)

    assert (first, commands) == (second, again)
    assert third.id == first.id
    assert started(id_="acme:8")[0].id != first.id


@pytest.mark.parametrize("seen", [view("yellow"), view(previous="red"), view(mrr=10.0), view(mrr=None)])
def test_an_account_that_the_playbook_is_not_for_starts_no_run(seen: Mapping[str, Any]) -> None:
    assert runs.opened(PLAYBOOK, ACME, cause(), scene(seen), NOW) is None


@pytest.mark.parametrize(
    ("enrolled", "starts"),
    [
        (Enrolled(), True),
        (Enrolled(1, NOW - timedelta(days=30)), True),
        (Enrolled(1, NOW - timedelta(days=30) + timedelta(seconds=1)), False),
        (Enrolled(2, NOW - timedelta(days=300)), True),
        (Enrolled(3, NOW - timedelta(days=300)), False),
    ],
)
def test_an_account_goes_through_no_oftener_than_it_may(enrolled: Enrolled, starts: bool) -> None:
    assert (runs.opened(PLAYBOOK, ACME, cause(), scene(enrolled=enrolled), NOW) is not None) is starts


def test_by_hand_a_run_starts_whatever_the_conditions_and_limits_say() -> None:
    by_hand = cause("hand/1", runs.BY_HAND)
    calm = scene(view("green"), enrolled=Enrolled(9, NOW))

    run = runs.opened(PLAYBOOK, ACME, by_hand, calm, NOW)

    assert run is not None
    assert runs.step(PLAYBOOK, run, Opened(), calm, NOW)[0].state is State.RUNNING


def test_a_run_without_health_waits_an_hour_for_the_first() -> None:
    run, commands = runs.step(EARLY, waiting(EARLY), Opened(), scene({}), NOW)

    assert run.state is State.WAITING
    assert commands == (Publish("run.started"), StartTimer(NOW + timedelta(hours=1)))


def test_a_trigger_that_plainly_does_not_hold_waits_for_nothing() -> None:
    assert runs.opened(EARLY, ACME, cause("nps:1", "survey.answered", score=10), scene({}), NOW) is None


def test_the_first_health_lets_a_waiting_run_go_on() -> None:
    run, commands = runs.step(EARLY, waiting(EARLY), HealthChanged(), scene(), NOW)

    assert run.state is State.RUNNING
    assert run.enrolled_at == NOW
    assert kinds(commands) == ["CreateTask", "SendWebhook", "CreateTask"]


def test_the_first_health_may_show_that_the_account_is_not_meant() -> None:
    run, commands = runs.step(EARLY, waiting(EARLY), HealthChanged(), scene(view(mrr=1.0)), NOW)

    assert (run.state, run.reason) == (State.ENDED, Reason.ACCOUNTS)
    assert kinds(commands) == ["run.ended"]


def test_a_waiting_run_ends_after_its_hour_if_a_condition_needs_the_health() -> None:
    run, _ = runs.step(EARLY, waiting(EARLY), DeadlinePassed(), scene({}), NOW)

    assert (run.state, run.reason) == (State.ENDED, Reason.NO_HEALTH)


def test_a_waiting_run_goes_on_after_its_hour_if_no_condition_needs_the_health() -> None:
    anyone = replace(EARLY, accounts=lambda view: True)

    run, _ = runs.step(anyone, waiting(anyone), DeadlinePassed(), scene({}, owner=None), NOW)

    assert run.state is State.RUNNING


def test_of_two_waiting_runs_only_as_many_go_on_as_may() -> None:
    run, _ = runs.step(EARLY, waiting(EARLY), HealthChanged(), scene(enrolled=Enrolled(1, NOW)), NOW)

    assert run.reason is Reason.ENROLL


def test_a_recovered_account_ends_its_run_and_drops_its_open_tasks() -> None:
    run, commands = started()
    made = [each.task for each in commands if isinstance(each, CreateTask)]

    ended, last = runs.step(PLAYBOOK, run, HealthChanged(), scene(view("green"), open_tasks=made[:1]), NOW)

    assert (ended.state, ended.reason) == (State.ENDED, Reason.EXIT)
    assert kinds(last) == ["UpdateTask", "run.ended"]
    assert isinstance(last[0], UpdateTask)
    assert (last[0].task.status, last[0].task.reason) == (Status.CANCELLED, "no_longer_needed")


def test_a_run_ends_when_its_last_task_is_closed() -> None:
    run, commands = started()
    first, second = (each.task for each in commands if isinstance(each, CreateTask))

    still, nothing = runs.step(PLAYBOOK, run, TaskClosed(_done(first)), scene(open_tasks=[second]), NOW)
    ended, _ = runs.step(PLAYBOOK, still, TaskClosed(_done(second)), scene(), NOW)

    assert nothing == ()
    assert (ended.state, ended.reason) == (State.ENDED, Reason.COMPLETED)


def test_an_exit_may_speak_of_the_outcome_of_a_task() -> None:
    run, commands = started()
    first, second = (each.task for each in commands if isinstance(each, CreateTask))

    ended, _ = runs.step(PLAYBOOK, run, TaskClosed(_done(first, "saved")), scene(open_tasks=[second]), NOW)

    assert ended.reason is Reason.EXIT


def test_a_run_without_tasks_ends_with_its_last_step() -> None:
    run, commands = started(ONLY_WEBHOOK)

    assert run.reason is Reason.COMPLETED
    assert kinds(commands) == ["run.started", "SendWebhook", "run.ended"]


def test_a_second_trigger_updates_the_open_task_and_does_not_buy_time() -> None:
    _, commands = started()
    mine = [each.task for each in commands if isinstance(each, CreateTask)]
    later = NOW + timedelta(days=40)
    run = runs.opened(PLAYBOOK, ACME, cause("acme:9"), scene(), later)
    assert run is not None

    newer, second = runs.step(PLAYBOOK, run, Opened(), scene(open_tasks=mine), later)

    assert kinds(second) == ["run.started", "UpdateTask", "TellRun", "SendWebhook", "UpdateTask", "TellRun"]
    updated = [each.task for each in second if isinstance(each, UpdateTask)]
    assert [task.id for task in updated] == [task.id for task in mine]
    assert {task.run for task in updated} == {newer.id}
    assert [task.due_at for task in updated] == [task.due_at for task in mine]


def _done(task: Task, outcome: str = "reached") -> Task:
    return tasks.step(task, tasks.Done(outcome), NOW)


# Laws


@dataclass
class Account:
    """An account as the ledger carries it: it performs what the machine commands."""

    playbook: Playbook
    now: datetime = NOW
    seen: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Run] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    enrolled: Enrolled = field(default_factory=Enrolled)
    published: list[tuple[str, str]] = field(default_factory=list)

    def scene(self) -> Scene:
        return scene(self.seen, open_tasks=[t for t in self.tasks.values() if t.active], enrolled=self.enrolled)

    def hear(self, id_: str, event: runs.Event) -> None:
        before = self.known[id_]
        after, commands = runs.step(self.playbook, before, event, self.scene(), self.now)
        if before.state is State.ENDED:
            assert (after, commands) == (before, ()), "an ended run was stirred"
        if after.enrolled_at != before.enrolled_at:
            self.enrolled = Enrolled(self.enrolled.times + 1, self.now)
        self.known[id_] = after
        for command in commands:
            match command:
                case CreateTask(task) | UpdateTask(_, task):
                    self.tasks[task.id] = task
                case TellRun(other, told):
                    self.hear(other, told)
                case Publish(type_):
                    self.published.append((id_, type_))
                case SendWebhook() | StartTimer():
                    pass

    def trigger(self, id_: str) -> None:
        run = runs.opened(self.playbook, ACME, cause(id_, score=3), self.scene(), self.now)
        if run is not None and run.id not in self.known:
            self.known[run.id] = run
            self.hear(run.id, Opened())

    def close(self, n: int) -> None:
        active = sorted(t.id for t in self.tasks.values() if t.active)
        if active:
            task = _done(self.tasks[active[n % len(active)]])
            self.tasks[task.id] = task
            self.hear(task.run, TaskClosed(task))

    def all_hear(self, event: runs.Event) -> None:
        for id_ in list(self.known):
            self.hear(id_, event)

    def check(self) -> None:
        active = [t for t in self.tasks.values() if t.active]
        assert len({t.step for t in active}) == len(active), "two open tasks for one step"
        for run in self.known.values():
            own = [t for t in active if t.run == run.id]
            assert not own or run.state is State.RUNNING, "an open task belongs to a run that does not go on"
            assert own or run.state is not State.RUNNING, "a run goes on for nothing"
            told = [type_ for id_, type_ in self.published if id_ == run.id]
            assert told == (["run.started", "run.ended"] if run.state is State.ENDED else ["run.started"])
            assert (run.reason is not None) == (run.ended_at is not None) == (run.state is State.ENDED)
        assert self.enrolled.times == sum(run.enrolled_at is not None for run in self.known.values()) <= 3


HAPPENINGS = st.one_of(
    st.tuples(st.just("trigger"), st.integers(1, 6)),
    st.tuples(st.just("health"), st.sampled_from(["red", "yellow", "green"])),
    st.tuples(st.just("close"), st.integers(0, 3)),
    st.tuples(st.just("deadline"), st.none()),
    st.tuples(st.just("event"), st.none()),
    st.tuples(st.just("days"), st.integers(1, 40)),
    st.tuples(st.just("erase"), st.none()),
)


@given(st.sampled_from([PLAYBOOK, EARLY, ONLY_WEBHOOK]), st.lists(HAPPENINGS, max_size=25))
def test_whatever_happens_no_run_leaves_its_end_and_each_step_has_one_open_task(
    playbook: Playbook, happenings: list[tuple[str, Any]]
) -> None:
    account = Account(playbook)
    for what, how in happenings:
        match what:
            case "trigger":
                account.trigger(f"nps:{how}")
            case "health":
                account.seen = view(how)
                account.all_hear(HealthChanged())
            case "close":
                account.close(how)
            case "deadline":
                account.all_hear(DeadlinePassed())
            case "event":
                account.all_hear(EventSeen())
            case "days":
                account.now += timedelta(days=how)
            case "erase":
                account.all_hear(AccountErased())
        account.check()


@given(st.sampled_from([Opened(), HealthChanged(), DeadlinePassed(), EventSeen(), TaskTaken(), AccountErased()]))
def test_the_table_has_no_way_out_of_the_end(event: runs.Event) -> None:
    ended = replace(started()[0], state=State.ENDED, reason=Reason.EXIT, ended_at=NOW)

    assert runs.step(PLAYBOOK, ended, event, scene(), NOW) == (ended, ())
    assert all(state is not State.ENDED for state, _ in runs.TRANSITIONS)

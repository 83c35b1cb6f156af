"""The state machine of a task."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from csmodels.ids import AccountId, PlaybookId, RunId, StaffId, TaskId
from playbook.domain.task import (
    TRANSITIONS,
    Done,
    Dropped,
    DuePassed,
    Event,
    Moved,
    Reassigned,
    Reminded,
    Reopened,
    Retriggered,
    Snoozed,
    Status,
    Task,
    Woken,
    moments,
    news,
    step,
)

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TASK = Task(
    id=TaskId("t"), account=AccountId("acme"), playbook=PlaybookId("rescue"), run=RunId("r"), step="call",
    title={"en": "Call"}, how={}, owner=StaffId("s-1"), priority="high", due_at=NOW + 2 * DAY, remind_at=NOW + DAY,
    created_at=NOW, changed_at=NOW,
)  # fmt: skip


def test_a_reminder_comes_once() -> None:
    reminded = step(TASK, Reminded(NOW + DAY), NOW + DAY)

    assert (reminded.reminded_at, reminded.reason) == (NOW + DAY, "reminder")
    assert news(TASK, reminded) == "task.changed"
    assert step(reminded, Reminded(NOW + DAY), NOW + DAY) is reminded


def test_a_due_moment_that_passed_is_told_once() -> None:
    late = step(TASK, DuePassed(NOW + 2 * DAY), NOW + 2 * DAY)

    assert news(TASK, late) == "task.overdue"
    assert step(late, DuePassed(NOW + 2 * DAY), NOW + 3 * DAY) is late


def test_a_timer_of_a_moment_that_was_moved_means_nothing() -> None:
    moved = step(TASK, Moved(NOW + 5 * DAY, NOW + 4 * DAY), NOW)

    assert step(moved, Reminded(NOW + DAY), NOW + DAY) is moved
    assert step(moved, DuePassed(NOW + 2 * DAY), NOW + 2 * DAY) is moved
    assert moments(TASK, moved) == (("remind", NOW + 4 * DAY), ("due", NOW + 5 * DAY))


def test_a_snoozed_task_is_left_alone_until_it_wakes_and_is_then_overdue_if_it_is() -> None:
    snoozed = step(TASK, Snoozed(NOW + 3 * DAY, "customer_away"), NOW)

    assert step(snoozed, DuePassed(NOW + 2 * DAY), NOW + 2 * DAY) is snoozed
    assert moments(TASK, snoozed) == (("wake", NOW + 3 * DAY),)
    woken = step(snoozed, Woken(NOW + 3 * DAY), NOW + 3 * DAY)
    assert (woken.status, woken.overdue_at) == (Status.OPEN, NOW + 3 * DAY)


def test_a_task_that_came_due_while_it_was_snoozed_is_overdue_once_it_is_taken_up_again() -> None:
    snoozed = step(TASK, Snoozed(NOW + 9 * DAY, "customer_away"), NOW)
    slept = step(snoozed, DuePassed(NOW + 2 * DAY), NOW + 2 * DAY)
    by = replace(TASK, id=TaskId("n"), run=RunId("r2"), due_at=NOW + 5 * DAY)

    for event in (Reopened(), Retriggered(by)):
        again = step(slept, event, NOW + 3 * DAY)
        assert (again.status, again.overdue_at) == (Status.OPEN, NOW + 3 * DAY)
        assert news(slept, again) == "task.overdue"
        assert step(again, DuePassed(NOW + 2 * DAY), NOW + 4 * DAY) is again
        assert news(again, step(again, Retriggered(by), NOW + 4 * DAY)) == "task.changed"

    early = step(slept, Reopened(), NOW + DAY / 2)
    assert (early.overdue_at, early.reason) == (None, "reopened")


def test_a_reminder_that_came_while_a_task_was_snoozed_comes_once_it_is_taken_up_again() -> None:
    snoozed = step(TASK, Snoozed(NOW + 1.5 * DAY, "customer_away"), NOW)
    slept = step(snoozed, Reminded(NOW + DAY), NOW + DAY)
    by = replace(TASK, id=TaskId("n"), run=RunId("r2"), due_at=NOW + 5 * DAY)

    for event in (Woken(NOW + 1.5 * DAY), Reopened(), Retriggered(by)):
        again = step(slept, event, NOW + 1.5 * DAY)
        assert (again.status, again.reminded_at, again.reason) == (Status.OPEN, NOW + 1.5 * DAY, "reminder")
        assert news(slept, again) == "task.changed"
        assert step(again, Reminded(NOW + DAY), NOW + 1.5 * DAY) is again

    early = step(snoozed, Reopened(), NOW + DAY / 2)
    assert (early.reminded_at, early.reason) == (None, "reopened")


def test_a_task_that_is_new_waits_for_its_moments() -> None:
    assert news(None, TASK) == "task.created"
    assert moments(None, TASK) == (("remind", NOW + DAY), ("due", NOW + 2 * DAY))


def test_completing_keeps_the_outcome_and_waits_for_nothing() -> None:
    done = step(TASK, Done("reached"), NOW)

    assert (done.status, done.outcome, done.completed_at) == (Status.COMPLETED, "reached", NOW)
    assert news(TASK, done) == "task.completed"
    assert moments(TASK, done) == ()


def test_a_second_trigger_keeps_the_earlier_due_moment() -> None:
    sooner = replace(TASK, id=TaskId("n"), run=RunId("r2"), due_at=NOW + DAY, remind_at=None)
    later = replace(sooner, due_at=NOW + 9 * DAY)

    assert step(TASK, Retriggered(sooner), NOW).due_at == NOW + DAY
    assert step(TASK, Retriggered(later), NOW).due_at == NOW + 2 * DAY
    assert step(TASK, Retriggered(later), NOW).run == "r2"
    assert step(TASK, Retriggered(later), NOW).id == "t"


AHEAD = st.integers(0, 10).map(lambda days: NOW + days * DAY)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    AHEAD.map(Reminded),
    AHEAD.map(DuePassed),
    AHEAD.map(Woken),
    AHEAD.map(lambda moment: Snoozed(moment, "later")),
    st.just(Reopened()),
    st.sampled_from(["s-1", "s-2", None]).map(lambda owner: Reassigned(StaffId(owner) if owner else None)),
    AHEAD.map(lambda moment: Moved(moment, None)),
    AHEAD.map(lambda moment: Retriggered(replace(TASK, id=TaskId("n"), run=RunId("r2"), due_at=moment))),
    st.sampled_from([Done("reached"), Dropped("no_longer_needed")]),
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 3)), max_size=20))
def test_every_change_counts_up_by_what_happened_and_the_end_is_never_left(events: list[tuple[Event, int]]) -> None:
    task, now = TASK, NOW
    for event, days in events:
        now += days * DAY
        after = step(task, event, now)
        if not task.active:
            assert after is task
        assert (after == task) == (after.version == task.version)
        assert (news(task, after) is None) == (after == task)
        assert after.version - task.version in (0, 1, 2)
        assert (after.status is Status.SNOOZED) == (after.snoozed_until is not None)
        assert (after.status is Status.COMPLETED) == (after.outcome is not None)
        assert (after.id, after.account, after.playbook, after.step) == ("t", "acme", "rescue", "call")
        task = after


def test_the_table_has_no_way_out_of_the_end() -> None:
    assert {status for status, _ in TRANSITIONS} == {Status.OPEN, Status.SNOOZED}

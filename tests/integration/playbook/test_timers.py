"""What comes due on the world clock."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest
from tests.integration.playbook.conftest import Stack, health, webhooks

from playbook.handlers import PlaybookHandler
from playbook.ledger import Ledger
from playbook.store.work import Timer
from playbook.tables import runs, tasks, timers
from playbook.timers import Pace, Timers

DAY = timedelta(days=1)


def replica(stack: Stack, pace: Pace | None = None) -> Timers:
    """Another worker of the same timers."""
    timers = stack.timers
    return Timers(
        stack.service.database,
        timers._units,
        timers._playbooks,
        timers._means,
        stack.platform.clocks,
        asyncio.Event(),
        pace,
    )


async def test_a_reminder_comes_one_business_day_before_and_the_overdue_when_due(stack: Stack) -> None:
    await stack.add_staff()
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)

    stack.world.advance(task["remind_at"] - stack.world.now() - timedelta(seconds=1))
    assert await stack.timers.fire() == 0
    stack.world.advance(timedelta(seconds=1))
    assert await stack.timers.fire() == 1
    (reminded,) = await stack.rows(tasks)
    assert reminded["reminded_at"] == task["remind_at"]

    stack.world.advance(DAY)
    assert await stack.timers.fire() == 1
    (late,) = await stack.rows(tasks)
    assert (late["overdue_at"], late["status"]) == (task["due_at"], "open")

    events = await stack.outbox("task.changed", "task.overdue")
    assert [(event.type, getattr(event.data, "reason", None)) for event in events] == [
        ("task.changed", "reminder"),
        ("task.overdue", "overdue"),
    ]
    assert [row["type"] for row in await stack.rows(webhooks)][2:] == ["task.changed", "task.overdue"]
    assert await stack.rows(timers) == []


async def test_a_timer_whose_meaning_is_gone_changes_nothing(stack: Stack) -> None:
    await stack.fold(health(7), health(8, "green", "red"))
    before = await stack.rows(tasks), await stack.rows(runs), await stack.outbox()

    stack.world.advance(30 * DAY)
    assert await stack.timers.fire() == 2

    assert (await stack.rows(tasks), await stack.rows(runs), await stack.outbox()) == before


async def test_a_snoozed_task_wakes(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    until = stack.world.now() + 10 * DAY
    body = {"status": "snoozed", "snoozed_until": until.isoformat(), "reason": "customer_away"}
    assert (await stack.api.patch(f"/v1/tasks/{task['id']}", json=body)).status_code == 200

    stack.world.advance(10 * DAY)
    assert await stack.timers.fire() == 3

    (woken,) = await stack.rows(tasks)
    assert (woken["status"], woken["snoozed_until"], woken["overdue_at"]) == ("open", None, until)


async def test_a_task_that_came_due_while_it_was_snoozed_is_told_overdue_when_it_is_taken_up(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    path = f"/v1/tasks/{task['id']}"
    body = {"status": "snoozed", "snoozed_until": (stack.world.now() + 20 * DAY).isoformat(), "reason": "customer_away"}
    assert (await stack.api.patch(path, json=body)).status_code == 200
    stack.world.advance(10 * DAY)
    await stack.timers.fire()
    assert await stack.outbox("task.overdue") == []

    assert (await stack.api.patch(path, json={"status": "open"})).status_code == 200
    stack.world.advance(20 * DAY)
    await stack.timers.fire()

    assert len(await stack.outbox("task.overdue")) == 1


async def test_many_timers_are_taken_in_batches_by_several_replicas_once_each(stack: Stack) -> None:
    await stack.fold(*(health(1, account=f"a{n}") for n in range(30)))
    stack.world.advance(30 * DAY)
    replicas = [replica(stack, Pace(batch=7)) for _ in range(3)]

    taken = 0
    while left := sum(await asyncio.gather(*(replica.fire() for replica in replicas))):
        taken += left

    assert taken == 60
    assert all(task["overdue_at"] for task in await stack.rows(tasks))
    assert len(await stack.outbox("task.overdue")) == 30


async def test_a_timer_that_the_code_fails_for_keeps_no_other_from_its_moment_and_stays_for_the_next_start(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stack.fold(*(health(1, account=f"a{n}") for n in range(5)))
    stack.world.advance(30 * DAY)
    work = Ledger.on_timer

    def failing(ledger: Ledger, timer: Timer) -> None:
        if timer.account == "a2":
            raise ZeroDivisionError
        work(ledger, timer)

    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "on_timer", failing)
        fired = [await stack.timers.fire(), await stack.timers.fire()]
    late = {task["account"] for task in await stack.rows(tasks) if task["overdue_at"]}
    left = {row["account"] for row in await stack.rows(timers)}
    again = replica(stack)

    assert fired == [8, 0]
    assert (late, left) == ({"a0", "a1", "a3", "a4"}, {"a2"})
    assert await again.fire() == 2
    assert await stack.rows(timers) == []


async def test_where_the_code_fails_for_all_timers_the_worker_ends_and_they_stay(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stack.fold(*(health(1, account=f"a{n}") for n in range(30)))
    stack.world.advance(30 * DAY)

    def failing(_ledger: Ledger, _timer: Timer) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Ledger, "on_timer", failing)
    with pytest.raises(ZeroDivisionError):
        await stack.timers.fire()

    assert len(await stack.rows(timers)) == 60


class Awaited(asyncio.Event):
    """An event that tells whether anybody has begun to wait for it."""

    is_awaited = False

    async def wait(self) -> Literal[True]:
        self.is_awaited = True
        return await super().wait()


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_worker_sleeps_by_the_world_and_stops_when_it_is_told(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    stop = asyncio.Event()
    working = asyncio.create_task(stack.timers.run(stop))
    await until(lambda: stack.world._sleepers)
    stack.world.advance(task["due_at"] - stack.world.now())

    async with asyncio.timeout(30):
        while not (await stack.rows(tasks))[0]["overdue_at"]:
            await asyncio.sleep(0.02)
    stop.set()

    async with asyncio.timeout(30):
        await working


async def test_a_timer_that_is_put_in_and_due_soon_wakes_the_worker_from_a_longer_sleep(stack: Stack) -> None:
    wake = Awaited()
    means = replace(stack.timers._means, wake_timers=wake.set)
    units, playbooks = stack.timers._units, stack.timers._playbooks
    patient = Timers(stack.service.database, units, playbooks, means, stack.platform.clocks, wake, Pace(look=60.0))
    handler = PlaybookHandler(stack.service.database, playbooks, means, stack.world)
    stop = asyncio.Event()
    working = asyncio.create_task(patient.run(stop))
    await until(lambda: wake.is_awaited)  # for a minute, since nothing is put in yet

    async with units() as uow:
        await handler.on_batch(stack.messages([health(7)]), uow)
    await until(lambda: stack.world._sleepers)  # it has looked again, and sleeps until the timer is due
    stack.world.advance(30 * DAY)

    async with asyncio.timeout(30):
        while await stack.rows(timers):
            await asyncio.sleep(0.02)
    stop.set()
    await working

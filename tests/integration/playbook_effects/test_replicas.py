"""Several workers, bounds, stops and crashes: at least once, and never two at a time."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.integration.playbook_effects.stack import Receiver, Stack, opened, receiving, until, until_status
from tests.integration.playbook_effects.watching import watched

from cskit.clock import RealClock
from cskit.failpoints import EFFECTS_AFTER_SEND
from playbook.effects.queue import delivery_id
from playbook.effects.worker import KEPT_FOR

CHILD = Path(__file__).with_name("sender.py")


async def test_two_workers_share_the_work_and_never_send_the_same(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.hold = asyncio.Event()
    pace = replace(stack.pace, per_endpoint=16)
    ids = [f"w{n}" for n in range(60)]

    await stack.enqueue(*ids)
    async with stack.sending(stack.worker("one", pace), stack.worker("two", pace)):
        await until(lambda: receiver.begun == 2 * pace.per_endpoint)  # each has its hands full
        receiver.hold.set()
        await until_status(stack, {"delivered": 60})

    assert receiver.doubles == []
    assert sorted(each.id for each in receiver.requests) == sorted(delivery_id(id_, "crm") for id_ in ids)


async def test_an_endpoint_gets_a_few_at_a_time_and_one_that_fails_only_one(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.delay = 0.05
    many = 3 * stack.pace.per_endpoint
    await stack.enqueue(*(f"w{n}" for n in range(many)))

    async with stack.sending():
        await until_status(stack, {"delivered": many})
        healthy = receiver.most_open
        receiver.script, receiver.most_open = [500] * 6, 0
        await stack.enqueue("first")
        await until(lambda: len(receiver.requests) == many + 1)
        await until_status(stack, {"delivered": many, "pending": 1})
        await stack.enqueue(*(f"v{n}" for n in range(5)))
        await until(lambda: len(receiver.requests) == many + 6)

    assert (healthy, receiver.most_open) == (stack.pace.per_endpoint, 1)


async def test_an_endpoint_that_hangs_does_not_hold_up_the_others(stack: Stack, receiver: Receiver) -> None:
    async with receiving() as slow:
        slow.hold = asyncio.Event()
        await stack.endpoint(slow.url, "slow")
        await stack.endpoint(receiver.url, "crm")
        await stack.enqueue(*(f"s{n}" for n in range(100)), endpoint="slow")

        async with stack.sending():
            await until(lambda: slow.begun == stack.pace.per_endpoint)
            await stack.enqueue("w1")
            await until(lambda: receiver.requests)
            hung = await stack.deliveries("slow", limit=500)
            slow.hold.set()

    assert [item["attempts"] for item in hung] == [[]] * 100


async def test_a_stop_waits_for_the_answers_and_writes_them_down(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.delay = 0.3
    await stack.enqueue("w1", "w2")

    async with stack.sending():
        await until(lambda: receiver.begun == 2)

    assert await stack.statuses() == {"delivered": 2}


async def test_what_a_worker_that_died_had_taken_is_sent_again_under_the_same_id(
    stack: Stack, receiver: Receiver
) -> None:
    secret = await stack.endpoint(receiver.url)
    receiver.hold = asyncio.Event()
    await stack.enqueue("w1")
    dying = asyncio.create_task(stack.worker("dying").run(asyncio.Event()))
    await until(lambda: receiver.begun == 1)

    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    receiver.hold.set()
    receiver.hold = None
    async with stack.sending():
        await stack.settled()
        while_leased = receiver.begun
        stack.wall.advance(timedelta(seconds=stack.pace.lease))
        await until_status(stack, {"delivered": 1})

    assert while_leased == 1
    assert receiver.begun == 2
    assert {request.id for request in receiver.requests} == {delivery_id("w1", "crm")}
    assert receiver.requests[-1].verified(secret)


async def test_the_answer_of_a_worker_that_lost_its_lease_is_not_written(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.hold = asyncio.Event()
    receiver.script = [500, 204]
    slow = stack.worker("slow")
    stop = asyncio.Event()

    await stack.enqueue("w1")
    with watched(slow) as seen:
        running = asyncio.create_task(slow.run(stop))
        await until(lambda: receiver.begun == 1)
        stop.set()
        await until(lambda: seen.ending)  # it takes nothing any more, and waits for its answer
    stack.wall.advance(timedelta(seconds=stack.pace.lease + 1))
    async with stack.sending(stack.worker("quick")):
        await until(lambda: receiver.begun == 2)
        receiver.hold.set()
        await running
        await until_status(stack, {"delivered": 1})

    (item,) = await stack.deliveries()
    assert [each["status_code"] for each in item["attempts"]] == [204]


async def test_killed_between_the_answer_and_the_mark_it_is_sent_again_under_the_same_id(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with opened(tmp_path, wall=RealClock()) as stack:
        secret = await stack.endpoint(receiver.url)
        await stack.enqueue("w1")
    environment = {**os.environ, "KIZASHI_TEST_FAILPOINT": EFFECTS_AFTER_SEND, "PYTHONPATH": os.getcwd()}

    child = await asyncio.to_thread(
        subprocess.run, [sys.executable, str(CHILD), str(tmp_path)], env=environment, timeout=60, check=False
    )
    async with opened(tmp_path, wall=RealClock()) as stack, stack.sending():
        await until_status(stack, {"delivered": 1})

    assert child.returncode == -signal.SIGKILL
    assert [request.id for request in receiver.requests] == [delivery_id("w1", "crm")] * 2
    assert len({request.body for request in receiver.requests}) == 1
    assert all(request.verified(secret) for request in receiver.requests)


async def test_a_wall_clock_that_jumps_beyond_the_lease_sends_nothing_twice_at_a_time(
    stack: Stack, receiver: Receiver
) -> None:
    await stack.endpoint(receiver.url)
    receiver.hold = asyncio.Event()

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: receiver.begun == 1)
        stack.wall.advance(timedelta(seconds=stack.pace.lease + 1))
        await stack.looked()
        receiver.hold.set()
        await until_status(stack, {"delivered": 1})

    assert receiver.begun == 1


async def test_settled_webhooks_are_deleted_after_a_month(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    async with stack.sending():
        await stack.enqueue("w1")
        await until_status(stack, {"delivered": 1})
    await stack.enqueue("held", endpoint="nobody")

    stack.wall.advance(KEPT_FOR + timedelta(seconds=1))
    async with stack.sending(stack.worker("next")):
        await until_status(stack, {})

    assert await stack.statuses("nobody") == {"held": 1}


async def test_a_backlog_leaves_as_a_whole_and_nothing_of_it_twice(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    await stack.enqueue(*(f"w{n}" for n in range(300)))

    async with stack.sending():
        await until_status(stack, {"delivered": 300})

    assert receiver.doubles == []
    assert len(receiver.requests) == 300

"""Webhooks reach a real receiver, signed, and again until it takes them."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from starlette.responses import RedirectResponse, Response
from tests.integration.playbook_effects.stack import (
    HASTY,
    Receiver,
    Stack,
    attempted,
    body_in,
    looking,
    opened,
    receiving,
    until,
    until_status,
)

from cskit.observability import bind_traceparent
from cskit.webhooks import SCHEDULE
from csmodels.playbook import WebhookFailed
from playbook.effects import worker
from playbook.effects.queue import delivery_id


async def test_a_webhook_arrives_signed_with_the_worlds_time_and_its_id(stack: Stack, receiver: Receiver) -> None:
    secret = await stack.endpoint(receiver.url)

    async with stack.sending():
        await stack.enqueue("w1", title="電話する")
        await until(lambda: receiver.requests)

    (request,) = receiver.requests
    assert request.verified(secret) == {
        "type": "task.created",
        "timestamp": "2031-05-06T07:08:09Z",
        "data": {"account": "acme", "webhook": "w1", "title": "電話する"},
    }
    assert request.id == delivery_id("w1", "crm")
    assert request.headers["content-type"] == "application/json"
    (item,) = await stack.deliveries()
    assert (item["id"], item["status"], item["run"], item["step"]) == (request.id, "delivered", "run-1", "call")
    assert [(each["number"], each["status_code"]) for each in item["attempts"]] == [(1, 204)]


async def test_the_trace_of_what_caused_it_goes_along(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"

    with bind_traceparent(trace):
        await stack.enqueue("w1")
    async with stack.sending():
        await until(lambda: receiver.requests)

    assert receiver.requests[0].headers["traceparent"].split("-")[1] == "ab" * 16


async def test_a_commit_wakes_the_worker_at_once(tmp_path: Path, receiver: Receiver) -> None:
    async with opened(tmp_path, pace=looking(60.0)) as stack:
        await stack.endpoint(receiver.url)
        async with stack.sending():
            await until(lambda: stack.watched[0].looks)  # the next time would be in a minute
            await stack.enqueue("w1")
            await until(lambda: receiver.requests)


async def test_rows_of_another_replica_are_found_by_looking(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)

    async with stack.sending(stack.worker("other")):  # nobody wakes this one
        await stack.settled()
        await stack.enqueue("w1")
        await until(lambda: receiver.requests)


async def test_what_is_rolled_back_is_never_sent(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)

    async with stack.sending():
        with pytest.raises(RuntimeError):
            async with stack.units() as uow:
                await stack.put(uow, "w1")
                raise RuntimeError("no")
        await stack.settled()

    assert receiver.requests == []


async def test_after_a_500_the_same_is_sent_again_within_the_schedule(stack: Stack, receiver: Receiver) -> None:
    secret = await stack.endpoint(receiver.url)
    receiver.script = [500]

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: receiver.requests)
        await until_status(stack, {"pending": 1})  # no longer being sent: the answer is written down
        stack.wall.advance(SCHEDULE[1] * 0.79)
        await stack.settled()
        too_soon = len(receiver.requests)
        stack.wall.advance(SCHEDULE[1] * 0.42)
        await until_status(stack, {"delivered": 1})

    assert too_soon == 1
    first, second = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)
    assert second.verified(secret)
    (item,) = await stack.deliveries()
    assert [(each["number"], each["status_code"]) for each in item["attempts"]] == [(1, 500), (2, 204)]


async def test_a_retry_after_is_honoured(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.script = [Response(status_code=503, headers={"retry-after": "120"})]

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: receiver.requests)
        await until_status(stack, {"pending": 1})
        stack.wall.advance(timedelta(seconds=119))
        await stack.settled()
        too_soon = len(receiver.requests)
        stack.wall.advance(timedelta(seconds=2))
        await until(lambda: len(receiver.requests) == 2)

    assert too_soon == 1


async def test_a_429_holds_up_all_that_goes_to_that_endpoint_and_nothing_else(stack: Stack, receiver: Receiver) -> None:
    async with receiving() as other:
        await stack.endpoint(receiver.url, "crm")
        await stack.endpoint(other.url, "erp")
        receiver.script = [Response(status_code=429, headers={"retry-after": "60"})]

        async with stack.sending():
            await stack.enqueue("w1")
            await until(lambda: receiver.requests)
            await until_status(stack, {"pending": 1})
            await stack.enqueue("w2", endpoint="crm")
            await stack.enqueue("w3", endpoint="erp")
            await until(lambda: other.requests)
            await stack.settled()
            throttled = len(receiver.requests)
            stack.wall.advance(timedelta(seconds=61))
            await until_status(stack, {"delivered": 2})

        assert throttled == 1


async def test_a_410_disables_the_endpoint_and_tells_of_it(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.script = [410]

    async with stack.sending():
        await stack.enqueue("w1")
        await until_status(stack, {"failed": 1})
        await stack.enqueue("w2")
        await stack.settled()

        assert len(receiver.requests) == 1
        endpoint = (await stack.api.get("/v1/webhook-endpoints/crm")).json()
        assert (endpoint["status"], endpoint["reason"]) == ("disabled", "gone")
        held = await stack.deliveries(status="held")
        assert [(item["reason"], item["message"]) for item in held] == [
            ("endpoint_disabled", "The endpoint “crm” is disabled.")
        ]
        (event,) = await stack.outbox()
        assert isinstance(event, WebhookFailed)
        assert (event.subject, event.data.effect, event.data.endpoint, event.data.reason) == (
            "acme", delivery_id("w1", "crm"), "crm", "endpoint_gone",
        )  # fmt: skip

        await stack.api.patch("/v1/webhook-endpoints/crm", json={"status": "active"})
        await until_status(stack, {"failed": 1, "delivered": 1})


async def test_when_the_schedule_is_through_it_is_given_up_and_told(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.script = [500] * 20

    async with stack.sending():
        await stack.enqueue("w1")
        for n in range(1, len(SCHEDULE) + 1):
            await until(lambda n=n: len(receiver.requests) == n)  # type: ignore[misc]
            await until_status(stack, {"pending" if n < len(SCHEDULE) else "failed": 1})
            stack.wall.advance(timedelta(hours=12, minutes=1))
        await stack.settled()

    assert len(receiver.requests) == len(SCHEDULE)
    assert {request.id for request in receiver.requests} == {delivery_id("w1", "crm")}
    assert len({request.body for request in receiver.requests}) == 1
    (event,) = await stack.outbox()
    assert isinstance(event, WebhookFailed)
    assert event.data.reason == "attempts_exhausted"


async def test_an_endpoint_that_takes_nothing_for_five_days_is_disabled(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.script = [500] * 20

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: receiver.requests)
        await until_status(stack, {"pending": 1})
        stack.wall.advance(timedelta(days=5))
        await until_status(stack, {"failed": 1})

    endpoint = (await stack.api.get("/v1/webhook-endpoints/crm")).json()
    assert (endpoint["status"], endpoint["reason"]) == ("disabled", "failing")
    (event,) = await stack.outbox()
    assert isinstance(event, WebhookFailed)
    assert event.data.reason == "endpoint_failing"


def told_failing() -> float | None:
    return REGISTRY.get_sample_value("kizashi_webhook_failing_since_seconds")


async def test_a_success_forgets_the_failures_before(
    stack: Stack, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_LOOK_AT_FAILING_EVERY", 0.0)
    await stack.endpoint(receiver.url)
    receiver.script = [500]

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: receiver.requests)
        await until_status(stack, {"pending": 1})
        failing = (await stack.api.get("/v1/webhook-endpoints/crm")).json()["failing_since"]
        await until(lambda: told_failing() == datetime.fromisoformat(failing).timestamp())
        stack.wall.advance(timedelta(seconds=7))
        await until_status(stack, {"delivered": 1})
        await until(lambda: told_failing() == 0)

    assert (await stack.api.get("/v1/webhook-endpoints/crm")).json()["failing_since"] is None


async def test_a_redirect_is_a_failure_and_is_not_followed(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.script = [RedirectResponse(receiver.url.replace("/hook", "/elsewhere"), 307)]

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: receiver.requests)
        await until_status(stack, {"pending": 1})
        await stack.settled()

    assert [request.path for request in receiver.requests] == ["/hook"]
    (item,) = await stack.deliveries()
    assert item["status"] == "pending"
    assert "redirects are not followed" in item["attempts"][0]["error"]


async def test_an_answer_that_does_not_come_in_time_is_a_failure(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    receiver.hold = asyncio.Event()

    async with stack.sending(stack.worker("hasty", HASTY)):
        await stack.enqueue("w1")
        await until(lambda: receiver.begun)
        await until_status(stack, {"pending": 1})

    (item,) = await stack.deliveries()
    (attempt,) = item["attempts"]
    assert (item["status"], attempt["status_code"], attempt["error"]) == (
        "pending",
        None,
        "No answer within 1 seconds.",
    )


async def test_nothing_goes_to_a_private_address_that_got_into_the_table(tmp_path: Path, receiver: Receiver) -> None:
    async with opened(tmp_path) as stack:
        await stack.endpoint(receiver.url)
        await stack.enqueue("w1")
    async with opened(tmp_path, allow=()) as stack, stack.sending():
        item = await attempted(stack)

    assert receiver.begun == 0
    assert "not a public address" in item["attempts"][0]["error"]


async def test_a_webhook_for_an_endpoint_that_is_not_there_yet_waits_for_it(stack: Stack, receiver: Receiver) -> None:
    async with stack.sending():
        await stack.enqueue("w1")
        await stack.settled()
        (held,) = await stack.deliveries()
        await stack.endpoint(receiver.url)
        await until_status(stack, {"delivered": 1})

    assert (held["status"], held["reason"]) == ("held", "no_endpoint")
    assert held["message"] == "The endpoint “crm” does not exist yet."
    assert held["attempts"] == []


async def test_all_endpoints_that_subscribed_get_it_each_under_an_id_of_its_own(
    stack: Stack, receiver: Receiver
) -> None:
    await stack.endpoint(receiver.url, "crm", "task.created", "task.overdue")
    await stack.endpoint(receiver.url, "erp", "task.created")
    await stack.endpoint(receiver.url, "chat", "task.overdue")

    async with stack.sending():
        await stack.enqueue("w1", "w2", endpoint="*")
        await until(lambda: len(receiver.requests) == 4)
        await stack.settled()

    sent = {(request.id, body_in(request)["data"]["webhook"]) for request in receiver.requests}
    assert sent == {(delivery_id(id_, to), id_) for id_ in ("w1", "w2") for to in ("crm", "erp")}


async def test_repeating_a_webhook_changes_nothing(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url, "crm", "task.created")

    async with stack.sending():
        await stack.enqueue("w1", "w1", endpoint="*")
        await stack.enqueue("w1", title="another")
        await until_status(stack, {"delivered": 1})
        await stack.enqueue("w1", endpoint="*")
        await stack.settled()

    assert len(receiver.requests) == 1

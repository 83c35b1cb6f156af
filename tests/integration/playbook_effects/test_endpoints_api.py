"""/v1/webhook-endpoints and their deliveries."""

import base64
import hashlib
import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.integration.playbook_effects.stack import (
    Received,
    Receiver,
    Stack,
    bearer,
    opened,
    until,
    until_status,
)

from playbook.effects.queue import delivery_id
from playbook.effects_tables import deliveries, effects
from playbook.store import work

PATH = "/v1/webhook-endpoints"


def signed_with(request: Received, secret: str) -> bool:
    """Whether one of the signatures is of this secret, whatever the hour."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return wanted in request.headers["webhook-signature"].split(" ")


async def test_the_secret_is_shown_once(stack: Stack, receiver: Receiver) -> None:
    made = await stack.api.post(PATH, json={"id": "crm", "url": receiver.url, "types": ["task.created"]})

    secret = made.json()["secret"]
    assert (made.status_code, secret[:6]) == (201, "whsec_")
    seen = [
        await stack.api.get(PATH),
        await stack.api.get(f"{PATH}/crm"),
        await stack.api.patch(f"{PATH}/crm", json={"types": []}),
        await stack.api.get("/v1/audit/playbook"),
    ]
    assert [each.status_code for each in seen] == [200] * 4
    assert all(secret not in each.text and "secret" not in each.text for each in seen)


async def test_an_endpoint_without_an_id_gets_one_and_pages_follow_ids(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url, "b")
    await stack.endpoint(receiver.url, "a")
    random = (await stack.api.post(PATH, json={"url": receiver.url})).json()["id"]

    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (await stack.api.get(PATH, params={"limit": 1, **({"cursor": cursor} if cursor else {})})).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert found == sorted(["a", "b", random])


async def test_a_repeated_request_makes_one_endpoint_and_gives_the_same_secret(
    stack: Stack, receiver: Receiver
) -> None:
    header = {"Idempotency-Key": "once"}
    body = {"id": "crm", "url": receiver.url}

    answers = [await stack.api.post(PATH, json=body, headers=header) for _ in range(2)]
    other = await stack.api.post(PATH, json=body)

    assert answers[0].json() == answers[1].json()
    assert (other.status_code, other.json()["code"]) == (409, "endpoint_exists")


async def test_a_key_that_may_only_read_sees_no_more_of_the_url_than_its_host(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(f"{receiver.url}/T000/B000/hush?token=hush")

    seen = await stack.api.get(f"{PATH}/crm", headers=bearer(stack.keys["read"]))

    assert seen.json()["url"] == receiver.url.removesuffix("/hook")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "", "read"),
        ("GET", "/crm", "read"),
        ("POST", "", "configure"),
        ("PATCH", "/crm", "configure"),
        ("DELETE", "/crm", "configure"),
        ("POST", "/crm/rotate", "configure"),
        ("POST", "/crm/test", "configure"),
        ("GET", "/crm/deliveries", "operate"),
        ("POST", "/crm/deliveries/x/replay", "operate"),
    ],
)
async def test_each_request_needs_its_scope(tmp_path: Path, method: str, path: str, scope: str) -> None:
    async with opened(tmp_path) as stack:
        others = [name for name in stack.keys if name not in (scope, "admin", "all")]
        refused = [
            await stack.api.request(method, PATH + path, headers=bearer(stack.keys[name]), json={}) for name in others
        ]
        allowed = await stack.api.request(method, PATH + path, headers=bearer(stack.keys[scope]), json={})

    assert {each.status_code for each in refused} == {403}
    assert allowed.status_code not in (401, 403)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "refused_address"),
        ("http://10.1.2.3/hook", "refused_address"),
        ("https://[::1]/hook", "refused_address"),
        ("http://localhost:9/hook", "refused_address"),
        ("http://[::ffff:10.0.0.1]/", "refused_address"),
        ("http://2130706433/", "refused_address"),
        ("ftp://example.com/", "invalid_url"),
        ("https://user:hush@example.com/", "invalid_url"),
        ("/hook", "invalid_url"),
        ("http://no-such-host.invalid/", "unknown_host"),
    ],
)
async def test_an_address_that_must_not_be_reached_is_refused(tmp_path: Path, url: str, code: str) -> None:
    async with opened(tmp_path, allow=("192.168.0.0/16",)) as stack:
        made = await stack.api.post(PATH, json={"id": "crm", "url": url})

        assert (made.status_code, made.json()["code"], made.json()["field"]) == (422, code, "url")
        assert (await stack.api.get(PATH)).json()["items"] == []


async def test_an_operator_can_allow_private_hosts(tmp_path: Path) -> None:
    async with opened(tmp_path, allow=("10.0.0.0/8", "127.0.0.1:8080")) as stack:
        network = await stack.api.post(PATH, json={"id": "a", "url": "http://10.1.2.3/hook"})
        host = await stack.api.post(PATH, json={"id": "b", "url": "http://127.0.0.1:8080/hook"})
        port = await stack.api.post(PATH, json={"id": "c", "url": "http://127.0.0.1:8081/hook"})
        moved = await stack.api.patch(f"{PATH}/a", json={"url": "http://169.254.169.254/"})

    assert [each.status_code for each in (network, host, port, moved)] == [201, 201, 422, 422]


@pytest.mark.parametrize(
    "body", [{"types": ["task.exploded"]}, {"id": "No Spaces"}, {"id": "*"}, {"colour": "red"}, {"url": ""}]
)
async def test_what_is_wrong_with_a_request_is_named(tmp_path: Path, body: dict[str, Any]) -> None:
    async with opened(tmp_path) as stack:
        made = await stack.api.post(PATH, json={"url": "http://127.0.0.1/", **body})

    assert made.status_code == 422
    assert made.json()["field"].startswith(next(iter(body)))


async def test_an_unknown_endpoint_is_a_404_everywhere(tmp_path: Path) -> None:
    async with opened(tmp_path) as stack:
        answers = [
            await stack.api.get(f"{PATH}/no"),
            await stack.api.patch(f"{PATH}/no", json={}),
            await stack.api.delete(f"{PATH}/no"),
            await stack.api.post(f"{PATH}/no/rotate"),
            await stack.api.post(f"{PATH}/no/test"),
            await stack.api.get(f"{PATH}/no/deliveries"),
            await stack.api.post(f"{PATH}/no/deliveries/x/replay"),
        ]

    assert {each.status_code for each in answers} == {404}


async def test_after_a_rotation_old_and_new_secret_verify_for_a_day(stack: Stack, receiver: Receiver) -> None:
    old = await stack.endpoint(receiver.url)
    new = (await stack.api.post(f"{PATH}/crm/rotate")).json()["secret"]

    async with stack.sending():
        await stack.enqueue("w1")
        await until(lambda: len(receiver.requests) == 1)
        stack.wall.advance(timedelta(hours=24))
        await stack.enqueue("w2")
        await until(lambda: len(receiver.requests) == 2)

    within, after = receiver.requests
    assert within.verified(old) == within.verified(new)
    assert (signed_with(within, old), signed_with(within, new)) == (True, True)
    assert (signed_with(after, old), signed_with(after, new)) == (False, True)


async def test_a_repeated_rotation_gives_the_same_secret(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)

    twice = [await stack.api.post(f"{PATH}/crm/rotate", headers={"Idempotency-Key": "r"}) for _ in range(2)]

    assert twice[0].json()["secret"] == twice[1].json()["secret"]


async def test_a_test_is_sent_and_its_failure_tells_the_bus_nothing(stack: Stack, receiver: Receiver) -> None:
    secret = await stack.endpoint(receiver.url)
    receiver.script = [410]

    sent = await stack.api.post(f"{PATH}/crm/test")
    async with stack.sending():
        await until_status(stack, {"failed": 1})
    again = await stack.api.post(f"{PATH}/crm/test")

    assert (sent.status_code, sent.json()["delivery"]) == (202, receiver.requests[0].id)
    assert receiver.requests[0].verified(secret)["type"] == "webhook.test"
    assert await stack.outbox() == []
    assert (again.status_code, again.json()["code"]) == (409, "endpoint_disabled")


async def test_a_replay_sends_the_same_body_under_the_same_id_once_a_request(stack: Stack, receiver: Receiver) -> None:
    secret = await stack.endpoint(receiver.url)
    id_ = delivery_id("w1", "crm")
    async with stack.sending():
        await stack.enqueue("w1")
        await until_status(stack, {"delivered": 1})
        for _ in range(2):
            answer = await stack.api.post(f"{PATH}/crm/deliveries/{id_}/replay", headers={"Idempotency-Key": "r"})
            assert answer.status_code == 202, answer.text
            await until(lambda: len(receiver.requests) == 2)
            await until_status(stack, {"delivered": 1})
        await stack.settled()

    first, second = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)
    assert second.verified(secret)
    (item,) = await stack.deliveries()
    assert [attempt["number"] for attempt in item["attempts"]] == [1, 2]
    audit = (await stack.api.get("/v1/audit/playbook")).json()["items"]
    assert [entry["action"] for entry in audit].count("webhook.replayed") == 1


async def test_deliveries_are_listed_page_by_page_the_newest_first(stack: Stack, receiver: Receiver) -> None:
    for n in range(5):
        await stack.enqueue(f"w{n}")
        stack.wall.advance(timedelta(seconds=1))

    first = (await stack.api.get(f"{PATH}/crm/deliveries", params={"limit": 3})).json()
    rest = (await stack.api.get(f"{PATH}/crm/deliveries", params={"limit": 3, "cursor": first["next"]})).json()

    listed = [item["id"] for item in [*first["items"], *rest["items"]]]
    assert listed == [delivery_id(f"w{n}", "crm") for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None


async def test_a_disabled_endpoint_holds_and_an_enabled_one_releases(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    async with stack.sending():
        await stack.api.patch(f"{PATH}/crm", json={"status": "disabled"})
        await stack.enqueue("w1")
        await stack.settled()
        held = await stack.statuses()
        reason = (await stack.api.get(f"{PATH}/crm")).json()["reason"]
        await stack.api.patch(f"{PATH}/crm", json={"status": "active"})
        await until_status(stack, {"delivered": 1})

    assert (held, reason) == ({"held": 1}, "by_hand")


async def test_a_removed_endpoint_gives_up_what_waits_and_a_new_one_can_replay_it(
    stack: Stack, receiver: Receiver
) -> None:
    await stack.endpoint(receiver.url)
    await stack.enqueue("w1")

    removed = await stack.api.delete(f"{PATH}/crm")
    (item,) = await stack.deliveries()
    await stack.endpoint(receiver.url)
    async with stack.sending():
        await stack.settled()
        untouched = receiver.begun
        await stack.api.post(f"{PATH}/crm/deliveries/{item['id']}/replay")
        await until_status(stack, {"delivered": 1})

    assert (removed.status_code, item["status"], item["reason"]) == (204, "failed", "endpoint_deleted")
    assert untouched == 0


async def test_what_waits_goes_to_the_new_address_after_a_change(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint("http://127.0.0.1:9/gone")
    await stack.enqueue("w1")
    await stack.api.patch(f"{PATH}/crm", json={"url": receiver.url})

    async with stack.sending():
        await until_status(stack, {"delivered": 1})

    assert len(receiver.requests) == 1


async def test_an_erased_account_leaves_no_webhook(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    async with stack.sending():
        await stack.enqueue("w1")
        await until_status(stack, {"delivered": 1})
    await stack.enqueue("w2", account="other")

    async with stack.units() as uow:
        await work.forget_accounts(uow.tx, ["acme"])  # type: ignore[list-item]

    async with stack.service.database.read() as tx:
        left = [row.account for row in await tx.fetch(select(effects.c.account))]
        attempts = await tx.fetch(select(deliveries))
    assert (left, attempts) == (["other"], [])


async def test_an_address_that_is_none_is_refused(stack: Stack) -> None:
    hosts = ("xn--zzzzzz99999.example", "127.0.0.1:99999", r"a\u0000b", r"a\ud800b", "a" * 300)
    for host in hosts:
        body = f'{{"id": "crm", "url": "http://{host}/"}}'
        answer = await stack.api.post(PATH, content=body, headers={"Content-Type": "application/json"})

        assert (answer.status_code, answer.json()["field"]) == (422, "url"), answer.text


async def test_a_nul_in_the_path_is_refused(stack: Stack) -> None:
    for path in (f"{PATH}/a%00b", f"{PATH}/a%00b/deliveries"):
        answer = await stack.api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text"), answer.text


async def test_a_change_again_with_its_key_changes_nothing(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    off, on = {"Idempotency-Key": "off"}, {"Idempotency-Key": "on"}
    await stack.api.patch(f"{PATH}/crm", json={"status": "disabled"}, headers=off)
    await stack.api.patch(f"{PATH}/crm", json={"status": "active"}, headers=on)

    again = await stack.api.patch(f"{PATH}/crm", json={"status": "disabled"}, headers=off)

    assert again.json()["status"] == "active"


async def test_a_rotation_again_with_its_key_makes_no_third_secret(stack: Stack, receiver: Receiver) -> None:
    await stack.endpoint(receiver.url)
    await stack.api.post(f"{PATH}/crm/rotate", headers={"Idempotency-Key": "one"})
    two = await stack.api.post(f"{PATH}/crm/rotate", headers={"Idempotency-Key": "two"})

    again = await stack.api.post(f"{PATH}/crm/rotate", headers={"Idempotency-Key": "one"})

    assert again.json()["secret"] == two.json()["secret"]

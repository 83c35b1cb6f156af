"""The CRM that takes the demo's webhooks."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from allinone.demo.receiver import Receiver, receiving
from cskit.clock import RealClock
from cskit.webhooks import new_secret, sign

SECRET = new_secret()
BODY = json.dumps({"type": "task.created", "data": {"account": "<b>akagi</b>"}}).encode()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving("127.0.0.1", RealClock(), "en") as one:
        one.secret = SECRET
        yield one


async def post(receiver: Receiver, id_: str, secret: str = SECRET, body: bytes = BODY) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = sign([secret], id_, datetime.now(UTC), body)
        return (await client.post(receiver.hook, content=body, headers=headers)).status_code


async def page(receiver: Receiver, path: str = "/") -> httpx.Response:
    async with httpx.AsyncClient(base_url=receiver.url, trust_env=False, timeout=30) as client:
        return await client.get(path)


async def test_a_webhook_with_a_good_signature_is_taken_and_shown(receiver: Receiver) -> None:
    status = await post(receiver, "w-1")
    shown = await page(receiver)

    assert status == 204
    assert receiver.counts == {"w-1": 1}
    assert "w-1" in shown.text
    assert "checked, good" in shown.text
    assert "&lt;b&gt;akagi&lt;/b&gt;" in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await page(receiver, "/received.json")).json() == {"counts": {"w-1": 1}, "refused": 0}


async def test_one_that_another_has_signed_is_refused_and_said_to_be(receiver: Receiver) -> None:
    status = await post(receiver, "w-1", new_secret())
    shown = await page(receiver, "/?lang=ja")

    assert status == 401
    assert (receiver.counts, receiver.refused) == ({}, 1)
    assert "拒否" in shown.text
    assert 'lang="ja"' in shown.text


async def test_one_that_comes_again_counts_as_a_double(receiver: Receiver) -> None:
    for id_ in ("w-1", "w-2", "w-1"):
        await post(receiver, id_)

    assert receiver.counts == {"w-1": 2, "w-2": 1}
    assert receiver.doubles == 1


async def test_until_the_secret_is_known_webhooks_are_to_come_again(receiver: Receiver) -> None:
    receiver.secret = ""

    assert await post(receiver, "w-1") == 503
    assert receiver.counts == {}


async def test_what_is_no_webhook_is_refused(receiver: Receiver) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(receiver.hook, content=b"hello")

    assert answer.status_code == 401
    assert receiver.refused == 1

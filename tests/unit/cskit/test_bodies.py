"""The body decides what it is, whatever Content-Type says: SDKs and curl name other types, or none."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from cskit.auth import KeyFile, Keys
from cskit.clock import Clocks, FrozenClock
from cskit.http import BodyLimits, make_app
from cskit.http.bodies import Bodies
from cskit.http.problems import Refused


class Note(BaseModel):
    text: str


async def ready() -> Mapping[str, str]:
    return {}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/json", None])
@pytest.mark.parametrize("path", ["/v1/notes", "/inner/v1/notes"])
async def test_json_is_taken_whatever_its_content_type(tmp_path: Path, kind: str | None, path: str) -> None:
    router = APIRouter()

    @router.post("/v1/notes")
    async def add(note: Note) -> Note:
        return note

    wall = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    keys, clocks = Keys(KeyFile(tmp_path / "keys.json", wall)), Clocks(wall, wall)
    app = make_app("outer", [router], keys=keys, clocks=clocks, ready=ready)
    app.mount("/inner", make_app("inner", [router], keys=keys, clocks=clocks, ready=ready))
    headers = {"content-type": kind} if kind else {}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post(path, content=b'{"text": "hello"}', headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"text": "hello"})


@pytest.mark.parametrize("path", ["/v1/notes/%00", "/v1/notes?x=a%00b"])
async def test_an_address_with_a_nul_is_refused_before_anything_looks_at_it(tmp_path: Path, path: str) -> None:
    wall = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    keys, clocks = Keys(KeyFile(tmp_path / "keys.json", wall)), Clocks(wall, wall)
    app = make_app("outer", [], keys=keys, clocks=clocks, ready=ready)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text")


@pytest.mark.parametrize("declared", ["-1", "x", "1e3", "", "9" * 5_000])
async def test_a_content_length_that_is_no_number_is_refused_before_the_app_hears_of_it(
    tmp_path: Path, declared: str
) -> None:
    wall = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    keys, clocks = Keys(KeyFile(tmp_path / "keys.json", wall)), Clocks(wall, wall)
    app = make_app("outer", [], keys=keys, clocks=clocks, ready=ready)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/v1/notes", content=b"{}", headers={"content-length": declared})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_content_length")


async def test_a_body_that_stalls_is_not_waited_for_without_end() -> None:
    parts: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop() if parts else await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/notes", "root_path": "", "headers": []}

    with pytest.raises(Refused) as refused:
        await Bodies(app, BodyLimits(seconds=0.05))(scope, receive, send)

    assert (refused.value.error.status, refused.value.error.code) == (408, "body_too_slow")


async def test_who_listens_for_the_end_of_a_connection_after_its_body_may_wait() -> None:
    parts: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    left = asyncio.Event()

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        waiting = asyncio.create_task(receive())
        await asyncio.wait((waiting,), timeout=0.2)
        assert not waiting.done()
        left.set()
        assert (await waiting)["type"] == "http.disconnect"

    scope: Scope = {"type": "http", "method": "GET", "path": "/v1/stream", "root_path": "", "headers": []}

    await Bodies(app, BodyLimits(seconds=0.05))(scope, receive, _nowhere)


async def _nowhere(message: Message) -> None:
    raise AssertionError(message)

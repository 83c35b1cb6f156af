"""An app within an app, as the embedded server has them: one edge, one set of limits that both know."""

import re

import httpx
import structlog
from fastapi import APIRouter

from cskit.auth import Keys
from cskit.clock import Clocks
from cskit.http import make_app


async def _ready() -> dict[str, str]:
    return {}


async def test_a_mounted_app_answers_as_it_does_alone_and_is_logged_once() -> None:
    router = APIRouter()

    @router.get("/v1/thing/{name}")
    async def thing(name: str) -> dict[str, str]:
        return {"name": name}

    outer, inner = (
        make_app(name, [router], keys=Keys(), clocks=Clocks.real(), ready=_ready) for name in ("all", "one")
    )
    outer.mount("/one", inner)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://test") as client:
        with structlog.testing.capture_logs() as logs:
            found = await client.get("/one/v1/thing/x")
            missing = await client.get("/one/v1/nothing")
            papers = await client.get("/one/openapi.json")

    assert found.json() == {"name": "x"}
    assert missing.json()["code"] == "not_found"
    assert missing.json()["request_id"] == missing.headers["x-request-id"]
    assert "/v1/thing/{name}" in papers.json()["paths"]
    assert [entry["event"] for entry in logs] == ["http.request"] * 3
    assert logs[0]["route"] == "/v1/thing/{name}"


async def test_the_page_of_operations_finds_its_files_and_its_document_wherever_it_is_mounted() -> None:
    outer, inner = (make_app(name, [], keys=Keys(), clocks=Clocks.real(), ready=_ready) for name in ("all", "<one>"))
    outer.mount("/one", inner)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://test") as client:
        for path in ("/docs", "/one/docs"):
            page = await client.get(path)
            named = re.findall('(?:src|href)="([^"]+)"', page.text)
            files = {name: await client.get(str(page.url.join(name))) for name in named if name != "data:,"}

            assert {one.status_code for one in files.values()} == {200}
            assert sum("immutable" in one.headers.get("cache-control", "") for one in files.values()) == 3
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
            assert not re.search("https?:|unsafe", page.text + policy)

        missing = await client.get("/one/docs/none.js")

    assert "<title>Kizashi &lt;one&gt;</title>" in page.text
    assert missing.status_code == 404


async def test_nobody_else_is_asked_what_a_document_is_worth() -> None:
    app = make_app("one", [], keys=Keys(), clocks=Clocks.real(), ready=_ready)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        start = await client.get("/docs/start.js")

    assert "validatorUrl: null" in start.text
    assert start.headers["content-type"].startswith("text/javascript")

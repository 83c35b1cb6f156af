"""An app within an app, as the embedded server has them: one edge, one set of limits that both know."""

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

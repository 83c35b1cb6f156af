"""The console's pages in front of services in memory."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from tests.integration.console.upstream import FakeUpstream
from tests.integration.console.world import URL, app_of, console, cookie_of, place, portfolio

Visitor = Callable[..., httpx.AsyncClient]


@pytest.fixture
def upstream() -> FakeUpstream:
    return portfolio()


@pytest.fixture
async def visitor(upstream: FakeUpstream) -> AsyncIterator[Visitor]:
    """Opens a browser of somebody: `visitor()` is Sato; `visitor(signed_in=False)` has no session."""
    at = place()
    service = console(upstream, at)
    app = app_of(service, at)
    opened: list[httpx.AsyncClient] = []

    def visit(*, signed_in: bool = True, language: str | None = None, **session: Any) -> httpx.AsyncClient:
        cookies = cookie_of(at, **session) if signed_in else {}
        if language:
            cookies["kizashi_language"] = language
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=URL, cookies=cookies)
        opened.append(client)
        return client

    yield visit
    for client in opened:
        await client.aclose()
    assert service.close is not None
    await service.close()

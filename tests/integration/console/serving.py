"""The console as a server that tests can look at."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from tests.integration.console.upstream import FakeUpstream
from tests.integration.console.world import app_of, console, cookie_of, place, portfolio

from console.doors import Place
from cskit.clock import RealClock

HEALTH, PLAYBOOK = "/v1/health/stream", "/v1/playbook/stream"
WITHIN = 20.0  # seconds, before a test gives up


class Stream:
    """What a page's EventSource hears."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, kind: str, *, naming: str = "") -> Any:
        """The data of the next event of this kind that holds the text."""
        async with asyncio.timeout(WITHIN):
            seen = ""
            async for line in self._lines:
                if line.startswith("event: "):
                    seen = line.removeprefix("event: ")
                elif line.startswith("data: ") and seen == kind and naming in line:
                    return json.loads(line.removeprefix("data: "))
        raise AssertionError(f"the stream ended without {kind} {naming}")

    async def ended(self) -> bool:
        async with asyncio.timeout(WITHIN):
            async for _ in self._lines:
                pass
        return True


class Running:
    """A console that is served, with its workers."""

    def __init__(self, upstream: FakeUpstream, at: Place, url: str, closing: asyncio.Event) -> None:
        self.upstream = upstream
        self.url = url
        self.closing = closing
        self.at = at

    @asynccontextmanager
    async def page(self, query: str, **session: Any) -> AsyncIterator[Stream]:
        async with (
            httpx.AsyncClient(base_url=self.url, cookies=cookie_of(self.at, **session), timeout=WITHIN) as client,
            client.stream("GET", f"/live?{query}") as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield Stream(answer.aiter_lines())

    async def listening(self) -> None:
        """Wait until the console listens to both streams."""
        async with asyncio.timeout(WITHIN):
            while not (self.upstream.listeners(HEALTH) and self.upstream.listeners(PLAYBOOK)):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def served(language: str = "en") -> AsyncIterator[Running]:
    """A server on a port of its own, on services in memory."""
    upstream, at, closing = portfolio(language), place(wall=RealClock()), asyncio.Event()
    service = console(upstream, at, closing)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app_of(service, at), log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stop = asyncio.Event()
        workers = [asyncio.create_task(worker.run(stop)) for worker in service.workers]
        try:
            one = Running(upstream, at, url, closing)
            await one.listening()
            yield one
        finally:
            closing.set()
            stop.set()
            await asyncio.gather(*workers)
            server.should_exit = True
            await serving
    assert service.close is not None
    await service.close()

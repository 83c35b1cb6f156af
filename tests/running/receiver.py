"""A real HTTP receiver of webhooks that verifies each signature, as a customer's would."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import standardwebhooks
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Receiver:
    """What came in. With `secret` set, a request whose signature is wrong is noted in `refused` and answered 401."""

    url: str
    secret: str | None = None
    received: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)  # webhook-id, payload, monotonic
    refused: list[str] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        at = time.monotonic()
        body = await request.body()
        try:
            payload = standardwebhooks.Webhook(self.secret or "").verify(body, dict(request.headers))
        except Exception as error:  # noqa: BLE001  whatever is wrong with it, it is not taken
            self.refused.append(f"{type(error).__name__}: {error}")
            return Response(status_code=401)
        self.received.append((request.headers["webhook-id"], payload, at))
        self.came.set()
        return Response(status_code=204)

    def of_type(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Ids and payloads of one type, in the order they came."""
        return [(each, payload) for each, payload, _ in self.received if payload["type"] == kind]


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/hook")
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield receiver
    finally:
        server.should_exit = True
        await task

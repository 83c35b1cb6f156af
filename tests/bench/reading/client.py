"""An HTTP client that costs little.

Requests go out at once, each over a connection that is idle, or a new one, as any client with a pool does.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.bench.wire import Connection


class Closed(Exception):
    """The server closed a connection before it had answered."""


class _Connection(Connection):
    """One whose answers are awaited."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Closed())

    def answered(self, status: int, body: bytes) -> None:
        assert self._answer is not None
        self._answer.set_result((status, body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


class Client:
    """Of one server, with one key; close it at the end."""

    def __init__(self, url: str, key: str) -> None:
        there = urlsplit(url)
        assert there.hostname is not None
        assert there.port is not None
        self._host, self._port = there.hostname, there.port
        self._head = f"host: {there.netloc}\r\nauthorization: Bearer {key}\r\n"
        self._idle: deque[_Connection] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._idle:
            each.transport.close()

    async def get(self, path: str) -> tuple[int, bytes]:
        """The answer's status and body."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The same, of a body in JSON."""
        length = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return await self._ask(f"POST {path} HTTP/1.1\r\n{self._head}{length}\r\n".encode() + body)

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        """Asked again where the server closed an idle connection just as it was taken up."""
        while True:
            one = await self._taken()
            try:
                answer = await one.ask(request)
            except Closed:
                continue
            self._idle.append(one)
            return answer

    async def _taken(self) -> _Connection:
        while self._idle:
            one = self._idle.pop()
            if one.is_open:
                return one
        _, one = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
        return one

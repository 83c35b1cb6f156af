"""A stream of events on two replicas over real HTTP, on either engine of the log."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from httpx_sse import ServerSentEvent, aconnect_sse
from pydantic import SecretStr

from allinone.server import bound_socket, serving
from cskit.auth import KeyFile, Keys
from cskit.clock import Clocks, RealClock
from cskit.http import make_app
from cskit.http.feeds import Feed
from cskit.log import Log
from cskit.log.kafka import KafkaLog
from cskit.log.sqlite import SqliteLog
from cskit.testing.engines import KAFKA

KEY = "kz_operator_for_this_test_only"
ENGINES = ["sqlite", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(300)])]


@dataclass
class Streamed:
    """Two replicas that stream one topic at `path`, each with its own log client where the log is a server."""

    log: Log
    topic: str
    path: str
    keys: Keys
    urls: list[str] = field(default_factory=list)
    closing: list[asyncio.Event] = field(default_factory=list)

    @asynccontextmanager
    async def following(
        self, replica: int = 0, since: str | None = None, key: str = KEY, **query: Any
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """What a client of a replica gets, from where it stood if it says so."""
        headers = {"authorization": f"Bearer {key}"} | ({"last-event-id": since} if since is not None else {})
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            aconnect_sse(client, "GET", f"{self.urls[replica]}{self.path}", headers=headers, params=query) as source,
        ):
            yield source.aiter_sse()


S = TypeVar("S", bound=Streamed)


async def take(events: AsyncIterator[ServerSentEvent], count: int) -> list[ServerSentEvent]:
    """The next events."""
    async with asyncio.timeout(60):
        return [await anext(events) for _ in range(count)]


@asynccontextmanager
async def streamed(
    kind: type[S], engine: str, folder: Path, path: str, partitions: int, routes_of: Callable[[Feed], APIRouter]
) -> AsyncIterator[S]:
    """Both replicas on one of ENGINES, with a topic of their own."""
    logs: list[Log]
    if engine == "sqlite":
        logs = [SqliteLog(folder / "log.db", now_ms=lambda: time.time_ns() // 1_000_000)]  # one process, one log
    elif bootstrap := os.environ.get(KAFKA):
        logs = [KafkaLog(bootstrap, client_id="test"), KafkaLog(bootstrap, client_id="test-2")]
    else:
        pytest.skip(f"{KAFKA} is not set")
    for log in logs:
        await log.start()
    keys = Keys(KeyFile(folder / "keys.json", RealClock()), None, SecretStr(KEY))
    made = kind(logs[0], f"test-{uuid4().hex}", path, keys)
    await made.log.ensure_topics([made.topic], partitions)
    async with AsyncExitStack() as stack:
        for log in (logs[0], logs[-1]):
            await stack.enter_async_context(_replica(log, made, routes_of))
        yield made
    for log in logs:
        await log.close()


@asynccontextmanager
async def _replica(log: Log, made: Streamed, routes_of: Callable[[Feed], APIRouter]) -> AsyncIterator[None]:
    closing, stop = asyncio.Event(), asyncio.Event()
    feed = Feed(log, made.topic, name="feed:test", closing=closing)

    async def ready() -> dict[str, str]:
        return {}

    app = make_app("test", [routes_of(feed)], keys=made.keys, clocks=Clocks.real(), ready=ready)
    listener = bound_socket("127.0.0.1", 0)
    worker = asyncio.create_task(feed.run(stop))
    async with serving(app, listener):
        made.urls.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
        made.closing.append(closing)
        try:
            yield
        finally:
            closing.set()
    stop.set()
    await worker

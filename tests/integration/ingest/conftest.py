"""Ingest as it runs embedded: a SQLite log, a SQLite database, real workers, and a client of its HTTP app."""

import asyncio
import json
import os
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from cskit import migrate
from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, FrozenClock, RealClock
from cskit.http import BodyLimits, make_app
from cskit.log import Record
from cskit.platform import Platform, open_platform
from cskit.service import Service
from cskit.settings import Settings, TestHooks
from cskit.testing.engines import KAFKA, fresh_database, missing_engines
from cskit.testing.log import read_all
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from ingest.service import build

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@dataclass
class Ingest:
    """One running ingest."""

    platform: Platform
    service: Service
    app: FastAPI
    client: httpx.AsyncClient
    key: str
    world: FrozenClock
    workers: list[asyncio.Task[None]] = field(default_factory=list)

    async def sent(self) -> list[Record]:
        """All records of cs.customer-events, after the relay has emptied the outbox."""
        relay = self.platform.relay("ingest", _plumbing())
        stop = asyncio.Event()
        stop.set()
        await relay.run(stop)
        return await read_all(self.platform.log, CUSTOMER_EVENTS, 30)

    async def events(self, *types: str) -> list[dict[str, Any]]:
        """The events on the log by their place there; without control records unless their type is named."""
        records = sorted(await self.sent(), key=lambda record: (record.partition, record.offset))
        found = [json.loads(record.value or b"") for record in records]
        return [e for e in found if (e["type"] in types if types else e["subject"] != "!control")]

    async def batch(self, *items: Any, **more: Any) -> dict[str, Any]:
        """The answer of POST /v1/batch."""
        return _answer(await self.client.post("/v1/batch", json={"batch": list(items), **more}))

    async def post(self, *items: Any) -> dict[str, Any]:
        """The answer of POST /v1/events."""
        return _answer(await self.client.post("/v1/events", json={"events": list(items)}))


def _answer(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _plumbing() -> Any:
    from ingest.tables import PLUMBING

    return PLUMBING


def _keys(folder: Path, clocks: Clocks) -> tuple[Keys, str]:
    file = KeyFile(folder / "keys.json", clocks.wall)
    text, entry = new_key("product", ["ingest", "people", "operate"], None, None, clocks.wall.now())
    file.add(entry)
    return Keys(file), text


def app_of(service: Service, platform: Platform) -> FastAPI:
    """The app as the composition makes it."""
    return make_app(
        service.name,
        service.routers,
        keys=platform.keys,
        clocks=platform.clocks,
        ready=service.ready,
        limits=BodyLimits(paths=service.body_limits),
    )


@asynccontextmanager
async def running(
    folder: Path, world: FrozenClock | None = None, cluster: dict[str, Any] | None = None
) -> AsyncIterator[Ingest]:
    """An ingest in this folder; its workers stand still, so that a test decides when they work."""
    world = world or FrozenClock(NOW)
    clocks = Clocks(world=world, wall=RealClock())
    keys, key = _keys(folder, clocks)
    hooks = TestHooks(topic_prefix=f"t{secrets.token_hex(4)}-" if cluster else "")
    platform = open_platform(Settings(data=folder, **(cluster or {})), clocks=clocks, keys=keys, hooks=hooks)
    await platform.log.start()
    await platform.log.ensure_topics([CUSTOMER_EVENTS], PARTITIONS)
    try:
        await migrate.upgrade(platform.database("ingest"), "ingest")
        service = build(platform)
        app = app_of(service, platform)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://ingest", auth=(key, "")
        ) as client:
            yield Ingest(platform, service, app, client, key, world)
    finally:
        await platform.close()


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[Ingest]:
    """Embedded."""
    async with running(tmp_path) as one:
        yield one


@pytest.fixture(params=["embedded", pytest.param("clustered", marks=[pytest.mark.kafka, pytest.mark.postgres])])
async def each_ingest(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ingest]:
    """On each platform: for what the database's own ways decide."""
    if request.param == "embedded":
        async with running(tmp_path) as one:
            yield one
        return
    if reason := missing_engines():
        pytest.skip(reason)
    async with fresh_database() as url:
        cluster = {"kafka": os.environ[KAFKA], "database_url": SecretStr(url)}
        async with running(tmp_path, cluster=cluster) as one:
            yield one


class Server:
    """A uvicorn server of its own thread and loop, on a free port."""

    def __init__(self, folder: Path, wrap: Callable[[FastAPI], Any] = lambda app: app) -> None:
        self._folder = folder
        self._wrap = wrap
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._started = threading.Event()
        self._stop = threading.Event()
        self.events: list[dict[str, Any]] = []

    async def _serve(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        async with running(self._folder, FrozenClock(datetime.now(UTC))) as one:
            self.url, self.key = f"http://127.0.0.1:{port}", one.key
            config = uvicorn.Config(self._wrap(one.app), port=port, log_level="error", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            self._started.set()
            await asyncio.to_thread(self._stop.wait)
            server.should_exit = True
            await serving
            self.events = await one.events()

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(20), "the server did not start"

    def stop(self) -> list[dict[str, Any]]:
        """End it; the events that are on its log."""
        self._stop.set()
        self._thread.join(20)
        return self.events


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path)
    one.start()
    yield one
    one.stop()

"""The webhooks of playbook as they run, and a receiver of theirs that answers by a script."""

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import standardwebhooks
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.integration.playbook_effects.watching import Watched, watched

from cskit import migrate
from cskit.auth import SCOPES, KeyFile, Keys, new_key
from cskit.clock import Clock, Clocks, FrozenClock
from cskit.http import make_app
from cskit.log.sqlite import SqliteLog
from cskit.messages import UnitOfWork, UnitOfWorks
from cskit.platform import Platform
from cskit.service import Service
from cskit.settings import Settings, TestHooks
from cskit.webhooks import WebhookSender
from csmodels.catalogue import parse
from csmodels.envelope import Event
from playbook.effects.queue import Queue
from playbook.effects.worker import EffectsWorker, Pace
from playbook.service import NAME, Effects, assemble, webhooks
from playbook.tables import PLUMBING

WORLD = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)  # far from the wall, so that mixing them up is seen
PACE = Pace(per_endpoint=4, look=0.02, timeout=20.0, lease=60.0)  # patient, however busy the machine is
HASTY = replace(PACE, timeout=1.0, lease=5.0)


@dataclass(frozen=True)
class Received:
    """One request that came in, and what was answered."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """The payload, if the reference library accepts the signature."""
        payload: dict[str, Any] = standardwebhooks.Webhook(secret).verify(self.body, dict(self.headers))
        return payload


@dataclass
class Receiver:
    """Answers by `script`, a status or an answer for each request in turn, then 204. `delay` is in seconds."""

    url: str
    script: list[int | Response] = field(default_factory=list)
    delay: float = 0.0
    hold: asyncio.Event | None = None  # answers wait for it
    requests: list[Received] = field(default_factory=list)
    begun: int = 0
    open: Counter[str] = field(default_factory=Counter)  # by webhook-id
    most_open: int = 0
    doubles: list[str] = field(default_factory=list)  # ids that came while they were being answered

    async def take(self, request: Request) -> Response:
        body = await request.body()
        id_ = request.headers["webhook-id"]
        self.begun += 1
        if self.open[id_]:
            self.doubles.append(id_)
        self.open[id_] += 1
        self.most_open = max(self.most_open, self.open.total())
        answer = self.script.pop(0) if self.script else 204
        try:
            if self.hold is not None:
                await self.hold.wait()
            await asyncio.sleep(self.delay)
        finally:
            self.open[id_] -= 1
        response = Response(status_code=answer) if isinstance(answer, int) else answer
        self.requests.append(Received(request.url.path, dict(request.headers), body, response.status_code))
        return response


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/hook")
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST", "GET"])])
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        server.should_exit = True
        await task


@dataclass
class Stack:
    """The service with its effects: `api` carries a key with every scope; `wall` stands still unless moved."""

    platform: Platform
    service: Service
    effects: Effects
    units: UnitOfWorks
    wall: Any
    api: httpx.AsyncClient
    keys: dict[str, str]
    pace: Pace
    watched: Sequence[Watched] = ()  # the workers that are sending, or were last

    async def endpoint(self, url: str, id_: str = "crm", *types: str) -> str:
        """Make an endpoint; its secret."""
        answer = await self.api.post("/v1/webhook-endpoints", json={"id": id_, "url": url, "types": types})
        assert answer.status_code == 201, answer.text
        secret: str = answer.json()["secret"]
        return secret

    async def enqueue(self, *ids: str, endpoint: str = "crm", type_: str = "task.created", **data: Any) -> None:
        """Put webhooks in, in one transaction."""
        async with self.units() as uow:
            await self.put(uow, *ids, endpoint=endpoint, type_=type_, **data)

    async def put(
        self, uow: UnitOfWork, *ids: str, endpoint: str = "crm", type_: str = "task.created", **data: Any
    ) -> None:
        """Put webhooks in, in this transaction."""
        for id_ in ids:
            await self.effects.enqueue(
                uow, endpoint, id_, type_, WORLD, {"account": "acme", "webhook": id_, **data}, "run-1", "call"
            )

    async def deliveries(self, endpoint: str = "crm", **query: Any) -> list[dict[str, Any]]:
        """What the API tells of an endpoint's webhooks."""
        path = f"/v1/webhook-endpoints/{endpoint}/deliveries"
        answer = await self.api.get(path, params=query)
        if answer.status_code == 503:  # where all stands still for five seconds, PostgreSQL ends what was being read
            answer = await self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def statuses(self, endpoint: str = "crm") -> Counter[str]:
        """How many of an endpoint's webhooks stand how."""
        return Counter(item["status"] for item in await self.deliveries(endpoint, limit=500))

    async def outbox(self) -> list[Event]:
        """The events that wait for the relay."""
        async with self.service.database.read() as tx:
            rows = await tx.fetch(PLUMBING.outbox.select().order_by(PLUMBING.outbox.c.id))
        return [parse(row.topic, row.value, row.key) for row in rows]

    def worker(self, owner: str, pace: Pace | None = None, wake: asyncio.Event | None = None) -> EffectsWorker:
        """One more worker on the same database, as another replica has it."""
        pace = pace or self.pace
        sender = WebhookSender(self.platform.clocks, self.platform.settings.webhook_allow, timeout=pace.timeout)
        return EffectsWorker(
            self.service.database, self.units, sender, self.platform.clocks, owner, wake or asyncio.Event(), pace
        )

    @asynccontextmanager
    async def sending(self, *workers: EffectsWorker) -> AsyncIterator[None]:
        """Let workers run, the service's own if none is given; in the end they are stopped and waited for."""
        chosen = workers or tuple(each for each in self.effects.workers if isinstance(each, EffectsWorker))
        stop = asyncio.Event()
        with contextlib.ExitStack() as stack:
            self.watched = [stack.enter_context(watched(each)) for each in chosen]
            tasks = [asyncio.create_task(each.run(stop)) for each in chosen]
            try:
                yield
            finally:
                stop.set()
                await asyncio.gather(*tasks)

    async def looked(self) -> None:
        """Each worker has looked again, from the table's present state on, whatever it made of it."""
        before = [each.looks for each in self.watched]
        await until(lambda: all(e.looks >= n + 2 for e, n in zip(self.watched, before, strict=True)))

    async def settled(self) -> None:
        """The same, and then found nothing to send while nothing was on its way."""
        await self.looked()
        await until(lambda: all(each.quiet for each in self.watched))


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_status(stack: Stack, wanted: dict[str, int], endpoint: str = "crm", *, seconds: float = 30.0) -> None:
    """Wait until an endpoint's webhooks stand so."""
    async with asyncio.timeout(seconds):
        while await stack.statuses(endpoint) != Counter(wanted):
            await asyncio.sleep(0.01)


async def attempted(stack: Stack) -> dict[str, Any]:
    """The only webhook of an endpoint, once it was attempted and that is written down."""
    async with asyncio.timeout(30.0):
        while not (item := (await stack.deliveries())[0])["attempts"]:
            await asyncio.sleep(0.01)
    return item


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    database_url: str | None = None,
    allow: tuple[str, ...] = ("127.0.0.1",),
    pace: Pace = PACE,
    wall: Clock | None = None,
) -> AsyncIterator[Stack]:
    """The service on SQLite, or on the PostgreSQL at `database_url`; the log is a file either way."""
    wall = wall or FrozenClock(datetime.now(UTC))
    clocks = Clocks(world=FrozenClock(WORLD), wall=wall)
    key_file, keys = KeyFile(folder / "keys.json", wall), {}
    for name, scopes in {**{scope: (scope,) for scope in SCOPES}, "all": SCOPES}.items():
        keys[name], entry = new_key(name, scopes, None, None, wall.now())
        key_file.add(entry)
    settings = Settings(
        data=folder,
        kafka="not-used:9092" if database_url else None,
        database_url=SecretStr(database_url) if database_url else None,
        webhook_allow=allow,
    )
    log = SqliteLog(folder / "log.db", now_ms=lambda: int(WORLD.timestamp() * 1000))
    platform = Platform(settings, log=log, clocks=clocks, keys=Keys(key_file), hooks=TestHooks())
    try:
        await migrate.upgrade(platform.database(NAME), NAME)
        effects = webhooks(platform, pace)
        service = assemble(platform, effects)
        app = make_app(NAME, service.routers, keys=platform.keys, clocks=clocks, ready=service.ready)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://playbook", headers=bearer(keys["all"])
        ) as api:
            yield Stack(platform, service, effects, platform.units_of_work(NAME, PLUMBING), wall, api, keys, pace)
    finally:
        await platform.close()


def bearer(key: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key}"}


def queue_of(stack: Stack) -> Queue:
    """A queue beside the service's own, as another replica has it: it wakes nobody here."""
    return Queue(stack.platform.clocks.wall, asyncio.Event())


def body_in(received: Received) -> Any:
    """The JSON of a request."""
    return json.loads(received.body)


def looking(every: float) -> Pace:
    """The usual pace, with a look at the table that often."""
    return replace(PACE, look=every)

"""Scoring as it runs embedded, with ingest's texts as a fake, for the tests of its API."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import SecretStr
from tests.integration.scoring.world import NOON

from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, FrozenClock, RealClock
from cskit.http import make_app, service_client
from cskit.log import NewRecord
from cskit.messages import event_record
from cskit.platform import Platform, open_platform
from cskit.settings import Settings
from cskit.testing.log import read_all
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS, PLAYBOOK_EVENTS
from scoring.acts import GROUP, Acts
from scoring.api import accounts, exports, scorecards, segments, watch
from scoring.applying import Scorecards
from scoring.catalogue import Catalogue, ReadingRules
from scoring.comparing import Comparing
from scoring.handlers import ScoringHandler
from scoring.scorecards import built_in
from scoring.segmenting import Ranks
from scoring.settings import ScoringSettings
from scoring.store import reading
from scoring.tables import PLUMBING
from scoring.timeline import GROUP as TELLING
from scoring.timeline import TimelineHandler
from scoring.weekly import WeekAgo

NOTE = {"author": "sam", "text_ref": "ingest/00000000-0000-4000-8000-000000000000"}


class Texts:
    """What ingest keeps: texts by id; the same Idempotency-Key gives the same one. `down` refuses.

    Of the people of an erased account one goes at a time; from the `down_after`th such request on it refuses, too.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.actors: list[str] = []
        self.people: list[str] = []
        self.down = False
        self.down_after: int | None = None

    def client(self, actor: str) -> httpx.AsyncClient:
        def answer(request: httpx.Request) -> httpx.Response:
            if self.down:
                raise httpx.ConnectError("refused")
            if request.url.path == "/v1/contacts":
                return self._part(request.url.params["account"])
            if request.method == "DELETE":
                known = self.texts.pop(request.url.path.removeprefix("/v1/texts/"), None)
                return httpx.Response(404 if known is None else 204)
            number = request.headers["Idempotency-Key"]
            self.texts[number] = request.content.decode()
            self.actors.append(request.headers["kizashi-actor"])
            return httpx.Response(201, json={"text_ref": f"ingest/{number}"})

        return service_client("http://ingest", SecretStr("k"), actor, transport=httpx.MockTransport(answer))

    def _part(self, account: str) -> httpx.Response:
        if self.down_after is not None:
            self.down_after -= 1
            if self.down_after < 0:
                return httpx.Response(503)
        mine = [number for number, body in self.texts.items() if json.loads(body)["account"] == account]
        for number in mine:
            del self.texts[number]
        gone = len(self.people[:1])
        self.people = self.people[1:]
        said = {"people": gone, "unlinked": 0, "users": 2 * gone, "waiting": 0, "texts": len(mine)}
        return httpx.Response(200, json={"account": account, **said, "more": bool(self.people)})


@dataclass
class Running:
    """Scoring with its workers at work, and a client of its app."""

    platform: Platform
    client: httpx.AsyncClient
    world: FrozenClock
    texts: Texts
    hold: asyncio.Event
    ranks: Ranks

    async def append(self, *events: Event, partition: int | None = None) -> None:
        """Append events of accounts, or control records of a partition, and wait until they are folded."""
        self._reach(events)
        records = [
            event_record(CUSTOMER_EVENTS, one)
            if partition is None
            else NewRecord(CUSTOMER_EVENTS, partition, one.key, one.to_bytes())
            for one in events
        ]
        await self._appended(records, GROUP)

    async def tell(self, *events: Event) -> None:
        """Append events of playbooks, and wait until they are kept."""
        self._reach(events)
        await self._appended([event_record(PLAYBOOK_EVENTS, one) for one in events], TELLING)

    def _reach(self, events: Sequence[Event]) -> None:
        """Let the clock, by which the log appends, be where the events are: what comes before its time is poison."""
        self.world.advance(max(timedelta(0), max(one.receivedtime for one in events) - self.world.now()))

    async def _appended(self, records: Sequence[NewRecord], group: str) -> None:
        offsets = await self.platform.log.append(records)
        wanted = {(record.topic, record.partition): offset for record, offset in zip(records, offsets, strict=True)}
        database = self.platform.database("scoring")
        async with asyncio.timeout(20):
            for (topic, number), offset in wanted.items():
                while True:
                    async with database.read() as tx:
                        if await reading.next_offset(tx, group, topic, number) > offset:
                            break
                    await asyncio.sleep(0.01)

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.client.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, status: int = 201, key: str | None = None) -> Any:
        return await self.send("POST", path, body, status, key)

    async def send(self, method: str, path: str, body: Any = None, status: int = 200, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


class Held:
    """A handler whose batches wait until they may pass."""

    def __init__(self, handler: ScoringHandler, go: asyncio.Event) -> None:
        self._handler = handler
        self._go = go
        self.on_assigned = handler.on_assigned
        self.forget = handler.forget
        self.wanted = handler.wanted

    async def on_batch(self, messages: Any, uow: Any) -> None:
        await self._go.wait()
        await self._handler.on_batch(messages, uow)


@asynccontextmanager
async def running(folder: Path, scopes: Sequence[str] = ("read", "write"), zone: str = "UTC") -> AsyncIterator[Running]:
    world = FrozenClock(NOON)
    clocks = Clocks(world=world, wall=RealClock())
    file = KeyFile(folder / "keys.json", clocks.wall)
    text, entry = new_key("sam", scopes, None, None, clocks.wall.now())
    file.add(entry)
    platform = open_platform(Settings(data=folder), clocks=clocks, keys=Keys(file))
    await platform.start()
    await platform.prepare("scoring")
    database = platform.database("scoring")
    settings = ScoringSettings(zone=zone, currency="USD", fold_within=2.0)
    handler = ScoringHandler(settings=settings, cards=built_in(), database=database, clocks=clocks)
    texts, go = Texts(), asyncio.Event()
    go.set()
    acts = Acts(log=platform.log, ingest=texts.client, database=database, settings=settings, clocks=clocks)
    catalogue = Catalogue(built_in())
    rules = ReadingRules(catalogue, ZoneInfo("UTC"), "USD")
    units = platform.units_of_work("scoring", PLUMBING)
    stored = Scorecards(units=units, database=database, catalogue=catalogue, settings=settings, clocks=clocks)
    await stored.begin()
    comparing = Comparing(database=database, catalogue=catalogue, settings=settings, clocks=clocks)
    week_ago, ranks = WeekAgo(rules), Ranks(database=database, settings=settings, clocks=clocks)
    routes = [
        scorecards.router(database=database, scorecards=stored, catalogue=catalogue, comparing=comparing),
        watch.router(database=database),
        accounts.router(database=database, rules=rules, clocks=clocks, week_ago=week_ago, acts=acts),
        exports.router(database=database, rules=rules, clocks=clocks, week_ago=week_ago),
        segments.router(database=database, clocks=clocks, ranks=ranks, week_ago=week_ago),
    ]

    async def ready() -> dict[str, str]:
        return {}

    app = make_app("scoring", routes, keys=platform.keys, clocks=clocks, ready=ready)
    runner = platform.runner("scoring", PLUMBING, group=GROUP, topics=[CUSTOMER_EVENTS], handler=Held(handler, go))
    stop = asyncio.Event()
    told = [PLAYBOOK_EVENTS]
    telling = platform.runner("scoring", PLUMBING, group=TELLING, topics=told, handler=TimelineHandler())
    tasks = [asyncio.create_task(w.run(stop)) for w in (runner, telling, platform.relay("scoring", PLUMBING))]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring", auth=(text, "")) as client:
        try:
            yield Running(platform, client, world, texts, go, ranks)
        finally:
            go.set()
            stop.set()
            await asyncio.gather(*tasks)
            await platform.close()


def total(health: dict[str, Any]) -> float:
    """What the parts of a health add up to."""
    return float(
        health["reference"]
        + sum(one["contribution"] for one in health["contributions"])
        + sum(one["points"] for one in health["adjustments"])
    )


async def published(scoring: Running, account: str) -> list[Any]:
    """What is on cs.health-events about an account, once the outbox is empty."""
    async with asyncio.timeout(10):
        while True:
            async with scoring.platform.database("scoring").read() as tx:
                if not await tx.fetch(PLUMBING.outbox.select().limit(1)):
                    break
            await asyncio.sleep(0.01)
    records = await read_all(scoring.platform.log, HEALTH_EVENTS, 10)
    return [one for r in records if (one := json.loads(r.value or b""))["subject"] == account]

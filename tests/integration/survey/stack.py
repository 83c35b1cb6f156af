"""The survey service with its HTTP app, opened for a test; its clock stands still until the test moves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from sqlalchemy import Table, select

from cskit import migrate
from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, FrozenClock
from cskit.http import make_app
from cskit.log.sqlite import SqliteLog
from cskit.messages import Message, UnitOfWork
from cskit.platform import Platform
from cskit.service import Service
from cskit.settings import Settings, TestHooks
from csmodels.catalogue import parse
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS
from survey.handlers import Handlers
from survey.service import build
from survey.tables import PLUMBING, invitations, responses, texts

NOW = datetime(2026, 11, 24, 8, 41, tzinfo=UTC)
PUBLIC_URL = "https://cs.example.com"
PERSON = "3f1c9a52-6a0e-4b57-9a53-0d2f6a1b7c88"
SCOPES = ("read", "write", "configure", "people")


@dataclass
class Stack:
    """The service, opened: `api` carries a key with every scope, `browser` none."""

    platform: Platform
    service: Service
    world: FrozenClock
    api: httpx.AsyncClient
    browser: httpx.AsyncClient
    keys: dict[str, str]

    async def invite(self, survey: str = "nps", *, key: str | None = None, **body: object) -> str:
        """Invite a person and return the path of the link."""
        headers = {"Idempotency-Key": key} if key else {}
        whole = {"account": "acme", "person": PERSON, **body}
        answer = await self.api.post(f"/v1/surveys/{survey}/invitations", json=whole, headers=headers)
        assert answer.status_code == 201, answer.text
        url = urlsplit(answer.json()["url"])
        assert f"{url.scheme}://{url.netloc}" == PUBLIC_URL
        return str(url.path)

    async def answer(self, link: str, score: int | str = 7, comment: str = "", **more: str) -> httpx.Response:
        """Send the form of a page."""
        return await self.browser.post(link, data={"score": str(score), "comment": comment, **more})

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table."""
        async with self.service.database.read() as tx:
            return [dict(row._mapping) for row in await tx.fetch(select(table).order_by(*table.primary_key))]

    async def outbox(self) -> list[Event]:
        """The events that wait for the relay."""
        rows = await self.rows(PLUMBING.outbox)
        assert {row["topic"] for row in rows} <= {CUSTOMER_EVENTS}
        return [parse(row["topic"], row["value"], row["key"]) for row in rows]

    async def everything(self) -> list[list[dict[str, Any]]]:
        """What an answer could have changed."""
        return [await self.rows(table) for table in (invitations, responses, texts, PLUMBING.outbox)]

    async def fold(self, *events: Event) -> None:
        """Give a batch to the consumer, as the runner does."""
        batch = [Message(event, CUSTOMER_EVENTS, 0, n, self.world.now(), ()) for n, event in enumerate(events)]
        async with self.service.database.write() as tx:
            await Handlers().on_batch(batch, UnitOfWork(tx, PLUMBING))


@asynccontextmanager
async def opened(folder: Path, *, database_url: str | None = None) -> AsyncIterator[Stack]:
    """The service on SQLite, or on the PostgreSQL at `database_url`; the log is a file either way."""
    world = FrozenClock(NOW)
    clocks = Clocks(world=world, wall=world)
    key_file, keys = KeyFile(folder / "keys.json", world), {}
    for name, scopes in {**{scope: (scope,) for scope in SCOPES}, "all": SCOPES}.items():
        keys[name], entry = new_key(name, scopes, None, None, world.now())
        key_file.add(entry)
    settings = Settings(
        data=folder,
        public_url=PUBLIC_URL,
        time_zone="Asia/Tokyo",
        kafka="not-used:9092" if database_url else None,
        database_url=SecretStr(database_url) if database_url else None,
    )
    log = SqliteLog(folder / "log.db", now_ms=lambda: int(world.now().timestamp() * 1000))
    platform = Platform(settings, log=log, clocks=clocks, keys=Keys(key_file), hooks=TestHooks())
    await platform.start()
    try:
        await migrate.upgrade(platform.database("survey"), "survey")
        service = build(platform)
        app = make_app("survey", service.routers, keys=platform.keys, clocks=clocks, ready=service.ready)
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(
                transport=transport, base_url=PUBLIC_URL, headers={"Authorization": f"Bearer {keys['all']}"}
            ) as api,
            httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as browser,
        ):
            yield Stack(platform, service, world, api, browser, keys)
    finally:
        await platform.close()

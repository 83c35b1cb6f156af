"""The playbook service with its HTTP app, on SQLite and on PostgreSQL; its clock stands still until a test moves it.

Sending is another part's: here a table keeps what was put in, in the transaction in which it was put.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Column, Integer, MetaData, String, Table, select

from cskit import migrate
from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, FrozenClock
from cskit.db import Json
from cskit.http import make_app
from cskit.log.sqlite import SqliteLog
from cskit.messages import Message, UnitOfWork
from cskit.platform import Platform
from cskit.service import Service
from cskit.settings import Settings, TestHooks
from cskit.testing.engines import DATABASE, fresh_database
from csmodels.catalogue import TOPIC_OF, TYPES, parse
from csmodels.envelope import Event
from csmodels.examples import PREVIOUS, message
from playbook.catalogue import Playbooks
from playbook.handlers import PlaybookHandler
from playbook.ledger import Means
from playbook.service import Effects, assemble
from playbook.tables import PLUMBING, accounts, runs, tasks, timers
from playbook.timers import Timers

NOW = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)  # a Monday, half past nine in Tokyo
SCOPES = ("read", "write", "configure", "operate")

_sent = MetaData()
webhooks = Table(
    "sent_webhooks",
    _sent,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("endpoint", String(64), nullable=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("type", String(64), nullable=False),
    Column("data", Json(), nullable=False),
    Column("run", String(64), nullable=False),
    Column("step", String(64), nullable=False),
)


async def enqueue(
    uow: UnitOfWork,
    endpoint: str,
    webhook_id: str,
    type: str,
    timestamp: datetime,
    data: Mapping[str, Any],
    run: str,
    step: str,
) -> None:
    """Keep it in the table."""
    uow.insert(
        webhooks,
        [{"endpoint": endpoint, "id": webhook_id, "type": type, "data": dict(data), "run": run, "step": step}],
    )


@dataclass
class Stack:
    """The service, opened: `api` carries a key with every scope."""

    platform: Platform
    service: Service
    handler: PlaybookHandler
    timers: Timers
    world: FrozenClock
    api: httpx.AsyncClient
    keys: dict[str, str]

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table, by its key."""
        async with self.service.database.read() as tx:
            return [dict(row._mapping) for row in await tx.fetch(select(table).order_by(*table.primary_key))]

    async def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All that a batch could have written."""
        tables = (accounts, runs, tasks, timers, webhooks, PLUMBING.outbox)
        return {table.name: await self.rows(table) for table in tables}

    async def outbox(self, *types: str) -> list[Event]:
        """The events that wait for the relay, in their order."""
        events = [parse(row["topic"], row["value"], row["key"]) for row in await self.rows(PLUMBING.outbox)]
        return [event for event in events if not types or event.type in types]

    async def fold(self, *events: Event, offset: int = 0) -> None:
        """Give a batch to the consumer, as the runner does; it lies at `offset` of its topic."""
        async with self.service.database.write() as tx:
            await self.handler.on_batch(self.messages(events, offset), UnitOfWork(tx, PLUMBING))

    def messages(self, events: Sequence[Event], offset: int = 0) -> list[Message[Event]]:
        """The events as the runner hands them on."""
        now = self.world.now()
        return [Message(event, TOPIC_OF[event.type], 0, n, now, ()) for n, event in enumerate(events, offset)]

    async def add_staff(self, id_: str = "s-1", country: str = "JP", zone: str = "Asia/Tokyo") -> None:
        """Put a member of the staff in."""
        body = {"id": id_, "name": "Aya", "role": "csm", "country": country, "time_zone": zone, "locale": "ja"}
        answer = await self.api.post("/v1/staff", json=body)
        assert answer.status_code == 201, answer.text


def health(
    version: int,
    band: str = "red",
    previous: str = "yellow",
    account: str = "acme",
    *,
    backfill: bool = False,
    offset: int = 17,
    **state: Any,
) -> Event:
    """A health.changed of a cut at `offset` of partition 0."""
    whole = message("health.changed")
    data = {
        **whole["data"],
        "version": version,
        "band": band,
        "previous": {**PREVIOUS, "version": version - 1, "band": previous},
        "account": {**whole["data"]["account"], **state},
        "backfill": backfill,
        "partition": 0,
        "offset": offset,
    }
    return _event({**whole, "id": f"{account}:{version}", "source": "scoring", "subject": account, "data": data})


def answer(score: int, response: str = "r1", revision: int = 1, account: str = "acme", **envelope: Any) -> Event:
    """A survey.answered of an NPS survey."""
    data = {"survey": "nps", "response": response, "revision": revision, "kind": "nps", "score": score}
    id_ = f"{response}:{revision}"
    return _event({**message("survey.answered", data, id=id_, source="survey", subject=account), **envelope})


def usage(account: str = "acme") -> Event:
    """A usage.tracked."""
    return _event(message("usage.tracked", subject=account))


def erased(account: str = "acme") -> Event:
    """An account.erased."""
    return _event(message("account.erased", {"account": account}, id="gone", subject=account))


def person_erased(person: str, account: str = "acme") -> Event:
    """A person.erased."""
    return _event(message("person.erased", {"person": person}, id=f"gone-{person}", subject=account))


def _event(document: dict[str, Any]) -> Event:
    event: Event = TYPES[document["type"]].model_validate_json(json.dumps(document))
    return event


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
        kafka="not-used:9092" if database_url else None,
        database_url=SecretStr(database_url) if database_url else None,
    )
    log = SqliteLog(folder / "log.db", now_ms=lambda: int(world.now().timestamp() * 1000))
    platform = Platform(settings, log=log, clocks=clocks, keys=Keys(key_file), hooks=TestHooks())
    await platform.start()
    try:
        database = platform.database("playbook")
        await migrate.upgrade(database, "playbook")
        await database.migrate(_sent.create_all)
        service = assemble(platform, Effects(enqueue))
        units = platform.units_of_work("playbook", PLUMBING)
        playbooks = Playbooks(units, world)
        wake = asyncio.Event()
        means = Means(enqueue, settings.time_zone, wake.set)
        handler = PlaybookHandler(database, playbooks, means, world)
        await handler.on_assigned(frozenset())
        app = make_app("playbook", service.routers, keys=platform.keys, clocks=clocks, ready=service.ready)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://playbook",
            headers={"Authorization": f"Bearer {keys['all']}"},
        ) as api:
            timers_ = Timers(database, units, playbooks, means, clocks, wake)
            yield Stack(platform, service, handler, timers_, world, api, keys)
    finally:
        await platform.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    if request.param == "sqlite":
        async with opened(tmp_path) as one:
            yield one
        return
    if not os.environ.get(DATABASE):
        pytest.skip(f"{DATABASE} is not set")
    async with fresh_database() as url, opened(tmp_path, database_url=url) as one:
        yield one

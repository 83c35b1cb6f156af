"""A fold that is fed batch by batch, and clients of the metrics of what it has written."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.world import Scoring, event, tick
from tests.unit.scoring.portfolio.example import EVENTS

from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, RealClock
from cskit.db import Database
from cskit.http import make_app
from cskit.messages import Message, UnitOfWork
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS
from scoring.api import metrics
from scoring.domain.scorecard import Scorecard
from scoring.portfolio import Portfolio
from scoring.rates import ExchangeRates
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings
from scoring.tables import PLUMBING

CARD = built_in()[0]
JUNE = {"from": "2026-06-01", "to": "2026-06-30"}


@dataclass
class World:
    """A fold that is fed batch by batch, and clients of the metrics' routes, each as if on a replica of its own."""

    database: Database
    scoring: Scoring
    keys: Keys
    key: str
    offsets: Counter[int] = field(default_factory=Counter)

    async def take(self, *events: Event) -> None:
        """Fold these in one batch."""
        messages = []
        for one in events:
            number = partition_of(one.subject)
            messages.append(Message(one, CUSTOMER_EVENTS, number, self.offsets[number], one.receivedtime, ()))
            self.offsets[number] += 1
        await self.scoring.take(messages)

    async def hour(self, account: str, hour: datetime) -> None:
        """Let the hour come in the account's partition."""
        number = partition_of(account)
        one = tick(hour)
        await self.scoring.take([Message(one, CUSTOMER_EVENTS, number, self.offsets[number], one.receivedtime, ())])
        self.offsets[number] += 1

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitOfWork]:
        """A transaction whose outbox no relay sends."""
        async with self.database.write() as tx:
            yield UnitOfWork(tx, PLUMBING)

    def portfolio(self) -> Portfolio:
        """The metrics of a new replica."""

        async def card(tx: object) -> Scorecard:
            return CARD

        return Portfolio(
            database=self.database,
            settings=ScoringSettings(zone="UTC", currency="USD"),
            clocks=Clocks(world=self.scoring.world, wall=RealClock()),
            card_in_force=card,
        )

    def client(self) -> httpx.AsyncClient:
        """A client of a new replica."""

        async def ready() -> Mapping[str, str]:
            return {}

        clocks = Clocks(world=self.scoring.world, wall=RealClock())
        rates = ExchangeRates(units=self.unit, database=self.database, currency="USD", clocks=clocks)
        routes = [metrics.router(portfolio=self.portfolio(), rates=rates)]
        app = make_app("scoring", routes, keys=self.keys, clocks=clocks, ready=ready)
        transport = httpx.ASGITransport(app)
        return httpx.AsyncClient(transport=transport, base_url="http://scoring", auth=(self.key, ""))


async def new_world(fresh: Fresh, folder: Path) -> World:
    """An empty one, whose key may read and configure."""
    clock = RealClock()
    file = KeyFile(folder / "keys.json", clock)
    key, entry = new_key("sam", ("read", "configure"), None, None, clock.now())
    file.add(entry)
    database = await fresh()
    return World(database, Scoring(database), Keys(file), key)


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


def example() -> list[Event]:
    """The events of the published example."""
    return [event(one.type, one.account, one.at, dict(one.data), id=one.id) for one in EVENTS]


def contract(account: str, at: datetime, **fields: Any) -> Event:
    """The account's contract c1 was changed."""
    return event("contract.changed", account, at, {"contract": "c1", **fields})


async def value(client: httpx.AsyncClient, name: str, **params: Any) -> str | None:
    """The newest figure."""
    figure: str | None = (await get(client, f"/v1/metrics/{name}", **params))["points"][-1]["value"]
    return figure


async def rows(database: Database, table: Any) -> list[Any]:
    """All rows of a table by its key."""
    async with database.read() as tx:
        return list(await tx.fetch(select(table).order_by(*table.primary_key.columns)))

"""Scorecards of the tests, and what it takes to store and apply them without a server."""

import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import yaml
from sqlalchemy import delete, select
from starlette.requests import Request
from tests.integration.scoring.world import NOON, Scoring, Stream

from cskit.auth import Principal
from cskit.clock import Clocks, FrozenClock
from cskit.db import Database
from cskit.http import WriteIds
from cskit.messages import UnitOfWork
from csmodels.catalogue import parse
from csmodels.topics import CUSTOMER_EVENTS
from scoring.applying import Scorecards
from scoring.catalogue import Catalogue
from scoring.comparing import Comparing
from scoring.scorecards import built_in, default_text
from scoring.settings import ScoringSettings
from scoring.tables import PLUMBING, exchange_rate_changes, scorecard_applications, scorecards

SETTINGS = ScoringSettings(zone="UTC", currency="USD", fold_within=0.0)
SAM = Principal("k", "sam", frozenset({"configure"}), "sam")
DEFAULT: dict[str, Any] = yaml.safe_load(default_text())


def document(scorecard: str = "default", **fields: Any) -> dict[str, Any]:
    """The default with other fields; a field of a section is named `section__field`."""
    made = copy.deepcopy({**DEFAULT, "scorecard": scorecard})
    for name, value in fields.items():
        section, _, field = name.partition("__")
        if field:
            made[section][field] = value
        else:
            made[section] = value
    return made


class Ids(WriteIds):
    """What a request without a key, or with one, derives its ids from."""

    def __init__(self, key: str | None = None) -> None:
        super().__init__(Request({"type": "http"}), key)
        self._key = key

    def __call__(self, *parts: str) -> str:
        return str(uuid4()) if self._key is None else f"{self._key}/{'/'.join(parts)}"[:36]


class Desk:
    """Somebody who stores and applies scorecards in a database; no relay sends what is told."""

    def __init__(self, database: Database, settings: ScoringSettings = SETTINGS) -> None:
        self.database = database
        clocks = Clocks(world=FrozenClock(NOON), wall=FrozenClock(NOON))
        self.catalogue = Catalogue(built_in())
        self.scorecards = Scorecards(
            units=self.unit, database=database, catalogue=self.catalogue, settings=settings, clocks=clocks
        )
        self.comparing = Comparing(database=database, catalogue=self.catalogue, settings=settings, clocks=clocks)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitOfWork]:
        async with self.database.write() as tx:
            yield UnitOfWork(tx, PLUMBING)

    async def store(self, made: dict[str, Any]) -> str:
        """Store a document; its name."""
        return (await self.scorecards.store(made, SAM)).version.name

    async def apply(self, made: dict[str, Any]) -> str:
        """Store and apply a document; its name."""
        name = await self.store(made)
        await self.scorecards.apply(name, SAM, Ids())
        return name

    async def send(self, stream: Stream) -> Stream:
        """Do what the relay does for one partition: append what was told of scorecards, once."""
        outbox = PLUMBING.outbox
        mine = (outbox.c.topic == CUSTOMER_EVENTS, outbox.c.partition == stream.partition)
        async with self.database.write() as tx:
            rows = await tx.fetch(select(outbox).where(*mine).order_by(outbox.c.id))
            await tx.execute(delete(outbox).where(outbox.c.id.in_([row.id for row in rows])))
        return stream.append(*(parse(CUSTOMER_EVENTS, row.value, row.key) for row in rows))

    async def told(self) -> list[tuple[int, dict[str, Any]]]:
        """The control records that wait for the relay: partition and data."""
        outbox = PLUMBING.outbox
        async with self.database.read() as tx:
            rows = await tx.fetch(select(outbox).where(outbox.c.topic == CUSTOMER_EVENTS).order_by(outbox.c.id))
        return [(row.partition, json.loads(row.value)["data"]) for row in rows]


async def copied(desk: Desk, database: Database) -> Database:
    """Another database with the same scorecards and exchange rates, as a rebuild has them."""
    async with desk.database.read() as there, database.write() as here:
        for table in (scorecards, scorecard_applications, exchange_rate_changes):
            here.insert(table, [dict(row._mapping) for row in await there.fetch(select(table))])
    return database


async def scorecards_of(scoring: Scoring, *accounts: str) -> dict[str, str]:
    """Which scorecard made the score of each account."""
    return {account: (await scoring.live(account)).scorecard for account in accounts}

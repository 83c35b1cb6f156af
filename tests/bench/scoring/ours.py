"""Scoring as `kizashi serve scoring` runs it, from the start of a topic to its end, on warm accounts."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy.engine import make_url
from tests.bench.scoring.costs import Costs, Measured, Moment
from tests.running.processes import Process, command

from cskit.testing.engines import DATABASE
from cskit.testing.engines import KAFKA as TEST_KAFKA

SCHEMA: Final = "scoring"
KAFKA: Final = "KIZASHI_KAFKA"
_LOOK_EVERY: Final = 0.05
_STUCK_AFTER: Final = 90.0


@dataclass(frozen=True)
class Place:
    """Where scoring runs: Kafka with a prefix of topics, a folder for keys and what processes say."""

    kafka: str
    prefix: str
    folder: Path

    def environment(self, url: str) -> Mapping[str, str]:
        """The settings of a process on the database of this URL."""
        return {
            KAFKA: self.kafka,
            "KIZASHI_DATABASE_URL": url,
            "KIZASHI_KEYS": str(self.folder / "keys.json"),
            "KIZASHI_SERVICE_KEY": secrets.token_urlsafe(24),
            "KIZASHI_TEST_TOPIC_PREFIX": self.prefix,
        }


@asynccontextmanager
async def database(template: str | None = None) -> AsyncIterator[str]:
    """The URL of a database, dropped at the end: a migrated empty one, or a copy of the one of another URL."""
    server = os.environ[DATABASE]
    name = f"kizashi_bench_{secrets.token_hex(6)}"
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    like = "" if template is None else f' TEMPLATE "{make_url(template).database}" STRATEGY file_copy'
    async with _connected(server) as admin:
        await admin.execute(f'CREATE DATABASE "{name}"{like}')
        try:
            if template is None:
                settings = {"KIZASHI_DATABASE_URL": url, KAFKA: os.environ[TEST_KAFKA]}
                await command("migrate", SCHEMA, environment=settings)
            yield url
        finally:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@asynccontextmanager
async def serving(place: Place, url: str) -> AsyncIterator[Process]:
    """Scoring, ready, until the end of the block."""
    process = Process((SCHEMA,), place.environment(url), place.folder / "scoring.log")
    await process.start()
    try:
        await process.ready()
        yield process
    finally:
        await process.stop()


async def apply(process: Process, folder: Path, document: Mapping[str, Any]) -> None:
    """Put a scorecard in force, as an operator does, and wait until every partition has it."""
    file = folder / f"{document['scorecard']}.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    environment = {**process.environment, "KIZASHI_SCORING_URL": process.url}
    await command("scorecards", "apply", str(file), "--yes", "--wait", environment=environment)


async def through(process: Process, url: str, events: int) -> Measured:
    """Wait until the topic is folded and the outbox is empty; what that cost after the first twentieth."""
    async with _connected(url) as connection:
        costs = Costs(connection, process.pid)
        first = await _reached(connection, process, events // 20, costs)
        await _reached(connection, process, events, costs)
        done = time.perf_counter()
        while await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {SCHEMA}.outbox)"):
            costs.look()
            await asyncio.sleep(_LOOK_EVERY)
        return costs.between(first, await costs.now(events), done)


async def reached(url: str, process: Process, events: int) -> None:
    """Wait until so many events are folded."""
    async with _connected(url) as connection:
        await _reached(connection, process, events, Costs(connection, process.pid))


async def _reached(connection: Any, process: Process, events: int, costs: Costs) -> Moment:
    last, since = -1, time.monotonic()
    while True:
        folded = int(
            await connection.fetchval(
                f"SELECT coalesce(sum(next_offset), 0) FROM {SCHEMA}.consumer_offsets WHERE consumer_group = $1",
                SCHEMA,
            )
        )
        costs.look()
        if folded >= events:
            return await costs.now(folded)
        if folded != last:
            last, since = folded, time.monotonic()
        if not process.runs or time.monotonic() - since > _STUCK_AFTER:
            raise RuntimeError(f"scoring does not go on after {folded} of {events} events:\n{process.tail()}")
        await asyncio.sleep(_LOOK_EVERY)


async def stored(url: str, tables: Iterable[str]) -> int:
    """The bytes of tables of scoring with their indexes."""
    async with _connected(url) as connection:
        sizes = [await connection.fetchval(f"SELECT pg_total_relation_size('{SCHEMA}.{name}')") for name in tables]
    return sum(sizes)


async def settled(url: str) -> None:
    """Statistics as a database that has run for a while has them, and no work left over."""
    async with _connected(url) as connection:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


async def rows(url: str, statement: str, *values: object) -> list[Any]:
    """What a query of scoring's database gives."""
    async with _connected(url) as connection:
        return list(await connection.fetch(statement, *values))


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]
    try:
        yield connection
    finally:
        await connection.close()

"""kizashi rebuild on Kafka and PostgreSQL, under load: two replicas of scoring, one of which is killed on the way."""

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.chaos.snapshot import looking
from tests.running.processes import Process, ended
from tests.running.systems import System, clustered_system
from tests.running.worlds import until

from cskit.db import Database
from cskit.testing.engines import missing_engines
from scoring.engine.codec import decode_month, encode_month
from scoring.engine.facts import MonthFacts
from scoring.tables import account_months, rebuilds

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(400)]

ACCOUNTS = tuple(f"mountain-{number}" for number in range(60))
REPLICAS = ("scoring", "scoring-2")
SECONDS = 120.0
LOT = 50


class Load:
    """Somebody who sends usage of all accounts all the time; `sent`: how many events were accepted."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.sent = 0

    async def send(self, count: int) -> None:
        """So many events more; ingest takes each at once."""
        for _ in range(0, count, LOT):
            items = [
                {"id": secrets.token_hex(8), "type": "usage.tracked", "account": ACCOUNTS[n % len(ACCOUNTS)],
                 "user": f"u{n % 7}", "data": {"name": "made"}}
                for n in range(self.sent, self.sent + LOT)
            ]  # fmt: skip
            answer = await self._client.post("/v1/events", json=items)
            assert answer.json().get("accepted") == LOT, answer.text
            self.sent += LOT

    async def keep_sending(self) -> None:
        while True:
            await self.send(LOT)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def loading(load: Load) -> AsyncIterator[None]:
    """Events come during the block."""
    task = asyncio.create_task(load.keep_sending())
    try:
        yield
    finally:
        task.cancel()
        (problem,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(problem, asyncio.CancelledError), problem


@asynccontextmanager
async def started_again(processes: list[Process]) -> AsyncIterator[list[int]]:
    """Whoever ends during the block is started again, as Compose and Kubernetes do; how they ended."""
    ends: list[int] = []

    async def look_after(process: Process) -> None:
        while True:
            ends.append(await process.ended(SECONDS * 3))
            await process.start()

    tasks = [asyncio.create_task(look_after(process)) for process in processes]
    try:
        yield ends
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def counted(database: Database) -> int:
    """How many events of usage the facts of all accounts hold."""
    async with database.read() as tx:
        rows = await tx.fetch(select(account_months.c.body))
    return sum(sum(decode_month(row.body).events) for row in rows)


async def harm(database: Database, account: str) -> None:
    """Forget what an account did."""
    async with database.write() as tx:
        mine = account_months.c.account == account
        await tx.execute(update(account_months).where(mine).values(body=encode_month(MonthFacts())))


async def test_a_rebuild_under_load_with_replicas_that_end_and_one_that_is_killed_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    if reason := missing_engines():
        pytest.skip(reason)
    async with clustered_system(tmp_path, KIZASHI_ARCHIVE=str(tmp_path / "archive")) as system:
        await system.start()
        replicas = [system.processes[name] for name in REPLICAS]
        async with system.client("ingest") as client, looking(system.environment) as platform:
            load, database = Load(client), platform.database("scoring")
            await load.send(12_000)
            await until("all is folded", lambda: _folded(database, load.sent), SECONDS)
            for process in replicas:
                await process.stop()
            await harm(database, ACCOUNTS[3])
            for process in replicas:
                await process.start()
                await process.ready()

            async with loading(load), started_again(replicas) as ends:
                asked = asyncio.create_task(ended("rebuild", "--yes", "--json", environment=system.environment))
                pid = await until("somebody folds", lambda: _who_folds(database), SECONDS)
                (worker,) = [process for process in replicas if process.pid == pid]
                worker.signal(signal.SIGSTOP)
                assert await _who_folds(database) == pid, "it was done before it could be killed"
                await worker.kill()
                first = await asked
                swapped = json.loads(first.out) if first.status == 0 else await _rebuilt(system)

                await until("all replicas are ready", lambda: _all_ready(system), SECONDS)
                again = await _rebuilt(system)
            await until("all is folded", lambda: _folded(database, load.sent), SECONDS)

    assert swapped["state"] == "swapped"
    assert swapped["difference"]["facts"] >= 1
    assert again["difference"]["facts"] == 0
    assert -9 in ends


async def _rebuilt(system: System) -> dict[str, Any]:
    """What a rebuild came to; the command is typed again where the server it asked has ended."""

    async def look() -> dict[str, Any] | None:
        done = await ended("rebuild", "--yes", "--json", environment=system.environment)
        return json.loads(done.out) if done.status == 0 else None

    return await until("a rebuild has come to its end", look, SECONDS)


async def _folded(database: Database, sent: int) -> bool | None:
    found = await counted(database)
    assert found <= sent, f"{found} events counted, {sent} sent"
    return found == sent or None


async def _who_folds(database: Database) -> int | None:
    """The process that folds for a rebuild."""
    async with database.read() as tx:
        rows = await tx.fetch(select(rebuilds.c.owner).where(rebuilds.c.state == "folding"))
    return int(rows[0].owner.split(":")[1]) if rows else None


async def _all_ready(system: System) -> bool | None:
    for name in REPLICAS:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            try:
                answer = await client.get(f"{system.processes[name].url}/readyz")
            except httpx.HTTPError:
                return None
        if answer.status_code != 200:
            return None
    return True

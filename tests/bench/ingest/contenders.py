"""The contenders on one platform: processes that are ready, with users that are known."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from tests.bench.ingest.events import introductions
from tests.bench.ingest.load import Measured, Order
from tests.bench.ingest.serving import KEY
from tests.running.processes import clean_environment, command, free_port

from cskit.testing.engines import KAFKA, fresh_database

NAMES = ("ours", "plain", "bare")
_READY_WITHIN = 60.0
_INTRODUCED = 500


@dataclass(frozen=True)
class Contender:
    """A server that runs."""

    name: str
    port: int
    pid: int
    key: str

    async def put_under_load(
        self, run: str, batch: int, connections: int, seconds: float, timeline: Path | None = None
    ) -> Measured:
        """Load from a process of its own, and what it measured. RuntimeError with what it said if it failed."""
        order = Order(
            self.port, self.pid, self.key, run, batch, connections, seconds,
            timeline=None if timeline is None else str(timeline),
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.ingest.load", json.dumps(asdict(order))),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(
                f"the load on {self.name} failed (batch {batch}, {connections}): {err.decode()[-2_000:]}"
            )
        return Measured(**json.loads(out))


@asynccontextmanager
async def contenders(platform: str, folder: Path) -> AsyncIterator[Mapping[str, Contender]]:
    """All of them on `embedded` or `clustered`: side by side, so that they can be measured in turns."""
    async with AsyncExitStack() as stack:
        common = {"KIZASHI_KEYS": str(folder / "keys.json")}
        if platform == "clustered":
            url = await stack.enter_async_context(fresh_database())
            common |= {"KIZASHI_KAFKA": os.environ[KAFKA], "KIZASHI_DATABASE_URL": url}
            await command("migrate", "ingest", environment=common)
        key = (await command("keys", "new", "bench", "--scope", "ingest", environment=common)).strip()
        running = {}
        for name in NAMES:  # ours first: it makes the topics
            environment = {**common, KEY: key, "KIZASHI_DATA": str(folder / name)}
            running[name] = await stack.enter_async_context(_serving(name, key, environment, folder / f"{name}.log"))
        await _introduce(running["ours"])
        yield running


@asynccontextmanager
async def _serving(name: str, key: str, environment: Mapping[str, str], said: Path) -> AsyncIterator[Contender]:
    port = free_port()
    with said.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.ingest.serving", name, str(port)),
            env=clean_environment(environment),
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + _READY_WITHIN
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _is_ready(client, port):
                if process.returncode is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not serve:\n{said.read_text(errors='replace')[-4_000:]}")
                await asyncio.sleep(0.05)
        yield Contender(name, port, process.pid, key)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False  # not listening yet


async def _introduce(ours: Contender) -> None:
    """Tell ours which account each user has; the plain service has read it from a table."""
    events = list(introductions())
    headers = {"authorization": f"Bearer {ours.key}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
        for start in range(0, len(events), _INTRODUCED):
            body = {"events": events[start : start + _INTRODUCED]}
            answer = await client.post(f"http://127.0.0.1:{ours.port}/v1/events", json=body)
            if answer.status_code != 200 or answer.json()["accepted"] != len(body["events"]):
                raise RuntimeError(f"the users could not be introduced: {answer.text[:500]}")

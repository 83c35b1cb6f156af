"""The programs of docs/guides/read-health.md, as they stand: a real server, a CRM that records, and a restart."""

import asyncio
import os
import re
import socket
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.running import node
from tests.running.systems import System, embedded_system

from allinone.server import serving

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "read-health.md"
WITHIN = 60.0


def program(begin: str) -> str:
    """The guide's indented block that begins so."""
    text = GUIDE.read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)]
    (found,) = [block for block in blocks if block.lstrip().startswith(begin)]
    return found


@dataclass
class Crm:
    """What was written to each account, in order. It is out of order at its third write."""

    url: str
    bands: dict[str, list[str]] = field(default_factory=dict)
    asked: int = 0

    async def take(self, request: Request) -> Response:
        self.asked += 1
        if self.asked == 3:
            return Response(status_code=503)
        assert request.headers["authorization"] == "Bearer crm-token"
        body = await request.json()
        assert set(body) == {"Health_Band__c", "Health_Score__c"}
        self.bands.setdefault(unquote(request.path_params["account"]), []).append(body["Health_Band__c"])
        return Response(status_code=204)


@asynccontextmanager
async def recording() -> AsyncIterator[Crm]:
    listener = socket.create_server(("127.0.0.1", 0))
    crm = Crm(f"http://127.0.0.1:{listener.getsockname()[1]}/accounts/")
    async with serving(Starlette(routes=[Route("/accounts/{account}", crm.take, methods=["PATCH"])]), listener):
        yield crm


@asynccontextmanager
async def run(arguments: list[str], system: System, crm: Crm, folder: Path) -> AsyncIterator[None]:
    environment = {
        **os.environ,
        "KIZASHI_URL": system.urls["scoring"],
        "KIZASHI_KEY": system.key,
        "CRM_URL": crm.url,
        "CRM_TOKEN": "crm-token",
        "PLACE": str(folder / "place"),
        "NO_PROXY": "127.0.0.1",
    }
    with (folder / "program.log").open("ab") as out:
        process = await asyncio.create_subprocess_exec(*arguments, env=environment, stdout=out, stderr=out)
    try:
        yield
        assert process.returncode is None, (folder / "program.log").read_text()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def at_work(system: System, accounts: list[str]) -> None:
    """Ten weeks of use by five people, imported."""
    today = datetime.now(UTC)
    events: list[dict[str, Any]] = []
    for account in accounts:
        events.append({"id": f"{account}-a", "type": "account.described", "account": account, "data": {"seats": 5}})
        events += [
            {
                "id": f"{account}-{day}-{user}",
                "type": "usage.tracked",
                "account": account,
                "user": f"{account}-{user}",
                "time": (today - timedelta(days=day, minutes=5)).isoformat(),
                "backfill": True,
                "data": {"name": "report"},
            }
            for day in range(0, 75, 3)
            for user in range(5)
        ]
    async with system.client("ingest") as ingest:
        for start in range(0, len(events), 500):
            answer = await ingest.post("/v1/events", json={"events": events[start : start + 500]})
            assert answer.json()["refused"] == 0, answer.text


async def ticket(system: System, account: str, status: str) -> None:
    """A ticket of severity 1, far beyond what was promised, caps the score; solved, it does not."""
    opened = datetime.now(UTC) - timedelta(hours=30)
    data = {"ticket": "T-1", "severity": 1, "status": status, "opened_at": opened.isoformat()}
    if status == "solved":
        data["solved_at"] = datetime.now(UTC).isoformat()
    event = {"id": f"{account}-{status}", "type": "ticket.changed", "account": account, "data": data}
    async with system.client("ingest") as ingest:
        assert (await ingest.post("/v1/events", json={"events": [event]})).json()["accepted"] == 1


async def published(reading: httpx.AsyncClient, account: str) -> list[str]:
    """The bands that were published of an account, each once where several follow each other."""
    answer = await reading.get(f"/v1/accounts/{account}/history", params={"limit": 500})
    if answer.status_code == 404:
        return []
    return once([row["band"] for row in answer.json()["items"] if row["version"] is not None])


def once(bands: list[str]) -> list[str]:
    return [band for number, band in enumerate(bands) if number == 0 or bands[number - 1] != band]


async def until_agreed(system: System, crm: Crm, accounts: list[str], changes: int) -> None:
    """Wait until each account has been through so many changes of band and the CRM was told each in its order."""
    async with system.client("scoring") as reading, asyncio.timeout(WITHIN):
        while True:
            told = {account: once(crm.bands.get(account, [])) for account in accounts}
            known = {account: await published(reading, account) for account in accounts}
            if told == known and all(len(bands) > changes for bands in known.values()):
                return
            await asyncio.sleep(0.1)


async def a_walk(arguments: list[str], folder: Path) -> None:
    accounts = [f"acme {number}" for number in range(3)]
    async with recording() as crm, embedded_system(folder) as system:
        await system.start()
        await at_work(system, accounts)
        async with system.client("scoring") as reading, asyncio.timeout(WITHIN):
            while not all([await published(reading, account) for account in accounts]):
                await asyncio.sleep(0.05)
        (folder / "place").touch()  # as of a program that was killed while it wrote it
        async with run(arguments, system, crm, folder):
            await until_agreed(system, crm, accounts, 0)
            await ticket(system, accounts[0], "open")
            await until_agreed(system, crm, accounts[:1], 1)
            await ticket(system, accounts[1], "open")
            await system.processes["kizashi"].kill()
            await system.start()
            await ticket(system, accounts[2], "open")
            await until_agreed(system, crm, accounts, 1)
        await ticket(system, accounts[0], "solved")
        async with run(arguments, system, crm, folder):  # it, too, was away
            await until_agreed(system, crm, accounts[:1], 2)


async def test_the_python_program_tells_the_crm_each_change_of_band_through_a_restart(tmp_path: Path) -> None:
    code = program("import json, os")

    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    await a_walk([sys.executable, "-c", code], tmp_path)


@pytest.mark.node
async def test_the_node_program_tells_the_crm_each_change_of_band_through_a_restart(tmp_path: Path) -> None:
    if node.MISSING is not None:
        pytest.skip(node.MISSING)
    await a_walk(["node", "-e", program("const { readFileSync")], tmp_path)

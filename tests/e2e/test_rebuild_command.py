"""kizashi rebuild, as an operator uses it: facts that went wrong are shown, refused, swapped in, and then are right."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.running.processes import Process, command, ended
from tests.running.worlds import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ACCOUNTS = ("akagi", "myogi", "haruna")


async def test_a_rebuild_shows_what_differs_swaps_it_on_a_yes_and_then_finds_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = Process(("--data", str(data)), {}, tmp_path / "kizashi.log")
    environment = {"KIZASHI_DATA": str(data)}
    await server.start()
    await server.ready()
    try:
        made = await command("keys", "new", "shop", "--scope", "ingest", "--scope", "read", environment=environment)
        async with httpx.AsyncClient(
            base_url=server.url, auth=(made.strip(), ""), trust_env=False, timeout=30
        ) as client:
            await _live(client)
            before = (await client.get("/v1/accounts/akagi/health")).json()
            await server.stop()
            _harm(data / "scoring.db")
            await server.start()
            await server.ready()

            refused = await ended("rebuild", environment=environment)
            swapped = json.loads(await command("rebuild", "--yes", "--json", environment=environment))
            again = await command("rebuild", environment=environment)

            after = (await client.get("/v1/accounts/akagi/health")).json()
            denied = await client.post("/v1/rebuilds")
    finally:
        await server.stop()
    assert refused.status == 1
    assert "1 have other facts" in refused.out
    assert "--yes" in refused.err
    assert (swapped["state"], swapped["difference"]["facts"]) == ("swapped", 1)
    assert "nothing differs" in again
    assert (after["score"], after["version"]) == (before["score"], before["version"])
    assert denied.status_code == 403
    assert not (data / "scoring-shadow.db-wal").exists()


async def _live(client: httpx.AsyncClient) -> None:
    """Each account is used, and scored."""
    items = [
        {"id": f"{account}-{n}", "type": "usage.tracked", "account": account, "user": f"u{n}", "data": {"name": "made"}}
        for account in ACCOUNTS
        for n in range(5)
    ]
    sent = await client.post("/v1/events", json=items)
    assert sent.json()["accepted"] == len(items), sent.text

    async def scored() -> bool | None:
        listed = (await client.get("/v1/accounts")).json()["items"]
        return True if len(listed) == len(ACCOUNTS) else None

    await until("all accounts are scored", scored, 30)


def _harm(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        gone = database.execute("DELETE FROM account_months WHERE account = 'akagi'").rowcount
        database.execute("UPDATE live SET score = 1.0 WHERE account = 'akagi'")
    assert gone > 0

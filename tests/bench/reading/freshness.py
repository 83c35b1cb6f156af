"""From ingest's acceptance of an event until the score that knows it is readable over REST, under a steady load."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

from tests.bench.reading.client import Client
from tests.running.systems import System

RATE = 100  # requests a second
BATCH = 10  # events a request, each of another account
_PROBED = 10  # every so manyth request is followed up
_POLL = 0.01  # seconds, or a share of the wait so far: asking must not become the load itself
_POLL_SHARE = 0.05
_WITHIN = 30.0


async def accept_to_readable(system: System, accounts: list[str], seconds: float) -> list[float]:
    """Seconds for each event that was followed up, sorted. RuntimeError where a score does not come at all.

    What is followed up goes to accounts of its own, seconds apart: of two events that overtake each other on their way
    the newest by offset tells when the score's cause occurred, which may be the older one.
    """
    probed, others = accounts[: len(accounts) // 2], accounts[len(accounts) // 2 :]
    took: list[float] = []
    ingest, reading = (Client(system.urls[name], system.key) for name in ("ingest", "scoring"))
    async with ingest, reading, asyncio.TaskGroup() as group:
        start = time.monotonic()
        for number in range(int(RATE * seconds)):
            await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
            some = [others[(number * BATCH + n) % len(others)] for n in range(BATCH)]
            if number % _PROBED == 0:
                some[0] = probed[number // _PROBED % len(probed)]
            group.create_task(_sent(ingest, reading, number, some, took))
    return sorted(took)


async def _sent(ingest: Client, reading: Client, number: int, accounts: list[str], took: list[float]) -> None:
    now = datetime.now(UTC)
    events = [
        {
            "id": f"fresh-{number}-{account}",
            "type": "usage.tracked",
            "account": account,
            "user": f"{account}-u{number % 5}",
            "time": now.isoformat(),
            "data": {"name": "report"},
        }
        for account in accounts
    ]
    status, answer = await ingest.post("/v1/events", json.dumps({"events": events}).encode())
    accepted = time.monotonic()
    if status != 200 or json.loads(answer)["accepted"] != len(events):
        raise RuntimeError(f"not all was taken: {answer[:500]!r}")
    if number % _PROBED:
        return
    while True:
        status, answer = await reading.get(f"/v1/accounts/{accounts[0]}/health")
        if status != 200:
            raise RuntimeError(f"not readable: {answer[:500]!r}")
        health = json.loads(answer)
        if datetime.fromisoformat(health["occurred_at"]) >= now - timedelta(microseconds=now.microsecond % 1000):
            took.append(time.monotonic() - accepted)
            return
        if time.monotonic() - accepted > _WITHIN:
            raise RuntimeError(f"after {_WITHIN:.0f} s the score of {accounts[0]} does not know the event")
        await asyncio.sleep(max(_POLL, _POLL_SHARE * (time.monotonic() - accepted)))

"""From ingest's acceptance of an event until the score that knows it is readable over REST, under a steady load."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import httpx
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
    async with system.client("ingest") as ingest, system.client("scoring") as reading, asyncio.TaskGroup() as group:
        start = time.monotonic()
        for number in range(int(RATE * seconds)):
            await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
            some = [others[(number * BATCH + n) % len(others)] for n in range(BATCH)]
            if number % _PROBED == 0:
                some[0] = probed[number // _PROBED % len(probed)]
            group.create_task(_sent(ingest, reading, number, some, took))
    return sorted(took)


async def _sent(
    ingest: httpx.AsyncClient, reading: httpx.AsyncClient, number: int, accounts: list[str], took: list[float]
) -> None:
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
    answer = await _answered(ingest, "POST", "/v1/events", {"events": events})
    accepted = time.monotonic()
    if answer.status_code != 200 or answer.json()["accepted"] != len(events):
        raise RuntimeError(f"not all was taken: {answer.text[:500]}")
    if number % _PROBED:
        return
    while True:
        health = (await _answered(reading, "GET", f"/v1/accounts/{accounts[0]}/health")).json()
        if datetime.fromisoformat(health["occurred_at"]) >= now - timedelta(microseconds=now.microsecond % 1000):
            took.append(time.monotonic() - accepted)
            return
        if time.monotonic() - accepted > _WITHIN:
            raise RuntimeError(f"after {_WITHIN:.0f} s the score of {accounts[0]} does not know the event")
        await asyncio.sleep(max(_POLL, _POLL_SHARE * (time.monotonic() - accepted)))


async def _answered(client: httpx.AsyncClient, method: str, path: str, body: object = None) -> httpx.Response:
    """The answer; asked again where the server closed an idle connection just as it was taken up. Both may repeat."""
    while True:
        try:
            return await client.request(method, path, json=body)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            continue

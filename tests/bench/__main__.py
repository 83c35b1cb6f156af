"""`python -m tests.bench [--seconds N] [--events N]`: from HTTP to webhook, and through ingest and scoring, on both
platforms.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tests.chaos.snapshot import looking
from tests.running.receiver import Receiver, receiving
from tests.running.systems import System, clustered_system, embedded_system

from cskit.claims import read_offsets
from cskit.testing.engines import missing_engines
from csmodels.topics import CUSTOMER_EVENTS
from scoring.tables import PLUMBING

RATE = 50  # tickets a second, each on another account
BATCH = 100
CONNECTIONS = 4
DEADLINE = 300.0


@dataclass(frozen=True)
class Figures:
    """Milliseconds from the answer of ingest to the webhook's arrival; events a second, wall clock."""

    webhook_p50_ms: float
    webhook_p99_ms: float
    ingest_per_s: float
    scoring_per_s: float


def event(kind: str, number: str, account: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "account": account, "data": data, **more}


async def post(ingest: httpx.AsyncClient, events: list[dict[str, Any]]) -> None:
    answer = await ingest.post("/v1/events", json={"events": events})
    assert answer.status_code == 200, answer.text
    assert answer.json()["refused"] == 0, answer.text


async def post_all(ingest: httpx.AsyncClient, events: list[dict[str, Any]]) -> None:
    """In batches of 100 over a few connections."""
    batches = iter([events[start : start + BATCH] for start in range(0, len(events), BATCH)])

    async def one() -> None:
        for batch in batches:
            await post(ingest, batch)

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


async def until_folded(system: System) -> None:
    deadline = time.monotonic() + DEADLINE
    async with looking(system.environment) as platform:
        while True:
            async with looking(system.environment) as fresh:  # an embedded log knows its own appends only
                ends = await fresh.log.end_offsets(CUSTOMER_EVENTS)
            done = await read_offsets(platform.database("scoring"), PLUMBING, "scoring")
            if all(done.get((CUSTOMER_EVENTS, number), 0) >= end for number, end in ends.items()):
                return
            assert time.monotonic() < deadline, "scoring did not catch up"
            await asyncio.sleep(0.05)


async def prepare(system: System, receiver: Receiver, accounts: list[str]) -> None:
    """An endpoint, and accounts that are green: two people at work, no ticket."""
    async with system.client("playbook") as playbook:
        endpoint = {"id": "bench", "url": receiver.url, "types": ["task.created"]}
        answer = await playbook.post("/v1/webhook-endpoints", json=endpoint)
        assert answer.status_code == 201, answer.text
        receiver.secret = answer.json()["secret"]
    events = []
    for account in accounts:
        events.append(event("account.described", f"{account}-a", account, {"seats": 2, "owner": "hana"}))
        for person in ("u1", "u2"):
            name = f"{account}-{person}"
            events.append(event("usage.tracked", name, account, {"name": "report"}, user=name))
    async with system.client("ingest") as ingest:
        await post_all(ingest, events)
    await until_folded(system)


async def latencies(system: System, receiver: Receiver, accounts: list[str]) -> list[float]:
    """Seconds from ingest's answer to the webhook of the task, per account."""
    opened = (datetime.now(UTC) - timedelta(hours=12, minutes=5)).isoformat()
    accepted: dict[str, float] = {}

    async def send(ingest: httpx.AsyncClient, account: str) -> None:
        ticket = {"ticket": "T-1", "severity": 1, "status": "open", "opened_at": opened}
        await post(ingest, [event("ticket.changed", f"{account}-t", account, ticket)])
        accepted[account] = time.monotonic()

    async with system.client("ingest") as ingest, asyncio.TaskGroup() as group:
        start = time.monotonic()
        for number, account in enumerate(accounts):
            await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
            group.create_task(send(ingest, account))
    deadline = time.monotonic() + DEADLINE
    while len(receiver.of_type("task.created")) < len(accounts):
        assert time.monotonic() < deadline, f"{len(receiver.of_type('task.created'))} of {len(accounts)} webhooks"
        await asyncio.sleep(0.05)
    arrived = {body["data"]["account"]: at for _, body, at in receiver.received if body["type"] == "task.created"}
    return [arrived[account] - accepted[account] for account in accounts]


async def throughput(system: System, count: int) -> tuple[float, float]:
    """Events a second that ingest accepts, and that are folded, while both work at once."""
    events = [
        event("usage.tracked", f"load-{n}", f"load-{n % 500}", {"name": "report"}, user=f"load-{n % 500}-{n % 7}")
        for n in range(count)
    ]
    start = time.monotonic()
    async with system.client("ingest") as ingest:
        await post_all(ingest, events)
    accepted = time.monotonic() - start
    await until_folded(system)
    return count / accepted, count / (time.monotonic() - start)


async def measure(kind: str, seconds: int, count: int) -> Figures:
    """One platform from its start to its end."""
    made = embedded_system if kind == "embedded" else clustered_system
    with tempfile.TemporaryDirectory() as folder:
        async with receiving() as receiver, made(Path(folder), KIZASHI_WEBHOOK_ALLOW="127.0.0.1") as system:
            await system.start()
            accounts = [f"bench-{n}" for n in range(RATE * seconds)]
            await prepare(system, receiver, accounts)
            times = sorted(await latencies(system, receiver, accounts))
            ingest, scoring = await throughput(system, count)
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    return Figures(statistics.median(times) * 1000, p99 * 1000, ingest, scoring)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help=f"how long tickets are sent, at {RATE} a second")
    parser.add_argument("--events", type=int, default=20_000, help="events for the throughput")
    parser.add_argument("--clustered-only", action="store_true")
    options = parser.parse_args()
    results = {} if options.clustered_only else {"embedded": await measure("embedded", options.seconds, options.events)}
    if reason := missing_engines():
        print(f"The clustered platform was not measured: {reason}.", file=sys.stderr)
    else:
        results["clustered"] = await measure("clustered", options.seconds, options.events)
    print(f"{'':<44}" + "".join(f"{name:>12}" for name in results))
    for row, name in (
        (f"HTTP to webhook at {RATE}/s, p50 (ms)", "webhook_p50_ms"),
        (f"HTTP to webhook at {RATE}/s, p99 (ms)", "webhook_p99_ms"),
        (f"ingest, batches of {BATCH} (events/s)", "ingest_per_s"),
        ("ingest and scoring together (events/s)", "scoring_per_s"),
    ):
        print(f"{row:<44}" + "".join(f"{getattr(each, name):>12,.0f}" for each in results.values()))
    figures = {kind: asdict(each) for kind, each in results.items()}
    ratios = {}
    if "clustered" in results:
        ratios = {name: figures["clustered"][name] / figures["embedded"][name] for name in figures["embedded"]}
    print(json.dumps({"bench": "foundation", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    asyncio.run(main())

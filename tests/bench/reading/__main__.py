"""`python -m tests.bench.reading [--quick] [--only embedded|clustered] [--only-fresh]`: REST beside a bare route."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import uvloop
from tests.bench.reading.freshness import BATCH, RATE, accept_to_readable
from tests.bench.reading.load import Measured, Order
from tests.bench.reading.spent import Spent
from tests.running.processes import clean_environment, free_port
from tests.running.systems import System, clustered_system, embedded_system

from cskit.testing.engines import missing_engines

CONNECTIONS = 16
LIMIT = 50
_SEEDED = 100  # events a request
_WITHIN = 120.0
_WHAT = {"read_health": "GET health", "read_list": f"GET accounts, limit {LIMIT}"}


@dataclass(frozen=True)
class Server:
    """A server under test: where it listens, and its process."""

    port: int
    pid: int
    key: str = "-"


async def seed(system: System, count: int) -> list[str]:
    """Accounts at work; back when all of them are scored."""
    accounts = [f"account-{number:05d}" for number in range(count)]
    events: list[dict[str, Any]] = []
    for account in accounts:
        data = {"name": account.title(), "seats": 5, "owner": "hana", "segment": "smb", "plan": "gold", "country": "JP"}
        events.append({"id": f"{account}-a", "type": "account.described", "account": account, "data": data})
        for user in range(3):
            name = f"{account}-u{user}"
            what = {"type": "usage.tracked", "data": {"name": "report"}}
            events.append({"id": name, "account": account, "user": name, **what})
    async with system.client("ingest") as ingest, system.client("scoring") as reading:
        for start in range(0, len(events), _SEEDED):
            answer = await ingest.post("/v1/events", json={"events": events[start : start + _SEEDED]})
            assert answer.json()["refused"] == 0, answer.text
        deadline = time.monotonic() + _WITHIN
        for account in accounts:
            while (await reading.get(f"/v1/accounts/{account}/health")).status_code != 200:
                assert time.monotonic() < deadline, f"{account} is not scored"
                await asyncio.sleep(0.05)
    return accounts


async def size_of(system: System, path: str) -> int:
    async with system.client("scoring") as reading:
        answer = await reading.get(path)
    assert answer.status_code == 200, answer.text
    return len(answer.content)


@asynccontextmanager
async def bare(sizes: list[int], folder: Path) -> AsyncIterator[Server]:
    port = free_port()
    arguments = (sys.executable, "-m", "tests.bench.reading.bare", str(port), *(str(size) for size in sizes))
    with (folder / "bare.log").open("wb") as out:
        process = await asyncio.create_subprocess_exec(*arguments, env=clean_environment({}), stdout=out, stderr=out)
    deadline = time.monotonic() + _WITHIN
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/{sizes[0]}")
                    break
                except httpx.HTTPError:  # not listening yet
                    assert time.monotonic() < deadline, "the bare route does not serve"
                    await asyncio.sleep(0.05)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def put_under_load(server: Server, paths: list[str], seconds: float) -> Measured:
    order = Order(server.port, server.pid, server.key, paths, CONNECTIONS, seconds)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.reading.load", json.dumps(asdict(order))), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the load failed")
    return Measured(**json.loads(out))


Turns = dict[str, list[tuple[Measured, Measured]]]  # of each thing that is read: ours and the bare route's


@dataclass(frozen=True)
class Fresh:
    """How long it took until scores were readable (seconds, sorted), and what each process spent meanwhile."""

    took: list[float]
    cpu: Mapping[str, float]


async def measure(platform: str, options: argparse.Namespace) -> tuple[Turns, Fresh]:
    """One platform from its start to its end."""
    made = embedded_system if platform == "embedded" else clustered_system
    more: Any = {} if platform == "embedded" else {"replicas": {"scoring": 1}}
    turns: Turns = {name: [] for name in _WHAT}
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as folder:
        async with made(Path(folder), **more) as system:
            await system.start()
            accounts = await seed(system, options.accounts)
            process = system.processes["kizashi" if platform == "embedded" else "scoring"]
            ours = Server(process.port, process.pid, system.key)
            paths = {
                "read_health": [f"/v1/accounts/{account}/health" for account in accounts],
                "read_list": [f"/v1/accounts?limit={LIMIT}"],
            }
            sizes = {name: await size_of(system, some[0]) for name, some in paths.items()}
            if not options.only_fresh:
                async with bare(list(sizes.values()), Path(folder)) as other:
                    for _ in range(options.rounds):
                        for name, some in paths.items():
                            first = await put_under_load(ours, some, options.seconds)
                            second = await put_under_load(other, [f"/{sizes[name]}"], options.seconds)
                            turns[name].append((first, second))
            try:
                spent, start = Spent(system), time.monotonic()
                took = await accept_to_readable(system, accounts, options.fresh)
                fresh = Fresh(took, spent.shares(time.monotonic() - start))
            except BaseException:
                for name, each in system.processes.items():
                    print(f"{name}:\n{each.tail(1_500)}", file=sys.stderr)
                raise
    return turns, fresh


def figures_of(turns: Turns, fresh: Fresh) -> dict[str, Any]:
    """Medians of the turns. ratios: our rate over the bare route's, by wall time and by CPU."""
    found: dict[str, Any] = {}
    for name, pairs in turns.items():
        if not pairs:
            continue
        found[name] = {
            "per_s": statistics.median(ours.per_s for ours, _ in pairs),
            "bare_per_s": statistics.median(bare.per_s for _, bare in pairs),
            "cpu_us": statistics.median(ours.cpu_each * 1e6 for ours, _ in pairs),
            "bare_cpu_us": statistics.median(bare.cpu_each * 1e6 for _, bare in pairs),
            "p50_ms": statistics.median(ours.p50 * 1e3 for ours, _ in pairs),
            "p99_ms": statistics.median(ours.p99 * 1e3 for ours, _ in pairs),
            "wall_ratio": statistics.median(ours.per_s / bare.per_s for ours, bare in pairs),
            "cpu_ratio": statistics.median(bare.cpu_each / ours.cpu_each for ours, bare in pairs),
        }
    found["accept_to_readable_p50_s"] = statistics.median(fresh.took)
    found["accept_to_readable_p99_s"] = fresh.took[min(len(fresh.took) - 1, int(len(fresh.took) * 0.99))]
    found["accept_to_readable_cpu"] = fresh.cpu
    return found


def show(platform: str, found: dict[str, Any]) -> None:
    columns = ("answers/s", "bare/s", "CPU µs", "bare µs", "p50 ms", "p99 ms", "wall", "CPU")
    print(f"\n{platform:<26}" + "".join(f"{name:>10}" for name in columns))
    for name, label in _WHAT.items():
        if name not in found:
            continue
        one = found[name]
        print(f"{label:<26}{one['per_s']:>10,.0f}{one['bare_per_s']:>10,.0f}{one['cpu_us']:>10,.0f}", end="")
        print(f"{one['bare_cpu_us']:>10,.0f}{one['p50_ms']:>10.1f}{one['p99_ms']:>10.1f}", end="")
        print(f"{one['wall_ratio']:>10.3f}{one['cpu_ratio']:>10.3f}")
    p50, p99 = found["accept_to_readable_p50_s"] * 1e3, found["accept_to_readable_p99_s"] * 1e3
    print(f"accepted until readable at {RATE * BATCH:,} events/s: p50 {p50:,.0f} ms, p99 {p99:,.0f} ms")
    spent = sorted(found["accept_to_readable_cpu"].items(), key=lambda each: -each[1])
    print("meanwhile, % of a core: " + ", ".join(f"{name} {share * 100:.1f}" for name, share in spent))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short: one round")
    parser.add_argument("--rounds", type=int, help="turns of each (5)")
    parser.add_argument("--seconds", type=float, help="how long a turn is (3)")
    parser.add_argument("--fresh", type=float, help="how long events are sent for the freshness (60)")
    parser.add_argument("--only-fresh", action="store_true", help="only from acceptance until the score is readable")
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--only", choices=("embedded", "clustered"))
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (2.0 if options.quick else 3.0)
    options.fresh = options.fresh or (5.0 if options.quick else 60.0)
    wanted = [options.only] if options.only else ["embedded", "clustered"]
    if "clustered" in wanted and (reason := missing_engines()):
        print(f"The clustered platform was not measured: {reason}.", file=sys.stderr)
        wanted.remove("clustered")
    found = {platform: figures_of(*await measure(platform, options)) for platform in wanted}
    print(f"{CONNECTIONS} connections. CPU: the server's own, an answer. wall, CPU: our rate over the bare route's.")
    for platform, one in found.items():
        show(platform, one)
    decisive = found.get("clustered") or found.get("embedded") or {}
    ratios = {name: decisive[name]["wall_ratio"] for name in _WHAT if name in decisive}
    ratios |= {f"{name}_cpu": decisive[name]["cpu_ratio"] for name in _WHAT if name in decisive}
    print(json.dumps({"bench": "read", "ratios": ratios, "figures": found}))


if __name__ == "__main__":
    uvloop.run(main())

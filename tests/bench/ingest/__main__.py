"""`python -m tests.bench.ingest [--quick]`: ingest beside a plain service and a bare one, on both platforms."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.ingest.contenders import NAMES, contenders
from tests.bench.ingest.stall import RESTART, Stall, own_kafka, stall
from tests.bench.ingest.turns import Rounds, cell, cpu_ratio, matrix, ratios

from cskit.testing.engines import KAFKA, missing_engines

Measurements = Mapping[tuple[int, int], Rounds]


def not_clustered() -> str | None:
    """Why Kafka is left out: the events go to the plain topics, so the broker must be this command's own."""
    if reason := missing_engines():
        return reason
    return None if os.environ.get(RESTART) else f"{RESTART} not set: the broker is not this command's own"


async def measure(platform: str, options: argparse.Namespace) -> tuple[Measurements, Stall | None]:
    """One platform from its start to its end."""
    print(f"{platform}:", file=sys.stderr, flush=True)
    broken: Stall | None = None
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as folder:
        async with contenders(platform, Path(folder)) as running:
            measured = await matrix(running, rounds=options.rounds, seconds=options.seconds, quick=options.quick)
            kafka = own_kafka() if platform == "clustered" else None
            if kafka is not None:
                broken = await stall(running["ours"], os.environ[KAFKA], kafka, Path(folder))
    return measured, broken


def show(platform: str, measured: Measurements) -> None:
    columns = ("events/s", "CPU µs", "p50 ms", "p99 ms", "MB", "CPU/ours")
    print(f"\n{platform:<26}" + "".join(f"{name:>10}" for name in columns))
    for (batch, connections), rounds in measured.items():
        for name in NAMES:
            one = cell(rounds[name], batch)
            place = f"{batch:>4} x {connections:>2}"
            print(f"{place if name == NAMES[0] else '':<12}{name:<14}{one.events_per_s:>10,.0f}", end="")
            print(f"{one.cpu_us_per_event:>10,.0f}{one.p50_ms:>10.1f}{one.p99_ms:>10.1f}{one.rss_mb:>10,.0f}", end="")
            print(f"{cpu_ratio(rounds, name, batch):>10.2f}")


def show_stall(found: Stall) -> None:
    def seconds(value: float | None) -> str:
        return "never" if value is None else f"after {value:.2f} s"

    print("\nKafka stopped for 5 s under load:")
    print(f"  first 503: {seconds(found.first_503_s)} ({found.unavailable} in all)")
    print(f"  full speed again: {seconds(found.full_speed_s)}")
    print(f"  memory before, at most during, after (MB): {found.rss_before_mb:.0f}, ", end="")
    print(f"{found.rss_during_mb:.0f}, {found.rss_after_mb:.0f}")
    print(f"  acknowledged events: {found.acknowledged:,}, lost: {found.lost}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="16 connections only, one short round: under two minutes")
    parser.add_argument("--rounds", type=int, help="turns of each contender at 16 connections (3)")
    parser.add_argument("--seconds", type=float, help="how long a turn is (3)")
    parser.add_argument("--only", choices=("embedded", "clustered"))
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1.5 if options.quick else 3.0)
    wanted = [options.only] if options.only else ["embedded", "clustered"]
    if "clustered" in wanted and (reason := not_clustered()):
        print(f"Kafka was not measured: {reason}.", file=sys.stderr)
        wanted.remove("clustered")
    found = {platform: await measure(platform, options) for platform in wanted}
    figures: dict[str, Any] = {}
    named: dict[str, float] = {}
    print("Batch x connections. CPU: the server's own, per event; p50 and p99: per request.")
    for platform, (measured, broken) in found.items():
        show(platform, measured)
        named |= {f"{platform}_{name}": value for name, value in ratios(measured).items()}
        figures[platform] = {
            name: {
                f"{batch}x{number}": asdict(cell(rounds[name], batch)) for (batch, number), rounds in measured.items()
            }
            for name in NAMES
        }
        if broken is not None:
            show_stall(broken)
            figures["stall"] = asdict(broken)
    print("\n" + "".join(f"{name:<26}{value:>6.2f}\n" for name, value in named.items()), end="")
    print(json.dumps({"bench": "ingest", "ratios": named, "figures": figures}))


if __name__ == "__main__":
    asyncio.run(main())

"""`python -m tests.bench.scoring [--quick]`: scoring beside Quix Streams and a bare loop, on real Kafka."""

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.scoring import peers
from tests.bench.scoring.exact import Crash, crash
from tests.bench.scoring.turns import (
    CONTENDERS,
    FULL,
    LABELS,
    OURS,
    QUIX,
    Rounds,
    Size,
    in_turns,
    median,
    ratios,
    say,
    size,
    warmth,
)

from cskit.testing.engines import KAFKA, missing_engines

_MANY = 1_000_000  # accounts whose databases take minutes to copy
_SOME = 100_000
_FEW = 1_000  # accounts that go through 300,000 events in two seconds, most of them while batches still grow


def show(accounts: int, rounds: Rounds, stored: Mapping[str, float]) -> None:
    columns = ("events/s", "CPU µs", "PG µs", "WAL B", "MB", "B/account")
    print(f"\n{accounts:<12,}" + "".join(f"{name:>12}" for name in columns))
    for contender, turns in rounds.items():
        one = median(turns)
        state = stored.get(contender, one.state_bytes)
        print(f"{contender:<12}{one.events_per_s:>12,.0f}{one.cpu_us:>12.1f}", end="")
        print(f"{_number(one.database_us, 1)}{_number(one.wal_bytes)}{one.rss_mb:>12,.0f}{_number(state)}")


def show_crash(found: Crash) -> None:
    print(f"\nKilled after {', '.join(f'{n:,}' for n in found.killed_at)} events:")
    print(f"  usage events lost: {found.lost}, doubled: {found.doubled}")
    print(f"  changes not published: {found.unpublished}, published ones that history does not know: {found.unknown}")
    print(f"  accounts with gaps in their versions: {found.gaps}")


def _number(value: float | None, digits: int = 0) -> str:
    return f"{'-':>12}" if value is None else f"{value:>12,.{digits}f}"


def events_of(accounts: int, options: argparse.Namespace) -> int:
    """How many events the topic of a size has."""
    if options.events:
        return int(options.events)
    return 60_000 if options.quick else 1_000_000 if accounts <= _FEW else 300_000


async def contenders_here(wanted: Sequence[str]) -> list[str]:
    """Those that can run here."""
    try:
        if QUIX in wanted:
            await peers.quix_is_there()
    except peers.Missing as reason:
        say(f"quix is left out: {reason}")
        return [contender for contender in wanted if contender != QUIX]
    return list(wanted)


@dataclass
class Found:
    """What was measured. by_size: the turns, and the bytes an account by contender; as_sparse: see turns.ratios."""

    by_size: dict[int, tuple[Rounds, Mapping[str, float]]] = field(default_factory=dict)
    as_sparse: Rounds | None = None
    crash: Crash | None = None


async def measure(options: argparse.Namespace) -> Found:
    """Everything that was asked for, size after size."""
    kafka = os.environ[KAFKA]
    contenders = await contenders_here(options.only or CONTENDERS)
    found = Found()
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as folder:
        async with AsyncExitStack() as stack:
            warm = await stack.enter_async_context(warmth(kafka, Path(folder), contenders))
            for accounts in sorted(options.accounts):
                async with size(accounts, events_of(accounts, options), kafka, Path(folder), warm) as at:
                    if options.crash and found.crash is None:
                        found.crash = await _crashed(at, contenders)
                    rounds = await in_turns(at, contenders, 1 if accounts >= _MANY else options.rounds)
                    found.by_size[accounts] = rounds, at.stored
            if FULL in contenders and {_SOME, _MANY} <= found.by_size.keys():
                events = events_of(_MANY, options) * _SOME // _MANY
                async with size(_SOME, events, kafka, Path(folder), warm) as at:
                    found.as_sparse = await in_turns(at, [FULL], 1)
    return found


async def _crashed(at: Size, contenders: Sequence[str]) -> Crash | None:
    """At the smallest size, with the last of ours: the default scorecard unless it was left out."""
    mine = [contender for contender in OURS if contender in contenders]
    return await crash(at, mine[-1]) if mine else None


def not_possible() -> str | None:
    """Why nothing can be measured here."""
    return missing_engines()


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 and 10,000 accounts, 60,000 events, one round")
    parser.add_argument("--accounts", type=int, nargs="+", help="sizes (1000 100000 1000000)")
    parser.add_argument(
        "--events", type=int, help="events on the topic of each size (1000000 at 1,000 accounts, else 300000)"
    )
    parser.add_argument("--rounds", type=int, help="turns of each contender (3; at a million accounts 1)")
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", help="contenders (all)")
    parser.add_argument("--no-crash", dest="crash", action="store_false", help="do not kill scoring in the middle")
    options = parser.parse_args()
    options.accounts = options.accounts or ([1_000, 10_000] if options.quick else [1_000, 100_000, 1_000_000])
    options.rounds = options.rounds or (1 if options.quick else 3)
    if reason := not_possible():
        print(f"Scoring was not measured: {reason}.", file=sys.stderr)
        return 1
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a topic just made has no leader for a moment
    found = await measure(options)
    figures: dict[str, Any] = {"rounds": options.rounds}
    for accounts, (rounds, stored) in found.by_size.items():
        show(accounts, rounds, stored)
        figures[LABELS.get(accounts, str(accounts))] = {
            "events": events_of(accounts, options),
            **{
                contender: {
                    **asdict(median(turns)),
                    **({"state_bytes": stored[contender]} if contender in stored else {}),
                }
                for contender, turns in rounds.items()
            },
        }
    if found.as_sparse is not None:
        print("\nAs few events an account as at a million accounts:", end="")
        show(_SOME, found.as_sparse, {})
        figures["100k_as_sparse"] = {name: asdict(median(turns)) for name, turns in found.as_sparse.items()}
    if found.crash is not None:
        show_crash(found.crash)
        figures |= {"crash": asdict(found.crash), "crash_exact": found.crash.exact}
    named = ratios({accounts: rounds for accounts, (rounds, _) in found.by_size.items()}, found.as_sparse)
    skipped = [LABELS[accounts] for accounts in (_FEW, _SOME, _MANY) if accounts not in found.by_size]
    if skipped:
        print(f"\nNot measured: {', '.join(skipped)} accounts")
    print("\n" + "".join(f"{name:<26}{value:>6.2f}\n" for name, value in named.items()), end="")
    print(json.dumps({"bench": "scoring", "ratios": named, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

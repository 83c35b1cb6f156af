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
    BARE,
    CONTENDERS,
    FULL,
    LABELS,
    OURS,
    QUIX,
    SHORT,
    SPARSE,
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
_QUICK = 60_000  # events
_EVENTS = {1_000: 4_000_000, _SOME: 4_000_000}  # what Quix Streams works on for more than a minute
_FEW = 300_000  # events of all other sizes


@dataclass(frozen=True)
class Told:
    """What was measured at a size: how many events the topic had, the turns, the bytes an account by contender."""

    accounts: int
    events: int
    rounds: Rounds
    stored: Mapping[str, float]


def show(label: str, told: Told) -> None:
    columns = ("events/s", "CPU µs", "PG µs", "WAL B", "MB", "B/account")
    print(f"\n{label}: {told.accounts:,} accounts, {told.events:,} events")
    print(f"{'':<12}" + "".join(f"{name:>12}" for name in columns))
    for contender, turns in told.rounds.items():
        one = median(turns)
        state = told.stored.get(contender, one.state_bytes)
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
    return int(options.events) if options.events else _QUICK if options.quick else _EVENTS.get(accounts, _FEW)


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
    """What was measured, by label."""

    told: dict[str, Told] = field(default_factory=dict)
    crash: Crash | None = None

    async def take(self, label: str, at: Size, contenders: Sequence[str], rounds: int) -> None:
        """Measure at a size."""
        self.told[label] = Told(at.accounts, at.events, await in_turns(at, contenders, rounds), at.stored)


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
                    rounds = 1 if accounts >= _MANY else options.rounds
                    await found.take(LABELS.get(accounts, str(accounts)), at, contenders, rounds)
            if _SOME in options.accounts:
                async with size(_SOME, events_of(_MANY, options), kafka, Path(folder), warm) as at:
                    await found.take(SHORT, at, [each for each in contenders if each != BARE], 1)
            if {_SOME, _MANY} <= set(options.accounts) and FULL in contenders:
                events = events_of(_MANY, options) * _SOME // _MANY
                async with size(_SOME, events, kafka, Path(folder), warm) as at:
                    await found.take(SPARSE, at, [FULL], 1)
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
        "--events",
        type=int,
        help="events on each topic (4000000 at 1,000 and 100,000 accounts, else 300000)",
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
    figures: dict[str, Any] = {}
    for label, told in found.told.items():
        show(label, told)
        figures[label] = {
            "events": told.events,
            "rounds": max(map(len, told.rounds.values())),
            **{
                contender: {
                    **asdict(median(turns)),
                    **({"state_bytes": told.stored[contender]} if contender in told.stored else {}),
                }
                for contender, turns in told.rounds.items()
            },
        }
    if found.crash is not None:
        show_crash(found.crash)
        figures |= {"crash": asdict(found.crash), "crash_exact": found.crash.exact}
    named = ratios({label: told.rounds for label, told in found.told.items()})
    skipped = [LABELS[accounts] for accounts in (1_000, _SOME, _MANY) if LABELS[accounts] not in found.told]
    if skipped:
        print(f"\nNot measured: {', '.join(skipped)} accounts")
    print("\n" + "".join(f"{name:<26}{value:>6.2f}\n" for name, value in named.items()), end="")
    print(json.dumps({"bench": "scoring", "ratios": named, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""The matrix: batches of 1, 10, 100 and 500 at 1, 16 and 64 connections, the contenders in turns."""

import secrets
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tests.bench.ingest.contenders import Contender
from tests.bench.ingest.load import Measured

BATCHES = (1, 10, 100, 500)
CONNECTIONS = (1, 16, 64)
RATIOS_AT = 16  # connections
RATIOS = {"plain_cpu_1": ("plain", 1), "plain_cpu_100": ("plain", 100), "bare_500": ("bare", 500)}


@dataclass(frozen=True)
class Cell:
    """What one contender did at one batch size and number of connections: medians of its rounds.

    unavailable: how many requests were answered with 503, in all rounds.
    """

    events_per_s: float
    cpu_us_per_event: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    unavailable: int


Rounds = Mapping[str, Sequence[Measured]]  # by contender


async def matrix(
    running: Mapping[str, Contender], *, rounds: int, seconds: float, quick: bool
) -> dict[tuple[int, int], Rounds]:
    """Measure cell by cell. Those that make ratios have all rounds, the others one of half the time.

    quick: only at 16 connections.
    """
    decisive = {(batch, RATIOS_AT) for _, batch in RATIOS.values()}
    measured: dict[tuple[int, int], Rounds] = {}
    for connections, batch in product((RATIOS_AT,) if quick else CONNECTIONS, BATCHES):
        decides = (batch, connections) in decisive
        turns: dict[str, list[Measured]] = {name: [] for name in running}
        for _, (name, contender) in product(range(rounds if decides else 1), running.items()):
            run = f"b{secrets.token_hex(4)}"
            turns[name].append(
                await contender.put_under_load(run, batch, connections, seconds if decides else seconds / 2)
            )
        measured[batch, connections] = turns
        print(f"  batch {batch:>3}, {connections:>2} connections: measured", file=sys.stderr, flush=True)
    return measured


def cell(turns: Sequence[Measured], batch: int) -> Cell:
    """The medians of a contender's rounds."""
    return Cell(
        events_per_s=statistics.median(one.requests * batch / one.seconds for one in turns),
        cpu_us_per_event=statistics.median(one.cpu_per_event(batch) * 1e6 for one in turns),
        p50_ms=statistics.median(one.p50 * 1000 for one in turns),
        p99_ms=statistics.median(one.p99 * 1000 for one in turns),
        rss_mb=statistics.median(one.rss / 1e6 for one in turns),
        unavailable=sum(one.statuses.get("503", 0) for one in turns),
    )


def cpu_ratio(rounds: Rounds, other: str, batch: int) -> float:
    """The other's CPU per event as a multiple of ours: the median of what each round says. Above 1 we cost less."""
    pairs = zip(rounds[other], rounds["ours"], strict=True)
    return statistics.median(theirs.cpu_per_event(batch) / ours.cpu_per_event(batch) for theirs, ours in pairs)


def ratios(measured: Mapping[tuple[int, int], Rounds]) -> dict[str, float]:
    """plain_cpu_N: the plain service's CPU per event over ours. bare_500: our events per CPU-second over the bare's."""
    return {name: cpu_ratio(measured[batch, RATIOS_AT], other, batch) for name, (other, batch) in RATIOS.items()}

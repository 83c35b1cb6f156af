"""Who is measured at which size, in turns; ratios."""

import secrets
import statistics
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.scoring import ours, peers
from tests.bench.scoring.card import one_measure
from tests.bench.scoring.costs import Measured
from tests.bench.scoring.lives import SHAPES, life, load, name, shape_name, shape_of
from tests.bench.scoring.topic import fill, topics
from tests.bench.scoring.warm import account_tables, copied

from cskit.db.postgres import PostgresDatabase
from csmodels.topics import CUSTOMER_EVENTS

SAME: Final = "same"  # this service with one measure, a 28-day count
FULL: Final = "full"  # this service with its default scorecard
QUIX: Final = "quix"
BARE: Final = "bare"
CONTENDERS: Final = (SAME, FULL, QUIX, BARE)
OURS: Final = (SAME, FULL)
LABELS: Final[Mapping[int, str]] = {1_000: "1k", 10_000: "10k", 100_000: "100k", 1_000_000: "1m"}
SHORT: Final = "100k_short"  # 100,000 accounts with as many events in all as a million accounts
SPARSE: Final = "100k_sparse"  # the same with as many events an account as a million accounts

Rounds = Mapping[str, Sequence[Measured]]  # by contender


def say(text: str) -> None:
    """Progress, for who waits."""
    print(f"  {datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)  # noqa: DTZ005 - the reader's own time


@dataclass(frozen=True)
class Warmth:
    """Databases with the folded shapes, by contender of ours."""

    urls: Mapping[str, str]


@asynccontextmanager
async def warmth(kafka: str, folder: Path, contenders: Sequence[str]) -> AsyncIterator[Warmth]:
    """Let scoring itself fold the shapes under each scorecard that is measured."""
    async with AsyncExitStack() as stack:
        urls = {}
        for contender in OURS:
            if contender not in contenders:
                continue
            url = urls[contender] = await stack.enter_async_context(ours.database())
            count = await _fold_shapes(ours.Place(kafka, f"bw{secrets.token_hex(4)}.", folder), url, contender)
            say(f"{contender}: {SHAPES} lives folded, {count / SHAPES:.0f} events each")
        yield Warmth(urls)


async def _fold_shapes(place: ours.Place, url: str, contender: str) -> int:
    """Apply the scorecard, then fold; how many events there were."""
    now = datetime.now(UTC)
    async with topics(place.kafka, place.prefix) as log, ours.serving(place, url) as process:
        if contender == SAME:
            await ours.apply(process, place.folder, one_measure())
        control = sum((await log.end_offsets(place.prefix + CUSTOMER_EVENTS)).values())
        count = await fill(log, place.prefix, (e for n in range(SHAPES) for e in life(n, shape_name(n), now)))
        await ours.reached(url, process, control + count)
    return count


@asynccontextmanager
async def warmed(template: str, accounts: int) -> AsyncIterator[str]:
    """A database with so many warm accounts."""
    async with ours.database(template) as url:
        database = PostgresDatabase(url, ours.SCHEMA)
        try:
            await copied(database, {name(n): shape_name(shape_of(n)) for n in range(accounts)})
        finally:
            await database.close()
        await ours.settled(url)
        yield url


@dataclass(frozen=True)
class Size:
    """A number of accounts: its topic, and the warm databases by contender of ours."""

    accounts: int
    events: int
    place: ours.Place
    urls: Mapping[str, str]
    stored: Mapping[str, float]  # bytes an account

    @property
    def topic(self) -> str:
        return self.place.prefix + CUSTOMER_EVENTS


@asynccontextmanager
async def size(accounts: int, events: int, kafka: str, folder: Path, warm: Warmth) -> AsyncIterator[Size]:
    """Everything that the turns at a size need."""
    async with AsyncExitStack() as stack:
        urls, stored = {}, {}
        for contender, template in warm.urls.items():
            url = urls[contender] = await stack.enter_async_context(warmed(template, accounts))
            stored[contender] = await ours.stored(url, [table.name for table in account_tables()]) / accounts
        place = ours.Place(kafka, f"bl{secrets.token_hex(4)}.", folder)
        log = await stack.enter_async_context(topics(kafka, place.prefix))
        count = await fill(log, place.prefix, load(accounts, events, datetime.now(UTC)))
        say(f"{accounts:,} accounts warmed, {count:,} events on the topic")
        yield Size(accounts, count, place, urls, stored)


async def turn(contender: str, at: Size, *, last: bool) -> Measured:
    """One contender once through the topic; the last time ours does it on the warm database itself, not on a copy."""
    if contender == BARE:
        return await peers.bare(at.place.kafka, at.topic, at.events)
    if contender == QUIX:
        return await peers.quix(at.place.kafka, at.topic, at.events, at.accounts)
    async with AsyncExitStack() as stack:
        url = at.urls[contender] if last else await stack.enter_async_context(ours.database(at.urls[contender]))
        await ours.settled(url)
        process = await stack.enter_async_context(ours.serving(at.place, url))
        return await ours.through(process, url, at.events)


async def in_turns(at: Size, contenders: Sequence[str], rounds: int) -> Rounds:
    """All contenders, so often. The warm databases are used up then."""
    measured: dict[str, list[Measured]] = {contender: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            found = await turn(contender, at, last=number == rounds - 1)
            measured[contender].append(found)
            say(f"{at.accounts:>9,} {contender}: {found.events_per_s:,.0f} events/s, {found.cpu_us:.1f} µs of CPU")
    return measured


def median(turns: Sequence[Measured]) -> Measured:
    """The medians of a contender's rounds."""
    columns = {field.name: [getattr(turn, field.name) for turn in turns] for field in fields(Measured)}
    return Measured(**{name: None if None in values else statistics.median(values) for name, values in columns.items()})


def ratios(measured: Mapping[str, Rounds]) -> dict[str, float]:
    """quix_same, quix_full: our events/s over those of Quix Streams, with one measure and with the default scorecard.
    bare: the default scorecard's over those of the bare loop. Each by its label. cost_1m_over_100k: CPU of the service
    and of PostgreSQL per event at a million accounts over that at 100,000, with the default scorecard, where there are
    as many events in all; and as_sparse, where each account has as many. What was not measured is left out.
    """
    found: dict[str, float] = {}
    for label, rounds in measured.items():
        for ratio, mine, peer in (("quix_same", SAME, QUIX), ("quix_full", FULL, QUIX), ("bare", FULL, BARE)):
            if rounds.get(mine) and rounds.get(peer):
                pairs = zip(rounds[mine], rounds[peer], strict=True)
                found[f"{ratio}_{label}"] = statistics.median(a.events_per_s / b.events_per_s for a, b in pairs)
    for ratio, label in (("cost_1m_over_100k", SHORT), ("cost_1m_over_100k_as_sparse", SPARSE)):
        many, few = (measured.get(each, {}).get(FULL) for each in (LABELS[1_000_000], label))
        if many and few:
            found[ratio] = _cost(median(many)) / _cost(median(few))
    return found


def _cost(one: Measured) -> float:
    return one.cpu_us + (one.database_us or 0.0)

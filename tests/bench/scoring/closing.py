"""How long a daily closing takes: `python -m tests.bench.scoring.closing [--accounts 100000]`, on real PostgreSQL.

Every account of every partition is scored as of the end of its day and as of the hour, by the handler's own code, a
transaction a partition; and how long others had to wait for the event loop meanwhile.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import uvloop
from tests.bench.scoring import ours
from tests.bench.scoring.lives import SHAPES, life, name, shape_name, shape_of
from tests.bench.scoring.turns import say
from tests.bench.scoring.warm import copied

from allinone.server import calm_garbage_collection
from cskit.clock import Clocks, FrozenClock, RealClock
from cskit.db.postgres import PostgresDatabase
from cskit.messages import Message, UnitOfWork
from cskit.testing.engines import missing_engines
from csmodels.envelope import Event
from csmodels.ids import EventId
from csmodels.internal import ClockTicked, Tick
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.handlers import ScoringHandler
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings
from scoring.tables import PLUMBING

_WITHIN: Final = 60.0  # seconds, for 100,000 accounts
_OF: Final = 100_000
_BEAT: Final = 0.001


class Heart:
    """Beats as often as it may; the longest pause is how long others had to wait."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_BEAT)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last - _BEAT)
            last = now

    def stop(self) -> None:
        self._task.cancel()


def message(event: Event, partition: int, offset: int) -> Message[Event]:
    return Message(event, CUSTOMER_EVENTS, partition, offset, event.receivedtime, ())


def tick(hour: datetime, partition: int, offset: int) -> Message[Event]:
    """The hour has come."""
    event = ClockTicked(
        id=EventId(f"{partition}:{hour.isoformat()}"),
        source="clock",
        time=hour,
        receivedtime=hour,
        data=Tick(hour=hour),
    )
    return message(event, partition, offset)


async def take(handler: ScoringHandler, database: PostgresDatabase, messages: Sequence[Message[Event]]) -> None:
    """A batch, as the runner has it handled."""
    async with database.write() as tx:
        await handler.on_batch(messages, UnitOfWork(tx, PLUMBING))


async def measure(database: PostgresDatabase, url: str, accounts: int) -> dict[str, float]:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    before = midnight - timedelta(hours=1)
    clock = FrozenClock(before)
    settings = ScoringSettings(zone="UTC", currency="USD")
    handler = ScoringHandler(
        settings=settings, cards=built_in(), database=database, clocks=Clocks(world=clock, wall=RealClock())
    )
    await handler.on_assigned(frozenset())
    for shape in range(SHAPES):
        events = life(shape, shape_name(shape), before - timedelta(minutes=30))
        await take(handler, database, [message(e, partition_of(e.subject), n) for n, e in enumerate(events)])
    await copied(database, {name(n): shape_name(shape_of(n)) for n in range(accounts)})
    handler.forget()
    await ours.settled(url)
    for partition in range(PARTITIONS):
        await take(handler, database, [tick(before, partition, 1_000)])
    await ours.settled(url)
    say(f"{accounts:,} accounts are warm")
    calm_garbage_collection()
    heart = Heart()
    wall, cpu, longest_batch = time.perf_counter(), time.process_time(), 0.0
    for partition in range(PARTITIONS):
        began = time.perf_counter()
        await take(handler, database, [tick(midnight, partition, 1_001)])
        longest_batch = max(longest_batch, time.perf_counter() - began)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    heart.stop()
    return {
        "accounts": accounts,
        "closing_s": wall,
        "cpu_s": cpu,
        "account_us": wall / accounts * 1e6,
        "longest_partition_s": longest_batch,
        "longest_pause_ms": heart.longest * 1000,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=_OF)
    options = parser.parse_args()
    if reason := missing_engines():
        print(f"A closing was not measured: {reason}.", file=sys.stderr)
        return 1
    async with ours.database() as url:
        database = PostgresDatabase(url, ours.SCHEMA)
        try:
            figures = await measure(database, url, options.accounts)
        finally:
            await database.close()
    ratio = _WITHIN * options.accounts / _OF / figures["closing_s"]
    print(json.dumps({"bench": "closing", "ratios": {"closing_60s": ratio}, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))

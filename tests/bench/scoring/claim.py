"""How long a claim takes after 26 million batches of one event: `python -m tests.bench.scoring.claim`.

That is 100 events a second for 72 hours, each in a batch of its own: by partition and hour one merged row of
fingerprints and those that came after it. The rows are written in bulk, not one by one; the claim is the runner's own.
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from array import array
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

from tests.bench.scoring import ours

from cskit.claims import Claims
from cskit.db.postgres import PostgresDatabase
from cskit.dedup import HOUR_MS, Dedup
from cskit.log import Partition
from cskit.testing.engines import missing_engines
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.tables import PLUMBING

_GROUP: Final = "scoring"
_HOURS: Final = 72
_BEFORE_MERGE: Final = 256  # rows of an hour; the next batch makes one of them
_LOT: Final = 20_000
_WITHIN: Final = 5.0  # seconds


def rows(events: int, now_hour: int) -> Iterator[dict[str, Any]]:
    """The fingerprints of so many batches of one event, as they lie there at the end."""
    dice = random.Random(1)
    each = events // (_HOURS * PARTITIONS)
    for partition in range(PARTITIONS):
        for hour in range(now_hour - _HOURS + 1, now_hour + 1):
            single = min(each, dice.randrange(_BEFORE_MERGE))
            ids = array("Q", dice.randbytes(8 * each))
            for place, some in enumerate([ids[single:], *(ids[n : n + 1] for n in range(single))]):
                yield {
                    "consumer_group": _GROUP,
                    "topic": CUSTOMER_EVENTS,
                    "partition": partition,
                    "hour": hour,
                    "epoch": 1,
                    "next_offset": (hour - now_hour + _HOURS) * each + place,
                    "ids": some.tobytes(),
                }


async def fill(database: PostgresDatabase, events: int, now_hour: int) -> int:
    """Write them; how many rows there are."""
    count, lot = 0, []
    for row in rows(events, now_hour):
        lot.append(row)
        if len(lot) == _LOT or len(row["ids"]) * len(lot) > 64e6:
            async with database.write() as tx:
                tx.insert(PLUMBING.fingerprints, lot)
            count, lot = count + len(lot), []
    async with database.write() as tx:
        tx.insert(PLUMBING.fingerprints, lot)
    return count + len(lot)


async def claim(database: PostgresDatabase, clock_ms: int) -> tuple[float, float]:
    """Claim all partitions twice as the runner does, the first time to make their rows; wall and CPU of the second."""
    partitions = [Partition(CUSTOMER_EVENTS, number) for number in range(PARTITIONS)]
    claims, topic = Claims(PLUMBING.consumer_offsets, _GROUP, "bench"), {CUSTOMER_EVENTS: uuid4()}
    async with database.write() as tx:
        await claims.claim(tx, partitions, topic)
    dedup = Dedup(PLUMBING.fingerprints, _GROUP, seed=1)
    wall, cpu = time.perf_counter(), time.process_time()
    async with database.write() as tx:
        mine = await claims.claim(tx, partitions, topic)
        await dedup.load(tx, [(partition, clock_ms) for partition in mine])
    return time.perf_counter() - wall, time.process_time() - cpu


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=26_000_000)
    options = parser.parse_args()
    if reason := missing_engines():
        print(f"A claim was not measured: {reason}.", file=sys.stderr)
        return 1
    now_ms = int(time.time() * 1000)
    async with ours.database() as url:
        database = PostgresDatabase(url, ours.SCHEMA)
        try:
            count = await fill(database, options.events, now_ms // HOUR_MS)
            await ours.settled(url)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            wall, cpu = await claim(database, now_ms)
        finally:
            await database.close()
    figures = {
        "events": options.events,
        "rows": count,
        "claim_s": wall,
        "cpu_s": cpu,
        "memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3,
        "holds": wall < _WITHIN,
    }
    print(json.dumps({"bench": "claim", "ratios": {"claim_5s": _WITHIN / wall}, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

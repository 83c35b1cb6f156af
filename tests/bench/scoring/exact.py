"""Scoring killed in the middle of the topic, twice: nothing is lost and nothing counts twice."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.bench.scoring import ours
from tests.bench.scoring.turns import Size

from cskit.log import Record
from cskit.log.kafka import KafkaLog
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS
from scoring.engine.codec import decode_month

_KILLED_AT = (0.3, 0.65)  # of the topic


@dataclass(frozen=True)
class Crash:
    """What was found after scoring was killed, restarted, and done.

    lost and doubled: usage events of the topic, by the counts of the accounts; unpublished: changes of history that
    are not on cs.health-events; unknown: ids there that history does not have; gaps: accounts whose versions do not
    follow one another.
    """

    killed_at: tuple[int, ...]
    lost: int
    doubled: int
    unpublished: int
    unknown: int
    gaps: int

    @property
    def exact(self) -> bool:
        """Whether all is as without a crash."""
        return not (self.lost or self.doubled or self.unpublished or self.unknown or self.gaps)


async def crash(at: Size, contender: str) -> Crash:
    """Run a contender of ours through the topic with two kills, and compare with the topic."""
    log = KafkaLog(at.place.kafka, client_id="bench")
    await log.start()
    try:
        health = await log.end_offsets(at.place.prefix + HEALTH_EVENTS)
        async with ours.database(at.urls[contender]) as url:
            before, versions = await _counts(url), await _versions(url)
            killed = []
            for part in _KILLED_AT:
                async with ours.serving(at.place, url) as process:
                    await ours.reached(url, process, int(at.events * part))
                    await process.kill()
                (row,) = await ours.rows(url, f"SELECT sum(next_offset) AS n FROM {ours.SCHEMA}.consumer_offsets")
                killed.append(int(row["n"]))
            async with ours.serving(at.place, url) as process:
                await ours.through(process, url, at.events)
            after, published = await _counts(url), await _versions(url) - versions
        told = {json.loads(record.value or b"")["id"] for record in await _since(log, at, HEALTH_EVENTS, health)}
        topic = await _since(log, at, CUSTOMER_EVENTS, {number: 0 for number in health})
    finally:
        await log.close()
    ids = {f"{account}:{version}" for account, version in published}
    return compared(tuple(killed), after - before, usage(topic), ids, told, gaps(published | versions))


def compared(
    killed_at: tuple[int, ...],
    counted: Mapping[str, int],
    sent: Mapping[str, int],
    recorded: Set[str],
    told: Set[str],
    gaps: int,
) -> Crash:
    """What scoring counted beside what the topic has, by account; what history recorded beside what was published."""
    differences = [counted.get(account, 0) - sent.get(account, 0) for account in counted.keys() | sent.keys()]
    return Crash(
        killed_at=killed_at,
        lost=-sum(number for number in differences if number < 0),
        doubled=sum(number for number in differences if number > 0),
        unpublished=len(recorded - told),
        unknown=len(told - recorded),
        gaps=gaps,
    )


async def _counts(url: str) -> Counter[str]:
    """Usage events of each account in the newest month and the one before: the load lies there."""
    months = f"SELECT account, body FROM {ours.SCHEMA}.account_months WHERE month >= $1"
    now = datetime.now(UTC)
    oldest = f"{now:%Y-%m}" if now.day > 1 else f"{now.year - (now.month == 1)}-{(now.month - 2) % 12 + 1:02d}"
    counts: Counter[str] = Counter()
    for row in await ours.rows(url, months, oldest):
        counts[row["account"]] += sum(decode_month(row["body"]).events)
    return counts


async def _versions(url: str) -> set[tuple[str, int]]:
    found = await ours.rows(url, f"SELECT account, version FROM {ours.SCHEMA}.history WHERE version IS NOT NULL")
    return {(row["account"], row["version"]) for row in found}


def gaps(versions: Set[tuple[str, int]]) -> int:
    """How many accounts lack one of their versions."""
    most: Counter[str] = Counter()
    for account, version in versions:
        most[account] = max(most[account], version)
    known = Counter(account for account, _ in versions)
    return sum(known[account] != version for account, version in most.items())


async def _since(log: KafkaLog, at: Size, topic: str, starts: Mapping[int, int]) -> list[Record]:
    """The records of a topic from these offsets to its end."""
    ends = await log.end_offsets(at.place.prefix + topic)
    reader = await log.reader(at.place.prefix + topic, starts)
    found: list[Record] = []
    try:
        left = sum(ends.values()) - sum(starts.values())
        while len(found) < left:
            found += await reader.poll(max_records=10_000, timeout=5.0)
    finally:
        await reader.stop()
    return found


def usage(records: Sequence[Record]) -> Counter[str]:
    """Usage of each account, every id once."""
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for record in records:
        event = json.loads(record.value or b"")
        if event["type"] == "usage.tracked" and event["id"] not in seen:
            seen.add(event["id"])
            counts[event["subject"]] += event["data"].get("count", 1)
    return counts

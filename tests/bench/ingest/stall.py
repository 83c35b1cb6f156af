"""Kafka stopped (SIGSTOP) under load: what ingest answers meanwhile, what it keeps in memory, and what is on the topic
afterwards.
"""

import asyncio
import json
import os
import secrets
import shlex
import signal
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from aiokafka import AIOKafkaConsumer, TopicPartition
from tests.bench.ingest.contenders import Contender
from tests.bench.ingest.events import event_id

from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS

RESTART = "KIZASHI_TEST_KAFKA_RESTART"  # set where the broker is this command's own
BATCH = 10
CONNECTIONS = 16
BEFORE, STOPPED, AFTER = 4.0, 5.0, 6.0  # seconds
_BUCKET = 0.25  # seconds
_SECOND = 4  # buckets
_FULL = 0.8  # of the median speed before


@dataclass(frozen=True)
class Stall:
    """Seconds count from the stop (first_503_s) and from the return (full_speed_s); None: it did not happen.

    unavailable is the number of 503s; lost are events that were acknowledged and are not on the topic.
    """

    rss_before_mb: float
    rss_during_mb: float
    rss_after_mb: float
    first_503_s: float | None
    unavailable: int
    full_speed_s: float | None
    acknowledged: int
    lost: int


def own_kafka() -> int | None:
    """The process id of a broker that may be stopped; None if it is not this command's own."""
    words = shlex.split(os.environ.get(RESTART, ""))
    if "--state" not in words:
        return None
    state = json.loads((Path(words[words.index("--state") + 1]) / "engines.json").read_text())
    return int(state["kafka"]["pid"])


async def stall(ours: Contender, bootstrap: str, kafka: int, folder: Path) -> Stall:
    """Stop and continue the broker with this process id while ours is under load."""
    run = f"s{secrets.token_hex(4)}"
    timeline = folder / "stall.txt"
    server = psutil.Process(ours.pid)
    starts = await _ends(bootstrap)
    loading = asyncio.create_task(
        ours.put_under_load(run, BATCH, CONNECTIONS, BEFORE + STOPPED + AFTER, timeline=timeline)
    )
    await asyncio.sleep(BEFORE)
    before = server.memory_info().rss
    os.kill(kafka, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        during = await _highest(server, STOPPED)
    finally:
        os.kill(kafka, signal.SIGCONT)
    back = time.monotonic()
    await loading
    after = server.memory_info().rss
    answers = [(float(at), int(status), int(number)) for at, status, number in map(str.split, _lines(timeline))]
    refused = [at for at, status, _ in answers if status == 503 and at > stopped]
    taken = [number for _, status, number in answers if status == 200]
    sent = {event_id(run, number, index) for number in taken for index in range(BATCH)}
    return Stall(
        rss_before_mb=before / 1e6,
        rss_during_mb=during / 1e6,
        rss_after_mb=after / 1e6,
        first_503_s=min(refused) - stopped if refused else None,
        unavailable=len(refused),
        full_speed_s=_full_speed([at for at, status, _ in answers if status == 200], stopped, back),
        acknowledged=len(sent),
        lost=len(sent - await _ids_since(bootstrap, starts)),
    )


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def _full_speed(taken: list[float], stopped: float, back: float) -> float | None:
    """From when on, counted from the return, a whole second had 0.8 of what was usual before the stop."""

    def counts(start: float, seconds: float) -> list[int]:
        buckets = [0] * int(seconds / _BUCKET)
        for at in taken:
            if 0 <= (place := int((at - start) // _BUCKET)) < len(buckets):
                buckets[place] += 1
        return buckets

    usual = statistics.median(counts(stopped - 2.0, 2.0))
    later = counts(back, AFTER - 0.5)
    places = range(len(later) - _SECOND + 1)
    full = (place for place in places if statistics.mean(later[place : place + _SECOND]) >= _FULL * usual)
    first = next(full, None)
    return None if first is None else first * _BUCKET


async def _highest(server: psutil.Process, seconds: float) -> int:
    highest, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        highest = max(highest, server.memory_info().rss)
        await asyncio.sleep(0.1)
    return highest


def _partitions() -> list[TopicPartition]:
    return [TopicPartition(CUSTOMER_EVENTS, number) for number in range(PARTITIONS)]


async def _ends(bootstrap: str) -> Mapping[TopicPartition, int]:
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap)  # type: ignore[no-untyped-call]
    await consumer.start()
    try:
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(_partitions())
        return ends
    finally:
        await consumer.stop()


async def _ids_since(bootstrap: str, starts: Mapping[TopicPartition, int]) -> set[str]:
    """The ids of all events on the topic from these offsets to its end."""
    ends = await _ends(bootstrap)
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap)  # type: ignore[no-untyped-call]
    await consumer.start()
    ids: set[str] = set()
    try:
        consumer.assign(_partitions())
        for partition, offset in starts.items():
            consumer.seek(partition, offset)
        left = {partition for partition, end in ends.items() if starts[partition] < end}
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=1_000)).items():
                ids.update(json.loads(record.value)["id"] for record in records)
                if await consumer.position(partition) >= ends[partition]:
                    left.discard(partition)
    finally:
        await consumer.stop()
    return ids

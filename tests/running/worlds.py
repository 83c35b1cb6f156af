"""A whole Kizashi in this process, in a world whose clock runs fast. Deadlines here are of the wall."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from allinone.commands.keys import make_key
from allinone.embedded import Embedded, embedded_server
from cskit.claims import read_offsets
from cskit.clock import Clocks, RealClock, ScaledClock
from cskit.db import Database
from cskit.log import Log, Partition, Record
from cskit.service import Worker
from cskit.settings import Settings, read_settings
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS, PARTITIONS
from scoring.tables import PLUMBING

SECONDS = 60.0
HOUR = timedelta(hours=1)
T = TypeVar("T")


class WorldClock:
    """Stands still at `origin` until it is started; then so many hours pass in a second."""

    def __init__(self, hours_a_second: float, origin: datetime) -> None:
        self.scale = hours_a_second * 3600
        self._origin = origin
        self._running: ScaledClock | None = None
        self._started = asyncio.Event()

    def start(self) -> None:
        self._running = ScaledClock(self.scale, self._origin, RealClock())
        self._started.set()

    def now(self) -> datetime:
        return self._origin if self._running is None else self._running.now()

    async def sleep_until(self, moment: datetime) -> None:
        """As Clock.sleep_until."""
        if moment > self._origin:
            await self._started.wait()
            assert self._running is not None
            await self._running.sleep_until(moment)


@dataclass(frozen=True)
class World:
    """A server that runs in its own time, and an HTTP client of it with an admin key."""

    server: Embedded
    clock: WorldClock
    client: httpx.AsyncClient
    settings: Settings

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def get(self, path: str, **params: str) -> Any:
        answer = await self.client.get(path, params=params)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def tell(self, events: Sequence[dict[str, Any]]) -> None:
        """Hand events to ingest, all of which it accepts."""
        answer = await self.client.post("/v1/events", json={"events": events})
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == len(events), answer.text

    async def health(self, account: str) -> dict[str, Any] | None:
        """The account's health, or None while scoring does not know it."""
        answer = await self.client.get(f"/v1/accounts/{account}/health")
        assert answer.status_code in (200, 404), answer.text
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 else None


def folder_settings(folder: Path, **variables: str) -> Settings:
    """Settings of an embedded server in a data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return read_settings({"KIZASHI_DATA": str(folder), "KIZASHI_WEBHOOK_ALLOW": "127.0.0.1", **variables})


@asynccontextmanager
async def running(settings: Settings, clock: WorldClock) -> AsyncIterator[World]:
    """A server with this clock of the world and the real clock of the wall."""
    headers = {"authorization": f"Bearer {make_key(settings, 'test', ['admin'], None, None)}"}
    clocks = Clocks(world=clock, wall=RealClock())
    async with (
        embedded_server(settings, host="127.0.0.1", port=0, clocks=clocks) as server,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30, trust_env=False) as client,
    ):
        yield World(server, clock, client, settings)


class Holdable:
    """A worker that can be stopped and let go on while all others run. It runs until it is held."""

    def __init__(self, worker: Worker) -> None:
        self.name = worker.name
        self._worker = worker
        self._free = asyncio.Event()
        self._free.set()
        self._idle = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """As Worker.run, with rests."""
        while not stop.is_set():
            self._stop = asyncio.Event()
            if self._free.is_set():
                self._idle.clear()
                relayed = asyncio.create_task(self._relay(stop))
                try:
                    await self._worker.run(self._stop)
                finally:
                    relayed.cancel()
                    self._idle.set()
            else:
                await _either(stop, self._free)

    async def _relay(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop.set()

    async def hold(self) -> None:
        """Return once the worker has stopped."""
        self._free.clear()
        self._stop.set()
        await self._idle.wait()

    def release(self) -> None:
        self._free.set()


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
            with suppress(asyncio.CancelledError):
                await wait


async def until(what: str, look: Callable[[], Awaitable[T | None]], seconds: float = SECONDS) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while (found := await look()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        await asyncio.sleep(0.05)
    return found


async def read_topic(log: Log, topic: str) -> list[Record]:
    """All records that a topic holds now, in order of append time and, within a partition, of offset."""
    ends = await log.end_offsets(topic)
    consumer = log.consumer(f"reader-{time.monotonic_ns()}", [topic])
    await consumer.start(_FromTheBeginning())
    found: list[Record] = []
    deadline = time.monotonic() + SECONDS
    while sum(each.offset < ends[each.partition] for each in found) < sum(ends.values()):
        assert time.monotonic() < deadline, f"{len(found)} of {sum(ends.values())} records of {topic}"
        for records in (await consumer.poll(max_records=10_000, timeout=0.5)).values():
            found += records
    await consumer.stop()
    kept = [each for each in found if each.offset < ends[each.partition]]
    return sorted(kept, key=lambda each: (each.timestamp_ms, each.partition, each.offset))


class _FromTheBeginning:
    async def on_assigned(self, partitions: frozenset[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 0)

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        return None


async def import_history(world: World, events: Sequence[dict[str, Any]]) -> None:
    """Hand many events to ingest, some hundred at a time."""
    for start in range(0, len(events), 500):
        await world.tell(events[start : start + 500])


async def events_of(world: World, topic: str, account: str) -> list[tuple[Record, dict[str, Any]]]:
    """What a topic of the log holds of an account, with the records."""
    found = [(record, json.loads(record.value or b"")) for record in await read_topic(world.server.platform.log, topic)]
    return [(record, each) for record, each in found if each["subject"] == account]


async def until_told(world: World, hour: datetime) -> Mapping[int, int]:
    """The ends of cs.customer-events once each of its partitions was told of this hour, or of a later one."""
    log = world.server.platform.log
    await world.clock.sleep_until(hour)

    async def look() -> Mapping[int, int] | None:
        control = [each for each in await read_topic(log, CUSTOMER_EVENTS) if each.key == CONTROL_KEY.encode()]
        told = {record.partition for record in control if _hour(record) >= hour}
        return await log.end_offsets(CUSTOMER_EVENTS) if len(told) == PARTITIONS else None

    return await until(f"the tick of {hour}", look)


def _hour(record: Record) -> datetime:
    event = json.loads(record.value or b"")
    assert event["type"] == "clock.ticked", event  # nothing else is controlled here
    return datetime.fromisoformat(event["data"]["hour"])


async def next_offsets(database: Database, group: str = "scoring") -> Mapping[int, int]:
    """Where a group that folds into scoring's tables reads on, by partition."""
    offsets = await read_offsets(database, PLUMBING, group)
    return {partition.number: offset for partition, offset in offsets.items()}


async def until_folded(database: Database, ends: Mapping[int, int], group: str = "scoring") -> None:
    """Return once such a group has folded every partition up to these ends."""

    async def look() -> bool | None:
        found = await next_offsets(database, group)
        return True if all(found.get(number, 0) >= end for number, end in ends.items()) else None

    await until(f"{group} has folded it all", look)

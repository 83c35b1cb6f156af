"""A system on a preloaded log: run it, kill it, let it finish, look at what it left."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import httpx
from tests.chaos import snapshot, world
from tests.chaos.snapshot import Snapshot, looking
from tests.running.receiver import Receiver, receiving
from tests.running.systems import System, clustered_system, embedded_system

from allinone.embedded import embedded_server
from cskit.log import Log, NewRecord, Partition, Record
from cskit.log.sqlite import SqliteLog
from cskit.settings import TestHooks, read_settings
from csmodels import topics
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # one for all runs that are compared
NOW_MS = int(NOW.timestamp() * 1000)
SECONDS = 150.0


@dataclass
class Trial:
    """One system with its receiver, its log preloaded, not running."""

    system: System
    receiver: Receiver
    records: Sequence[NewRecord]
    workers: Sequence[str]  # the processes that fold: which the failpoints are for
    log: Sequence[Record] = ()  # cs.customer-events as it was, once the trial has finished
    settings: Mapping[str, str] = field(default_factory=lambda: {"KIZASHI_TEST_CUT": str(world.CUT)})

    async def start(self, name: str, **settings: str) -> None:
        await self.system.processes[name].start(**self.settings, **settings)

    async def run_until_killed(self, failpoint: str) -> None:
        """Start the workers with a failpoint that each of them reaches, and wait for their deaths."""
        names = [
            name for name in self.workers if not failpoint.startswith("effects") or name in ("kizashi", "playbook")
        ]
        for name in self.workers:
            await self.start(name, **({"KIZASHI_TEST_FAILPOINT": failpoint} if name in names else {}))
        for name in names:
            assert await self.system.processes[name].ended(SECONDS) == -9, self.system.processes[name].tail()
        for name in set(self.workers) - set(names):
            await self.system.processes[name].kill()

    async def finish(self) -> Snapshot:
        """Run what does not run, wait until all is done, stop, and look."""
        for name in self.workers:
            if not self.system.processes[name].runs:
                await self.start(name)
        await self.until_done()
        for name in self.workers:
            await self.system.processes[name].stop()
        async with looking(self.system.environment) as platform:
            self.log = await read_topic(platform.log, CUSTOMER_EVENTS)
            return await snapshot.take(platform, await read_topic(platform.log, HEALTH_EVENTS))

    async def until_done(self) -> None:
        deadline = time.monotonic() + SECONDS
        ends = world.ends(self.records)
        while not await self._is_done(ends):
            ended = [name for name in self.workers if not self.system.processes[name].runs]
            assert not ended, f"{ended} ended:\n{self.system.processes[ended[0]].tail()}"
            assert time.monotonic() < deadline, f"not done:\n{self.system.processes[self.workers[0]].tail()}"
            await asyncio.sleep(0.2)

    async def _is_done(self, ends: Mapping[int, int]) -> bool:
        async with looking(self.system.environment) as platform:  # anew: an embedded log knows its own appends only
            return await snapshot.is_done(platform, ends)


async def add_endpoint(urls: Mapping[str, str], key: str, receiver: Receiver) -> None:
    """Tell playbook where webhooks go."""
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=urls["playbook"], headers=headers, trust_env=False, timeout=30) as playbook:
        endpoint = {"id": "crm", "url": receiver.url, "types": ["task.created"]}
        answer = await playbook.post("/v1/webhook-endpoints", json=endpoint)
        assert answer.status_code == 201, answer.text
        receiver.secret = answer.json()["secret"]


@asynccontextmanager
async def trial(kind: str, folder: Path) -> AsyncIterator[Trial]:
    """A trial on "embedded" or "clustered"."""
    folder.mkdir()
    records = world.records(NOW)
    made = embedded_system if kind == "embedded" else clustered_system
    workers = ("kizashi",) if kind == "embedded" else ("scoring", "playbook")
    async with receiving() as receiver, made(folder, KIZASHI_WEBHOOK_ALLOW="127.0.0.1") as system:
        first = system.processes["kizashi" if kind == "embedded" else "playbook"]
        await first.start()
        await first.ready()
        await add_endpoint(system.urls, system.key, receiver)
        await first.stop()
        if kind == "embedded":
            await append_at(folder / "data", [(NOW_MS, records)])
        else:
            async with looking(system.environment) as platform:
                await platform.log.append(records)
        yield Trial(system, receiver, records, workers)


async def append_at(data: Path, lots: Iterable[tuple[int, Sequence[NewRecord]]]) -> None:
    """Append to the embedded log of a data folder, each lot as of its own millisecond."""
    now_ms = NOW_MS
    log = SqliteLog(data / "log.db", now_ms=lambda: now_ms)
    await log.start()
    await log.ensure_topics(topics.ALL, topics.PARTITIONS)
    for now_ms, lot in lots:  # noqa: B007  the log asks for it
        await log.append(lot)
    await log.close()


async def uninterrupted(folder: Path, log: Sequence[Record]) -> Snapshot:
    """What an undisturbed embedded server leaves of this very log: same records, offsets and append times."""
    data = folder / "data"
    data.mkdir(parents=True)
    in_time = sorted(log, key=lambda record: (record.timestamp_ms, record.partition, record.offset))
    lots = [
        (at, [NewRecord(each.topic, each.partition, each.key, each.value or b"", each.headers) for each in lot])
        for at, lot in groupby(in_time, key=lambda record: record.timestamp_ms)
    ]
    environment = {"KIZASHI_DATA": str(data), "KIZASHI_SERVICE_KEY": secrets.token_urlsafe(24)}
    environment |= {"KIZASHI_WEBHOOK_ALLOW": "127.0.0.1"}
    settings = read_settings(environment)
    ends: dict[int, int] = Counter(record.partition for record in log)
    async with receiving() as receiver:
        async with embedded_server(settings, host="127.0.0.1", port=0) as server:
            assert settings.service_key is not None
            urls = {"playbook": server.url}
            await add_endpoint(urls, settings.service_key.get_secret_value(), receiver)
        await append_at(data, lots)
        hooks = TestHooks(cut=world.CUT)
        async with embedded_server(settings, host="127.0.0.1", port=0, hooks=hooks) as server:
            deadline = time.monotonic() + SECONDS
            while not await snapshot.is_done(server.platform, ends):
                assert time.monotonic() < deadline, "the undisturbed run is not done"
                await asyncio.sleep(0.1)
    async with looking(environment) as platform:
        published = await read_topic(platform.log, HEALTH_EVENTS)
        return await snapshot.take(platform, published)


async def read_topic(log: Log, topic: str) -> list[Record]:
    """All records of a topic."""
    total = sum((await log.end_offsets(topic)).values())
    consumer = log.consumer(f"reader-{time.monotonic_ns()}", [topic])
    await consumer.start(_Reader())
    found: list[Record] = []
    deadline = time.monotonic() + 60
    while len(found) < total:
        assert time.monotonic() < deadline, f"{len(found)} of {total} records of {topic}"
        for records in (await consumer.poll(max_records=10_000, timeout=0.5)).values():
            found += records
    await consumer.stop()
    return found


class _Reader:
    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, 0)

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        return None

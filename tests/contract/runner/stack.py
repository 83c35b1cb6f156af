"""A small service on each platform: it notes each event it is given, and publishes one for each."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, select

from cskit.clock import Clocks
from cskit.db import Database
from cskit.db.plumbing import Plumbing, plumbing
from cskit.db.postgres import PostgresDatabase
from cskit.db.sqlite import SqliteDatabase
from cskit.log import Log, NewRecord, Partition
from cskit.log.kafka import KafkaLog
from cskit.log.sqlite import SqliteLog
from cskit.messages import Message, UnitOfWork, Wanted, event_record
from cskit.outbox import Relay
from cskit.runner import Runner
from cskit.settings import TestHooks
from cskit.testing.engines import KAFKA, fresh_database
from cskit.testing.prefixed import PrefixedLog
from csmodels import customer, internal, topics
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS

PARTITIONS = 16
NOW = datetime.now(UTC).replace(microsecond=0)

metadata = MetaData()
PLUMBING = plumbing(metadata)
SEEN = Table(
    "seen",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("account", String(128), nullable=False),
    Column("event", String(160), nullable=False),
    Column("batch", Integer, nullable=False),
)


def usage(account: str, event_id: str, source: str = "app") -> Event:
    return customer.UsageTracked(
        id=event_id,
        source=source,
        subject=account,
        time=NOW,
        receivedtime=NOW,
        data=customer.Usage(name="report"),
    )


def erased(account: str, event_id: str) -> Event:
    return internal.PersonErased(
        id=event_id,
        source="ingest",
        subject=account,
        time=NOW,
        receivedtime=NOW,
        data=internal.Erasure(person="5b8c0b2e-6c3b-4f6e-9d5a-0d7c1a2b3c4d"),
    )


@dataclass
class Noting:
    """A handler that writes down what it is given; `before` may refuse."""

    before: Callable[[Sequence[Message[Event]]], None] = lambda _: None
    wants: Wanted | None = None
    batches: int = 0
    forgotten: int = 0
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        self.before(messages)
        self.batches += 1
        rows = [{"account": m.event.subject, "event": m.event.id, "batch": self.batches} for m in messages]
        uow.insert(SEEN, rows)
        self.entered.set()
        if self.gate is not None:
            await uow.tx.flush()
            await self.gate.wait()

    async def wanted(self) -> Wanted | None:
        return self.wants

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        return None

    def forget(self) -> None:
        self.forgotten += 1


@dataclass
class Stack:
    """One platform, opened."""

    log: Log
    database: Database
    plumbing: Plumbing
    make_anew: Callable[[str], object]
    clocks: Clocks = field(default_factory=Clocks.real)

    async def append(self, events: Sequence[Event]) -> None:
        await self.log.append([event_record(CUSTOMER_EVENTS, event) for event in events])

    async def append_raw(self, partition: int, key: bytes | None, value: bytes) -> None:
        await self.log.append([NewRecord(CUSTOMER_EVENTS, partition, key, value)])

    def runner(
        self, handler: object, *, owner: str = "one", hooks: TestHooks | None = None, group: str = "noting"
    ) -> Runner:
        return Runner(
            group=group,
            topics=[CUSTOMER_EVENTS],
            log=self.log,
            database=self.database,
            plumbing=self.plumbing,
            handler=handler,  # type: ignore[arg-type]
            clocks=self.clocks,
            owner=owner,
            hooks=hooks,
        )

    def relay(self, *, owner: str = "one") -> Relay:
        return Relay(
            service="noting",
            log=self.log,
            database=self.database,
            plumbing=self.plumbing,
            clocks=self.clocks,
            owner=owner,
            idle=0.05,
        )

    async def seen(self) -> list[str]:
        async with self.database.read() as tx:
            return [row.event for row in await tx.fetch(select(SEEN.c.event).order_by(SEEN.c.number))]

    async def until(self, count: int, seconds: float = 40) -> list[str]:
        """What was noted, once there are `count` of them."""
        deadline = time.monotonic() + seconds
        while len(seen := await self.seen()) < count:
            assert time.monotonic() < deadline, f"{len(seen)} of {count} after {seconds} s"
            await asyncio.sleep(0.02)
        return seen


def failing(*ids: str) -> Callable[[Sequence[Message[Event]]], None]:
    """What fails for a batch that holds one of these events, as Noting's `before`."""

    def check(messages: Sequence[Message[Event]]) -> None:
        for message in messages:
            if message.event.id in ids:
                raise ZeroDivisionError("somebody@example.com")

    return check


@asynccontextmanager
async def running(worker: Runner | Relay) -> AsyncIterator[asyncio.Task[None]]:
    """The worker at work; stopped in good order at the end unless it has ended by itself."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield task
    finally:
        stop.set()
        if not task.done():
            await asyncio.wait_for(task, 30)


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Stack]:
    log = SqliteLog(folder / "log.db", now_ms=lambda: time.time_ns() // 1_000_000)
    database = SqliteDatabase(folder / "noting.db")

    async def make_anew(topic: str) -> None:
        await log.delete_topic(topic)
        await log.ensure_topics([topic], PARTITIONS)

    async with opened(Stack(log, database, PLUMBING, make_anew)) as stack:
        yield stack


@asynccontextmanager
async def clustered() -> AsyncIterator[Stack]:
    prefix = f"t{uuid4().hex[:10]}."
    kafka = KafkaLog(os.environ[KAFKA], client_id="test", session_timeout_ms=6_000)
    log = PrefixedLog(kafka, prefix)

    async def make_anew(topic: str) -> None:
        await kafka.delete_topic(prefix + topic)
        await kafka.ensure_topics([prefix + topic], PARTITIONS)

    async with fresh_database() as url:
        database = PostgresDatabase(url, "noting")
        async with opened(Stack(log, database, PLUMBING, make_anew)) as stack:
            yield stack
            for topic in topics.ALL:
                await kafka.delete_topic(prefix + topic)


@asynccontextmanager
async def opened(stack: Stack) -> AsyncIterator[Stack]:
    await stack.log.start()
    await stack.log.ensure_topics(topics.ALL, PARTITIONS)
    await stack.database.migrate(metadata.create_all)
    try:
        yield stack
    finally:
        await stack.log.close()
        await stack.database.close()

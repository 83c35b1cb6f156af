"""The bare app: splits a body into raw items and appends each as it came. No key, no check, no identity.

What it costs is HTTP and the log; no service on the same server and client library can cost less. Its items are dealt
out to the partitions in turn, as nothing of them is read.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from cskit.log import NewRecord
from cskit.log.sqlite import SqliteLog
from cskit.settings import Settings
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS

Append = Callable[[Sequence[msgspec.Raw]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class _Body(msgspec.Struct):
    events: list[msgspec.Raw]


def make_app(append: Append) -> App:
    """An ASGI function on a log."""
    body_of = msgspec.json.Decoder(_Body).decode

    async def app(scope: Any, receive: Any, send: Any) -> None:
        count = 0
        if scope["method"] == "POST":
            message = await receive()
            body = message["body"]
            while message["more_body"]:
                message = await receive()
                body += message["body"]
            items = body_of(body).events
            count = len(items)
            await append(items)
        answer = b'{"accepted":%d,"refused":0}' % count
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


@asynccontextmanager
async def clustered(settings: Settings) -> AsyncIterator[App]:
    """One send_batch a partition and request; one at a time, since aiokafka times out where several wait."""
    producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]
        bootstrap_servers=settings.kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=8 * 1024 * 1024,
    )
    await producer.start()
    await producer.partitions_for(CUSTOMER_EVENTS)
    turns = [asyncio.Lock() for _ in range(PARTITIONS)]
    start = 0

    async def to(partition: int, items: Sequence[msgspec.Raw]) -> None:
        batch = producer.create_batch()
        for item in items:
            if batch.append(timestamp=None, key=None, value=bytes(item)) is None:
                raise RuntimeError("a request is larger than a batch")
        async with turns[partition]:
            await (await producer.send_batch(batch, CUSTOMER_EVENTS, partition=partition))

    async def append(items: Sequence[msgspec.Raw]) -> None:
        nonlocal start
        start += 1
        parts = ((start + number) % PARTITIONS for number in range(min(PARTITIONS, len(items))))
        await asyncio.gather(*(to(part, items[number::PARTITIONS]) for number, part in enumerate(parts)))

    try:
        yield make_app(append)
    finally:
        await producer.stop()


@asynccontextmanager
async def embedded(settings: Settings) -> AsyncIterator[App]:
    """One append a request."""
    log = SqliteLog(settings.data / "log.db", now_ms=lambda: int(datetime.now(UTC).timestamp() * 1000))
    await log.start()
    await log.ensure_topics([CUSTOMER_EVENTS], PARTITIONS)
    start = 0

    async def append(items: Sequence[msgspec.Raw]) -> None:
        nonlocal start
        start += 1
        await log.append(
            [
                NewRecord(CUSTOMER_EVENTS, (start + number) % PARTITIONS, None, bytes(item))
                for number, item in enumerate(items)
            ]
        )

    try:
        yield make_app(append)
    finally:
        await log.close()

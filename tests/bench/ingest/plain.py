"""The plain service: what a good FastAPI developer writes in a day for the same promise, and no more.

A pydantic body model, the platform's own models for an event's data, one SELECT a request for who the users are,
CloudEvents by pydantic, `producer.send()` for each event and one gather, acks=all and idempotent with zstd as ours, an
answer for each item after the ack. It keeps no cache, holds nothing back for unknown users, and bounds nothing.
Embedded, where there is no producer, it appends its events one after the other.
"""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from aiokafka import AIOKafkaProducer
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field, SerializeAsAny, model_validator
from sqlalchemy import Column, MetaData, Row, Select, String, Table, insert, select
from sqlalchemy.ext.asyncio import create_async_engine
from tests.bench.ingest import events

from cskit.db.sqlite import SqliteDatabase
from cskit.log import NewRecord
from cskit.log.sqlite import SqliteLog
from cskit.settings import Settings
from csmodels.catalogue import CLIENT_TYPES, parse_data
from csmodels.envelope import Data
from csmodels.errors import InvalidEvent
from csmodels.fields import UtcTime
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS

metadata = MetaData()
USERS = Table(
    "bench_users",
    metadata,
    Column("user_id", String(300), primary_key=True),
    Column("account", String(128), nullable=False),
    Column("person", String(36), nullable=False),
)

Fetch = Callable[[Select[Any]], Awaitable[Sequence[Row[Any]]]]
Send = Callable[[Sequence[tuple[str, bytes]]], Awaitable[None]]  # accounts and messages, returns once all are durable


class Item(BaseModel):
    id: Annotated[str, Field(min_length=1, max_length=128)]
    type: str
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")] | None = None
    user: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    time: UtcTime | None = None
    data: dict[str, Any] = {}
    backfill: bool = False

    @model_validator(mode="after")
    def _of_somebody(self) -> Self:
        if self.account is None and self.user is None:
            raise ValueError("an item needs an account or a user")
        return self


class Body(BaseModel):
    events: list[Item]


class CloudEvent(BaseModel):
    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: UtcTime
    receivedtime: UtcTime
    personid: str | None = None
    clamped: bool = False
    backfill: bool = False
    data: SerializeAsAny[Data]


class Result(BaseModel):
    index: int
    id: str
    status: Literal["accepted", "refused"]
    message: str | None = None


class Answer(BaseModel):
    accepted: int
    refused: int
    items: list[Result]


def make_app(key: str, fetch: Fetch, send: Send) -> FastAPI:
    """The service on a database and a log."""
    app = FastAPI()

    def source(given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
        if not secrets.compare_digest(given.credentials, key):
            raise HTTPException(401, "unknown key")
        return "bench"

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/events")
    async def take(body: Body, source: Annotated[str, Depends(source)]) -> Answer:
        received = datetime.now(UTC)
        names = {item.user for item in body.events if item.user is not None}
        rows = await fetch(select(USERS).where(USERS.c.user_id.in_(names))) if names else []
        known = {row.user_id: row for row in rows}
        results: list[Result] = []
        messages: list[tuple[str, bytes]] = []
        for index, item in enumerate(body.events):
            who = known.get(item.user) if item.user is not None else None
            account = item.account or (who.account if who is not None else None)
            try:
                if account is None or item.type not in CLIENT_TYPES:
                    raise ValueError("unknown user or type")
                data = parse_data(item.type, _travelling(item.data))
            except (ValueError, InvalidEvent) as error:
                results.append(Result(index=index, id=item.id, status="refused", message=str(error)))
                continue
            time = item.time or received
            event = CloudEvent(
                id=item.id,
                source=source,
                type=item.type,
                subject=account,
                time=min(time, received),
                receivedtime=received,
                personid=who.person if who is not None else None,
                clamped=time > received,
                backfill=item.backfill or received - time > timedelta(days=3),
                data=data,
            )
            messages.append((account, event.model_dump_json(exclude_unset=True, by_alias=True).encode()))
            results.append(Result(index=index, id=item.id, status="accepted"))
        await send(messages)
        return Answer(accepted=len(messages), refused=len(results) - len(messages), items=results)

    return app


def _travelling(data: dict[str, Any]) -> dict[str, Any]:
    """Texts in properties stay here."""
    given = data.get("properties")
    if not isinstance(given, dict):
        return data
    return {**data, "properties": {name: value for name, value in given.items() if isinstance(value, (int, float))}}


@asynccontextmanager
async def clustered(settings: Settings, key: str) -> AsyncIterator[FastAPI]:
    """On Kafka and PostgreSQL."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value().replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(USERS), _users())
    producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]
        bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True, compression_type="zstd"
    )
    await producer.start()

    async def fetch(statement: Select[Any]) -> Sequence[Row[Any]]:
        async with engine.connect() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(statement)).all()
            return rows

    async def send(messages: Sequence[tuple[str, bytes]]) -> None:
        sent = [await producer.send(CUSTOMER_EVENTS, value, key=account.encode()) for account, value in messages]
        await asyncio.gather(*sent)

    try:
        yield make_app(key, fetch, send)
    finally:
        await producer.stop()
        await engine.dispose()


@asynccontextmanager
async def embedded(settings: Settings, key: str) -> AsyncIterator[FastAPI]:
    """On SQLite files."""
    database = SqliteDatabase(settings.data / "plain.db")
    await database.migrate(metadata.create_all)
    async with database.write() as tx:
        tx.insert(USERS, _users())
    log = SqliteLog(settings.data / "log.db", now_ms=lambda: int(datetime.now(UTC).timestamp() * 1000))
    await log.start()
    await log.ensure_topics([CUSTOMER_EVENTS], PARTITIONS)

    async def fetch(statement: Select[Any]) -> Sequence[Row[Any]]:
        async with database.read() as tx:
            return await tx.fetch(statement)

    async def send(messages: Sequence[tuple[str, bytes]]) -> None:
        for account, value in messages:
            await log.append([NewRecord(CUSTOMER_EVENTS, partition_of(account), account.encode(), value)])

    try:
        yield make_app(key, fetch, send)
    finally:
        await log.close()
        await database.close()


def _users() -> list[dict[str, str]]:
    return [
        {"user_id": events.user(number), "account": events.account_of(number), "person": str(uuid.uuid4())}
        for number in range(events.USERS)
    ]

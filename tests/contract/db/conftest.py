"""The engines that the database contract runs on."""

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, Float, LargeBinary, MetaData, String, Table
from sqlalchemy.schema import DropSchema

from cskit.db import Database, Instant, Json
from cskit.db.postgres import PostgresDatabase
from cskit.db.sqlite import SqliteDatabase

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("ratio", Float(53)),
    Column("body", LargeBinary),
    Column("document", Json()),
    Column("at", Instant),
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        opened: Database = SqliteDatabase(tmp_path / "things.db")
        await opened.migrate(metadata.create_all)
        yield opened
        await opened.close()
        return
    url = os.environ.get("KIZASHI_TEST_DATABASE_URL")
    if not url:
        pytest.skip("KIZASHI_TEST_DATABASE_URL is not set")
    schema = f"test_{secrets.token_hex(6)}"
    opened = PostgresDatabase(url, schema)
    await opened.migrate(metadata.create_all)
    yield opened
    await opened.migrate(lambda connection: connection.execute(DropSchema(schema, cascade=True)))
    await opened.close()


@pytest.fixture
def table() -> Table:
    return things

"""The databases that scoring is tested on."""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy.schema import DropSchema

from cskit.db import Database
from cskit.db.postgres import PostgresDatabase
from cskit.db.sqlite import SqliteDatabase
from cskit.migrate import upgrade

Fresh = Callable[[], Awaitable[Database]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fresh]:
    """Makes an empty, migrated database at each call."""
    url = os.environ.get("KIZASHI_TEST_DATABASE_URL")
    if request.param == "postgres" and not url:
        pytest.skip("KIZASHI_TEST_DATABASE_URL is not set")
    async with AsyncExitStack() as ends:

        async def make() -> Database:
            name = f"scoring_{secrets.token_hex(6)}"
            database: Database
            if request.param == "sqlite":
                database = SqliteDatabase(tmp_path / f"{name}.db")
            else:
                assert url is not None
                database = PostgresDatabase(url, name)
            ends.push_async_callback(_end, database, name if request.param == "postgres" else None)
            await upgrade(database, "scoring")
            return database

        yield make


@pytest.fixture
async def database(fresh: Fresh) -> Database:
    return await fresh()


async def _end(database: Database, schema: str | None) -> None:
    if schema is not None:
        await database.migrate(lambda connection: connection.execute(DropSchema(schema, cascade=True)))
    await database.close()

"""What PostgreSQL alone can do to a connection."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, String, Table, func, literal, select

from cskit.db import DatabaseUnavailable
from cskit.db.postgres import PostgresDatabase

pytestmark = pytest.mark.postgres
_CALLS = 5
_WITHIN = "SELECT true FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event = 'ClientRead'"
_SLEEPING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND query ~ 'pg_sleep' AND state = 'active'"
)


@pytest.fixture
async def admin() -> AsyncIterator[Any]:
    """A connection of its own."""
    if not os.environ.get("KIZASHI_TEST_DATABASE_URL"):
        pytest.skip("KIZASHI_TEST_DATABASE_URL is not set")
    opened = await asyncpg.connect(os.environ["KIZASHI_TEST_DATABASE_URL"])  # type: ignore[no-untyped-call]
    yield opened
    await opened.close()


@pytest.fixture
async def postgres(admin: Any, schema: str) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(os.environ["KIZASHI_TEST_DATABASE_URL"], schema)
    yield opened
    await opened.close()


@pytest.fixture
def schema() -> str:
    return f"test_{secrets.token_hex(6)}"


async def test_connections_that_the_server_has_closed_are_replaced(
    postgres: PostgresDatabase, admin: Any, schema: str
) -> None:
    await asyncio.gather(*(postgres.fetch(select(literal(1))) for _ in range(_CALLS)))

    ended = await admin.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1", f"kizashi-{schema}"
    )
    rows = [await _fetched(postgres) for _ in range(_CALLS)]

    assert len(ended) > 1
    assert rows == [1] * _CALLS


@pytest.mark.parametrize("way", ["fetch", "read", "write"])
async def test_who_is_cancelled_in_a_statement_spoils_no_connection(
    postgres: PostgresDatabase, admin: Any, schema: str, way: str
) -> None:
    async def work() -> None:
        if way == "fetch":
            await postgres.fetch(select(func.pg_sleep(60)))
        else:
            async with getattr(postgres, way)() as tx:
                await tx.fetch(select(func.pg_sleep(60)))

    for _ in range(_CALLS):
        task = asyncio.create_task(work())
        while not await admin.fetchval(_SLEEPING, f"kizashi-{schema}"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with postgres.write() as tx:
            assert [row[0] for row in await tx.fetch(select(literal(1)))] == [1]


async def _fetched(database: PostgresDatabase) -> int:
    """One row; tried again only where this process has not heard yet that its connections are closed."""
    for _ in range(_CALLS):
        try:
            (row,) = await database.fetch(select(literal(1)))
        except DatabaseUnavailable:
            continue
        value: int = row[0]
        return value
    raise AssertionError("the connections are not replaced")


async def test_a_transaction_one_of_whose_statements_was_cut_off_is_not_taken_for_committed(
    postgres: PostgresDatabase, admin: Any, schema: str
) -> None:
    table = Table("things", MetaData(), Column("id", String, primary_key=True))
    await postgres.migrate(lambda connection: table.create(connection))

    with pytest.raises(DatabaseUnavailable, match="cut off"):
        async with postgres.write() as tx:
            await tx.execute(table.insert().values(id="a"))
            sleeping = asyncio.create_task(tx.fetch(select(func.pg_sleep(60))))
            while not await admin.fetchval(_SLEEPING, f"kizashi-{schema}"):
                await asyncio.sleep(0.01)
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)

    assert [row.id for row in await postgres.fetch(select(table))] == []
    assert await _fetched(postgres) == 1


@pytest.mark.parametrize("within", ["preparation", "copy"])
async def test_a_worker_stopped_within_a_statement_loses_its_locks_to_who_waits_for_them(
    within: str, admin: Any, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cskit.db.postgres._LOCK_MS", 200)
    monkeypatch.setattr("cskit.db.postgres._STOPPED_SECONDS", 0)
    url = os.environ["KIZASHI_TEST_DATABASE_URL"]
    things = Table("things", MetaData(), Column("id", String, primary_key=True))
    postgres = PostgresDatabase(url, schema)
    await postgres.migrate(things.metadata.create_all)
    settings = {"application_name": f"kizashi-{schema}", "search_path": schema}
    stopped: Any = await asyncpg.connect(url, server_settings=settings)  # type: ignore[no-untyped-call]
    await stopped.execute("BEGIN; INSERT INTO things VALUES ('one')")
    stopping = asyncio.create_task(_stop_within(within, stopped))
    while not await admin.fetchval(_WITHIN, stopped.get_server_pid()):
        await asyncio.sleep(0.01)

    with pytest.raises(DatabaseUnavailable, match=r"held a lock for 0\.2 s"):
        await _insert(postgres, things)
    while await admin.fetchval(_WITHIN, stopped.get_server_pid()):  # ended, it takes its time to go
        await asyncio.sleep(0.01)
    await _insert(postgres, things)

    assert len(await postgres.fetch(select(things))) == 1
    stopping.cancel()
    stopped.terminate()
    await postgres.close()


async def _stop_within(within: str, connection: Any) -> None:
    if within == "preparation":
        await connection.prepare("SELECT * FROM things WHERE id = $1 FOR UPDATE")
    else:
        await connection.copy_to_table("things", source=_never())


async def _never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def _insert(postgres: PostgresDatabase, things: Table) -> None:
    async with postgres.write() as tx:
        tx.insert(things, [{"id": "one"}])


async def test_a_url_that_cannot_be_used_is_no_value_of_somebodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where the driver looks for certificates
    postgres = PostgresDatabase("postgresql://127.0.0.1:9/none?ssl=verify-full", "things")

    with pytest.raises(DatabaseUnavailable, match="ClientConfigurationError"):
        await postgres.fetch(select(literal(1)))


async def test_sslmode_in_a_url_is_understood(admin: Any, schema: str) -> None:
    url = os.environ["KIZASHI_TEST_DATABASE_URL"]

    open_ = PostgresDatabase(f"{url}?sslmode=disable", schema)
    closed = PostgresDatabase(f"{url}?sslmode=require", schema)

    assert await _fetched(open_) == 1
    with pytest.raises(DatabaseUnavailable):
        await closed.fetch(select(literal(1)))
    await open_.close()
    await closed.close()

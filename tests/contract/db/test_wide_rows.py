"""Rows with many columns, many at once, and reading many by their keys, on both databases."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, func, select

from cskit.db import Database, Instant, Json, JsonDocument, JsonText, LookUp

AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
MANY = 300
wide = Table(
    "wide",
    MetaData(),
    Column("id", String(8), primary_key=True),
    Column("part", BigInteger, primary_key=True),
    Column("body", LargeBinary),
    Column("parsed", Json()),
    Column("document", JsonDocument()),
    Column("at", Instant),
    *(Column(f"n{number}", BigInteger) for number in range(8)),
)


@pytest.fixture
async def database(database: Database) -> Database:
    await database.migrate(lambda connection: wide.create(connection))
    return database


def row(number: int, told: str = "first", **values: Any) -> dict[str, Any]:
    found = {"id": f"r{number}", "part": number, "body": b"\x00\xff" * number, "parsed": {"told": told}}
    found |= {"document": JsonText(f'{{"told":"{told}"}}'), "at": AT + timedelta(seconds=number)}
    return found | dict.fromkeys((f"n{n}" for n in range(8)), number) | values


def rows(told: str = "first", count: int = MANY) -> list[dict[str, Any]]:
    return [row(number, told) for number in range(count)]


async def told(database: Database) -> Iterator[tuple[str, str, bytes, datetime]]:
    async with database.read() as tx:
        found = await tx.fetch(select(wide).order_by(wide.c.part))
    return ((each.parsed["told"], each.document["told"], each.body, each.at) for each in found)


def expected(*tellings: str) -> list[tuple[str, str, bytes, datetime]]:
    return [(t, t, b"\x00\xff" * n, AT + timedelta(seconds=n)) for n, t in enumerate(tellings)]


async def test_many_wide_rows_are_inserted_and_overwritten_in_one_transaction_and_the_next(database: Database) -> None:
    async with database.write() as tx:
        tx.insert(wide, rows())
        await tx.flush()
        tx.upsert(wide, rows("second", 200))
        await tx.flush()
        tx.upsert(wide, rows("third", 150))
    async with database.write() as tx:
        tx.upsert(wide, [*rows("fourth", 100), row(MANY, "fourth")])

    tellings = ["fourth"] * 100 + ["third"] * 50 + ["second"] * 50 + ["first"] * 100 + ["fourth"]
    assert list(await told(database)) == expected(*tellings)


async def test_wide_rows_of_a_transaction_that_was_rolled_back_leave_nothing_behind(database: Database) -> None:
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with database.write() as tx:
                tx.upsert(wide, rows())
                await tx.flush()
                raise RuntimeError("changed my mind")
    async with database.write() as tx:
        tx.upsert(wide, rows("second", 120))

    assert list(await told(database)) == expected(*["second"] * 120)


async def test_an_ignoring_insert_of_many_wide_rows_leaves_what_is_there(database: Database) -> None:
    async with database.write() as tx:
        tx.insert(wide, rows(count=110))
        tx.insert(wide, rows("second", 120), ignore=True)

    assert list(await told(database)) == expected(*["first"] * 110, *["second"] * 10)


async def test_of_many_rows_one_without_a_zone_or_with_a_known_key_fails_all(database: Database) -> None:
    async with database.write() as tx:
        tx.insert(wide, [row(MANY - 1)])

    with pytest.raises(Exception, match=r"(?i)unique"):
        async with database.write() as tx:
            tx.insert(wide, rows())
    with pytest.raises(ValueError, match="time zone"):
        async with database.write() as tx:
            tx.insert(wide, [*rows(count=MANY - 2), row(MANY - 2, at=AT.replace(tzinfo=None))])

    assert len(list(await told(database))) == 1


@pytest.mark.parametrize("way", ["insert", "upsert"])
async def test_who_is_cancelled_while_many_rows_are_sent_leaves_nothing(database: Database, way: str) -> None:
    async def work() -> None:
        async with database.write() as tx:
            getattr(tx, way)(wide, [row(number, body=bytes(200_000)) for number in range(MANY)])
            await tx.flush()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0.03)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as tx:
        (before,) = await tx.fetch(select(func.count().label("rows")).select_from(wide))
        tx.upsert(wide, rows())

    assert before.rows == 0
    assert list(await told(database)) == expected(*["first"] * MANY)


async def test_rows_are_looked_up_by_keys_with_json_as_its_text(database: Database) -> None:
    columns = (wide.c.id, wide.c.at, wide.c.body, wide.c.document)
    async with database.write() as tx:
        tx.insert(wide, [row(number, "日本") for number in range(5)])
        found: Any = await tx.fetch(LookUp(columns, {wide.c.id: ["r1", "r2", "r4", "r9"], wide.c.part: [1, 3, 4]}))

    assert sorted(map(tuple, found)) == [
        (f"r{n}", AT + timedelta(seconds=n), b"\x00\xff" * n, '{"told":"日本"}') for n in (1, 4)
    ]


async def test_a_look_up_in_a_reader_keeps_its_view(database: Database) -> None:
    asked = LookUp((wide.c.id,), {wide.c.part: list(range(10))})
    async with database.read() as reader:
        before = await reader.fetch(asked)
        async with database.write() as tx:
            tx.insert(wide, rows(count=5))
        after = await reader.fetch(asked)
    async with database.read() as reader:
        now = await reader.fetch(asked)

    assert (len(before), len(after), len(now)) == (0, 0, 5)


async def test_writes_to_several_tables_are_all_there_and_of_one_table_the_last_one_stands(
    database: Database, table: Table
) -> None:
    async with database.write() as tx:
        tx.insert(table, [{"id": "a", "count": 1}, {"id": "b", "count": 1}])
        tx.insert(wide, rows(count=3))
        tx.upsert(table, [{"id": "b", "count": 2}])
        tx.insert(table, [{"id": "b", "count": 3}, {"id": "c", "count": 3}], ignore=True)
        tx.upsert(wide, rows("second", 2))
    async with database.read() as tx:
        counts = {row.id: row.count for row in await tx.fetch(select(table.c.id, table.c["count"].label("count")))}

    assert counts == {"a": 1, "b": 2, "c": 3}
    assert list(await told(database)) == expected("second", "second", "first")

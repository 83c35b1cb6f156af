"""One SELECT without a transaction around it, on both databases."""

import asyncio

from sqlalchemy import Table, bindparam, select

from cskit.db import Database


async def test_a_single_select_sees_what_is_committed_and_nothing_else(database: Database, table: Table) -> None:
    statement = select(table.c.count).where(table.c.id == bindparam("id"))
    async with database.write() as tx:
        tx.insert(table, [{"id": "a", "count": 1}])
        await tx.flush()
        before = await database.fetch(statement, {"id": "a"})

    after = await database.fetch(statement, {"id": "a"})

    assert (list(before), [row[0] for row in after]) == ([], [1])


async def test_many_single_selects_go_side_by_side(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [{"id": str(number), "count": number} for number in range(50)])

    found = await asyncio.gather(
        *(database.fetch(select(table.c["count"]).where(table.c.id == str(number))) for number in range(50))
    )

    assert [rows[0][0] for rows in found] == list(range(50))


async def test_a_select_that_fails_frees_its_connection(database: Database, table: Table) -> None:
    wrong = select(table.c.id, bindparam("missing"))
    for _ in range(30):  # more than there are connections
        try:
            await database.fetch(wrong)
        except Exception:  # noqa: BLE001  each driver has its own
            continue
        raise AssertionError("a select without its value was answered")

    assert list(await database.fetch(select(table.c.id))) == []

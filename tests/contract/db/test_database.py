"""What a service may rely on, whichever database is underneath."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Table, delete, func, select, update

from cskit.db import Database

AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def row(name: str, count: int = 0, **values: object) -> dict[str, object]:
    return {"id": name, "count": count, **values}


async def counts(database: Database, table: Table) -> dict[str, int]:
    async with database.read() as tx:
        return {each.id: each.count for each in await tx.fetch(select(table.c.id, table.c.count))}


async def test_values_come_back_as_they_were(database: Database, table: Table) -> None:
    values = row("a", 2**53 + 1, ratio=0.1, body=b"\x00\xff", document={"n": 1.5, "list": [None, True, "雪"]}, at=AT)

    async with database.write() as tx:
        tx.insert(table, [values])

    async with database.read() as tx:
        (found,) = await tx.fetch(select(table))
    assert dict(found._mapping) == values


async def test_a_moment_is_kept_in_utc_to_the_microsecond(database: Database, table: Table) -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))

    async with database.write() as tx:
        tx.insert(table, [row("a", at=tokyo), row("b", at=None)])

    async with database.read() as tx:
        found = {each.id: each.at for each in await tx.fetch(select(table.c.id, table.c.at))}
    assert found == {"a": AT, "b": None}


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
async def test_the_first_and_the_last_moment_come_back(database: Database, table: Table, at: datetime) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", at=at)])

    async with database.read() as tx:
        (found,) = await tx.fetch(select(table.c.at))
    assert found.at == at


async def test_a_time_without_zone_is_refused(database: Database, table: Table) -> None:
    with pytest.raises(ValueError, match="time zone"):
        async with database.write() as tx:
            tx.insert(table, [row("a", at=AT.replace(tzinfo=None))])


async def test_a_block_that_raises_leaves_nothing(database: Database, table: Table) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with database.write() as tx:
            tx.insert(table, [row("a")])
            await tx.flush()
            raise RuntimeError("changed my mind")

    assert await counts(database, table) == {}


async def test_statements_of_several_tasks_are_taken_one_after_another(database: Database, table: Table) -> None:
    async with database.write() as tx:

        async def written(name: str) -> int:
            tx.insert(table, [row(name)])
            await tx.execute(update(table).where(table.c.id == name).values(count=1))
            return len(await tx.fetch(select(table.c.id).where(table.c.id == name, table.c.count == 1)))

        found = await asyncio.gather(*(written(str(n)) for n in range(9)), tx.flush())

    assert found == [1] * 9 + [None]
    assert await counts(database, table) == dict.fromkeys(map(str, range(9)), 1)


async def test_a_block_may_raise_while_a_task_of_it_was_about_to_read(database: Database, table: Table) -> None:
    for turns in range(4):
        with pytest.raises(RuntimeError, match="changed my mind"):
            async with database.write() as tx:
                tx.insert(table, [row("a")])
                reading = asyncio.create_task(tx.fetch(select(table)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                raise RuntimeError("changed my mind")

    async with database.write() as tx:
        tx.insert(table, [row("b")])
    assert await counts(database, table) == {"b": 0}


async def test_a_cancelled_block_leaves_nothing_and_frees_the_writer(database: Database, table: Table) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with database.write() as tx:
            tx.insert(table, [row("a")])
            await tx.flush()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as tx:
        tx.insert(table, [row("b")])

    assert await counts(database, table) == {"b": 0}


async def test_a_statement_sees_the_bulk_writes_before_it(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", 1), row("b", 2)])
        tx.upsert(table, [row("a", 10)])

        (total,) = await tx.fetch(select(func.sum(table.c.count).label("total")))

    assert int(total.total) == 12


async def test_an_upsert_overwrites_only_the_given_columns(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", 1, document={"kept": True})])

    async with database.write() as tx:
        tx.upsert(table, [row("a", 2), row("b", 3), row("b", 4)])

    async with database.read() as tx:
        found = {each.id: (each.count, each.document) for each in await tx.fetch(select(table))}
    assert found == {"a": (2, {"kept": True}), "b": (4, None)}


async def test_an_ignoring_insert_leaves_what_is_there(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", 1)])

    async with database.write() as tx:
        tx.insert(table, [row("a", 2), row("b", 2)], ignore=True)

    assert await counts(database, table) == {"a": 1, "b": 2}


async def test_a_plain_insert_of_a_known_key_fails_the_whole_transaction(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", 1)])

    with pytest.raises(Exception, match=r"(?i)unique"):
        async with database.write() as tx:
            tx.insert(table, [row("b", 1)])
            tx.insert(table, [row("a", 2)])

    assert await counts(database, table) == {"a": 1}


async def test_rows_of_one_bulk_write_must_have_the_same_columns(database: Database, table: Table) -> None:
    with pytest.raises(ValueError, match="differ in their columns"):
        async with database.write() as tx:
            tx.insert(table, [row("a"), row("b", ratio=1.0)])


async def test_many_rows_go_in_one_bulk_write(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.upsert(table, [row(f"r{n}", n, document={"n": n}, at=AT) for n in range(5_000)])

    assert sum((await counts(database, table)).values()) == sum(range(5_000))


async def test_no_update_is_lost_when_many_change_one_row(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", 0)])

    async def add_one() -> None:
        async with database.write() as tx:
            (found,) = await tx.fetch(select(table.c.count).where(table.c.id == "a").with_for_update())
            await tx.execute(update(table).where(table.c.id == "a").values(count=found.count + 1))

    await asyncio.gather(*(add_one() for _ in range(300)))

    assert await counts(database, table) == {"a": 300}


async def test_two_claimers_never_get_the_same_row(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row(f"r{n}") for n in range(200)])
    claimed: list[str] = []

    async def claim() -> None:
        while True:
            async with database.write() as tx:
                due = select(table.c.id).limit(7).with_for_update(skip_locked=True)
                rows = await tx.fetch(delete(table).where(table.c.id.in_(due)).returning(table.c.id))
                claimed.extend(each.id for each in rows)
            if not rows:
                return

    await asyncio.gather(*(claim() for _ in range(4)))

    assert len(claimed) == len(set(claimed)) == 200


async def test_a_reader_keeps_its_view_and_cannot_write(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a", 1)])

    async with database.read() as reader:
        before = await reader.fetch(select(table.c.count))
        async with database.write() as tx:
            await tx.execute(update(table).values(count=2))
        after = await reader.fetch(select(table.c.count))
    assert [each.count for each in before] == [each.count for each in after] == [1]

    with pytest.raises(Exception, match=r"(?i)read.?only"):
        async with database.read() as reader:
            await reader.execute(update(table).values(count=3))


async def test_execute_answers_how_many_rows_matched(database: Database, table: Table) -> None:
    async with database.write() as tx:
        tx.insert(table, [row("a"), row("b")])

        assert await tx.execute(update(table).values(count=5)) == 2
        assert await tx.execute(delete(table).where(table.c.id == "none")) == 0


async def test_closing_twice_is_fine(database: Database) -> None:
    await database.close()
    await database.close()

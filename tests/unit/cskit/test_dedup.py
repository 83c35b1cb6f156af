"""Duplicates by the log's own clock: known for 72 hours, whatever the batches."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import MetaData, func, select

from cskit.claims import Claim
from cskit.db import Database
from cskit.db.plumbing import plumbing
from cskit.db.sqlite import SqliteDatabase
from cskit.dedup import HOUR_MS, Dedup, Taken, fingerprint
from cskit.log import Partition

HERE = Partition("cs.customer-events", 3)
DAY_MS = 24 * HOUR_MS
metadata = MetaData()
TABLE = plumbing(metadata).fingerprints


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = SqliteDatabase(tmp_path / "dedup.db")
    await opened.migrate(metadata.create_all)
    yield opened
    await opened.close()


async def loaded(database: Database, clock_ms: int = 0) -> Dedup:
    dedup = Dedup(TABLE, "scoring", seed=7)
    async with database.write() as tx:
        await dedup.load(tx, [(HERE, clock_ms)])
    return dedup


async def take(dedup: Dedup, database: Database, clock_ms: int, ids: list[str], offset: int) -> list[bool]:
    taken = Taken()
    new = [dedup.is_new(HERE, clock_ms, "app", each, taken) for each in ids]
    async with database.write() as tx:
        await dedup.write(tx, taken, {HERE: Claim(HERE, UUID(int=0), 1, offset, clock_ms)})
    dedup.applied(taken)
    return new


async def rows(database: Database) -> int:
    async with database.read() as tx:
        (row,) = await tx.fetch(select(func.count().label("rows")).select_from(TABLE))
    return int(row.rows)


async def test_an_id_is_new_once_within_a_batch_and_over_batches(database: Database) -> None:
    dedup = await loaded(database)

    assert await take(dedup, database, 0, ["a", "b", "a"], 3) == [True, True, False]
    assert await take(dedup, database, HOUR_MS, ["b", "c"], 5) == [False, True]


async def test_a_new_worker_knows_what_the_old_one_took(database: Database) -> None:
    await take(await loaded(database), database, 5 * DAY_MS, ["a"], 1)

    heir = await loaded(database, 5 * DAY_MS)

    assert await take(heir, database, 5 * DAY_MS, ["a", "b"], 3) == [False, True]


@pytest.mark.parametrize(("hours", "is_new"), [(71, False), (72, False), (95, False), (96, True)])
async def test_an_id_is_known_for_its_day_and_the_three_after(database: Database, hours: int, is_new: bool) -> None:
    start = 100 * DAY_MS
    dedup = await loaded(database)
    await take(dedup, database, start, ["a"], 1)

    now = start + hours * HOUR_MS

    assert await take(dedup, database, now, ["a"], 2) == [is_new]
    assert await take(await loaded(database, now), database, now, ["a"], 3) == [False]


async def test_what_a_rolled_back_batch_took_is_still_new(database: Database) -> None:
    dedup = await loaded(database)
    assert dedup.is_new(HERE, 0, "app", "a", Taken())

    assert await take(dedup, database, 0, ["a"], 1) == [True]


async def test_an_hour_of_many_batches_is_kept_in_few_rows(database: Database) -> None:
    dedup = await loaded(database)
    for offset in range(300):
        await take(dedup, database, 0, [f"e{offset}"], offset + 1)

    assert await rows(database) < 260
    heir = await loaded(database)
    assert await take(heir, database, 0, [f"e{n}" for n in range(300)], 400) == [False] * 300


async def test_what_is_beyond_the_horizon_is_deleted_at_the_next_claim(database: Database) -> None:
    await take(await loaded(database), database, 0, ["a"], 1)

    await loaded(database, 5 * DAY_MS)

    assert await rows(database) == 0


def test_the_same_id_of_another_source_or_under_another_seed_has_another_fingerprint() -> None:
    assert len({fingerprint("app", "1", 7), fingerprint("crm", "1", 7), fingerprint("app", "1", 8)}) == 3
    assert fingerprint("ab", "c", 7) != fingerprint("a", "bc", 7)


async def test_what_counts_as_a_repeat_does_not_depend_on_where_a_batch_was_cut(database: Database) -> None:
    days = [("a", 0), ("x", 1), ("a", 9)]
    one_by_one = await loaded(database)
    single = [
        (await take(one_by_one, database, day * DAY_MS, [name], offset))[0]
        for offset, (name, day) in enumerate(days, 1)
    ]

    taken = Taken()
    fresh = Dedup(TABLE, "another", seed=7)
    async with database.write() as tx:
        await fresh.load(tx, [(HERE, 0)])
    at_once = [fresh.is_new(HERE, day * DAY_MS, "app", name, taken) for name, day in days]

    assert single == at_once == [True, True, True]


async def test_reading_again_after_an_operator_set_the_offset_back_is_no_conflict(database: Database) -> None:
    day = 100 * DAY_MS
    await take(await loaded(database), database, day, ["a"], 5)
    again = await loaded(database, day)
    taken = Taken()
    assert again.is_new(HERE, day, "app", "b", taken)

    async with database.write() as tx:
        await again.write(tx, taken, {HERE: Claim(HERE, UUID(int=0), 2, 5, day)})

    assert await rows(database) == 2

"""Requests that ask at the same moment share their questions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from cskit.clock import FrozenClock
from cskit.db import DatabaseUnavailable
from cskit.db.sqlite import SqliteDatabase
from cskit.migrate import upgrade
from ingest.cache import Cache
from ingest.lookups import Lookups
from ingest.settings import CacheSize
from ingest.tables import PEOPLE, USERS

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


class Counted:
    """A database that counts its reads, and may be away."""

    def __init__(self, inner: SqliteDatabase) -> None:
        self.inner = inner
        self.reads = 0
        self.away = False

    async def fetch(self, *asked: Any) -> Sequence[Row[Any]]:
        self.reads += 1
        if self.away:
            raise DatabaseUnavailable("away")
        return await self.inner.fetch(*asked)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Counted]:
    inner = SqliteDatabase(tmp_path / "ingest.db")
    await upgrade(inner, "ingest")
    async with inner.write() as tx:
        people = [{"person_id": f"p-{i}", "nameless": False, "created_at": NOW} for i in range(50)]
        tx.insert(PEOPLE, people)
        tx.insert(
            USERS,
            [{"source": "shop", "user_id": f"u-{i}", "person_id": f"p-{i}", "created_at": NOW} for i in range(50)],
        )
    yield Counted(inner)
    await inner.close()


def lookups(database: Any) -> tuple[Lookups, Cache]:
    cache = Cache(FrozenClock(NOW), CacheSize())
    return Lookups(database, cache), cache


async def test_fifty_requests_at_once_are_two_questions(database: Counted) -> None:
    asking, cache = lookups(database)

    answers = await asyncio.gather(*(asking.known("shop", {f"u-{i}"}) for i in range(50)))

    assert [answer[f"u-{i}"].person for i, answer in enumerate(answers)] == [f"p-{i}" for i in range(50)]
    assert database.reads <= 2
    assert cache.get("shop", ["u-7"])["u-7"].person == "p-7"


async def test_a_user_nobody_knows_is_asked_for_again(database: Counted) -> None:
    asking, cache = lookups(database)

    first = await asking.known("shop", {"nobody"})
    second = await asking.known("shop", {"nobody"})

    assert "nobody" not in first
    assert "nobody" not in second
    assert cache.get("shop", ["nobody"]) == {}
    assert database.reads == 2


async def test_a_database_that_is_away_fails_those_who_asked_and_no_one_later(database: Counted) -> None:
    asking, _ = lookups(database)
    database.away = True

    failed = await asyncio.gather(*(asking.known("shop", {f"u-{i}"}) for i in range(3)), return_exceptions=True)
    database.away = False
    found = await asking.known("shop", {"u-1"})

    assert all(isinstance(each, DatabaseUnavailable) for each in failed)
    assert found["u-1"].person == "p-1"


async def test_who_gives_up_waiting_leaves_the_others_their_answer(database: Counted) -> None:
    asking, _ = lookups(database)
    impatient = asyncio.create_task(asking.known("shop", {"u-1"}))
    patient = asyncio.create_task(asking.known("shop", {"u-2"}))
    await asyncio.sleep(0)

    impatient.cancel()

    assert (await patient)["u-2"].person == "p-2"

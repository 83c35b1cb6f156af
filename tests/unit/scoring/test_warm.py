"""Accounts that the bench warms by copies are what folding their own events gives."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.bench.scoring.lives import SHAPES, life, name, shape_name
from tests.bench.scoring.warm import copied
from tests.integration.scoring.world import NOON, Scoring, Stream

from cskit.db import Database
from cskit.db.sqlite import SqliteDatabase
from cskit.migrate import upgrade

shapes = st.integers(0, SHAPES - 1)


@asynccontextmanager
async def _database(file: Path) -> AsyncIterator[Database]:
    database = SqliteDatabase(file)
    try:
        await upgrade(database, "scoring")
        yield database
    finally:
        await database.close()


async def _folded(database: Database, lives: Sequence[tuple[str, int]], now: datetime) -> Scoring:
    """Scoring after these lives (an account's name and its shape)."""
    streams = [Stream(account).append(*life(shape, account, now), at=now) for account, shape in lives]
    return await Scoring(database, now=now).take(*(stream.messages for stream in streams))


async def _told(scoring: Scoring) -> dict[str, Any]:
    everything = await scoring.everything()
    return {name_: everything[name_] for name_ in ("facts", "live", "history")}


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate])
@given(st.lists(shapes, min_size=1, max_size=3, unique=True), st.integers(0, 100), st.data())
async def test_copied_accounts_equal_folded_ones(
    tmp_path: Path, some: list[int], days: int, data: st.DataObject
) -> None:
    now = NOON + timedelta(days=days)
    chosen = data.draw(st.lists(st.sampled_from(some), min_size=1, max_size=3))
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    async with _database(folder / "copied.db") as one, _database(folder / "folded.db") as other:
        warmed = await _folded(one, [(shape_name(shape), shape) for shape in some], now)
        folded = await _folded(other, [(name(n), shape) for n, shape in enumerate(chosen)], now)

        await copied(one, {name(n): shape_name(shape) for n, shape in enumerate(chosen)})

        told = await _told(warmed)
        assert set(told["facts"]) == {name(n) for n in range(len(chosen))}
        assert told == await _told(folded)


def test_a_life_has_at_least_200_events_of_four_months() -> None:
    for shape in range(SHAPES):
        events = life(shape, "acme", NOON)

        assert len(events) >= 200
        assert len({event.id for event in events}) == len(events)
        assert {event.time.month for event in events} >= {3, 4, 5, 6}
        assert all(event.time <= NOON for event in events)

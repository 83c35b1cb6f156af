"""Duplicates by the log's own clock: known for 72 hours, whatever the batches."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, func, select

from cskit.claims import Claim
from cskit.db import Database
from cskit.db.plumbing import plumbing
from cskit.db.sqlite import SqliteDatabase
from cskit.dedup import HOUR_MS, Dedup, Limits, Taken, fingerprint
from cskit.log import Partition

HERE = Partition("cs.customer-events", 3)
DAY_MS = 24 * HOUR_MS
AS_IT_RUNS = Limits()
TIGHT = Limits(rows=2, small=4, fresh=2)
metadata = MetaData()
TABLE = plumbing(metadata).fingerprints


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = SqliteDatabase(tmp_path / "dedup.db")
    await opened.migrate(metadata.create_all)
    yield opened
    await opened.close()


async def loaded(database: Database, clock_ms: int = 0, limits: Limits = AS_IT_RUNS) -> Dedup:
    dedup = Dedup(TABLE, "scoring", seed=7, limits=limits)
    async with database.write() as tx:
        await dedup.load(tx, [(HERE, clock_ms)])
    return dedup


def told(dedup: Dedup, arrivals: Sequence[tuple[int, str]], taken: Taken, of: Partition = HERE) -> list[bool]:
    """Which of these are new, given the append clock and the id of each."""
    clocks = np.array([clock for clock, _ in arrivals], dtype=np.int64)
    values = dedup.fingerprints(["app"] * len(arrivals), [id_ for _, id_ in arrivals])
    return dedup.are_new(of, clocks, values, taken).tolist()


async def take(dedup: Dedup, database: Database, clock_ms: int, ids: list[str], offset: int) -> list[bool]:
    taken = Taken()
    new = told(dedup, [(clock_ms, each) for each in ids], taken)
    async with database.write() as tx:
        await dedup.write(tx, taken, {HERE: Claim(HERE, UUID(int=0), 1, offset, clock_ms)})
    dedup.applied(taken)
    return new


async def rows(database: Database) -> int:
    async with database.read() as tx:
        (row,) = await tx.fetch(select(func.count().label("rows")).select_from(TABLE))
    return int(row.rows)


async def sizes(database: Database) -> list[int]:
    async with database.read() as tx:
        found = await tx.fetch(select(func.length(TABLE.c.ids).label("bytes")).order_by(TABLE.c.next_offset))
    return [row.bytes // 8 for row in found]


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
    assert told(dedup, [(0, "a")], Taken()) == [True]

    assert await take(dedup, database, 0, ["a"], 1) == [True]


async def test_an_hour_of_many_batches_is_kept_in_few_rows(database: Database) -> None:
    dedup = await loaded(database)
    for offset in range(300):
        await take(dedup, database, 0, [f"e{offset}"], offset + 1)

    assert await rows(database) < 260
    heir = await loaded(database)
    assert await take(heir, database, 0, [f"e{n}" for n in range(300)], 400) == [False] * 300


async def test_a_row_that_is_not_small_is_never_written_anew(database: Database) -> None:
    dedup = await loaded(database, limits=Limits(rows=2, small=3))
    many = [f"many {n}" for n in range(3)]
    for offset, ids in enumerate([many, ["a"], ["b"], ["c"], ["d"], ["e"]], 1):
        await take(dedup, database, 0, ids, offset)

    assert await sizes(database) == [3, 3, 1, 1]  # many; a to c together; d; e
    heir = await loaded(database)
    assert await take(heir, database, 0, [*many, *"abcde"], 7) == [False] * 8


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
    at_once = told(fresh, [(day * DAY_MS, name) for name, day in days], taken)

    assert single == at_once == [True, True, True]


async def test_reading_again_after_an_operator_set_the_offset_back_is_no_conflict(database: Database) -> None:
    day = 100 * DAY_MS
    await take(await loaded(database), database, day, ["a"], 5)
    again = await loaded(database, day)
    taken = Taken()
    assert told(again, [(day, "b")], taken) == [True]

    async with database.write() as tx:
        await again.write(tx, taken, {HERE: Claim(HERE, UUID(int=0), 2, 5, day)})

    assert await rows(database) == 2


async def test_parts_of_a_batch_know_of_each_other(database: Database) -> None:
    dedup, taken = await loaded(database), Taken()

    assert told(dedup, [(0, "a")], taken) == [True]
    assert told(dedup, [(HOUR_MS, each) for each in "ab"], taken) == [False, True]
    assert told(dedup, [], taken) == []


async def test_of_a_partition_that_is_lost_nothing_is_remembered(database: Database) -> None:
    dedup = await loaded(database)
    await take(dedup, database, 0, ["a"], 1)

    dedup.drop([HERE])

    with pytest.raises(KeyError):
        told(dedup, [(0, "a")], Taken())


# The law: whatever the batches, repeats, clocks, crashes and claims, it answers as sets by day do.

THERE = Partition("cs.customer-events", 4)


@dataclass(frozen=True)
class Batch:
    """By partition: hours passed since the event before, and an id. One that crashes writes and never commits."""

    events: Mapping[Partition, Sequence[tuple[int, int]]]
    crashes: bool = False


@dataclass(frozen=True)
class Takeover:
    """Another worker claims both partitions."""


class Crash(Exception):
    """The transaction is rolled back."""


@dataclass
class Model:
    """What is known of one partition, in the plainest form."""

    clock_ms: int = 0
    days: dict[int, set[int]] = field(default_factory=dict)

    def after(self, arrivals: Sequence[tuple[int, int]]) -> "tuple[Model, list[bool]]":
        then, new = Model(self.clock_ms, {day: set(ids) for day, ids in self.days.items()}), []
        for clock_ms, id_ in arrivals:
            today = clock_ms // DAY_MS
            new.append(not any(id_ in then.days.get(day, ()) for day in range(today - 3, today + 1)))
            if new[-1]:
                then.days.setdefault(today, set()).add(id_)
            then.clock_ms = clock_ms
        return then, new


IDS = range(40)
hours_passed = st.sampled_from([0] * 30 + [1, 5, 23, 24, 71, 72, 96])
arriving = st.lists(st.tuples(hours_passed, st.sampled_from(IDS)), min_size=1, max_size=4)
batches = st.builds(
    Batch, st.dictionaries(st.sampled_from([HERE, THERE]), arriving), st.sampled_from([False] * 4 + [True])
)
histories = st.lists(st.one_of(batches, batches, batches, st.builds(Takeover)), min_size=8, max_size=40)


async def told_as_by_the_model(database: Database, group: str, limits: Limits, steps: list[Batch | Takeover]) -> None:
    models = {HERE: Model(), THERE: Model()}

    async def claimed() -> Dedup:
        dedup = Dedup(TABLE, group, seed=7, limits=limits)
        async with database.write() as tx:
            await dedup.load(tx, [(partition, model.clock_ms) for partition, model in models.items()])
        return dedup

    dedup = await claimed()
    for offset, step in enumerate(steps, 1):
        if isinstance(step, Takeover):
            dedup = await claimed()
            continue
        taken, after, claims = Taken(), dict(models), {}
        for partition, events in step.events.items():
            clocks = accumulate((hours * HOUR_MS for hours, _ in events), initial=models[partition].clock_ms)
            arrivals = list(zip(list(clocks)[1:], (id_ for _, id_ in events), strict=True))
            after[partition], expected = models[partition].after(arrivals)
            assert told(dedup, [(clock, str(id_)) for clock, id_ in arrivals], taken, partition) == expected
            claims[partition] = Claim(partition, UUID(int=0), 1, offset, after[partition].clock_ms)
        try:
            async with database.write() as tx:
                await dedup.write(tx, taken, claims)
                if step.crashes:
                    raise Crash
        except Crash:
            continue
        dedup.applied(taken)
        models = after
    for worker in (dedup, await claimed()):
        for partition, model in models.items():
            again = told(worker, [(model.clock_ms, str(id_)) for id_ in IDS], Taken(), partition)
            assert again == model.after([(model.clock_ms, id_) for id_ in IDS])[1]


@pytest.mark.parametrize("limits", [AS_IT_RUNS, TIGHT], ids=["as_it_runs", "always_merging"])
def test_it_answers_as_sets_by_day_do_over_batches_repeats_crashes_and_claims(tmp_path: Path, limits: Limits) -> None:
    with asyncio.Runner() as loop:
        database = SqliteDatabase(tmp_path / "dedup.db")
        loop.run(database.migrate(metadata.create_all))
        groups = iter(range(1_000_000))

        @settings(max_examples=60)
        @given(histories)
        def law(steps: list[Batch | Takeover]) -> None:
            loop.run(told_as_by_the_model(database, f"group {next(groups)}", limits, steps))

        law()
        loop.run(database.close())

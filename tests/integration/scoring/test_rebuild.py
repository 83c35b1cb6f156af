"""Live equals what is recomputed from the archive and the log; a difference is shown, and swapped in when confirmed."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.past import LIVE, SMALL_FILES, Past, past, resolved
from tests.integration.scoring.scorecards import Desk, document
from tests.integration.scoring.world import DAY, HOUR, NOON, SECOND, event, seats, tick, ticket, usage

from cskit.claims import Fenced
from cskit.db import Database, Tx
from cskit.db.sqlite import SqliteDatabase
from cskit.log import LogError, NewRecord, OffsetOutOfRange, Reader
from cskit.log.sqlite import SqliteLog
from cskit.migrate import upgrade
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS
from scoring.archive.columns import decoded, encoded
from scoring.archive.retention import until
from scoring.archive.writing import GROUP
from scoring.engine.codec import canonical
from scoring.rebuilding.difference import all_ids
from scoring.store import folding, rebuilds
from scoring.tables import account_months, history, live

ACCOUNTS = ("acme", "a1", "a2", "a3", "a4", "a5", "a6")


@pytest.fixture
async def shadow(fresh: Fresh) -> Database:
    return await fresh()


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[Past]:
    async with past(database, tmp_path) as made:
        yield made


def life(seed: int, days: int = 2) -> list[Event]:
    """Days of several accounts: usage, late and repeated events, tickets, an erasure, a change of seats, ticks."""
    chance = random.Random(seed)
    events: list[Event] = [seats(account, NOON, chance.randrange(2, 9), name=account.title()) for account in ACCOUNTS]
    for hours in range(1, days * 24 + 1):
        hour = NOON + hours * HOUR
        some: list[Event] = []
        for account in ACCOUNTS:
            if chance.random() < 0.25:
                moment = hour - chance.randrange(1, 3_000) * SECOND
                some.append(usage(account, moment, chance.randrange(1, 6)))
            if chance.random() < 0.03:  # late
                at = hour - SECOND
                some.append(usage(account, at - chance.randrange(1, 90) * DAY, chance.randrange(1, 6), received=at))
            if chance.random() < 0.02:
                status = chance.choice(["open", "solved"])
                some.append(ticket(account, hour - SECOND, hour - 2 * HOUR, chance.randrange(1, 5), status))
        if chance.random() < 0.1 and events:
            some.append(chance.choice([one for one in events if one.subject in ACCOUNTS]))
        if hours == 30:
            some.append(event("account.erased", "a2", hour - SECOND, {"account": "a2"}))
        events += sorted(some, key=lambda one: one.receivedtime)
        events.append(tick(hour))
    return events


async def facts(database: Database) -> dict[str, Any]:
    """The canonical facts of all accounts."""
    async with database.read() as tx:
        ids = [row.account for row in await tx.fetch(select(live.c.account))]
        months = await tx.fetch(select(account_months.c.account, account_months.c.month))
        wanted = {id_: {row.month for row in months if row.account == id_} for id_ in ids}
        return {id_: canonical(account.facts) for id_, account in (await folding.load(tx, wanted)).items()}


async def closings(database: Database) -> list[tuple[Any, ...]]:
    async with database.read() as tx:
        rows = await tx.fetch(select(history).where(history.c.kind == "closing"))
    return sorted((row.account, row.at, row.score, row.coverage, row.contributions) for row in rows)


async def lived(world: Past, seed: int) -> None:
    """Fold a life with random cuts and restarts; most of it is archived, the rest is only on the log."""
    chance = random.Random(seed)
    events = life(seed)
    at = 0
    while at < len(events):
        some = events[at : at + chance.randrange(100, 300)]
        at += len(some)
        await world.append(*some)
        poison = [NewRecord(CUSTOMER_EVENTS, partition_of("acme"), b"acme", b'{"no": "event"}')]
        await world.log.append(poison)
        await world.fold(max_records=chance.choice([7, 40, 200]))
        if at < len(events):
            await world.archive()


async def test_what_the_log_has_let_go_of_is_recomputed_from_the_archive(world: Past, shadow: Database) -> None:
    await lived(world, 3)
    await world.archive()
    await world.append(*(usage("acme", NOON + 3 * DAY + n * HOUR) for n in range(5)))
    await world.fold()
    archived = await until(world.database, world.log, world.root, [LIVE])
    await world.log.trim(CUSTOMER_EVENTS, int((NOON + 400 * DAY).timestamp() * 1000), archived)
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)

    begins, ends = await world.log.begin_offsets(CUSTOMER_EVENTS), await world.log.end_offsets(CUSTOMER_EVENTS)
    assert {number: min(archived[number], max(0, ends[number] - 1)) for number in ends} == begins
    assert 0 < begins[partition_of("acme")] == ends[partition_of("acme")] - 5
    assert await facts(shadow) == await facts(world.database)
    assert (done.difference["facts"], done.difference["scores"]) == (0, 0)


async def test_a_lost_database_comes_back_from_the_archive_as_the_guide_says(world: Past, fresh: Fresh) -> None:
    await lived(world, 3)
    await world.archive()
    archived = await until(world.database, world.log, world.root, [LIVE])
    await world.log.trim(CUSTOMER_EVENTS, int((NOON + 400 * DAY).timestamp() * 1000), archived)
    await world.log.append([NewRecord(HEALTH_EVENTS, 3, b"acme", b"{}")] * 70)  # more than any account has versions
    expected, world.database = await facts(world.database), await fresh()
    for worker in (world.runner(), world.archiver()):
        with pytest.raises(OffsetOutOfRange):
            await asyncio.wait_for(worker.run(asyncio.Event()), 30)

    begins = await world.log.begin_offsets(CUSTOMER_EVENTS)
    for group in (LIVE, GROUP):
        await resolved(world, group, begins)
    await world.archive()
    await world.fold()
    await world.ask("r1")
    async with world.running(world.rebuilder(await fresh(), world.root)):
        await world.comes_to("r1", rebuilds.READY)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    assert await facts(world.database) == expected
    async with world.database.read() as tx:
        versions = [row.version for row in await tx.fetch(select(live.c.version))]
    assert min(versions) >= 70


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_is_recomputed_from_the_archive_equals_what_was_folded_live(
    world: Past, shadow: Database, seed: int
) -> None:
    await lived(world, seed)
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)

    assert await facts(shadow) == await facts(world.database)
    assert await closings(shadow) == await closings(world.database) != []
    assert (done.difference["facts"], done.difference["scores"]) == (0, 0)
    assert done.difference["accounts"] == len(await facts(world.database)) > 0


async def test_with_the_recorded_cuts_the_verdicts_are_equal_too(world: Past, shadow: Database) -> None:
    await world.append(*life(4))
    await world.fold(max_records=500)  # as a rebuild cuts
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, None)):
        await world.comes_to("r1", rebuilds.READY)

    async with shadow.read() as tx:
        rebuilt = {row.account: row.verdict for row in await tx.fetch(select(live))}
    assert rebuilt == {row["account"]: row["verdict"] for row in await world.rows(live)}


async def test_facts_that_went_wrong_are_shown_and_swapped_in(world: Past, shadow: Database) -> None:
    await lived(world, 5)
    right, known = await facts(world.database), await world.rows(history)
    async with world.database.write() as tx:
        await tx.execute(delete(account_months).where(account_months.c.account == "acme"))
        await tx.execute(update(live).where(live.c.account == "acme").values(score=1.5))
    versions = {row["account"]: row["version"] for row in await world.rows(live)}
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        ready = await world.comes_to("r1", rebuilds.READY)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    (biggest,) = ready.difference["biggest"]
    assert (ready.difference["facts"], biggest["account"], biggest["live"]) == (1, "acme", 1.5)
    assert await facts(world.database) == right
    assert {row["account"]: row["version"] for row in await world.rows(live)} == versions
    assert await world.rows(history) == known


async def test_the_change_that_a_swap_made_is_published_with_the_next_hour(world: Past, shadow: Database) -> None:
    await lived(world, 6)
    async with world.database.write() as tx:
        (row,) = await tx.fetch(select(live).where(live.c.account == "acme"))
        wrong = row.verdict | {"published": row.verdict["published"] | {"score": 3.0}}
        await tx.execute(delete(account_months).where(account_months.c.account == "acme"))
        await tx.execute(update(live).where(live.c.account == "acme").values(score=3.0, verdict=wrong))
    await world.ask("r1")
    async with world.running(world.rebuilder(shadow, world.root)):
        await world.comes_to("r1", rebuilds.READY)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    await world.append(tick(NOON + 2 * DAY + HOUR))
    await world.fold()

    changes = [each for each in await world.rows(history) if each["account"] == "acme" and each["version"]]
    newest = max(changes, key=lambda each: int(each["version"]))
    assert newest["version"] == row.version + 1
    assert newest["cause"]["events"][-1] == "rebuild:r1"


async def test_a_live_worker_is_fenced_by_a_swap_and_the_next_goes_on_from_there(world: Past, shadow: Database) -> None:
    await world.append(*life(7, days=1))
    await world.fold()
    before = await world.offsets("scoring")
    await world.ask("r1")
    running = asyncio.create_task(world.runner().run(asyncio.Event()))
    async with world.running(world.rebuilder(shadow, None)):
        await world.comes_to("r1", rebuilds.READY)
        await world.append(*(usage("acme", NOON + DAY + n * SECOND, 2) for n in range(5)))
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    await world.append(usage("acme", NOON + DAY + HOUR, 3))

    with pytest.raises(Fenced):
        await asyncio.wait_for(running, 30)
    await world.fold(owner="two")
    assert (await world.offsets("scoring"))[partition_of("acme")] == before[partition_of("acme")] + 6
    assert len(await facts(world.database)) == len(ACCOUNTS)


async def test_a_rebuild_that_was_stopped_goes_on_where_it_was(world: Past, shadow: Database) -> None:
    await world.append(*life(8))
    await world.fold()
    await world.archive(SMALL_FILES)
    await world.ask("r1")
    async with world.running(world.rebuilder(shadow, world.root)):
        await world.comes_to("r1", rebuilds.FOLDING)

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)

    assert await facts(shadow) == await facts(world.database)
    assert done.folded == done.total > 0


async def test_a_rebuild_from_a_damaged_archive_fails_and_names_the_file(world: Past, shadow: Database) -> None:
    await world.append(*life(9, days=1))
    await world.fold()
    await world.archive()
    file = next(each for number in range(16) for each in world.root.open().files(number))
    (Path(world.root.address) / file.name).write_bytes(b"no Parquet")
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        await world.over("r1")

    (row,) = await world.rows(rebuilds.table)
    assert row["state"] == rebuilds.FAILED
    assert file.name in row["message"]


async def test_a_rebuild_that_waits_for_its_answer_is_given_up_when_an_account_of_it_is_erased(
    world: Past, shadow: Database
) -> None:
    await world.append(*life(9, days=1))
    await world.fold()
    await world.ask("r1")
    dropped = asyncio.Event()

    async def drop() -> None:
        dropped.set()

    async with world.running(world.rebuilder(shadow, None)):
        await world.comes_to("r1", rebuilds.READY)
    await world.append(event("account.erased", "a3", NOON + 3 * DAY, {"account": "a3"}))
    await world.fold(owner="two")
    worker = world.rebuilder(shadow, None)
    worker.drop_shadow = drop
    async with world.running(worker):
        done = await world.comes_to("r1", rebuilds.DISCARDED)
        async with asyncio.timeout(10):
            await dropped.wait()

    assert "erased" in done.message


async def test_a_rebuild_is_given_up_also_if_the_erased_account_is_back_at_once(world: Past, shadow: Database) -> None:
    await world.append(*life(9, days=1))
    await world.fold()
    await world.ask("r1")
    async with world.running(world.rebuilder(shadow, None)):
        await world.comes_to("r1", rebuilds.READY)

        moment = NOON + 3 * DAY
        await world.append(event("account.erased", "a3", moment, {"account": "a3"}), usage("a3", moment + SECOND, 1))
        await world.fold(owner="two")

        done = await world.comes_to("r1", rebuilds.DISCARDED)
    assert "erased" in done.message


async def erased_and_sent_again(world: Past, *since: Event) -> None:
    """An account is erased, then its first event comes once more; only the archive has what was before."""
    first = seats("acme", NOON, 4, name="Acme Inc.")
    await world.append(first, usage("acme", NOON), usage("a1", NOON))
    await world.fold()
    await world.archive()
    await world.append(event("account.erased", "acme", NOON + HOUR, {"account": "acme"}))
    await world.append(first.model_copy(update={"receivedtime": NOON + 2 * HOUR}), usage("a1", NOON + 3 * HOUR), *since)
    await world.fold()
    await world.archive()
    archived = await until(world.database, world.log, world.root, [LIVE])
    await world.log.trim(CUSTOMER_EVENTS, int((NOON + 400 * DAY).timestamp() * 1000), archived)


@pytest.mark.parametrize("back", [False, True])
async def test_what_is_sent_again_after_an_erasure_is_a_repeat_in_the_rebuild_too(
    world: Past, shadow: Database, back: bool
) -> None:
    await erased_and_sent_again(world, *([usage("acme", NOON + 4 * HOUR)] if back else []))
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)

    assert await facts(shadow) == await facts(world.database)
    assert ("acme" in await facts(shadow)) is back
    assert done.difference["facts"] == 0


async def test_an_erased_account_does_not_come_back_from_files_that_know_nothing_of_it(
    world: Past, shadow: Database
) -> None:
    await erased_and_sent_again(world)
    place, number = world.root.open(), partition_of("acme")
    for file in place.files(number):
        place.put(file, encoded([each for each in decoded(place, file) if each.offset > 1]))
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        await world.comes_to("r1", rebuilds.READY)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    assert set(await facts(world.database)) == set(await facts(shadow)) == {"a1"}


async def test_all_accounts_are_compared_whatever_order_the_database_puts_them_in(tmp_path: Path) -> None:
    ids = [f"{letter}{n:03d}" for n in range(200) for letter in "aBcDe"]
    halves = SqliteDatabase(tmp_path / "one.db"), SqliteDatabase(tmp_path / "other.db")
    for database, some in zip(halves, (ids[:900], ids[100:]), strict=True):
        made = "CREATE TABLE live (account TEXT COLLATE NOCASE PRIMARY KEY)"
        await database.migrate(lambda connection, made=made: connection.exec_driver_sql(made))
        async with database.write() as tx:
            tx.insert(live, [{"account": id_} for id_ in some])

    async with halves[0].read() as one, halves[1].read() as other:
        found = [id_ async for page in all_ids(one, other) for id_ in page]

    for database in halves:
        await database.close()
    assert sorted(found) == sorted(ids)


class Slow:
    """A shadow that takes its time to be read."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self.write = database.write
        self.fetch = database.fetch
        self.migrate = database.migrate

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        async with self._database.read() as tx:
            await asyncio.sleep(self._seconds)
            yield tx

    async def close(self) -> None:
        """Whoever made it closes it."""


async def test_nobody_else_takes_up_a_rebuild_for_as_long_as_it_is_worked_at(world: Past, shadow: Database) -> None:
    await world.append(usage("acme", NOON), usage("a1", NOON))
    await world.fold()
    await world.ask("r1")
    worker = world.rebuilder(shadow, None)
    worker.lease, worker.open_shadow = timedelta(seconds=0.3), lambda: Slow(shadow, 0.9)

    async with world.running(worker):
        await world.comes_to("r1", rebuilds.FOLDING)
        while (await world.rebuild("r1")).state == rebuilds.FOLDING:
            async with world.database.write() as tx:
                assert await rebuilds.take(tx, "two", world.clocks.wall.now()) is None
            await asyncio.sleep(0.05)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)


async def test_a_worker_that_has_lost_a_rebuild_to_another_swaps_nothing_and_drops_nothing(
    world: Past, shadow: Database
) -> None:
    await world.append(usage("acme", NOON), usage("a1", NOON))
    await world.fold()
    await world.ask("r1")
    async with world.running(world.rebuilder(shadow, None)):
        await world.comes_to("r1", rebuilds.READY)
    await world.confirm("r1")
    dropped = asyncio.Event()

    async def drop() -> None:
        dropped.set()

    worker = world.rebuilder(shadow, None)
    worker.lease, worker.open_shadow, worker.drop_shadow = timedelta(seconds=0.3), lambda: Slow(shadow, 0.5), drop
    async with world.running(worker):
        while (await world.rebuild("r1")).leased_until is None:
            await asyncio.sleep(0.02)
        async with world.database.write() as tx:
            await rebuilds.say(tx, "r1", NOON, owner="two", leased_until=world.clocks.wall.now() + HOUR)
        await asyncio.sleep(5)

    row = await world.rebuild("r1")
    assert (row.state, row.owner) == (rebuilds.CONFIRMED, "two")
    assert not dropped.is_set()


class Paused(SqliteLog):
    """A log that does not answer who wants to read it; `asked` once somebody did."""

    asked = False

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> Reader:
        self.asked = True
        raise LogError("Kafka does not answer")


async def test_a_rebuild_waits_for_a_log_that_does_not_answer(world: Past, shadow: Database, tmp_path: Path) -> None:
    await world.append(usage("acme", NOON), usage("a1", NOON))
    await world.fold()
    await world.ask("r1")
    worker = world.rebuilder(shadow, None)
    worker.log = paused = Paused(tmp_path / "log.db", now_ms=lambda: 0)
    await paused.start()

    with capture_logs() as said:
        async with world.running(worker):
            while not any(each["event"].startswith("rebuild.") for each in said):
                await asyncio.sleep(0.02)
    async with world.running(world.rebuilder(shadow, None)):
        await world.comes_to("r1", rebuilds.READY)

    await paused.close()
    assert paused.asked
    assert [each["event"] for each in said if each["event"].startswith("rebuild.")] == ["rebuild.waits"]


async def test_a_rebuild_needs_nothing_but_an_empty_shadow(world: Past, fresh: Fresh) -> None:
    await world.append(*life(10, days=1))
    await world.fold()
    empty = await fresh()
    await upgrade(empty, "scoring")
    await world.ask("r1")

    async with world.running(world.rebuilder(empty, None)):
        done = await world.comes_to("r1", rebuilds.READY)

    assert done.difference["facts"] == 0


async def test_a_scorecard_that_was_applied_on_the_way_is_in_force_in_the_rebuild_too(
    world: Past, shadow: Database
) -> None:
    days = life(11, days=2)
    half = len(days) // 2
    await world.append(*days[:half])
    await world.fold()
    name = await Desk(world.database).apply(document(bands__green=99, bands__yellow=98))
    await world.relay()
    await world.append(*days[half:])
    await world.fold()
    await world.archive()
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)

    async with shadow.read() as tx:
        rebuilt = {row.account: row.scorecard for row in await tx.fetch(select(live))}
    assert set(rebuilt.values()) == {name}
    assert await closings(shadow) == await closings(world.database) != []
    assert (done.difference["facts"], done.difference["scores"]) == (0, 0)


async def test_a_rebuild_counts_earlier_days_by_what_a_core_action_is_now(world: Past, shadow: Database) -> None:
    days = life(12, days=1)
    await world.append(*days)
    await world.fold()
    await Desk(world.database).apply(document(usage__core=["invoice_sent"]))
    await world.relay()
    await world.append(usage("acme", NOON + DAY + HOUR), tick(NOON + DAY + 2 * HOUR))
    await world.fold()
    await world.archive()
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)

    def core(known: dict[str, Any]) -> int:
        return sum(sum(month["core"]) for one in known.values() for month in one["months"].values())

    assert core(await facts(world.database)) > 0
    assert core(await facts(shadow)) == 0
    assert done.difference["facts"] > 0

"""Every record of cs.customer-events lands in the archive once, whatever happens to the worker."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pyarrow.parquet import ParquetFile
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.integration.scoring.past import LIVE, SMALL_FILES, Past, past, resolved
from tests.integration.scoring.world import DAY, HOUR, NOON, control, event, neighbours, story, usage

from cskit.claims import Fenced
from cskit.db import Database
from cskit.db.sqlite import SqliteDatabase
from cskit.log import NewRecord, Record
from cskit.migrate import upgrade
from cskit.retention import KeepAll
from cskit.testing.log import read_all
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.columns import decoded, encoded
from scoring.archive.files import TOPIC, ArchiveDamaged, ArchiveFile, folder
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable, Folder
from scoring.archive.reading import archived_ends, read_events
from scoring.archive.retention import until
from scoring.archive.writing import GROUP, Limits
from scoring.tables import PLUMBING

ACME = partition_of("acme")


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[Past]:
    async with past(database, tmp_path) as made:
        yield made


async def on_the_log(world: Past) -> list[Record]:
    """All records, without headers."""
    return sorted(record._replace(headers=()) for record in await read_all(world.log, CUSTOMER_EVENTS, 30))


def archived(world: Past) -> list[Record]:
    return [each.as_record() for number in range(PARTITIONS) for each in read_events(world.root, number)]


def files(world: Past, partition: int = ACME) -> list[ArchiveFile]:
    return world.root.open().files(partition)


async def test_the_archive_holds_what_the_log_holds(world: Past) -> None:
    await world.append(*(each.event for each in story(neighbours(2)).messages))
    poison = [NewRecord(CUSTOMER_EVENTS, ACME, None, b"\xff\x00"), NewRecord(CUSTOMER_EVENTS, ACME, b"acme", b"{}")]
    await world.log.append(poison)

    await world.archive()

    assert archived(world) == await on_the_log(world)
    assert len(files(world)) > 1


async def test_an_archiver_that_starts_again_goes_on_where_it_was(world: Past) -> None:
    events = [usage("acme", NOON + n * HOUR) for n in range(90)]
    for start in range(0, 90, 30):
        await world.append(*events[start : start + 30])

        await world.archive()

    assert archived(world) == await on_the_log(world)


async def test_a_file_whose_offset_was_not_moved_is_written_again_and_counts_once(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(30)))
    async with world.running(world.archiver(Limits(records=10, seconds=0.0))):
        await world.caught_up(GROUP)
    async with world.database.write() as tx:
        table = PLUMBING.consumer_offsets
        await tx.execute(update(table).where(table.c.consumer_group == GROUP).values(next_offset=0))

    await world.archive(Limits(records=7, seconds=0.0))

    assert archived(world) == await on_the_log(world)


async def test_two_archivers_share_the_partitions_and_lose_nothing_when_one_leaves(world: Past) -> None:
    chance = random.Random(3)
    for _ in range(6):
        await world.append(*(usage(f"a{chance.randrange(60)}", NOON + n * HOUR) for n in range(40)))
    stop = asyncio.Event()
    leaving = asyncio.create_task(world.archiver(owner="two").run(stop))
    await world.until(lambda at: sum(at.values()) > 20, GROUP)
    stop.set()
    await leaving

    await world.archive()

    assert archived(world) == await on_the_log(world)


async def test_an_archiver_whose_partition_was_claimed_by_another_ends(world: Past) -> None:
    zombie = world.archiver(Limits(records=50, seconds=3600.0), owner="zombie")
    running = asyncio.create_task(zombie.run(asyncio.Event()))
    await world.append(usage("acme", NOON))
    await world.until(lambda at: len(at) == PARTITIONS, GROUP)
    async with world.database.write() as tx:
        table = PLUMBING.consumer_offsets
        await tx.execute(update(table).where(table.c.consumer_group == GROUP).values(epoch=99, owner="other"))

    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(1, 60)))

    with pytest.raises(Fenced):
        await asyncio.wait_for(running, 30)


async def test_a_missing_file_is_an_error_that_names_what_is_missing(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(90)))
    await world.archive(Limits(records=30, seconds=0.0, small=99))
    first, second, _ = files(world)
    (Path(world.root.address) / second.name).unlink()

    with pytest.raises(ArchiveDamaged, match=f"lacks the offsets {second.first} to {second.last} of partition {ACME}"):
        list(read_events(world.root, ACME))

    assert archived_ends(world.root)[ACME] == first.last + 1


@pytest.mark.parametrize("harm", ["cut", "changed"])
async def test_a_damaged_file_is_an_error_that_names_it(world: Past, harm: str) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(40)))
    await world.archive(Limits(records=100, seconds=0.0))
    (file,) = files(world)
    path = Path(world.root.address) / file.name
    body = path.read_bytes()
    with ParquetFile(path) as opened:
        values = opened.metadata.row_group(0).column(11)
    place = values.data_page_offset + values.total_compressed_size - 9  # within the page, not in its header
    changed = bytes([body[place] ^ 1])
    path.write_bytes(body[:place] if harm == "cut" else body[:place] + changed + body[place + 1 :])

    with pytest.raises(ArchiveDamaged, match=file.name):
        list(read_events(world.root, ACME))


async def test_many_small_files_become_few_and_hold_the_same(world: Past) -> None:
    for n in range(12):
        await world.append(*(usage("acme", NOON + n * DAY + k * HOUR) for k in range(3)))
        await world.archive(Limits(records=1_000, seconds=0.0, small=6))

    assert len(files(world)) < 7
    assert archived(world) == await on_the_log(world)


async def test_an_erased_account_leaves_the_archive_up_to_its_erasure(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(50)), usage("other", NOON + 51 * HOUR))
    await world.archive()
    erased = event("account.erased", "acme", NOON + 10 * DAY, {"account": "acme"})
    back = usage("acme", NOON + 11 * DAY)

    await world.append(erased, back, erased)
    await world.archive()

    left = [each.value for each in read_events(world.root, ACME) if each.value and b'"subject":"acme"' in each.value]
    assert left == [erased.to_bytes(), back.to_bytes(), erased.to_bytes()]
    assert len(list(read_events(world.root, partition_of("other")))) == 1


async def test_what_a_slow_merge_has_put_back_is_erased_by_whoever_claims_the_partition_next(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(20)))
    await world.archive(Limits(records=10, seconds=0.0, small=99))
    before = [(file, encoded(list(decoded(world.root.open(), file)))) for file in files(world)]
    await world.append(event("account.erased", "acme", NOON + 10 * DAY, {"account": "acme"}))
    await world.archive()
    for file, content in before:
        world.root.open().put(file, content)

    await world.append(usage("acme", NOON + 11 * DAY))
    await world.archive()

    assert [each.offset for each in read_events(world.root, ACME)] == [20, 21]


async def test_what_nobody_can_read_leaves_the_archive_with_the_account_that_its_key_names(world: Past) -> None:
    await world.log.append([NewRecord(CUSTOMER_EVENTS, ACME, key, b'{"half') for key in (b"acme", b"other", None)])
    await world.append(event("account.erased", "acme", NOON, {"account": "acme"}))

    await world.archive()

    left = [each.key for each in read_events(world.root, ACME)]
    assert left == [b"other", None, b"acme"]


async def test_while_the_place_refuses_nothing_moves_and_later_all_is_archived(world: Past, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file is in the way")
    await world.append(usage("acme", NOON))
    with pytest.raises(ArchiveUnreachable):
        Folder(tmp_path / "archive").put(ArchiveFile(0, 0, 0), b"")

    async with world.running(world.archiver()):
        await world.until(lambda at: len(at) == PARTITIONS, GROUP)
        (tmp_path / "archive").unlink()
        await world.caught_up(GROUP)

    assert archived(world) == await on_the_log(world)


async def test_a_partition_that_cannot_be_put_holds_up_no_other(world: Past, tmp_path: Path) -> None:
    refused = {0}
    ways = [tmp_path / "archive" / folder(number) for number in refused]
    ways[0].parent.mkdir(parents=True)
    for way in ways:
        way.write_text("a file is in the way")
    await world.append(control("clock.ticked", NOON, {"hour": NOON}))

    async with world.running(world.archiver()):
        await world.until(lambda at: {number for number, end in at.items() if end == 0} == refused, GROUP)
        for way in ways:
            way.unlink()
        await world.caught_up(GROUP)

    assert archived(world) == await on_the_log(world)


async def test_control_records_are_archived_in_every_partition(world: Past) -> None:
    await world.append(control("clock.ticked", NOON, {"hour": NOON}))

    await world.archive(SMALL_FILES)

    assert [len(list(read_events(world.root, number))) for number in range(PARTITIONS)] == [1] * PARTITIONS


CHILD = """
import asyncio, sys
from pathlib import Path
from cskit.db.sqlite import SqliteDatabase
from tests.integration.scoring.past import past

async def main(folder):
    database = SqliteDatabase(folder / "scoring.db")
    async with past(database, folder) as world:
        await world.archive()
    await database.close()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_kill_between_file_and_offset_loses_and_doubles_nothing(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "scoring.db")
    await upgrade(database, "scoring")
    async with past(database, tmp_path) as world:
        await world.append(*(usage("acme", NOON + n * HOUR) for n in range(100)))
    environment = {**os.environ, "KIZASHI_TEST_FAILPOINT": "archive.after_put:2"}
    root = Path(__file__).parents[3]

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(tmp_path), cwd=root, env=environment, stdout=asyncio.subprocess.DEVNULL
    )  # fmt: skip
    status = await asyncio.wait_for(child.wait(), 60)

    async with past(database, tmp_path) as world:
        left, moved = files(world), (await world.offsets(GROUP))[ACME]
        await world.append(*(usage("acme", NOON + n * HOUR) for n in range(100, 120)))
        await world.archive(Limits(records=50, seconds=0.0))
        assert archived(world) == await on_the_log(world)
    assert status == -signal.SIGKILL
    assert (len(left), moved) == (2, left[0].last + 1)
    await database.close()


async def test_the_log_may_let_go_of_what_is_in_files_and_was_folded(world: Past) -> None:
    events = [usage("acme", NOON + n * HOUR) for n in range(90)]
    await world.append(*events[:30])
    await world.archive()
    assert await may_go(world) == 0  # scoring has read nothing
    await world.append(*events[30:])
    await world.fold()
    assert await may_go(world) == 30

    await world.archive()
    assert await may_go(world) == 90

    for file in files(world)[1:]:
        (Path(world.root.address) / file.name).unlink()
    assert await may_go(world) == files(world)[0].last + 1 < 90


async def test_the_log_lets_go_of_nothing_while_the_archive_does_not_answer(world: Past, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")

    with pytest.raises(KeepAll):
        await until(world.database, world.log, ArchiveRoot(str(tmp_path / "taken" / "archive")), [LIVE])


async def test_nothing_of_a_topic_that_was_made_anew_goes_for_files_of_the_old_one(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(40)))
    await world.fold()
    await world.archive()
    assert await may_go(world) == 40
    kept = archived(world)
    await world.log.delete_topic(CUSTOMER_EVENTS)
    await world.log.ensure_topics([CUSTOMER_EVENTS], PARTITIONS)
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(100, 120)))

    with pytest.raises(KeepAll, match="holds the records of another log"):
        await may_go(world)

    for group in (GROUP, LIVE):
        await resolved(world, group, dict.fromkeys(range(PARTITIONS), 0))
    with capture_logs() as said:
        async with world.running(world.archiver(), world.runner()):
            await world.caught_up(LIVE)
            while not any(each["event"] == "archive.unreachable" for each in said):
                await asyncio.sleep(0.02)
    assert archived(world) == kept
    with pytest.raises(KeepAll, match="Name an empty place as KIZASHI_ARCHIVE"):
        await may_go(world)

    world.root = ArchiveRoot(f"{world.root.address}-2")
    await world.archive()
    assert archived(world) == await on_the_log(world)
    assert await may_go(world) == 20


async def test_an_archive_from_before_topics_were_told_apart_is_taken_for_ours(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(10)))
    await world.fold()
    await world.archive()
    (Path(world.root.address) / TOPIC).unlink()

    assert await may_go(world) == 10
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(10, 20)))
    await world.archive()

    assert (Path(world.root.address) / TOPIC).read_text() == str(await world.log.topic_id(CUSTOMER_EVENTS))


async def may_go(world: Past) -> int:
    """Before which offset of the account's partition the log may let go of all."""
    return (await until(world.database, world.log, world.root, [LIVE]))[ACME]

"""The archive in a bucket of an S3-compatible store, which is away for a while."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.past import LIVE, Past, past
from tests.integration.scoring.world import DAY, HOUR, NOON, event, tick, usage
from tests.running.stores import Store

from cskit.db import Database
from cskit.log import Record
from cskit.testing.log import read_all
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.files import ArchiveFile
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable
from scoring.archive.reading import read_events
from scoring.archive.writing import GROUP, Limits
from scoring.store import rebuilds

pytestmark = pytest.mark.s3
ACME = partition_of("acme")


@pytest.fixture
async def world(database: Database, tmp_path: Path, store: Store) -> AsyncIterator[Past]:
    async with past(database, tmp_path) as made:
        made.root = ArchiveRoot(
            f"s3://{store.bucket()}/kizashi",
            endpoint=store.endpoint, access_key=store.access_key, secret_key=store.secret_key,
        )  # fmt: skip
        yield made


async def on_the_log(world: Past) -> list[Record]:
    """All records, without headers."""
    return sorted(record._replace(headers=()) for record in await read_all(world.log, CUSTOMER_EVENTS, 30))


def archived(world: Past) -> list[Record]:
    return [each.as_record() for number in range(PARTITIONS) for each in read_events(world.root, number)]


def files(world: Past) -> list[ArchiveFile]:
    return world.root.open().files(ACME)


def twice(found: list[ArchiveFile]) -> list[tuple[ArchiveFile, ArchiveFile]]:
    """Files that follow each other and share offsets."""
    return [(one, next_) for one, next_ in pairwise(found) if next_.first <= one.last]


async def test_many_small_files_become_few_and_hold_what_the_log_holds(world: Past) -> None:
    for n in range(8):
        await world.append(*(usage("acme", NOON + n * DAY + k * HOUR) for k in range(3)))
        await world.archive(Limits(records=1_000, seconds=0.0, small=4))

    assert len(files(world)) < 5
    assert archived(world) == await on_the_log(world)


async def test_while_the_store_is_away_scoring_goes_on_and_later_each_record_is_archived_once(
    world: Past, store: Store
) -> None:
    limits = Limits(records=20, seconds=0.0, small=99, again=0.2)
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(40)))
    async with world.running(world.archiver(limits), world.runner()):
        await world.caught_up(GROUP)
        store.stop()
        await world.append(*(usage("acme", NOON + n * HOUR) for n in range(40, 130)))
        await world.caught_up(LIVE)
        behind = (await world.offsets(GROUP))[ACME]
        store.start()
        await world.caught_up(GROUP)

    assert behind == 40
    assert archived(world) == await on_the_log(world)
    assert twice(files(world)) == []


async def test_an_erased_account_leaves_the_bucket(world: Past) -> None:
    await world.append(*(usage("acme", NOON + n * HOUR) for n in range(50)))
    await world.archive()
    erased = event("account.erased", "acme", NOON + 10 * DAY, {"account": "acme"})

    await world.append(erased)
    await world.archive()

    assert [each.value for each in read_events(world.root, ACME)] == [erased.to_bytes()]


async def test_a_rebuild_waits_for_a_store_that_is_away(world: Past, fresh: Fresh, store: Store) -> None:
    shadow = await fresh()
    await world.append(*(usage(f"a{n % 12}", NOON + n * HOUR / 8, n % 7) for n in range(160)), tick(NOON + 20 * HOUR))
    await world.archive(Limits(records=10, seconds=0.0, small=99))
    await world.fold()
    store.stop()
    with pytest.raises(ArchiveUnreachable):
        list(read_events(world.root, ACME))
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        await world.comes_to("r1", rebuilds.FOLDING)
        store.start()
        done = await world.comes_to("r1", rebuilds.READY)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    assert (done.difference["accounts"], done.difference["facts"], done.difference["scores"]) == (12, 0, 0)

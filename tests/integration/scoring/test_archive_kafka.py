"""The archive and a rebuild on Apache Kafka, where partitions move between replicas."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.past import Past
from tests.integration.scoring.world import HOUR, NOON, tick, usage

from cskit.db import Database
from cskit.log.kafka import KafkaLog
from cskit.testing.log import read_all
from cskit.testing.prefixed import PrefixedLog
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS, PARTITIONS
from scoring.archive.place import ArchiveRoot
from scoring.archive.reading import read_events
from scoring.archive.writing import GROUP, Limits
from scoring.store import rebuilds

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[Past]:
    servers = os.environ.get("KIZASHI_TEST_KAFKA")
    if not servers:
        pytest.skip("KIZASHI_TEST_KAFKA is not set")
    log = PrefixedLog(KafkaLog(servers, client_id="test", security=None), f"t{secrets.token_hex(4)}.")
    await log.start()
    try:
        await log.ensure_topics([CUSTOMER_EVENTS, HEALTH_EVENTS], PARTITIONS)
        yield Past(log, database, ArchiveRoot(str(tmp_path / "archive")), [NOON])
    finally:
        await log.close()


async def test_partitions_that_move_between_two_archivers_are_archived_once_and_whole(world: Past) -> None:
    limits = Limits(records=10, seconds=0.2)
    events = [usage(f"a{n % 40}", NOON + n * HOUR, n % 7) for n in range(600)]
    leave = asyncio.Event()
    await world.append(*events[:200])
    async with world.running(world.archiver(limits, "one")):
        await world.until(lambda at: sum(at.values()) > 50, GROUP)
        leaving = asyncio.create_task(world.archiver(limits, "two").run(leave))
        await world.append(*events[200:400])
        await world.caught_up(GROUP)
        leave.set()
        await leaving
        await world.append(*events[400:])
        await world.caught_up(GROUP)

    found = [each.as_record() for number in range(PARTITIONS) for each in read_events(world.root, number)]
    held = await read_all(world.log, CUSTOMER_EVENTS, 60)
    assert found == sorted(record._replace(headers=()) for record in held)
    assert len(found) == 600


async def test_partitions_move_while_the_place_refuses_and_nobody_is_fenced_when_it_is_back(world: Past) -> None:
    place = Path(world.root.address)
    place.write_text("a file is in the way")
    limits = Limits(records=10, seconds=0.0, held=1, again=0.5)  # whoever has read anything has read enough
    events = [usage(f"a{n % 40}", NOON + n * HOUR, n % 7) for n in range(200)]
    await world.append(*events[:100])

    async with world.running(world.archiver(limits, "one")):
        await world.until(lambda at: len(at) == PARTITIONS, GROUP)
        async with world.running(world.archiver(limits, "two")):
            await world.owned_by("one", PARTITIONS // 2)
            await world.append(*events[100:])
            place.unlink()
            await world.caught_up(GROUP)

    found = [each.as_record() for number in range(PARTITIONS) for each in read_events(world.root, number)]
    assert found == sorted(record._replace(headers=()) for record in await read_all(world.log, CUSTOMER_EVENTS, 60))


async def test_a_rebuild_from_archive_and_kafka_equals_what_was_folded_live(world: Past, fresh: Fresh) -> None:
    shadow = await fresh()
    events = [usage(f"a{n % 12}", NOON + n * HOUR / 8, n % 7) for n in range(160)]
    await world.append(*events[:100], tick(NOON + 12 * HOUR))
    await world.archive(Limits(records=50, seconds=0.2))
    await world.append(*events[100:], tick(NOON + 20 * HOUR))
    await world.fold()
    await world.ask("r1")

    async with world.running(world.rebuilder(shadow, world.root)):
        done = await world.comes_to("r1", rebuilds.READY)
        await world.confirm("r1")
        await world.comes_to("r1", rebuilds.SWAPPED)

    assert (done.difference["accounts"], done.difference["facts"], done.difference["scores"]) == (12, 0, 0)
    assert done.folded == done.total == 160 + 2 * PARTITIONS

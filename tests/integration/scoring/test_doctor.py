"""kizashi doctor looks into the archive, and at every group that reads."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.past import Past, past
from tests.integration.scoring.world import HOUR, NOON, usage

from allinone.commands.doctor import READS, examine, resolve
from allinone.composition import SERVICES
from cskit import migrate
from cskit.platform import open_platform
from cskit.settings import Settings, TestHooks
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.writing import GROUP, Limits

ACME = partition_of("acme")
ARCHIVE = f"archive of {CUSTOMER_EVENTS}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Past]:
    """Events of a year ago in a data folder, archived in several files."""
    platform = open_platform(Settings(data=tmp_path))
    try:
        for name in SERVICES:
            await migrate.upgrade(platform.database(name), name)
        async with past(platform.database("scoring"), tmp_path) as made:
            await made.append(*(usage("acme", NOON.replace(year=2025) + n * HOUR) for n in range(30)))
            await made.archive(Limits(records=10, seconds=0.0))
            yield made
    finally:
        await platform.close()


async def found(folder: Path) -> dict[str, dict[str, Any]]:
    """What doctor finds, by what was looked at."""
    return {each["what"]: each for each in await examine(Settings(data=folder), TestHooks())}


async def test_an_archive_that_has_all_is_well_and_every_group_is_looked_at(world: Past, tmp_path: Path) -> None:
    findings = await found(tmp_path)

    assert (findings[ARCHIVE]["state"], findings[ARCHIVE]["well"]) == ("0 records to archive, 0 days behind", True)
    looked_at = {f"{group} reading {topic}" for group in READS for topic in READS[group] if group != GROUP}
    assert looked_at <= findings.keys()


async def test_a_file_that_is_gone_is_told_with_its_partition(world: Past, tmp_path: Path) -> None:
    first, *_ = world.root.open().files(ACME)
    (file,) = tmp_path.rglob(f"*{first.name}")
    file.unlink()

    archive = (await found(tmp_path))[ARCHIVE]

    assert f"files are missing of partition {ACME}" in archive["state"]
    assert archive["advice"].startswith("Put the missing files back")


async def test_what_waits_longer_than_the_log_keeps_is_told(world: Past, tmp_path: Path) -> None:
    await world.append(usage("acme", NOON))

    archive = (await found(tmp_path))[ARCHIVE]

    assert archive["state"].startswith("1 records to archive, ")
    assert archive["advice"].startswith("See that scoring runs and reaches the archive")


async def test_an_archive_of_another_topic_is_told(world: Past, tmp_path: Path) -> None:
    await world.log.close()
    for file in tmp_path.glob("log.db*"):
        file.unlink()

    reading = (await found(tmp_path))[f"{GROUP} reading {CUSTOMER_EVENTS}"]
    await resolve(Settings(data=tmp_path), TestHooks(), GROUP, CUSTOMER_EVENTS, "earliest")
    archive = (await found(tmp_path))[ARCHIVE]

    assert (reading["state"], reading["well"]) == ("the topic was made anew", False)
    assert "holds the records of another log" in archive["state"]
    assert not archive["well"]

"""A whole Kizashi that archives into a bucket, the store of which is away for a while."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.running.processes import command, ended
from tests.running.stores import Store
from tests.running.systems import System, clustered_system, embedded_system
from tests.running.worlds import until

from cskit.testing.engines import missing_engines
from csmodels.partitioning import partition_of
from scoring.archive.files import ArchiveFile
from scoring.archive.place import ArchiveRoot
from scoring.archive.reading import read_events

pytestmark = [pytest.mark.e2e, pytest.mark.s3, pytest.mark.timeout(300)]

ARCHIVE = "archive of cs.customer-events"
READING = "scoring reading cs.customer-events"
ACME = partition_of("acme")
FILE = 20_000  # records of a partition that become a file at once
AT_ONCE = 5_000


CLUSTERED = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.long]


@pytest.fixture(params=["embedded", pytest.param("clustered", marks=CLUSTERED)])
async def archiving(
    request: pytest.FixtureRequest, tmp_path: Path, store: Store
) -> AsyncIterator[tuple[System, ArchiveRoot]]:
    if request.param == "clustered" and (reason := missing_engines()):
        pytest.skip(reason)
    address = f"s3://{store.bucket()}/kizashi"
    root = ArchiveRoot(
        address, endpoint=store.endpoint, access_key=store.access_key, secret_key=store.secret_key
    )  # fmt: skip
    made = embedded_system if request.param == "embedded" else clustered_system
    async with made(tmp_path, **store.settings(address)) as system:
        await system.start()
        yield system, root


async def test_events_land_in_the_bucket_once_though_its_store_is_away_for_a_while(
    archiving: tuple[System, ArchiveRoot], store: Store
) -> None:
    system, root = archiving
    async with system.client("ingest") as client:
        await tell(client, 0, FILE)
        await until("a file is in the bucket", lambda: holds(root, FILE), 60)

        await asyncio.to_thread(store.stop)
        await tell(client, FILE, 3 * FILE)
        await until("scoring has read on", lambda: has_read(system), 60)
        away = await findings(system)
        await asyncio.to_thread(store.start)
        await until("the archive has caught up", lambda: holds(root, 3 * FILE), 60)

    well = await findings(system)
    rebuilt = json.loads(await command("rebuild", "--json", environment=system.environment))
    found = files(root)
    records = list(read_events(root, ACME))
    ids = [json.loads(each.value or b"")["id"] for each in records if each.key == b"acme"]

    assert not away[ARCHIVE]["well"]
    assert waiting(away) > 3 * FILE // 2
    assert root.address in away[ARCHIVE]["state"]
    assert store.secret_key not in json.dumps(away)
    assert well[ARCHIVE]["well"]
    assert waiting(well) < 1_000
    assert [one.last + 1 for one, _ in pairwise(found)] == [next_.first for _, next_ in pairwise(found)]
    assert [each.offset for each in records] == list(range(found[-1].last + 1))
    assert sorted(ids) == sorted(f"e{n}" for n in range(len(ids)))
    assert rebuilt["difference"]["accounts"] == 1
    assert not any(rebuilt["difference"][name] for name in ("facts", "scores", "only_live", "only_rebuilt"))


async def tell(client: httpx.AsyncClient, first: int, end: int) -> None:
    """Hand in the events from `first` on, all of one account."""
    for begin in range(first, end, AT_ONCE):
        events = [
            {"id": f"e{n}", "type": "usage.tracked", "account": "acme", "user": f"u{n % 9}", "data": {"name": "made"}}
            for n in range(begin, begin + AT_ONCE)
        ]
        answer = await client.post("/v1/events", json={"events": events})
        assert answer.json()["accepted"] == AT_ONCE, answer.text


def files(root: ArchiveRoot) -> list[ArchiveFile]:
    return root.open().files(ACME)


async def holds(root: ArchiveRoot, records: int) -> bool | None:
    found = await asyncio.to_thread(files, root)
    return True if found and found[-1].last + 1 >= records else None


async def has_read(system: System) -> bool | None:
    return True if (await findings(system))[READING]["state"] == "0 records behind" else None


async def findings(system: System) -> dict[str, dict[str, Any]]:
    """What doctor finds, by what was looked at."""
    done = await ended("doctor", "--json", environment=system.environment)
    return {each["what"]: each for each in json.loads(done.out)}


def waiting(found: dict[str, dict[str, Any]]) -> int:
    return int(found[ARCHIVE]["state"].split()[0])

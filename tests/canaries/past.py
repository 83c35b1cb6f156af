"""What scoring makes of the past: the archive, a rebuild's shadow, a backtest's report."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.canaries.place import Place, checked
from tests.running.processes import ended
from tests.running.worlds import until

from cskit.claims import read_offsets
from cskit.platform import Platform
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.place import ArchiveRoot
from scoring.archive.writing import GROUP, Archiver, Limits
from scoring.tables import PLUMBING

SECONDS: Final = 240.0  # a demo's past is folded again


async def archive(platform: Platform) -> None:
    """Bring all that the log has into the archive, as the worker does within a quarter of an hour; no server runs."""
    assert platform.archive is not None
    database = platform.database("scoring")
    archiver = Archiver(
        log=platform.log,
        database=database,
        root=ArchiveRoot.of(platform.settings, platform.archive),
        clocks=platform.clocks,
        owner="test",
        limits=Limits(seconds=0.0),
    )
    ends = await platform.log.end_offsets(CUSTOMER_EVENTS)

    async def all_archived() -> bool | None:
        reached = {each.number: offset for each, offset in (await read_offsets(database, PLUMBING, GROUP)).items()}
        return True if all(reached.get(number, 0) >= end for number, end in ends.items()) else None

    stop = asyncio.Event()
    working = asyncio.create_task(archiver.run(stop))
    try:
        await until("all is archived", all_archived, SECONDS)
    finally:
        stop.set()
        await working


async def rebuild(place: Place) -> None:
    """Fold everything into a shadow, which stays until somebody answers."""
    id_ = checked(await place.admin.post("/v1/rebuilds"))["id"]

    async def ready() -> bool | None:
        shown = checked(await place.admin.get(f"/v1/rebuilds/{id_}"))
        assert shown["state"] in ("asked", "folding", "ready"), shown
        return True if shown["state"] == "ready" else None

    await until("the rebuild", ready, SECONDS)


async def rebuild_is_given_up(place: Place) -> None:
    """The shadow goes since an account of it was erased."""

    async def given_up() -> bool | None:
        newest: dict[str, Any] = checked(await place.admin.get("/v1/rebuilds"))["items"][0]
        return True if newest["state"] == "discarded" else None

    await until("the rebuild is given up", given_up, SECONDS)


async def backtest(folder: Path, person: str) -> bytes:
    """What a backtest says of a log in which a person stands: its report and its answer."""
    report = folder / "report.html"
    days = [(month, day) for month in range(1, 7) for day in range(1, 28, 3)]
    rows = [
        f"a{n},2026-{month:02}-{day:02}T09:00:00Z,report,{person}"
        for month, day in days
        for n in range(12)
        if n % 3 or month < 4
    ]
    churn = [f"a{n},2026-05-10" for n in range(0, 12, 3)]
    events_file, churn_file = folder / "canary-file-events.csv", folder / "canary-file-churn.csv"
    events_file.write_text("\n".join(["account,time,name,person", *rows]), encoding="utf-8")
    churn_file.write_text("\n".join(["account,churned_on", *churn]), encoding="utf-8")
    files = ("--events", str(events_file), "--churn", str(churn_file))
    done = await ended("backtest", *files, "--report", str(report), "--json", environment={})
    assert done.status == 0, done.err
    assert json.loads(done.out)["auc"]
    return report.read_bytes() + done.out.encode() + done.err.encode()


async def backtest_of_archive(environment: Mapping[str, str], folder: Path) -> bytes:
    """The same of what is archived; where too little is, the answer is that."""
    report = folder / "report-of-archive.html"
    span = ("--from", "2026-01-01", "--to", "2026-12-31", "--corrected")
    done = await ended("backtest", *span, "--report", str(report), "--json", environment=environment)
    assert done.status in (0, 1, 2), done.err
    return (report.read_bytes() if report.exists() else b"") + done.out.encode() + done.err.encode()

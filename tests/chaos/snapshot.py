"""What a run has left, without what may differ between two runs of one log: moments of processing."""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, select

from cskit.claims import read_offsets
from cskit.db import Database
from cskit.log import Record
from cskit.platform import Platform, open_platform
from cskit.settings import read_settings, read_test_hooks
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS
from playbook import effects_tables
from playbook import tables as playbook_tables
from scoring import tables as scoring_tables
from scoring.engine.codec import canonical, decode_month, decode_slow
from scoring.engine.facts import Facts

_VARIES = {"scored_at", "created_at", "changed_at", "started_at", "ended_at", "enrolled_at", "due_at", "remind_at"}


@dataclass(frozen=True)
class Snapshot:
    """Facts, verdicts, history, versions on the log, runs, tasks and webhook ids, each as sorted JSON texts."""

    facts: Sequence[str]
    live: Sequence[str]
    history: Sequence[str]
    published: Sequence[str]
    runs: Sequence[str]
    tasks: Sequence[str]
    webhooks: Sequence[str]

    @property
    def webhook_ids(self) -> set[str]:
        """What a receiver is to have got."""
        return {json.loads(text)["id"] for text in self.webhooks}


@asynccontextmanager
async def looking(environment: Mapping[str, str]) -> AsyncIterator[Platform]:
    """The platform of a system, for reading beside it."""
    platform = open_platform(read_settings(environment), hooks=read_test_hooks({**os.environ, **environment}))
    try:
        await platform.start()
        yield platform
    finally:
        await platform.close()


async def is_done(platform: Platform, ends: Mapping[int, int]) -> bool:
    """Whether all is read that was preloaded, and all that came of it is sent and read too."""
    scoring, playbook = platform.database("scoring"), platform.database("playbook")
    folded = await read_offsets(scoring, scoring_tables.PLUMBING, "scoring")
    if any(folded.get((CUSTOMER_EVENTS, number), 0) < end for number, end in ends.items()):
        return False
    if await _count(scoring, scoring_tables.PLUMBING.outbox):
        return False
    seen = await read_offsets(playbook, playbook_tables.PLUMBING, "playbook")
    if any(seen.get((CUSTOMER_EVENTS, number), 0) < end for number, end in ends.items()):
        return False
    published = await platform.log.end_offsets(HEALTH_EVENTS)
    if any(seen.get((HEALTH_EVENTS, number), 0) < end for number, end in published.items()):
        return False
    async with playbook.read() as tx:
        table = effects_tables.effects
        rows = await tx.fetch(select(table.c.status).where(table.c.status != "delivered"))
    return not rows and not await _count(playbook, playbook_tables.PLUMBING.outbox)


async def _count(database: Database, table: Table) -> int:
    async with database.read() as tx:
        (row,) = await tx.fetch(select(func.count().label("rows")).select_from(table))
    return int(row.rows)


async def take(platform: Platform, health_events: Sequence[Record]) -> Snapshot:
    """The snapshot of a system that is done; `health_events` are the records of cs.health-events."""
    scoring, playbook = platform.database("scoring"), platform.database("playbook")
    return Snapshot(
        facts=await _facts(scoring),
        live=await _rows(scoring, scoring_tables.live),
        history=await _rows(scoring, scoring_tables.history),
        published=sorted({_plain(_without(json.loads(record.value or b""))) for record in health_events}),
        runs=await _rows(playbook, playbook_tables.runs, ("id", "playbook", "account", "cause")),
        tasks=await _rows(playbook, playbook_tables.tasks, ("id", "playbook", "account", "run", "step")),
        webhooks=await _rows(playbook, effects_tables.effects, ("id", "endpoint", "type", "account", "status")),
    )


def _without(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = {name: value for name, value in event["data"].items() if name not in _VARIES}
    return {"id": event["id"], "subject": event["subject"], "data": data}


async def _facts(database: Database) -> list[str]:
    async with database.read() as tx:
        slow = {row.account: decode_slow(row.body) for row in await tx.fetch(select(scoring_tables.account_slow))}
        months: dict[str, dict[str, Any]] = {}
        for row in await tx.fetch(select(scoring_tables.account_months)):
            months.setdefault(row.account, {})[row.month] = decode_month(row.body)
    return sorted(
        _plain(canonical(Facts(account, slow[account], months.get(account, {}))))
        for account in slow  # type: ignore[arg-type]
    )


async def _rows(database: Database, table: Table, columns: Sequence[str] | None = None) -> list[str]:
    names = columns or [column.name for column in table.c if column.name not in _VARIES]
    async with database.read() as tx:
        rows = await tx.fetch(select(*(table.c[name] for name in names)))
    return sorted(_plain(dict(row._mapping)) for row in rows)


def _plain(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def assert_gapless(snapshot: Snapshot) -> None:
    """Each account's published versions are 1, 2, 3, ... without a gap or a repeat."""
    versions: dict[str, list[int]] = {}
    for text in snapshot.published:
        event = json.loads(text)
        versions.setdefault(event["subject"], []).append(event["data"]["version"])
    assert versions
    for account, found in versions.items():
        assert sorted(found) == list(range(1, len(found) + 1)), f"{account}: {sorted(found)}"

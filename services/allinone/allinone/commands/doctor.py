"""kizashi doctor: what is reachable, how far each consumer lags, what waits, and what to do about it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from allinone.composition import SERVICES, plumbing_of
from allinone.databases import opening_database
from cskit import migrate
from cskit.claims import RESOLVED
from cskit.db import DatabaseUnavailable
from cskit.errors import Invalid
from cskit.log import LogError
from cskit.messages import append_time
from cskit.platform import Platform, SchemaOutdated, check_exists, open_platform
from cskit.settings import Settings, SettingsError, TestHooks
from csmodels import topics
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable
from scoring.archive.reading import archived_ends
from scoring.archive.writing import GROUP as ARCHIVE

READS = {  # by group; the first part of its name is the service
    "scoring": (topics.CUSTOMER_EVENTS,),
    "scoring-timeline": (topics.PLAYBOOK_EVENTS,),
    ARCHIVE: (topics.CUSTOMER_EVENTS,),
    "playbook": (topics.CUSTOMER_EVENTS, topics.HEALTH_EVENTS),
    "survey": (topics.CUSTOMER_EVENTS,),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `state` is ok, or a sentence; `advice` says what to do."""

    what: str
    state: str
    advice: str = ""

    @property
    def is_well(self) -> bool:
        return not self.advice


@asynccontextmanager
async def _opened(settings: Settings, hooks: TestHooks) -> AsyncIterator[Platform]:
    check_exists(settings)
    platform = open_platform(settings, hooks=hooks)
    try:
        yield platform
    finally:
        await platform.close()


async def examine(settings: Settings, hooks: TestHooks, names: Sequence[str] = SERVICES) -> list[dict[str, Any]]:
    """The log and these services: everything that was looked at, one row each."""
    async with _opened(settings, hooks) as platform:
        findings = await _log(platform)
        has_log = all(finding.is_well for finding in findings)
        for name in names:
            findings += await _service(platform, name, has_log=has_log)
    return [{**asdict(finding), "well": finding.is_well} for finding in findings]


async def _log(platform: Platform) -> list[Finding]:
    try:
        await platform.start()
        ends = {topic: sum((await platform.log.end_offsets(topic)).values()) for topic in topics.ALL}
    except LogError as error:
        return [Finding("log", str(error), "Start Kafka, or correct KIZASHI_KAFKA; embedded: check the data folder.")]
    return [Finding(f"log {topic}", f"{count} records so far") for topic, count in ends.items()]


async def _service(platform: Platform, name: str, *, has_log: bool) -> list[Finding]:
    try:
        with opening_database(name):
            found = await migrate.state(platform.database(name), name)
        if not found.is_current:
            have = f"revision {found.current}, this version needs {found.wanted}"
            return [Finding(f"{name} schema", have, f"kizashi migrate {name}")]
        findings = [Finding(f"{name} schema", f"revision {found.current}")]
        findings += await _waiting(platform, name)
        if has_log:
            read = [(group, topic) for group in READS if _service_of(group) == name for topic in READS[group]]
            findings += [await _lag(platform, group, topic) for group, topic in read if group != ARCHIVE]
            findings += [await _archive(platform)] if name == "scoring" else []
        return findings
    except (DatabaseUnavailable, SettingsError) as error:
        return [Finding(f"{name} database", str(error), "Start PostgreSQL, or correct KIZASHI_DATABASE_URL.")]


async def _waiting(platform: Platform, name: str) -> list[Finding]:
    tables = plumbing_of(name)
    async with platform.database(name).read() as tx:
        (outbox,) = await tx.fetch(select(func.count().label("rows")).select_from(tables.outbox))
        open_letters = select(func.count().label("rows")).where(tables.dead_letters.c.replayed_at.is_(None))
        (letters,) = await tx.fetch(open_letters)
    advice = f"kizashi dlq list {name}" if letters.rows else ""
    return [
        Finding(f"{name} outbox", f"{outbox.rows} rows to send"),
        Finding(f"{name} dead letters", f"{letters.rows} not replayed", advice),
    ]


def _service_of(group: str) -> str:
    return group.partition("-")[0]


async def _rows(platform: Platform, group: str, topic: str) -> Sequence[Any]:
    service = _service_of(group)
    table = plumbing_of(service).consumer_offsets
    async with platform.database(service).read() as tx:
        return await tx.fetch(select(table).where(table.c.consumer_group == group, table.c.topic == topic))


async def _out_of_place(
    platform: Platform, group: str, topic: str, rows: Sequence[Any], ends: Mapping[int, int]
) -> Finding | None:
    """What is wrong where a group is to read what the log does not have."""
    what = f"{group} reading {topic}"
    ids = await platform.log.topic_id(topic)
    begins = await platform.log.begin_offsets(topic)
    resolve = f"kizashi doctor --resolve {group} {topic} --from earliest|latest|OFFSET"
    for row in rows:
        if row.topic_id != str(ids):
            return Finding(what, "the topic was made anew", resolve)
        if not begins[row.partition] <= row.next_offset <= ends[row.partition]:
            return Finding(what, f"offset {row.next_offset} of partition {row.partition} is not on the log", resolve)
    return None


async def _lag(platform: Platform, group: str, topic: str) -> Finding:
    what = f"{group} reading {topic}"
    rows, ends = await _rows(platform, group, topic), await platform.log.end_offsets(topic)
    if (wrong := await _out_of_place(platform, group, topic, rows, ends)) is not None:
        return wrong
    lag = sum(ends.values()) - sum(row.next_offset for row in rows)
    return Finding(what, f"{lag} records behind")


async def _archive(platform: Platform) -> Finding:
    """Whether the place answers, and all is archived well before the log may forget it."""
    what = f"archive of {topics.CUSTOMER_EVENTS}"
    if platform.archive is None:
        return Finding(what, "none is set here: the log must keep everything; KIZASHI_ARCHIVE names a place")
    rows = await _rows(platform, ARCHIVE, topics.CUSTOMER_EVENTS)
    ends = await platform.log.end_offsets(topics.CUSTOMER_EVENTS)
    if (wrong := await _out_of_place(platform, ARCHIVE, topics.CUSTOMER_EVENTS, rows, ends)) is not None:
        return wrong
    waiting = sum(ends.values()) - sum(row.next_offset for row in rows)
    behind = [row.append_clock_ms for row in rows if 0 < row.next_offset < ends.get(row.partition, 0)]
    age = platform.clocks.world.now() - append_time(min(behind)) if behind else timedelta()
    state = f"{waiting} records to archive, {age.days} days behind"
    try:
        root = ArchiveRoot.of(platform.settings, platform.archive)
        id_ = str(await platform.log.topic_id(topics.CUSTOMER_EVENTS))
        in_files = await asyncio.to_thread(archived_ends, root, id_)
    except (ArchiveUnreachable, SettingsError) as error:
        advice = "See that the place answers, or correct KIZASHI_ARCHIVE_*: the log keeps what waits."
        return Finding(what, f"{state}. {error}", advice)
    gaps = [row.partition for row in rows if in_files[row.partition] < row.next_offset]
    if gaps:
        advice = "Put the missing files back from a copy: the log keeps everything from the gap on."
        return Finding(what, f"{state}; files are missing of partition {', '.join(map(str, sorted(gaps)))}", advice)
    advice = "See that scoring runs and reaches the archive: the log keeps all until it is there."
    return Finding(what, state, advice if age > timedelta(days=platform.settings.log_days) * 2 / 3 else "")


async def resolve(settings: Settings, hooks: TestHooks, group: str, topic: str, start: str) -> list[dict[str, Any]]:
    """Say where a group reads on in each partition: earliest, latest or one offset for all. Fences running workers."""
    if group not in READS:
        raise Invalid("unknown_group", f"There is no group “{group}”. There are: {', '.join(READS)}.")
    service = _service_of(group)
    if topic not in READS[group]:
        raise Invalid("unknown_topic", f"{group} reads {', '.join(READS[group])}, not {topic}.")
    async with _opened(settings, hooks) as platform:
        await platform.start()
        begins, ends = await platform.log.begin_offsets(topic), await platform.log.end_offsets(topic)
        offsets = {number: _start(start, begins[number], ends[number]) for number in ends}
        with opening_database(service):
            found = await migrate.state(platform.database(service), service)
        if not found.is_current:
            raise SchemaOutdated(
                f"The database of {service} is not at this version's schema. Run: kizashi migrate {service}"
            )
        await _move(platform, service, group, topic, offsets)
    return [
        {"group": group, "topic": topic, "partition": number, "next": offsets[number]} for number in sorted(offsets)
    ]


async def _move(platform: Platform, service: str, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    topic_id = str(await platform.log.topic_id(topic))
    table = plumbing_of(service).consumer_offsets
    new = {"consumer_group": group, "topic": topic, "topic_id": topic_id, "epoch": 0, "owner": RESOLVED}
    new["append_clock_ms"] = 0
    async with platform.database(service).write() as tx:
        rows = [{**new, "partition": number, "next_offset": offset} for number, offset in offsets.items()]
        tx.insert(table, rows, ignore=True)  # a group that has not read yet has no rows
        for number, offset in offsets.items():
            here = (table.c.consumer_group == group, table.c.topic == topic, table.c.partition == number)
            values = {"topic_id": topic_id, "next_offset": offset, "epoch": table.c.epoch + 1, "owner": RESOLVED}
            await tx.execute(update(table).where(*here).values(**values))


def _start(text: str, begin: int, end: int) -> int:
    if text in ("earliest", "latest"):
        return begin if text == "earliest" else end
    if not text.isdecimal() or not begin <= int(text) <= end:
        raise Invalid(
            "invalid_offset",
            f"“{text}” is none of earliest, latest or an offset from {begin} to {end}.",
            field="--from",
        )
    return int(text)


def all_well(findings: Sequence[dict[str, Any]]) -> bool:
    """Whether nothing needs doing."""
    return all(finding["well"] for finding in findings)

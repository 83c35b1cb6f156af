"""Time: on the log for scoring, on the world's clock for people, on the wall for signatures.

Many hours pass in a second. A world that the machine cannot keep up with only lags: nothing here asserts how long
anything took.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import standardwebhooks
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.chaos.trials import append_at
from tests.running.histories import DAY, PEOPLE, history_of_use, text, ticket, used
from tests.running.receiver import Receiver, receiving
from tests.running.worlds import (
    HOUR,
    Holdable,
    World,
    WorldClock,
    events_of,
    folder_settings,
    import_history,
    next_offsets,
    read_topic,
    running,
    until,
    until_folded,
    until_told,
)

from allinone import composition
from cskit.db import Database
from cskit.log import NewRecord, Record
from cskit.platform import Platform
from cskit.service import Service
from cskit.settings import TestHooks
from cskit.supervise import run_workers
from cskit.webhooks import sign
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS, PLAYBOOK_EVENTS
from playbook import tables as playbook_tables
from scoring import tables as scoring_tables
from scoring.handlers import ScoringHandler
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MONDAY = datetime(2031, 3, 3, 6, tzinfo=UTC)  # 15:00 in Tokyo
TOKYO = ZoneInfo("Asia/Tokyo")
HOURS_A_SECOND = 20.0


@pytest.fixture(autouse=True)
def no_worker_fails() -> Iterator[None]:
    """A failed worker is made anew, and the story would go on; here none may fail."""
    with capture_logs() as said:
        yield
    assert [entry for entry in said if entry["log_level"] in ("error", "critical")] == []


async def known_health(world: World, account: str) -> dict[str, Any]:
    found = await world.health(account)
    assert found is not None, f"{account} is not known"
    return found


def is_explained(health: dict[str, Any]) -> bool:
    contributions = (each["contribution"] for each in health["contributions"])
    return adds_up(health["score"], contributions, health["adjustments"], health["reference"])


def adds_up(
    score: float, contributions: Iterable[float], adjustments: Iterable[Mapping[str, Any]], reference: float = 75
) -> bool:
    """Whether the reasons of a score are all of it."""
    parts = [*contributions, *(each["points"] for each in adjustments)]
    return bool(abs(reference + sum(parts) - score) < 1e-9)


def moment(text_: str) -> datetime:
    return datetime.fromisoformat(text_)


def appended(record: Record) -> datetime:
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)


# Two days with scoring held

ACCOUNTS = ("steady", "quiet", "drifting", "alarmed", "fading", "corrected")
Closings = Mapping[str, Sequence[Mapping[str, Any]]]


def before_the_two_days(now: datetime) -> list[dict[str, Any]]:
    days = {"fading": (4, 25, 26, 27), "corrected": (40, 40, 40, 40)}
    events = [each for account in ACCOUNTS for each in history_of_use(account, now, days.get(account, (4, 4, 4, 4)))]
    return [*events, ticket("old", "drifting", now, severity=4, status="open", opened_at=text(now - 20 * DAY))]


def the_two_days(begin: datetime) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """What happens when: the days of the portfolio end after 9, 33 and 57 hours."""

    def at(hours: float) -> datetime:
        return begin + hours * HOUR

    drift = {"severity": 4, "status": "open", "opened_at": text(begin - 100 * HOUR)}
    told = [
        (at(0.2), [ticket("new", "drifting", at(0.2), **drift)]),
        (at(2), [ticket("T-1", "alarmed", at(2), severity=1, status="open")]),
        (at(11), [used("quiet", at(8), PEOPLE[0])]),  # heard of only when its day is closed
        (at(20), history_of_use("corrected", begin - 3 * DAY)),
        (at(35), history_of_use("newcomer", begin - 3 * DAY)),
        (at(36), [ticket("T-1", "alarmed", at(36), status="solved")]),
        *((at(hour), [used("steady", at(hour), PEOPLE[hour % 4])]) for hour in range(1, 56, 5)),
    ]
    return sorted(told, key=lambda each: each[0])


async def closings(database: Database, first: datetime, last: datetime) -> Closings:
    """The daily closings of each account as scoring has recorded them, in order."""
    table = scoring_tables.history
    names = ("account", "partition", "offset", "at", "score", "band", "contributions", "adjustments", "coverage")
    wanted = select(*(table.c[name] for name in names)).where(
        table.c.kind == "closing", table.c.at.between(first, last)
    )
    async with database.read() as tx:
        rows = await tx.fetch(wanted.order_by(table.c.account, table.c.at))
    return {account: [dict(row._mapping) for row in mine] for account, mine in groupby(rows, lambda row: row.account)}


@pytest.fixture
def scoring_worker(monkeypatch: pytest.MonkeyPatch) -> list[Holdable]:
    """Once a server is built, its scoring consumer, made holdable; everything else of the server is as it is."""
    found: list[Holdable] = []

    def build(name: str, platform: Platform) -> Service:
        service = composition.build(name, platform)
        if name != "scoring":
            return service
        workers = [Holdable(each) if each.name == "runner:scoring" else each for each in service.workers]
        found.extend(each for each in workers if isinstance(each, Holdable))
        return replace(service, workers=workers)

    monkeypatch.setattr("allinone.embedded.build", build)
    return found


@asynccontextmanager
async def undisturbed(world: World, folder: Path) -> AsyncIterator[Database]:
    """The database of another scoring on the very same log, which nobody holds. It publishes nothing."""
    theirs = world.server.platform
    settings = folder_settings(folder, KIZASHI_TIME_ZONE=world.settings.time_zone)
    platform = Platform(settings, log=theirs.log, clocks=theirs.clocks, keys=theirs.keys, hooks=TestHooks())
    await platform.prepare("scoring")
    database = platform.database("scoring")
    handler = ScoringHandler(
        settings=ScoringSettings.of(settings), cards=built_in(), database=database, clocks=theirs.clocks
    )
    runner = platform.runner(
        "scoring", scoring_tables.PLUMBING, group="undisturbed", topics=[CUSTOMER_EVENTS], handler=handler
    )
    stop = asyncio.Event()
    running_ = asyncio.create_task(run_workers([runner], stop, rebuild=False))
    try:
        yield database
    finally:
        stop.set()
        await running_
        await database.close()


async def closings_of_a_copy(
    folder: Path, log: Sequence[Record], now: datetime, span: tuple[datetime, datetime]
) -> Closings:
    """What a server makes of the records of a log, same offsets and append times, that it gets all at once."""
    lots = [
        (at, [NewRecord(each.topic, each.partition, each.key, each.value or b"", each.headers) for each in lot])
        for at, lot in groupby(log, key=lambda each: each.timestamp_ms)
    ]
    settings = folder_settings(folder, KIZASHI_TIME_ZONE="Asia/Tokyo")
    await append_at(folder, lots)
    async with running(settings, WorldClock(1, now)) as world:
        database = world.server.services["scoring"].database
        await until_folded(database, Counter(record.partition for record in log))
        return await closings(database, *span)


async def test_two_days_with_scoring_held_end_in_the_same_daily_closings(
    scoring_worker: list[Holdable], tmp_path: Path
) -> None:
    settings = folder_settings(tmp_path / "held", KIZASHI_TIME_ZONE="Asia/Tokyo")
    async with (
        running(settings, WorldClock(HOURS_A_SECOND / 2, MONDAY)) as world,  # two scorings share it
        undisturbed(world, tmp_path / "undisturbed") as reference,
    ):
        (worker,) = scoring_worker
        held = world.server.services["scoring"].database
        await import_history(world, before_the_two_days(world.now))
        await until_folded(held, await world.server.platform.log.end_offsets(CUSTOMER_EVENTS))

        await worker.hold()
        at_hold = await next_offsets(held)
        begin, last = MONDAY, MONDAY + 57 * HOUR  # midnight in Tokyo, for the third time
        world.clock.start()
        for at, events in the_two_days(begin):
            await world.clock.sleep_until(at)
            await world.tell(events)
        ends = await until_told(world, last)
        await until_folded(reference, ends, "undisturbed")
        expected = await closings(reference, begin, last)

        assert await next_offsets(held) == at_hold
        assert await closings(held, begin, last) == {}
        assert (await world.client.get("/v1/accounts/newcomer/health")).status_code == 404

        worker.release()
        await until_folded(held, ends)
        found = await closings(held, begin, last)
        log = await read_topic(world.server.platform.log, CUSTOMER_EVENTS)
        shown = await world.get("/v1/accounts/drifting/history", limit="200", **{"from": text(begin), "to": text(last)})
        end = world.now
    copied = await closings_of_a_copy(tmp_path / "copy", log, end, (begin, last))

    assert found == expected
    assert copied == expected
    bands = {account: [row["band"] for row in rows] for account, rows in expected.items()}
    assert bands["steady"] == bands["quiet"] == ["green", "green", "green"]
    # a severity 1 ticket grows old, and is solved: well above red, but green waits for a second closing
    assert bands["alarmed"][1:] == ["red", "yellow"]
    assert bands["corrected"] == ["red", "green", "green"]  # an import shows that they were there all the time
    assert (bands["drifting"][0], bands["drifting"][-1]) == ("green", "yellow")  # a small crossing, twice in a row
    assert bands["newcomer"] == ["green"]
    midnights = [last - days * DAY - timedelta(microseconds=1) for days in (2, 1, 0)]
    assert [row["at"] for row in expected["alarmed"]] == midnights
    assert len({row["score"] for row in expected["fading"]}) == 3
    closed = [row for row in shown["items"] if row["version"] is None]  # a change may have the very same moment
    known = [row["score"] for row in closed if moment(row["at"]) in midnights]
    assert known == [row["score"] for row in expected["drifting"]]


# Silence


async def test_three_days_of_silence_move_a_score_by_time_alone(tmp_path: Path) -> None:
    accounts = ("leaving", "waiting")
    async with running(folder_settings(tmp_path), WorldClock(HOURS_A_SECOND, MONDAY)) as world:
        log, scoring = world.server.platform.log, world.server.services["scoring"].database
        now = world.now
        await import_history(world, history_of_use("leaving", now, (4, 25, 26, 27)))
        await import_history(world, history_of_use("waiting", now))
        opened = text(now - 12 * HOUR)
        await world.tell([ticket("T-1", "waiting", now, severity=3, status="open", opened_at=opened)])
        await until_folded(scoring, await log.end_offsets(CUSTOMER_EVENTS))
        before = {account: await known_health(world, account) for account in accounts}

        world.clock.start()
        await until_folded(scoring, await until_told(world, now + 72 * HOUR))
        after = {account: await known_health(world, account) for account in accounts}

        since = [json.loads(record.value or b"") for record in await read_topic(log, CUSTOMER_EVENTS)]
        assert {each["type"] for each in since if moment(each["receivedtime"]) > now} == {"clock.ticked"}
        for account in accounts:
            assert after[account]["score"] < before[account]["score"] - 1
            assert is_explained(after[account])
            changes = await changes_until(world, account, after[account]["version"])
            by_time = [each for each in changes if each["version"] > before[account]["version"]]
            assert by_time
            for each in by_time:
                assert each["cause"] == {"events": [], "more": 0, "time": True, "scorecard": None, "override": None}
                assert each["score"] <= each["previous"]["score"]  # equal: its level of adoption fell
                assert adds_up(each["score"], each["contributions"].values(), each["adjustments"])


async def changes_until(world: World, account: str, version: int) -> list[dict[str, Any]]:
    """The data of the account's health.changed, in order, once this version is among them."""

    async def look() -> list[dict[str, Any]] | None:
        found = [each["data"] for _, each in await events_of(world, HEALTH_EVENTS, account)]
        return found if any(each["version"] >= version for each in found) else None

    return await until(f"version {version} of {account} on the log", look)


# Reminders and webhooks


async def prepare_playbooks(world: World, receiver: Receiver) -> None:
    """A member of the staff in Japan, and an endpoint for tasks."""
    hana = {"id": "hana", "name": "Hana Sato", "email": "hana@example.com", "role": "csm", "country": "JP"}
    answer = await world.client.post("/v1/staff", json={**hana, "time_zone": "Asia/Tokyo", "locale": "ja"})
    assert answer.status_code == 201, answer.text
    types = ["task.created", "task.changed", "task.overdue"]
    endpoint = {"id": "crm", "url": receiver.url, "types": types}
    answer = await world.client.post("/v1/webhook-endpoints", json=endpoint)
    assert answer.status_code == 201, answer.text
    receiver.secret = answer.json()["secret"]


async def turn_red(world: World, account: str) -> None:
    """A green account gets a severity 1 ticket that was opened three SLAs ago."""
    await import_history(world, history_of_use(account, world.now))

    async def green() -> bool | None:
        found = await world.health(account)
        return True if found is not None and found["band"] == "green" else None

    await until(f"{account} green", green)
    now = world.now
    await world.tell([ticket("T-1", account, now, severity=1, status="open", opened_at=text(now - 12 * HOUR))])


async def playbook_events(world: World, account: str, last: str) -> list[tuple[Record, dict[str, Any]]]:
    """The records of cs.playbook-events of an account, once one of the type `last` is among them."""

    async def look() -> list[tuple[Record, dict[str, Any]]] | None:
        found = await events_of(world, PLAYBOOK_EVENTS, account)
        return found if any(each["type"] == last for _, each in found) else None

    return await until(f"{last} of {account}", look)


async def test_a_task_is_reminded_of_one_business_day_before_it_is_due_and_then_overdue(tmp_path: Path) -> None:
    wednesday = datetime(2031, 3, 19, 9, 30, tzinfo=TOKYO)  # Friday is the equinox, a holiday in Japan
    remind, due = datetime(2031, 3, 20, 17, tzinfo=TOKYO), datetime(2031, 3, 24, 17, tzinfo=TOKYO)
    async with (
        receiving() as receiver,
        running(folder_settings(tmp_path), WorldClock(3 * HOURS_A_SECOND, wednesday)) as world,
    ):
        await prepare_playbooks(world, receiver)
        await turn_red(world, "akagi")
        await playbook_events(world, "akagi", "task.created")
        (task,) = (await world.get("/v1/tasks", account="akagi"))["items"]
        assert (task["playbook"], task["owner"]) == ("rescue-declining-usage", "hana")
        assert (moment(task["due_at"]), moment(task["remind_at"])) == (due, remind)
        assert await marks(world, task["id"]) == (None, None)

        world.clock.start()
        told = [each for each in await playbook_events(world, "akagi", "task.overdue") if "task" in each[1]["data"]]

        assert [(each["type"], each["data"]["reason"], each["data"]["status"]) for _, each in told] == [
            ("task.created", None, "open"),
            ("task.changed", "reminder", "open"),
            ("task.overdue", "overdue", "open"),
        ]
        _, (reminded, reminder), (late, overdue) = told
        assert min(appended(reminded), moment(reminder["time"])) >= remind
        assert min(appended(late), moment(overdue["time"])) >= due
        assert await marks(world, task["id"]) == (moment(reminder["time"]), moment(overdue["time"]))


async def marks(world: World, task: str) -> tuple[datetime | None, datetime | None]:
    """When a task was reminded of and when it was found overdue, as playbook has stored it."""
    table = playbook_tables.tasks
    async with world.server.services["playbook"].database.read() as tx:
        (row,) = await tx.fetch(select(table.c.reminded_at, table.c.overdue_at).where(table.c.id == task))
    return row.reminded_at, row.overdue_at


async def test_webhooks_are_signed_on_the_wall_clock_and_tell_of_the_time_of_the_world(tmp_path: Path) -> None:
    async with (
        receiving() as receiver,
        running(folder_settings(tmp_path), WorldClock(HOURS_A_SECOND, MONDAY)) as world,
    ):
        await prepare_playbooks(world, receiver)
        world.clock.start()
        before = world.now
        await turn_red(world, "akagi")

        async def reminded() -> list[tuple[str, dict[str, Any]]] | None:
            return receiver.of_type("task.changed") or None

        await until("the webhook of the reminder", reminded)
        after = world.now
        body = json.dumps({"type": "task.changed"}).encode()
        assert receiver.secret is not None
        in_world_time = sign([receiver.secret], "msg-1", after, body)

    assert receiver.refused == []
    (created,), (changed, *_) = receiver.of_type("task.created"), receiver.of_type("task.changed")
    assert before < moment(created[1]["timestamp"]) < moment(changed[1]["timestamp"]) < after
    assert moment(created[1]["data"]["created_at"]) == moment(created[1]["timestamp"])
    assert moment(created[1]["timestamp"]) - datetime.now(UTC) > timedelta(days=300)
    with pytest.raises(standardwebhooks.WebhookVerificationError):  # so it would be, signed on the world's clock
        standardwebhooks.Webhook(receiver.secret).verify(body, in_world_time)

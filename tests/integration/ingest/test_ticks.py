"""Time on the log, and two replicas on one database."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete, select
from structlog.testing import capture_logs

from cskit.clock import Clocks, FrozenClock, RealClock, ScaledClock
from cskit.log import LogError
from csmodels.catalogue import parse
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from ingest.domain.records import tick
from ingest.feeds import Feeds
from ingest.service import build
from ingest.tables import PLUMBING
from ingest.ticks import Ticks


def ticks_on(ingest: Any, clocks: Clocks) -> Ticks:
    return Ticks(ingest.platform.units_of_work("ingest", PLUMBING), clocks, Feeds())


def relay_of(ingest: Any) -> Any:
    return ingest.platform.relay("ingest", PLUMBING)


async def of_partition(ingest: Any, partition: int) -> list[tuple[str, str]]:
    """The control records on the log: the type, and the hour or the family."""
    found = [json.loads(r.value) for r in await ingest.sent() if r.partition == partition and r.key == b"!control"]
    return [(event["type"], event["data"].get("hour") or event["data"]["family"]) for event in found]


@contextmanager
def log_down(ingest: Any) -> Iterator[None]:
    async def refuse(_: object) -> None:
        raise LogError("the log cannot be reached")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest.platform.log, "append", refuse)
        yield


async def unsent(ingest: Any) -> Counter[int]:
    """How many records wait in the outbox, by partition."""
    async with ingest.service.database.read() as tx:
        return Counter(row.partition for row in await tx.fetch(select(PLUMBING.outbox)))


async def hours_pass(ingest: Any, wall: FrozenClock, ticks: Ticks, hours: int) -> None:
    """With a round and an attempt of the relay at each."""
    for _ in range(hours):
        ingest.world.advance(timedelta(hours=1))
        wall.advance(timedelta(hours=1))
        await ticks.round()
        await ingest.sent()


async def test_while_the_log_takes_nothing_no_time_passes_and_the_feeds_stop_before_it_goes_on(
    each_ingest: Any,
) -> None:
    wall = FrozenClock(each_ingest.world.now())
    ticks = ticks_on(each_ingest, Clocks(world=each_ingest.world, wall=wall))
    await ticks.round()

    with log_down(each_ingest):
        await hours_pass(each_ingest, wall, ticks, 9)
        waiting = await unsent(each_ingest)
    await each_ingest.sent()
    await ticks.round()

    assert waiting == Counter(range(PARTITIONS))
    for partition in range(PARTITIONS):
        assert await of_partition(each_ingest, partition) == [
            ("clock.ticked", "2026-03-10T13:00:00Z"),
            ("feed.stopped", "billing"),
            ("feed.stopped", "tickets"),
            ("feed.stopped", "usage"),
            ("clock.ticked", "2026-03-10T21:00:00Z"),
        ]


async def test_a_log_that_was_away_for_less_than_six_hours_stops_no_feed(ingest: Any) -> None:
    wall = FrozenClock(ingest.world.now())
    ticks = ticks_on(ingest, Clocks(world=ingest.world, wall=wall))
    await ticks.round()

    with log_down(ingest):
        await hours_pass(ingest, wall, ticks, 6)
    await ingest.sent()
    await ticks.round()

    assert await of_partition(ingest, 0) == [
        ("clock.ticked", "2026-03-10T13:00:00Z"),
        ("clock.ticked", "2026-03-10T18:00:00Z"),
    ]


async def test_a_partition_that_takes_nothing_holds_up_its_own_time_only(ingest: Any) -> None:
    wall = FrozenClock(ingest.world.now())
    ticks = ticks_on(ingest, Clocks(world=ingest.world, wall=wall))
    await ticks.round()
    stuck = tick(datetime(2026, 3, 10, 12, tzinfo=UTC), 3, ingest.world.now())
    async with ingest.platform.units_of_work("ingest", PLUMBING)() as uow:
        uow.publish_control(CUSTOMER_EVENTS, stuck, 3)

    for _ in range(8):
        ingest.world.advance(timedelta(hours=1))
        wall.advance(timedelta(hours=1))
        await ticks.round()
        async with ingest.service.database.write() as tx:  # the log takes all but one
            await tx.execute(delete(PLUMBING.outbox).where(PLUMBING.outbox.c.partition != 3))
    before = await unsent(ingest)
    await ingest.sent()
    await ticks.round()

    assert before == Counter([3])
    assert [type_ for type_, _ in await of_partition(ingest, 3)] == [
        "clock.ticked",
        *["feed.stopped"] * 3,
        "clock.ticked",
    ]
    assert await of_partition(ingest, 4) == []


async def test_after_a_restart_nothing_is_taken_in_before_the_outage_is_known(ingest: Any) -> None:
    await ticks_on(ingest, ingest.platform.clocks).round()
    usage = {"id": "e-1", "type": "usage.tracked", "account": "acme", "data": {"name": "report"}}
    ingest.world.advance(timedelta(hours=1))
    await ticks_on(ingest, ingest.platform.clocks).round()  # ... and it ended before that hour was sent
    ingest.world.advance(timedelta(hours=8))

    early = await ingest.client.post("/v1/events", json=usage)
    await ingest.sent()
    await ingest.post(usage)

    assert (early.status_code, early.json()["code"]) == (503, "log_unavailable")
    assert [type_ for type_, _ in await of_partition(ingest, 0)] == [
        "clock.ticked",
        *["feed.stopped"] * 3,
        "clock.ticked",
        "feed.resumed",
    ]


async def test_a_log_that_is_away_for_a_moment_of_a_fast_world_is_no_outage(ingest: Any) -> None:
    clocks = Clocks(world=ScaledClock(20 * 3600, ingest.world.now(), RealClock()), wall=RealClock())
    stop = asyncio.Event()
    running = [asyncio.create_task(worker.run(stop)) for worker in (ticks_on(ingest, clocks), relay_of(ingest))]

    async def hours(count: int) -> None:
        await clocks.world.sleep_until(clocks.world.now() + timedelta(hours=count))

    await hours(4)
    with log_down(ingest):
        await hours(16)
        waiting = await unsent(ingest)
    await hours(30)
    stop.set()
    await asyncio.gather(*running)

    told = [moment for type_, moment in await of_partition(ingest, 0) if type_ == "clock.ticked"]
    assert waiting == Counter(range(PARTITIONS))
    assert told == sorted(set(told))
    assert len(told) >= 5
    assert await ingest.events("feed.stopped") == []


async def test_two_tickers_tell_each_partition_each_hour_once(each_ingest: Any) -> None:
    clocks = Clocks(world=ScaledClock(10 * 3600, each_ingest.world.now(), RealClock()), wall=RealClock())
    stop = asyncio.Event()

    workers = [ticks_on(each_ingest, clocks), ticks_on(each_ingest, clocks), relay_of(each_ingest)]
    running = [asyncio.create_task(worker.run(stop)) for worker in workers]
    await clocks.world.sleep_until(clocks.world.now() + timedelta(hours=20))
    stop.set()
    await asyncio.gather(*running)

    ticks = [event for event in await each_ingest.events("clock.ticked")]
    told = Counter(event["id"] for event in ticks)
    assert set(told.values()) == {1}
    hours = sorted({event["data"]["hour"] for event in ticks})
    assert len(ticks) == len(hours) * PARTITIONS
    assert len(hours) >= 5
    assert hours[0] == "2026-03-10T13:00:00Z"
    assert await each_ingest.events("feed.stopped") == []  # it lagged, but it was there


async def test_every_partition_gets_the_record_in_a_form_its_readers_take(ingest: Any) -> None:
    ticks = ticks_on(ingest, ingest.platform.clocks)
    await ticks.round()
    ingest.world.advance(timedelta(minutes=30))

    await ticks.round()
    await ticks.round()

    records = await ingest.sent()
    assert sorted(record.partition for record in records) == list(range(PARTITIONS))
    for record in records:
        event = parse(CUSTOMER_EVENTS, record.value, record.key)
        assert event.id == f"tick:2026-03-10T13:00:00Z:{record.partition}"


async def test_the_first_start_waits_for_the_next_hour(ingest: Any) -> None:
    next_hour = await ticks_on(ingest, ingest.platform.clocks).round()

    assert next_hour == datetime(2026, 3, 10, 13, tzinfo=UTC)
    assert await ingest.events("clock.ticked") == []


async def test_a_clock_that_stood_ahead_for_a_moment_is_told_of(ingest: Any) -> None:
    now, ticks = ingest.world.now(), ticks_on(ingest, ingest.platform.clocks)
    await ticks.round()
    await ticks_on(ingest, Clocks(world=FrozenClock(now + timedelta(days=30)), wall=RealClock())).round()
    ingest.world.advance(timedelta(hours=1))

    with capture_logs() as logs:
        assert await ticks.round() > now + timedelta(days=29)

    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["ticks.ahead"]
    ahead = now.replace(minute=0) + timedelta(days=30)
    assert REGISTRY.get_sample_value("kizashi_ticked_hour_seconds") == ahead.timestamp()


async def test_after_a_short_absence_only_the_latest_hour_is_told(ingest: Any) -> None:
    await ticks_on(ingest, ingest.platform.clocks).round()
    ingest.world.advance(timedelta(hours=5))

    await ticks_on(ingest, ingest.platform.clocks).round()

    assert {event["data"]["hour"] for event in await ingest.events("clock.ticked")} == {"2026-03-10T17:00:00Z"}
    assert await ingest.events("feed.stopped") == []


async def test_after_an_outage_of_our_own_the_feeds_stop_before_the_tick_and_resume_with_their_events(
    each_ingest: Any,
) -> None:
    await ticks_on(each_ingest, each_ingest.platform.clocks).round()
    each_ingest.world.advance(timedelta(hours=7))
    usage = {"id": "e-1", "type": "usage.tracked", "account": "acme", "data": {"name": "report"}}

    for n in range(2):
        await each_ingest.post({**usage, "id": f"e-{n}"})

    records = await each_ingest.sent()
    of_first = [json.loads(r.value) for r in records if r.partition == 0 and r.key == b"!control"]
    assert [(event["type"], event["data"].get("family")) for event in of_first] == [
        ("feed.stopped", "billing"),
        ("feed.stopped", "tickets"),
        ("feed.stopped", "usage"),
        ("clock.ticked", None),
        ("feed.resumed", "usage"),
    ]
    assert of_first[0]["data"]["since"] == "2026-03-10T12:00:00Z"
    assert len(await each_ingest.events("feed.resumed")) == PARTITIONS


async def test_two_first_events_of_a_user_at_once_get_one_person(each_ingest: Any) -> None:
    replica = build(each_ingest.platform)
    other = type(each_ingest)(**{**vars(each_ingest), "client": _client_of(replica, each_ingest)})
    event = {"type": "usage.tracked", "account": "acme", "data": {"name": "report"}}

    both = (each_ingest, other)
    async with other.client:
        answers = await asyncio.gather(
            *(one.post({**event, "id": f"{n}", "user": f"u-{n % 5}"}) for n in range(40) for one in both)
        )

    assert all(answer["accepted"] == 1 for answer in answers)
    people = {(int(event["id"]) % 5, event["personid"]) for event in await each_ingest.events("usage.tracked")}
    assert len(people) == 5
    assert len((await each_ingest.client.get("/v1/people")).json()["items"]) == 5


async def test_no_event_is_left_waiting_by_a_link_made_at_the_same_moment(each_ingest: Any) -> None:
    replica = build(each_ingest.platform)
    other = type(each_ingest)(**{**vars(each_ingest), "client": _client_of(replica, each_ingest)})
    users = range(30)
    await each_ingest.batch(*(_track(f"first-{n}", n) for n in users))  # known, without an account

    async with other.client:
        for n in users:
            group = {"type": "group", "messageId": f"g-{n}", "userId": f"u-{n}", "groupId": "acme"}
            late = [each_ingest.batch(_track(f"{at}-{n}", n)) for at in range(4)]
            await asyncio.gather(*late[:2], other.batch(group), *late[2:])

    assert (await each_ingest.client.get("/v1/quarantine")).json()["items"] == []
    assert len(await each_ingest.events("usage.tracked")) == 5 * len(users)


def _track(id_: str, user: int) -> dict[str, Any]:
    return {"type": "track", "messageId": id_, "userId": f"u-{user}", "event": "report"}


def _client_of(service: Any, ingest: Any) -> Any:
    import httpx

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(_app(service, ingest)), base_url="http://replica", auth=(ingest.key, "")
    )


def _app(service: Any, ingest: Any) -> Any:
    from cskit.http import make_app

    return make_app(
        "ingest", service.routers, keys=ingest.platform.keys, clocks=ingest.platform.clocks, ready=service.ready
    )

"""Time on the log, and two replicas on one database."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from cskit.clock import Clocks, RealClock, ScaledClock
from csmodels.catalogue import parse
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from ingest.feeds import Feeds
from ingest.service import build
from ingest.tables import PLUMBING
from ingest.ticks import Ticks


def ticks_on(ingest: Any, clocks: Clocks) -> Ticks:
    return Ticks(ingest.platform.units_of_work("ingest", PLUMBING), clocks, Feeds())


async def test_two_tickers_tell_each_partition_each_hour_once(each_ingest: Any) -> None:
    clocks = Clocks(world=ScaledClock(20 * 3600, each_ingest.world.now(), RealClock()), wall=RealClock())
    stop = asyncio.Event()

    running = [asyncio.create_task(ticks_on(each_ingest, clocks).run(stop)) for _ in range(2)]
    await asyncio.sleep(1.5)
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

"""The live tail of sources, read over HTTP, and the watch over the feeds."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select
from tests.integration.ingest.conftest import NOW, Ingest
from tests.running.tails import saw

from csmodels.topics import PARTITIONS
from ingest.domain.hours import HOUR
from ingest.feeds import Feeds
from ingest.service import PLUMBING
from ingest.store import clock
from ingest.store import tails as store
from ingest.tables import FEED_HOURS, TAILS
from ingest.tails import Tails
from ingest.watch import Watch

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


async def key() -> bytes:
    return b"k" * 32


def tails_of(ingest: Ingest, replica: str) -> Tails:
    return Tails(ingest.platform.database("ingest"), ingest.platform.clocks, key, replica=replica)


def watch_of(ingest: Ingest, feeds: Feeds | None = None) -> Watch:
    platform = ingest.platform
    unit_of_work = platform.units_of_work("ingest", PLUMBING)
    return Watch(platform.database("ingest"), unit_of_work, platform.clocks, feeds or Feeds())


def item(index: int, status: str = "accepted", **more: Any) -> dict[str, Any]:
    return {"index": index, "id": f"e-{index}", "status": status, **more}


async def tail(ingest: Ingest, source: str = "shop", **params: Any) -> dict[str, Any]:
    answer = await ingest.client.get(f"/v1/sources/{source}/tail", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_source_that_was_never_heard_has_an_empty_tail(ingest: Ingest) -> None:
    found = await tail(ingest, "nobody")

    assert found["items"] == []


async def test_tails_of_replicas_are_merged_the_newest_first(each_ingest: Ingest) -> None:
    one, other = tails_of(each_ingest, "one"), tails_of(each_ingest, "other")
    saw(one, "shop", [item(0), item(1)], ["usage.tracked"] * 2, NOW)
    refused = item(7, "refused", code="missing_field", field="account", message="account is missing.")
    saw(other, "shop", [refused], [None], NOW + timedelta(seconds=1))
    await one.round()
    await other.round()

    found = await tail(each_ingest)

    assert [each["id"] for each in found["items"]] == ["e-7", "e-1", "e-0"]
    assert found["items"][0] == {
        "at": "2026-03-10T12:30:01Z", "index": 7, "id": "e-7", "type": None, "account": None,
        "status": "refused", "code": "missing_field", "field": "account",
    }  # fmt: skip
    assert found["items"][1]["account"] == "acme"


async def test_after_a_cursor_comes_only_what_is_new_from_whichever_replica(ingest: Ingest) -> None:
    one, other = tails_of(ingest, "one"), tails_of(ingest, "other")
    saw(one, "shop", [item(0)], ["usage.tracked"], NOW)
    await one.round()
    first = await tail(ingest)
    saw(other, "shop", [item(1)], ["usage.tracked"], NOW - timedelta(seconds=2))  # written late
    saw(one, "shop", [item(2)], ["usage.tracked"], NOW)
    await other.round()
    await one.round()

    second = await tail(ingest, after=first["cursor"])
    third = await tail(ingest, after=second["cursor"])

    assert [each["id"] for each in second["items"]] == ["e-2", "e-1"]
    assert third["items"] == []


@pytest.mark.parametrize("cursor", ["x", "W10x", "WyJvbmUiXQ", "WzEsMl0", "WyJvbmUiLHRydWVd"])
async def test_a_foreign_cursor_is_refused(ingest: Ingest, cursor: str) -> None:
    answer = await ingest.client.get("/v1/sources/shop/tail", params={"after": cursor})

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_cursor"


async def test_all_sources_with_what_became_of_their_items(ingest: Ingest) -> None:
    tails = tails_of(ingest, "one")
    saw(tails, "desk", [item(0, "duplicate"), item(1)], ["ticket.changed"] * 2, NOW)
    saw(tails, "shop", [item(0, "waiting"), item(1, "refused", code="not_json")], ["usage.tracked", None], NOW)
    await tails.round()

    first = (await ingest.client.get("/v1/source-tails", params={"limit": 1})).json()
    second = (await ingest.client.get("/v1/source-tails", params={"cursor": first["next"]})).json()

    counts = {"accepted": 2, "waiting": 0, "refused": 0}
    assert first["items"] == [{"source": "desk", "last_at": "2026-03-10T12:30:00Z", "families": ["tickets"], **counts}]
    assert second["items"][0]["source"] == "shop"
    assert second["items"][0]["waiting"] == second["items"][0]["refused"] == 1
    assert second["next"] is None


async def test_tails_need_the_right_to_operate(ingest: Ingest) -> None:
    for path in ("/v1/sources/shop/tail", "/v1/source-tails"):
        answer = await ingest.client.get(path, auth=("kz_wrong", ""))

        assert answer.status_code == 401


async def test_replicas_add_their_events_of_an_hour(each_ingest: Ingest) -> None:
    one, other = tails_of(each_ingest, "one"), tails_of(each_ingest, "other")
    for tails in (one, other, one):
        saw(tails, "shop", [item(0), item(1)], ["usage.tracked", "ticket.changed"], NOW)
    await asyncio.gather(one.round(), other.round())

    async with each_ingest.platform.database("ingest").read() as tx:
        rows = await tx.fetch(select(FEED_HOURS).order_by(FEED_HOURS.c.family))

    hour = NOW.replace(minute=0)
    assert [(row.family, row.hour, row.events) for row in rows] == [("tickets", hour, 3), ("usage", hour, 3)]


async def test_a_first_item_is_written_at_once_by_the_worker(ingest: Ingest) -> None:
    tails, stop = tails_of(ingest, "one"), asyncio.Event()
    working = asyncio.create_task(tails.run(stop))
    saw(tails, "shop", [item(0)], ["usage.tracked"], NOW)

    async with asyncio.timeout(10):
        while not (await tail(ingest))["items"]:
            await asyncio.sleep(0.01)
    stop.set()
    await working

    assert (await tail(ingest))["items"][0]["id"] == "e-0"


async def test_metrics_say_when_a_source_was_heard_and_what_became_of_its_items(ingest: Ingest) -> None:
    tails = tails_of(ingest, "one")
    saw(tails, "metered", [item(0), item(1, "refused", code="not_json")], ["usage.tracked", None], NOW)
    await tails.round()
    saw(tails, "metered", [item(2, "refused", code="not_json")], [None], NOW + HOUR)
    await tails.round()

    refused = REGISTRY.get_sample_value("kizashi_source_items_total", {"source": "metered", "status": "refused"})
    last = REGISTRY.get_sample_value("kizashi_source_last_event_seconds", {"source": "metered"})

    assert refused == 2
    assert last == NOW.timestamp()


async def test_tails_of_replicas_that_are_gone_go_and_the_newest_of_a_source_stays(each_ingest: Ingest) -> None:
    ingest = each_ingest
    old, older = tails_of(ingest, "old"), tails_of(ingest, "older")
    saw(older, "shop", [item(0)], ["usage.tracked"], NOW - timedelta(days=9))
    saw(old, "shop", [item(1)], ["usage.tracked"], NOW - timedelta(days=8))
    saw(older, "rare", [item(2)], ["usage.tracked"], NOW - timedelta(days=30))
    await old.round()
    await older.round()

    async with ingest.platform.database("ingest").write() as tx:
        gone = await store.forget(tx, NOW - timedelta(days=7))
    async with ingest.platform.database("ingest").read() as tx:
        kept = {(row.source, row.replica) for row in await tx.fetch(select(TAILS))}

    assert gone == 1
    assert kept == {("shop", "old"), ("rare", "older")}


async def _flowed(ingest: Ingest, families: tuple[str, ...], end: datetime) -> None:
    """Events in every hour of the four weeks before `end`."""
    first = end - timedelta(weeks=4)
    events = {(family, first + n * HOUR): 3 for family in families for n in range(672)}
    async with ingest.platform.database("ingest").write() as tx:
        await store.count(tx, events)


async def test_a_dead_feed_is_told_once_to_every_partition(each_ingest: Ingest) -> None:
    ingest = each_ingest
    hour = NOW.replace(minute=0)
    await _flowed(ingest, ("usage",), hour - 6 * HOUR)
    await _flowed(ingest, ("tickets",), hour)
    feeds = Feeds()
    one, other = watch_of(ingest, feeds), watch_of(ingest)

    declared = await asyncio.gather(one.round(), other.round())
    again = await one.round()

    told = await ingest.events("feed.stopped")
    assert sorted(map(sorted, declared)) == [[], ["usage"]]
    assert again == frozenset()
    assert len(told) == PARTITIONS
    assert {json.dumps(each["data"]) for each in told} == {
        json.dumps({"family": "usage", "since": "2026-03-10T06:00:00Z"})
    }
    assert feeds.resumed_by(["usage", "tickets"]) == {"usage"}


async def test_a_feed_that_ingest_itself_stopped_is_not_told_again(ingest: Ingest) -> None:
    await _flowed(ingest, ("usage",), NOW.replace(minute=0) - 8 * HOUR)
    async with ingest.platform.units_of_work("ingest", PLUMBING)() as uow:
        clock.stop(uow, ["usage"], NOW - 8 * HOUR)

    declared = await watch_of(ingest).round()

    assert declared == frozenset()
    assert await ingest.events("feed.stopped") == []


async def test_a_feed_that_stopped_flows_again_with_its_first_event(ingest: Ingest) -> None:
    await _flowed(ingest, ("usage",), NOW.replace(minute=0) - 7 * HOUR)
    await watch_of(ingest).round()

    await ingest.post({"id": "e-1", "type": "usage.tracked", "account": "acme", "data": {"name": "opened"}})

    resumed = await ingest.events("feed.resumed")
    assert len(resumed) == PARTITIONS
    assert {each["data"]["family"] for each in resumed} == {"usage"}


async def test_what_clients_send_is_in_the_tail_with_its_outcome(ingest: Ingest) -> None:
    tails = next(worker for worker in ingest.service.workers if isinstance(worker, Tails))
    usage = {"type": "usage.tracked", "data": {"name": "opened"}}

    await ingest.post(
        {"id": "e-1", "account": "acme", **usage},
        {"id": "hana@example.com", "user": "u-1", **usage},
        {"id": "e-3", **usage},
    )
    await tails.round()
    found = await tail(ingest, "product")

    assert [(each["status"], each["type"], each["account"], each["code"]) for each in found["items"]] == [
        ("refused", None, None, "missing_field"),
        ("waiting", "usage.tracked", None, None),
        ("accepted", "usage.tracked", "acme", None),
    ]
    assert "hana" not in json.dumps(found)
    async with ingest.platform.database("ingest").read() as tx:
        assert (await store.hours(tx, NOW - HOUR)).keys() == {"usage"}

"""Other real clients, unmodified, against a real server: all they send is on the log, and none sends anything twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings import http as binding
from cloudevents.core.v1.event import CloudEvent
from posthog import Posthog
from rudderstack.analytics.client import Client as Rudder
from tests.integration.ingest.conftest import Server

from cskit.auth import new_key


class Counted:
    """An ASGI app that counts the requests of the one inside by path and status."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.seen: list[tuple[str, int]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.seen.append((scope["path"], message["status"]))
            await send(message)

        await self.app(scope, receive, told)


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[tuple[Server, list[Counted]]]:
    apps: list[Counted] = []

    def wrap(app: Any) -> Counted:
        apps.append(Counted(app))
        return apps[0]

    one = Server(tmp_path, wrap)
    one.start()
    yield one, apps
    one.stop()


def test_rudderstack_streams_and_is_never_told_to_retry(counted: Any) -> None:
    server, apps = counted
    errors: list[Any] = []
    client = Rudder(
        server.key,
        host=server.url,
        upload_interval=0.05,
        max_retries=2,
        on_error=lambda error, items: errors.append(error),
    )

    client.identify("u-1", {"email": "taro@example.com", "name": "Taro"})
    client.group("u-1", "acme", {"name": "Acme", "plan": "gold"})
    for number in range(50):
        client.track("u-1", "report.exported", {"pages": number})
    client.flush()
    client.join()
    events = server.stop()

    assert errors == []
    assert {status for _, status in apps[0].seen} == {200}
    assert {event["subject"] for event in events} == {"acme"}
    assert sorted(event["data"]["properties"]["pages"] for event in events if event["type"] == "usage.tracked") == list(
        range(50)
    )
    assert len(events) == 52


@pytest.mark.parametrize("mode", [None, "v1"])
def test_posthog_streams_in_both_its_protocols(counted: Any, mode: str | None) -> None:
    server, apps = counted
    errors: list[Any] = []
    client = Posthog(
        server.key,
        host=server.url,
        flush_interval=0.1,
        max_retries=2,
        capture_mode=mode,
        on_error=lambda error, items: errors.append(error),
    )

    client.set(distinct_id="u-1", properties={"email": "taro@example.com", "locale": "ja"})
    client.group_identify("company", "acme", {"name": "Acme", "plan": "gold"})
    for number in range(50):
        client.capture("report.exported", distinct_id="u-1", properties={"pages": number}, groups={"company": "acme"})
    client.capture("$pageview", distinct_id="u-1", properties={"$current_url": "https://x/y", "width": 800})
    client.alias(previous_id="visitor-1", distinct_id="u-1")
    client.flush()
    client.shutdown()
    events = server.stop()

    assert errors == []
    assert {path for path, _ in apps[0].seen} == {"/i/v1/analytics/events" if mode else "/batch/"}
    assert {status for _, status in apps[0].seen} == {200}
    assert {event["subject"] for event in events} == {"acme"}
    usage = [event["data"] for event in events if event["type"] == "usage.tracked"]
    assert sorted(data["properties"]["pages"] for data in usage if data["name"] == "report.exported") == list(range(50))
    assert [data["properties"] for data in usage if data["name"] == "page_view"] == [{"width": 800}]
    described = next(event for event in events if event["type"] == "account.described")
    assert described["data"] == {"name": "Acme", "plan": "gold"}
    assert "taro" not in json.dumps(events)
    assert "u-1" not in json.dumps(events)


async def test_posthogs_newer_protocol_hears_why_an_event_is_dropped_and_what_is_left_out(ingest: Any) -> None:
    body = {
        "batch": [
            {"event": "x", "uuid": "a", "distinct_id": "u-1", "properties": {"$groups": {"company": "a@b"}}},
            {"event": "$feature_flag_called", "uuid": "b", "distinct_id": "u-1", "properties": {}},
            {"event": "x", "uuid": "c", "distinct_id": "u-1", "properties": {"$groups": {"company": "acme"}}},
            {"event": "$set", "uuid": "d", "distinct_id": "u-1", "properties": {"$set": {"country": "Japan"}}},
        ]
    }

    answer = await ingest.client.post("/i/v1/analytics/events", json=body)

    results = answer.json()["results"]
    assert {uuid: one["result"] for uuid, one in results.items()} == {
        "a": "drop", "b": "drop", "c": "ok", "d": "warning"
    }  # fmt: skip
    assert "properties.$groups" in results["a"]["details"]
    assert results["b"]["details"].startswith("event is refused")
    assert results["d"]["details"].startswith("country is left out: it should be a country")


def cloudevent(number: int, **more: Any) -> CloudEvent:
    attributes = {
        "id": f"e-{number}",
        "type": "usage.tracked",
        "source": "/product",
        "subject": "acme",
        "specversion": "1.0",
        "user": "使用者 1",
        **more,
    }
    return CloudEvent(attributes=attributes, data={"name": "report.exported", "properties": {"pages": number}})


def test_cloudevents_in_three_modes(server: Any) -> None:
    auth = (server.key, "")
    binary = binding.to_binary_event(cloudevent(1))
    structured = binding.to_structured_event(cloudevent(2))
    many = [json.loads(binding.to_structured_event(cloudevent(number)).body) for number in (3, 4)]

    answers = [
        httpx.post(f"{server.url}/v1/cloudevents", content=one.body, headers=one.headers, auth=auth, timeout=30)
        for one in (binary, structured)
    ]
    answers.append(
        httpx.post(
            f"{server.url}/v1/cloudevents",
            content=json.dumps(many),
            headers={"Content-Type": "application/cloudevents-batch+json"},
            auth=auth,
            timeout=30,
        )
    )
    events = server.stop()

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["accepted"] for answer in answers] == [1, 1, 2]
    assert {event["id"] for event in events} == {"e-1", "e-2", "e-3", "e-4"}
    assert {event["source"] for event in events} == {"product"}
    assert len({event["personid"] for event in events}) == 1


async def test_a_cloudevent_of_a_foreign_source_and_one_of_ours_are_refused(ingest: Any) -> None:
    items = [
        {"specversion": "1.0", "id": "1", "source": "scoring", "type": "usage.tracked", "subject": "a", "data": {}},
        {"specversion": "1.0", "id": "2", "source": "product", "type": "clock.ticked", "subject": "a", "data": {}},
        {"specversion": "1.0", "id": "3", "source": "product", "type": "usage.tracked", "subject": "!a", "data": {}},
        {"id": "4", "source": "product", "type": "usage.tracked", "subject": "a", "data": {"name": "x"}},
        "no object",
    ]

    answer = await ingest.client.post("/v1/cloudevents", json=items)

    told = [(item["code"], item["field"]) for item in answer.json()["items"]]
    assert told == [
        ("foreign_source", "source"),
        ("unknown_type", "type"),
        ("invalid_field", "subject"),
        ("missing_field", "specversion"),
        ("not_an_object", ""),
    ]
    assert await ingest.events() == []


@pytest.mark.parametrize(
    ("path", "call", "type_"),
    [
        ("/v1/track", {"event": "report.exported"}, "usage.tracked"),
        ("/v1/page", {"name": "docs"}, "usage.tracked"),
        ("/v1/screen", {"name": "home"}, "usage.tracked"),
        ("/v1/identify", {"traits": {"locale": "ja"}}, "contact.described"),
        ("/v1/group", {"groupId": "acme", "traits": {"plan": "gold"}}, "account.described"),
    ],
)
async def test_a_single_call_has_its_type_from_its_route(ingest: Any, path: str, call: Any, type_: str) -> None:
    key = ingest.key
    said = {"userId": "u-1", "context": {"groupId": "acme"}, "messageId": "m-1", "writeKey": key, **call}

    answer = await ingest.client.post(path, json=said)
    events = await ingest.events()

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert [(event["id"], event["type"], event["subject"]) for event in events] == [("m-1", type_, "acme")]


async def test_ndjson_is_taken_line_by_line(ingest: Any) -> None:
    good = {"type": "usage.tracked", "account": "acme", "data": {"name": "x"}}
    lines = [json.dumps({"id": "1", **good}), "{broken", json.dumps({"id": "3", **good}), ""]

    answer = await ingest.client.post("/v1/events", content="\n".join(lines))

    assert [item["status"] for item in answer.json()["items"]] == ["accepted", "refused", "accepted"]
    assert answer.json()["items"][1]["code"] == "not_json"
    assert [event["id"] for event in await ingest.events()] == ["1", "3"]


async def test_ten_thousand_events_are_taken_and_one_more_is_too_many(ingest: Any) -> None:
    events = [{"id": str(n), "type": "usage.tracked", "account": "acme", "data": {"name": "x"}} for n in range(10_001)]

    taken = await ingest.client.post("/v1/events", json=events[:10_000])
    refused = await ingest.client.post("/v1/events", json=events)

    assert taken.json()["accepted"] == 10_000
    assert (refused.status_code, refused.json()["code"]) == (400, "too_many_events")


async def test_a_source_keeps_the_texts_that_it_was_told_to_keep(ingest: Any) -> None:
    await ingest.client.put("/v1/sources/product", json={"kind": "product", "keep": ["plan"]})
    properties = {"plan": "gold", "note": "secret"}

    await ingest.post(
        {"id": "1", "type": "usage.tracked", "account": "acme", "data": {"name": "x", "properties": properties}}
    )

    assert [event["data"]["properties"] for event in await ingest.events()] == [{"plan": "gold"}]


@pytest.mark.parametrize(("path", "more"), [("/v1/import", {}), ("/batch/", {"historical_migration": True})])
async def test_what_is_said_to_be_history_is_backfill_however_young(ingest: Any, path: str, more: Any) -> None:
    segment = {"type": "track", "messageId": "1", "userId": "u", "event": "x", "context": {"groupId": "acme"}}
    event = {"event": "x", "uuid": "1", "distinct_id": "u", "properties": {"$groups": {"company": "acme"}}}

    await ingest.client.post(path, json={"batch": [event if more else segment], **more})

    assert [event["backfill"] for event in await ingest.events()] == [True]


async def test_an_item_of_a_foreign_source_is_refused(ingest: Any) -> None:
    good = {"type": "usage.tracked", "account": "acme", "data": {"name": "x"}}

    answer = await ingest.post({"id": "1", "source": "scoring", **good}, {"id": "2", "source": "product", **good})

    assert [(item["status"], item.get("code")) for item in answer["items"]] == [
        ("refused", "foreign_source"),
        ("accepted", None),
    ]


async def test_a_key_with_a_limit_is_told_what_it_has_left_and_when_to_come_again(ingest: Any) -> None:
    text, entry = new_key("slow", ["ingest"], None, None, datetime.now(UTC), rate=2, daily=100)
    ingest.platform.keys.file.add(entry)
    event = {"type": "usage.tracked", "account": "acme", "data": {"name": "x"}}

    first = await ingest.client.post("/v1/events", json=[{"id": str(n), **event} for n in range(8)], auth=(text, ""))
    second = await ingest.client.post("/v1/events", json=[{"id": "9", **event}], auth=(text, ""))

    assert first.status_code == 200
    assert first.headers["RateLimit-Policy"] == '"burst";q=8;w=4, "day";q=100;w=86400'
    assert first.headers["RateLimit"].startswith('"burst";r=0')
    assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
    assert int(second.headers["Retry-After"]) >= 1

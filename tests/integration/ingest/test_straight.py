"""Many usage events in one request: taken by their columns, and what becomes of them is what becomes of one alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

NAMES = ("report", "export", "search")


def usage(number: int, **more: Any) -> dict[str, Any]:
    said = {
        "id": f"e-{number}",
        "type": "usage.tracked",
        "time": f"2026-03-10T12:{number % 30:02d}:00Z",
        "data": {"name": NAMES[number % 3], "properties": {"rows": number}},
        **more,
    }
    return {name: value for name, value in said.items() if value is not None}


HOMES = [usage(number, user=f"u-{number % 4}") for number in range(10)]


@pytest.mark.parametrize("odd", [
    {}, {"account": "acme"}, {"account": "acme", "user": None}, {"account": "other"}, {"user": "stranger"},
    {"user": "moved"}, {"user": "moved", "time": "2026-03-10T11:00:00Z"}, {"backfill": True},
    {"time": None}, {"time": "2026-03-11T12:00:00Z"}, {"time": "2026-03-10T12:00:00.123456Z"}, {"user": "a\x00b"},
    {"data": {"name": "x", "count": 3, "properties": {"plan": "pro", "seats": 3}}}, {"id": 'say "e"'}, {"id": "a@b"},
    {"data": {"name": "a@b"}}, {"source": "product"}, {"source": "billing"}, {"other": 1}, {"user": 'u"\\'},
])  # fmt: skip
async def test_a_batch_comes_to_what_its_events_come_to_one_by_one(ingest: Any, odd: Mapping[str, Any]) -> None:
    await introduce(ingest)
    items = [*HOMES, usage(10, **{"user": "u-1", **odd}), usage(11, user="u-2")]

    batch = await outcome(ingest, [[renamed(item, "a") for item in items]])
    alone = await outcome(ingest, [[renamed(item, "b")] for item in items])

    assert batch == alone


async def test_an_id_twice_in_a_batch_is_one_event(ingest: Any) -> None:
    await introduce(ingest)

    answer = await ingest.post(*HOMES, usage(3, user="u-3"))

    assert [item["status"] for item in answer["items"]] == ["accepted"] * 10 + ["duplicate"]
    assert (answer["accepted"], answer["waiting"], answer["refused"], answer["dropped"]) == (11, 0, 0, 0)
    assert len([event for event in await ingest.events() if event["id"] == "e-3"]) == 1


async def introduce(ingest: Any) -> None:
    """Four users of acme, one with a difficult name, and one who moved from acme to other at half past eleven."""
    for user in ("u-0", "u-1", "u-2", "u-3", "moved", 'u"\\'):
        await ingest.post(usage(0, id=f"intro-{user}", user=user, account="acme", time="2026-03-10T10:00:00Z"))
    moved = {"type": "group", "messageId": "g-1", "userId": "moved", "groupId": "other"}
    response = await ingest.client.post(
        "/v1/batch", json={"batch": [{**moved, "timestamp": "2026-03-10T11:30:00Z", "traits": {}}]}
    )
    assert response.status_code == 200, response.text


def renamed(item: Mapping[str, Any], run: str) -> dict[str, Any]:
    return {**item, "id": f"{run}-{item['id']}"}


async def outcome(ingest: Any, requests: Sequence[Sequence[Mapping[str, Any]]]) -> list[Any]:
    """What became of each item: the event on the log, without what only its id decides, or the answer's words."""
    said: list[Any] = []
    for request in requests:
        answer = await ingest.post(*request)
        said += [(item["status"], item.get("code"), item.get("field")) for item in answer["items"]]
    events = {event["id"]: event for event in await ingest.events()}
    ids = [item["id"] for request in requests for item in request]
    found: list[Any] = []
    for (status, code, field), id_ in zip(said, ids, strict=True):
        event = events.get(id_)
        told = {name: value for name, value in (event or {}).items() if name != "id"}
        found.append(told or (status, code, field))
    return found

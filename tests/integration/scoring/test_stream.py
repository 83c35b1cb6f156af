"""The stream of health on two replicas, on both engines of the log: resumed anywhere, selected, never in doubt."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from httpx_sse import ServerSentEvent
from tests.running.streams import ENGINES, KEY, Streamed, streamed, take

from cskit.http import feeds
from cskit.http.feeds import Feed, feed_routes
from cskit.http.queries import query_of
from cskit.log import NewRecord
from csmodels.partitioning import partition_of
from csmodels.topics import PARTITIONS
from scoring.streaming import StreamQuery, parameters

PATH = "/v1/health/stream"


def change(account: str, version: int, band: str = "green", before: str = "green", **account_state: Any) -> bytes:
    """A health.changed, as far as selecting looks into it."""
    state = {"plan": None, "segment": None, "owner": None, **account_state}
    data = {
        "version": version,
        "score": 50.0 + version % 7,
        "band": band,
        "previous": {"version": version - 1, "band": before},
        "account": state,
    }
    return json.dumps(
        {"type": "health.changed", "id": f"{account}:{version}", "subject": account, "data": data}
    ).encode()


class Served(Streamed):
    """Two replicas of scoring's stream."""

    async def publish(self, account: str, *values: bytes) -> None:
        await self.log.append([NewRecord(self.topic, partition_of(account), account.encode(), one) for one in values])


def ids(events: list[ServerSentEvent]) -> list[str]:
    return [json.loads(event.data)["id"] for event in events if event.event == "health.changed"]


@pytest.fixture(params=ENGINES)
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    def routes(feed: Feed) -> APIRouter:
        return feed_routes(
            PATH,
            feed,
            tag="t",
            description="d",
            selecting=lambda request: query_of(StreamQuery, request).selection(),
            parameters=parameters(),
        )

    async with streamed(Served, request.param, tmp_path, PATH, PARTITIONS, routes) as made:
        yield made


async def test_a_client_that_goes_from_replica_to_replica_misses_nothing_and_sees_nothing_twice(
    served: Served,
) -> None:
    accounts = [f"account-{number}" for number in range(20)]
    async with served.following() as events:
        (ready,) = await take(events, 1)
    seen: list[str] = []
    place, turn = ready.id, 0

    async def publish() -> None:
        for version in range(1, 16):
            for account in accounts:
                await served.publish(account, change(account, version))

    publishing = asyncio.create_task(publish())
    while len(seen) < 300:
        async with served.following(turn % 2, since=place) as events:
            await take(events, 1)
            for event in await take(events, min(1 + turn * 5 % 23, 300 - len(seen))):
                seen += ids([event])
                place = event.id
        turn += 1
    await publishing

    async with served.following(turn % 2, since=place) as events:
        await take(events, 1)
        await served.publish("last", change("last", 1))
        (last,) = await take(events, 1)
    assert ids([last]) == ["last:1"]
    assert turn > 10
    assert sorted(seen) == sorted(f"{account}:{version}" for account in accounts for version in range(1, 16))
    for account in accounts:  # each in its order
        assert [one for one in seen if one.startswith(f"{account}:")] == [f"{account}:{v}" for v in range(1, 16)]


async def test_a_client_gets_what_it_selects_and_goes_on_behind_the_rest(served: Served) -> None:
    async with served.following(account=["a", "b"]) as events:
        (ready,) = await take(events, 1)
        await served.publish("a", change("a", 1))
        await served.publish("c", *(change("c", version) for version in range(1, 50)))
        await served.publish("b", change("b", 1))
        first = await take(events, 2)
    await served.publish("c", change("c", 50))
    await served.publish("a", change("a", 2))

    async with served.following(1, since=first[-1].id, account=["a", "b"]) as events:
        rest = await take(events, 2)

    assert sorted(ids(first)) == ["a:1", "b:1"]
    assert ids(rest) == ["a:2"]
    assert ready.event == rest[0].event == "ready"


async def test_bands_segments_owners_and_crossings_are_selected(served: Served) -> None:
    queries: list[dict[str, Any]] = [
        {"band": "red"},
        {"only": "band"},
        {"segment": ["smb", "mid"]},
        {"owner": "hana", "only": "band"},
    ]
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(served.following(n % 2, **query)) for n, query in enumerate(queries)]
        for events in streams:
            await take(events, 1)
        await served.publish(
            "a",
            change("a", 1, band="grey", before="grey"),
            change("a", 2, band="red"),
            change("a", 3, band="red", before="red", owner="hana"),
            change("a", 4, band="yellow", before="red", owner="hana", segment="smb"),
            change("a", 5, band="yellow", before="yellow", segment="mid"),
            change("a", 6, band="red", before="green", owner="hana", segment="smb"),
        )
        found = [ids(await take(events, count)) for events, count in zip(streams, (4, 4, 3, 2), strict=True)]

    assert found == [
        ["a:2", "a:3", "a:4", "a:6"],  # what has just left red counts, too
        ["a:1", "a:2", "a:4", "a:6"],  # the first score, too
        ["a:4", "a:5", "a:6"],
        ["a:4", "a:6"],
    ]


async def test_fields_make_events_small(served: Served) -> None:
    async with served.following(fields="score,account") as events:
        await take(events, 1)
        await served.publish("a", change("a", 1, owner="hana"))
        (event,) = await take(events, 1)

    told = json.loads(event.data)
    state = {"plan": None, "segment": None, "owner": "hana"}
    assert told["data"] == {"version": 1, "score": 51.0, "band": "green", "account": state}
    assert (told["subject"], told["type"]) == ("a", "health.changed")


async def test_a_client_is_told_its_place_where_much_is_passed_over(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PASSED_OVER", 10)
    async with served.following(account="a") as events:
        (ready,) = await take(events, 1)
        await served.publish("c", *(change("c", version) for version in range(1, 26)))
        places = await take(events, 2)

    number = partition_of("c")
    assert [event.event for event in places] == ["place", "place"]
    assert [feeds.read(event.id)[number] - feeds.read(ready.id)[number] for event in places] == [10, 20]


async def test_a_client_is_told_its_place_where_nothing_else_comes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PLACE_SECONDS", 0.05)
    async with served.following(account="a") as events:
        await take(events, 1)
        await served.publish("c", change("c", 1))
        (place,) = await take(events, 1)
        await served.publish("a", change("a", 1))
        (event,) = await take(events, 1)

    assert (place.event, feeds.read(place.id)[partition_of("c")]) == ("place", 1)
    assert ids([event]) == ["a:1"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"acount": "a"}, "unknown_parameter"),
        ({"fields": "scroe"}, "unknown_field"),
        ({"band": "blue"}, "invalid_request"),
    ],
)
async def test_a_wrong_selection_is_refused(served: Served, query: dict[str, str], code: str) -> None:
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {KEY}"}, timeout=30) as client:
        answer = await client.get(f"{served.urls[0]}/v1/health/stream", params=query)

    assert (answer.status_code, answer.json()["code"]) == (422, code)

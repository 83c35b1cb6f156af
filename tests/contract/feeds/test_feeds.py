"""What a client of a stream may rely on, on both engines of the log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from httpx_sse import ServerSentEvent
from tests.running.streams import ENGINES, KEY, Streamed, streamed, take

from cskit.auth import new_key
from cskit.http import feeds
from cskit.http.feeds import Feed, feed_routes
from cskit.log import NewRecord

PARTITIONS = 4


class Served(Streamed):
    """Two replicas of a feed."""

    async def say(self, *names: str, partition: int = 0) -> None:
        await self.log.append(
            [NewRecord(self.topic, partition, b"k", b'{"type":"a.%s","n":1}' % name.encode()) for name in names]
        )


@pytest.fixture(params=ENGINES)
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    def routes(feed: Feed) -> APIRouter:
        return feed_routes("/stream", feed, tag="t", description="d")

    async with streamed(Served, request.param, tmp_path, "/stream", PARTITIONS, routes) as made:
        yield made


async def test_a_client_is_told_where_it_stands_and_then_what_comes(served: Served) -> None:
    async with served.following() as earlier:
        await served.say("before")
        await take(earlier, 2)

    async with served.following() as events:
        (ready,) = await take(events, 1)
        await served.say("one", "two")
        await served.say("three", partition=3)
        found = await take(events, 3)

    assert (ready.event, ready.id) == ("ready", "0:1,1:0,2:0,3:0")
    assert {event.event for event in found} == {"a.one", "a.two", "a.three"}
    assert found[-1].id == "0:3,1:0,2:0,3:1"
    assert found[0].data.startswith('{"type":"a.')


async def test_a_client_that_comes_back_to_another_replica_gets_what_it_missed_once(served: Served) -> None:
    async with served.following(0) as events:
        await take(events, 1)
        await served.say("one", "two", "three")
        seen = await take(events, 2)
    await served.say("four", "five")
    await served.say("six", partition=2)

    async with served.following(1, since=seen[-1].id) as events:
        (ready,) = await take(events, 1)
        missed = await take(events, 4)
        await served.say("seven")
        (after,) = await take(events, 1)

    assert ready.id == seen[-1].id
    assert [event.event for event in missed if event.event != "a.six"] == ["a.three", "a.four", "a.five"]
    assert (after.event, after.id) == ("a.seven", "0:6,1:0,2:1,3:0")


@pytest.mark.parametrize("text", ["", "x", "0:1", "0:1,1:0,2:0,3:0,4:0", "0:1,0:2,1:0,2:0,3:0", "0:-1,1:0,2:0,3:0"])
async def test_an_id_of_another_stream_is_refused(served: Served, text: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"authorization": f"Bearer {KEY}", "last-event-id": text}
        answer = await client.get(f"{served.urls[0]}/stream", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_event_id")


async def test_an_id_of_what_the_log_does_not_hold_is_gone(served: Served) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"authorization": f"Bearer {KEY}", "last-event-id": "0:100,1:0,2:0,3:0"}
        answer = await client.get(f"{served.urls[0]}/stream", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (410, "place_gone")


async def test_what_is_no_event_does_not_stop_the_stream(served: Served) -> None:
    async with served.following() as events:
        await take(events, 1)
        nested = b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b',"type":"a.deep"}'
        poison = [b"no json", b"[]", b'{"type":3}', nested, b'{"type":"a.odd","x":"\xff\xfe"}']
        await served.log.append([NewRecord(served.topic, 0, b"k", value) for value in poison])
        await served.say("after")
        found = await take(events, 2)

    assert [event.event for event in found] == ["a.odd", "a.after"]


async def test_a_stream_needs_a_key(served: Served) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(f"{served.urls[0]}/stream")

    assert answer.status_code == 401


async def test_a_stream_ends_when_its_key_is_revoked(served: Served) -> None:
    text, entry = new_key("reader", ["read"], None, None, datetime.now(UTC))
    assert served.keys.file is not None
    served.keys.file.add(entry)

    async with served.following(key=text) as events, asyncio.timeout(60):
        assert (await anext(events)).event == "ready"
        served.keys.file.revoke("reader")
        ending = asyncio.create_task(_ended(events))
        while not ending.done():
            await served.say("after")
            await asyncio.wait((ending,), timeout=0.2)

    async with served.following() as events:
        assert (await take(events, 1))[0].event == "ready"


async def _ended(events: AsyncIterator[ServerSentEvent]) -> None:
    async for _ in events:
        pass


async def test_a_client_that_does_not_keep_up_is_cut_off_and_loses_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "BEHIND", 3)
    async with served.following() as events:
        await take(events, 1)
        await served.say(*(f"n{number}" for number in range(50)))
        first = [event async for event in events]

    async with served.following(since=first[-1].id) as events:
        rest = await take(events, 51 - len(first))

    assert 0 < len(first) < 50
    assert [event.event for event in first + rest[1:]] == [f"a.n{number}" for number in range(50)]


async def test_the_streams_end_when_the_server_closes(served: Served) -> None:
    async with served.following() as events:
        await take(events, 1)

        served.closing[0].set()

        assert [event async for event in events] == []

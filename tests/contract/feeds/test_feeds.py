"""What a client of a stream may rely on, on both engines of the log."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse
from pydantic import SecretStr

from allinone.server import bound_socket, serving
from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, RealClock
from cskit.http import feeds, make_app
from cskit.http.feeds import Feed, feed_routes
from cskit.log import Log, NewRecord
from cskit.log.kafka import KafkaLog
from cskit.log.sqlite import SqliteLog
from cskit.testing.engines import KAFKA

KEY = "kz_operator_for_this_test_only"
PARTITIONS = 4


@dataclass
class Served:
    """Two replicas of a feed, each with its own log client, over real HTTP."""

    log: Log
    topic: str
    urls: list[str]
    keys: Keys
    closing: list[asyncio.Event] = field(default_factory=list)

    async def say(self, *names: str, partition: int = 0) -> None:
        await self.log.append(
            [NewRecord(self.topic, partition, b"k", b'{"type":"a.%s","n":1}' % name.encode()) for name in names]
        )

    @asynccontextmanager
    async def following(
        self, replica: int = 0, since: str | None = None, key: str = KEY
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        headers = {"authorization": f"Bearer {key}"} | ({"last-event-id": since} if since is not None else {})
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            aconnect_sse(client, "GET", f"{self.urls[replica]}/stream", headers=headers) as source,
        ):
            yield source.aiter_sse()


async def take(events: AsyncIterator[ServerSentEvent], count: int) -> list[ServerSentEvent]:
    async with asyncio.timeout(60):
        return [await anext(events) for _ in range(count)]


@asynccontextmanager
async def replica(log: Log, topic: str, served: Served) -> AsyncIterator[None]:
    closing, stop = asyncio.Event(), asyncio.Event()
    feed = Feed(log, topic, name="feed:test", closing=closing)

    async def ready() -> dict[str, str]:
        return {}

    app = make_app(
        "test",
        [feed_routes("/stream", feed, tag="t", description="d")],
        keys=served.keys,
        clocks=Clocks.real(),
        ready=ready,
    )
    listener = bound_socket("127.0.0.1", 0)
    worker = asyncio.create_task(feed.run(stop))
    async with serving(app, listener):
        served.urls.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
        served.closing.append(closing)
        try:
            yield
        finally:
            closing.set()
    stop.set()
    await worker


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(300)])])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    logs: list[Log]
    if request.param == "sqlite":
        logs = [SqliteLog(tmp_path / "log.db", now_ms=lambda: time.time_ns() // 1_000_000)]  # one process, one log
    elif bootstrap := os.environ.get(KAFKA):
        logs = [KafkaLog(bootstrap, client_id="test"), KafkaLog(bootstrap, client_id="test-2")]
    else:
        pytest.skip(f"{KAFKA} is not set")
    topic = f"test-{uuid4().hex}"
    for log in logs:
        await log.start()
    first, second = logs[0], logs[-1]
    await first.ensure_topics([topic], PARTITIONS)
    keys = Keys(KeyFile(tmp_path / "keys.json", RealClock()), None, SecretStr(KEY))
    made = Served(first, topic, [], keys)
    async with replica(first, topic, made), replica(second, topic, made):
        yield made
    for log in logs:
        await log.close()


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
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"authorization": f"Bearer {KEY}", "last-event-id": text}
        answer = await client.get(f"{served.urls[0]}/stream", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_event_id")


async def test_an_id_of_what_the_log_does_not_hold_is_gone(served: Served) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
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
    async with httpx.AsyncClient(trust_env=False) as client:
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

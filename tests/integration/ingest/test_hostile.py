"""Whatever is sent: no 5xx, an error that says what is wrong, bounded memory, and no event half-taken."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from tests.integration.ingest.hostile import CLOUDEVENTS, GOOD, NATIVE, SOURCES, Hostile, bodies, bombs, crowds
from tests.running.systems import embedded_system

from cskit.seed import kept_value
from csmodels.catalogue import parse_customer_event
from csmodels.ids import wire_event_id
from ingest.tables import PLUMBING

FEWEST: Final = 300
GROWTH: Final = (
    256  # MB that a server may hold more at its height; the largest body has 10 MB, and four are on their way
)
AT_ONCE: Final = 4
USAGE: Final = {"type": "usage.tracked", "account": "acme", "data": {"name": "x"}}


async def send(client: httpx.AsyncClient, one: Hostile) -> httpx.Response:
    headers = {"content-length": str(len(one.body)), **one.headers}
    return await client.request(one.method, one.path, content=one.body, headers=headers)


def wrong_with(one: Hostile, answer: httpx.Response) -> str | None:
    """What should not have been answered so; None if all is well."""
    said = f"{one.method} {one.path}: {one.name}: {answer.status_code} {answer.text[:200]}"
    if answer.status_code in (200, 201):
        return None
    if not 400 <= answer.status_code < 500:
        return said
    problem = answer.json()
    return None if all(problem.get(part) for part in ("code", "message", "detail")) else said


def taken(answer: httpx.Response) -> Iterator[str]:
    """The ids that the answer says are on the log; those of PostHog's newer protocol only with a uuid."""
    if not answer.is_success or not answer.headers["content-type"].startswith("application/json"):
        return
    said = answer.json()
    yield from (str(item["id"]) for item in said.get("items", ()) if item["status"] == "accepted")
    yield from (uuid for uuid, result in said.get("results", {}).items() if result["result"] == "ok")


async def test_every_hostile_body_is_refused_clearly_or_taken_right(ingest: Any) -> None:
    for name, told in SOURCES.items():
        assert (await ingest.client.put(f"/v1/sources/{name}", json=told)).status_code == 200
    wrong: list[str] = []
    promised: Counter[str] = Counter()
    tried = 0

    for one in bodies():
        tried += 1
        answer = await send(ingest.client, one)
        if (said := wrong_with(one, answer)) is not None:
            wrong.append(said)
        promised.update(taken(answer))
    after = await ingest.post({**USAGE, "id": "after"})
    records = [record.value for record in await ingest.sent() if record.value is not None]
    events = [json.loads(parse_customer_event(value).to_bytes()) for value in records]

    key = bytes.fromhex(await kept_value(ingest.platform.database("ingest"), PLUMBING, "event_id_key", ""))
    promised["after"] += after["accepted"]
    expected: Counter[str] = Counter()
    for client_id, count in promised.items():
        expected[str(wire_event_id(client_id, key))] += count
    assert wrong == []
    assert tried > FEWEST
    assert promised["good"] > FEWEST
    assert Counter(event["id"] for event in events if event["subject"] != "!control") == expected


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (NATIVE, '{{"events": [{{"id": "1", "data": {{"name": "x", "name": "x"}}}}, {}]}}', "data.name"),
        (NATIVE, '{{"id": "1", "account": "acme", "account": "other"}}\n{}', "account"),
        ("/v1/batch", '{{"batch": [{{"type": "track", "context": {{"a": {{"b": 1, "b": 2}}}}}}, {}]}}', "context.a.b"),
        ("/batch", '{{"batch": [{{"event": "x", "distinct_id": "u", "distinct_id": "v"}}, {}]}}', "distinct_id"),
        (CLOUDEVENTS, '[{{"specversion": "1.0", "id": "1", "id": "1"}}, {}]', "id"),
    ],
)
async def test_an_event_that_holds_a_key_twice_is_refused_and_the_other_is_taken(
    ingest: Any, path: str, body: str, field: str
) -> None:
    good = GOOD[{"/v1/batch": "segment", "/batch": "posthog"}.get(path, path)].decode()

    answer = await ingest.client.post(path, content=body.format(good))

    refused, other = answer.json()["items"]
    assert (refused["status"], refused["code"], refused["field"]) == ("refused", "duplicate_key", field)
    assert other["status"] == "accepted"
    assert len(await ingest.events()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process held at its height")
async def test_what_is_small_to_send_or_comes_in_crowds_is_refused_without_being_held(tmp_path: Path) -> None:
    async with embedded_system(tmp_path) as system:
        await system.start()
        pid = system.processes["kizashi"].pid
        async with system.client("ingest") as client:
            await client.post(NATIVE, json={**USAGE, "id": "before"})
            before = memory(pid, "VmRSS")
            wrong: list[str] = []
            gate = asyncio.Semaphore(AT_ONCE)

            async def one_of(hostile: Hostile) -> None:
                async with gate:
                    answer = await send(client, hostile)
                if (said := wrong_with(hostile, answer)) is not None:
                    wrong.append(said)

            hostile = [each for path in (NATIVE, "/v1/batch", "/v1/track", "/batch", CLOUDEVENTS)
                       for each in (*bombs(path), *crowds(path))]  # fmt: skip
            await asyncio.gather(*map(one_of, hostile))
            grown = memory(pid, "VmHWM") - before
            after = await client.post(NATIVE, json={**USAGE, "id": "after"})

    assert wrong == []
    assert grown < GROWTH
    assert after.json()["accepted"] == 1


def memory(pid: int, field: str) -> int:
    """How many MB a process holds (VmRSS), or held at its height (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(f"{field}:"))

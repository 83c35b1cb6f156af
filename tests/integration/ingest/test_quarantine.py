"""The quarantine: listed, explained, discarded, swept, and never passed by when two replicas meet."""

import asyncio
import random
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import update
from tests.integration.ingest.conftest import app_of
from tests.integration.ingest.test_batch import group, track
from tests.integration.ingest.test_people import person_of

from ingest.service import build
from ingest.sweep import Sweep
from ingest.tables import PEOPLE, PLUMBING

PAIRS = 1_000
AT_ONCE = 8


def usage(id_: str, user: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": "usage.tracked", "user": user, "data": {"name": "report"}, **more}


async def waiting(ingest: Any, **asked: Any) -> list[dict[str, Any]]:
    return list((await ingest.client.get("/v1/quarantine", params=asked)).json()["items"])


async def test_waiting_events_are_listed_by_source_and_user(ingest: Any) -> None:
    await ingest.post(usage("a", "u-1"), usage("b", "u-2"), usage("c", "u-1"))

    of_user = await waiting(ingest, user="u-1")
    of_source = await waiting(ingest, source="product", limit=2)
    of_another = await waiting(ingest, source="crm")

    assert [one["id"] for one in of_user] == ["a", "c"]
    assert [one["id"] for one in of_source] == ["a", "b"]
    assert of_another == []


async def test_a_waiting_event_is_explained_with_calls_that_do_release_it(ingest: Any) -> None:
    await ingest.post(usage("a", "u-1"))
    await ingest.batch({"type": "track", "messageId": "b", "anonymousId": "browser", "event": "report"})
    found = [(await ingest.client.get(f"/v1/quarantine/{one['seq']}")).json() for one in await waiting(ingest)]

    for explained in found:
        (method, path), body = explained["released_by"][0]["call"].split(), explained["released_by"][0]["body"]
        body["batch"][0] |= {"groupId": "acme", "messageId": f"g-{explained['id']}"}
        assert (await ingest.client.request(method, path, json=body)).json()["accepted"] == 1

    assert "u-1" in found[0]["why"]
    assert "2026-03-10T12:30:00+00:00" in found[0]["why"]
    assert [event["id"] for event in await ingest.events("usage.tracked")] == ["a", "b"]
    assert (await ingest.client.get(f"/v1/quarantine/{found[0]['seq']}")).status_code == 404


async def test_the_native_call_that_is_shown_releases_too(ingest: Any) -> None:
    await ingest.post(usage("a", "u-1"))
    (event,) = await waiting(ingest)
    shown = (await ingest.client.get(f"/v1/quarantine/{event['seq']}")).json()["released_by"][1]["body"]["events"][0]

    await ingest.post({**shown, "account": "acme"})

    assert [one["id"] for one in await ingest.events("usage.tracked")] == ["a"]


async def test_a_discarded_event_is_never_published_and_the_others_are(each_ingest: Any) -> None:
    await each_ingest.post(usage("a", "u-1"), usage("b", "u-1"), usage("c", "u-1"))
    seq = (await waiting(each_ingest))[1]["seq"]

    answers = [await each_ingest.client.delete(f"/v1/quarantine/{seq}") for _ in range(2)]
    await each_ingest.batch(group("g"))

    assert [one.status_code for one in answers] == [200, 404]
    assert answers[0].json() == {"discarded": 1}
    assert [one["id"] for one in await each_ingest.events("usage.tracked")] == ["a", "c"]


async def test_events_are_discarded_by_source_user_and_moment(each_ingest: Any) -> None:
    await each_ingest.post(usage("a", "u-1"), usage("b", "u-2"))
    each_ingest.world.advance(timedelta(hours=1))
    await each_ingest.post(usage("c", "u-1"), usage("d", "u-2"))

    async def discard(**which: Any) -> Any:
        return (await each_ingest.client.post("/v1/quarantine/discard", json=which)).json()

    gone = [
        await discard(source="crm"),
        await discard(source="product", user="u-1", before="2026-03-10T13:00:00Z"),
        await discard(before="2026-03-10T12:30:00Z"),
    ]
    nothing = await each_ingest.client.post("/v1/quarantine/discard", json={})

    assert gone == [{"discarded": 0}, {"discarded": 1}, {"discarded": 0}]
    assert (nothing.status_code, nothing.json()["code"]) == (422, "nothing_named")
    assert [one["id"] for one in await waiting(each_ingest)] == ["b", "c", "d"]
    assert await discard(user="u-2") == {"discarded": 2}


async def test_the_sweep_releases_what_waits_though_its_person_has_an_account(each_ingest: Any) -> None:
    for n in range(3):
        await each_ingest.post(usage(f"u-{n}", "u-1"), usage(f"m-{n}", "merged"), usage(f"w-{n}", "stranger"))
    one, merged = [(await person_of(each_ingest, user))["id"] for user in ("u-1", "merged")]
    database = each_ingest.platform.database("ingest")
    async with database.write() as tx:  # as nothing of ours would leave it
        await tx.execute(update(PEOPLE).where(PEOPLE.c.person_id == one).values(account="acme"))
        await tx.execute(update(PEOPLE).where(PEOPLE.c.person_id == merged).values(merged_into=one))
    units = each_ingest.platform.units_of_work("ingest", PLUMBING)
    sweeps = [Sweep(database, units, each_ingest.platform.clocks) for _ in range(2)]

    counts = await asyncio.gather(*(sweep.round() for sweep in sweeps))

    told = await each_ingest.events("usage.tracked")
    assert sum(counts) == 6
    assert {event["subject"] for event in told} == {"acme"}
    assert {event["personid"] for event in told} == {one}
    assert [event["id"] for event in told if event["id"].startswith("u")] == ["u-0", "u-1", "u-2"]
    assert [event["id"] for event in told if event["id"].startswith("m")] == ["m-0", "m-1", "m-2"]
    assert {event["user"] for event in await waiting(each_ingest)} == {"stranger"}


async def test_of_a_thousand_native_events_ten_are_refused_with_reasons_and_fifty_recovered_in_order(
    each_ingest: Any,
) -> None:
    good = [usage(f"good-{n}", f"known-{n % 9}", account=f"account-{n % 9}") for n in range(940)]
    bad = [usage(f"bad-{n}", "known-1", data={"name": "report", "count": "many"}) for n in range(10)]
    orphans = [usage(f"orphan-{n:02}", "stranger") for n in range(50)]
    items = [*good, *bad]
    random.Random(1).shuffle(items)
    for at, orphan in enumerate(orphans):
        items.insert(at * 20, orphan)  # scattered, in their order

    answers = [await each_ingest.post(*items[at : at + 250]) for at in range(0, 1_000, 250)]
    await each_ingest.batch(group("g", "stranger", "newcomer"))

    refused = [item for answer in answers for item in answer["items"] if item["status"] == "refused"]
    assert sorted(item["id"] for item in refused) == sorted(item["id"] for item in bad)
    assert {(item["code"], item["field"]) for item in refused} == {("invalid_field", "data.count")}
    assert all(item["message"] for item in refused)
    assert (sum(one["accepted"] for one in answers), sum(one["waiting"] for one in answers)) == (940, 50)
    told = [event["id"] for event in await each_ingest.events("usage.tracked")]
    assert [id_ for id_ in told if id_.startswith("orphan")] == [item["id"] for item in orphans]
    assert sorted(told) == sorted(item["id"] for item in [*good, *orphans])


async def test_identity_and_events_that_race_on_two_replicas_a_thousand_times_lose_and_strand_nothing(
    each_ingest: Any,
) -> None:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app_of(build(each_ingest.platform), each_ingest.platform)),
                    base_url="http://replica",
                    auth=(each_ingest.key, ""),
                )
            )
            for _ in range(2)
        ]
        gate = asyncio.Semaphore(AT_ONCE)
        became: dict[str, str] = {}

        async def batch(client: httpx.AsyncClient, *items: dict[str, Any]) -> None:
            answer = await client.post("/v1/batch", json={"batch": items})
            assert answer.status_code == 200, answer.text
            became.update({item["id"]: item["status"] for item in answer.json()["items"]})

        async def events(n: int) -> None:
            for at in range(2):
                await batch(one, track(f"e-{n}-{at}", f"user-{n}"))

        async def pair(n: int) -> None:
            async with gate:
                await asyncio.gather(
                    events(n), batch(two, group(f"g-{n}", f"user-{n}", f"account-{n % 40}")), asyncio.sleep(0)
                )

        await asyncio.gather(*(pair(n) for n in range(PAIRS)))

    assert await waiting(each_ingest) == []
    told = await each_ingest.events("usage.tracked")
    assert Counter(event["id"] for event in told) == Counter(f"e-{n}-{at}" for n in range(PAIRS) for at in range(2))
    assert all(event["subject"] == f"account-{int(event['id'].split('-')[1]) % 40}" for event in told)
    orders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in told:
        _, user, at = event["id"].split("-")
        orders[user, became[event["id"]]].append(at)
    assert all(order == sorted(order) for order in orders.values())
    assert len(set(became.values())) == 2, "the race was always won by the same side"

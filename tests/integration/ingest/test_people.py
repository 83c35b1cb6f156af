"""People: the directory of an account, export, erasure, and texts that go with them."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from tests.integration.ingest.test_batch import group, track

from ingest.tables import MEMBERSHIPS, PEOPLE, TEXTS, USERS, WAITING, metadata


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": f"i-{uuid4()}", "userId": user, "traits": traits}


def alias(previous: str, user: str) -> dict[str, Any]:
    return {"type": "alias", "messageId": f"a-{uuid4()}", "previousId": previous, "userId": user}


async def person_of(ingest: Any, user: str) -> dict[str, Any]:
    (found,) = (await ingest.client.get("/v1/people", params={"user": user})).json()["items"]
    return dict(found)


async def rows_with(ingest: Any, *words: str) -> list[str]:
    """The tables in which any of the words stands."""
    found = []
    async with ingest.platform.database("ingest").read() as tx:
        for table in metadata.sorted_tables:
            rows = [str([str(value) for value in row]) for row in await tx.fetch(select(table))]
            found += [table.name for row in rows for word in words if word in row]
    return found


async def test_the_export_of_a_person_holds_all_that_is_kept_of_them(each_ingest: Any) -> None:
    await each_ingest.batch(track("w-1", "taro", properties={"pages": 3}))
    person = (await person_of(each_ingest, "taro"))["id"]
    text = {"text": "He called.", "person": person}
    ref = (await each_ingest.client.post("/v1/texts", json=text)).json()["text_ref"]
    await each_ingest.batch(identify("taro", name="Taro", email="taro@example.com", country="JP"))

    export = (await each_ingest.client.get(f"/v1/people/{person}")).json()

    assert (export["id"], export["name"], export["email"], export["country"]) == (
        person,
        "Taro",
        "taro@example.com",
        "JP",
    )
    assert [(one["source"], one["user"]) for one in export["users"]] == [("product", "taro")]
    assert ("w-1", 3) in [(one["id"], one["data"].get("properties", {}).get("pages")) for one in export["waiting"]]
    assert [(f"ingest/{one['id']}", one["text"]) for one in export["texts"]] == [(ref, "He called.")]
    assert (export["account"], export["accounts"], export["merged"]) == (None, [], [])


async def test_an_erased_person_is_gone_with_all_ids_and_every_account_is_told_of_each(each_ingest: Any) -> None:
    await each_ingest.batch(group("g-1", "old", "acme"), identify("old", name="Taro Yamada"))
    await each_ingest.batch(group("g-2", "new", "bolt"))
    old, new = [(await person_of(each_ingest, user))["id"] for user in ("old", "new")]
    await each_ingest.batch(alias("old", "new"))
    await each_ingest.client.post("/v1/texts", json={"text": "Words of his", "person": old})

    answer = await each_ingest.client.delete(f"/v1/people/{old}")

    assert answer.status_code == 200
    assert answer.json() == {
        "people": sorted([old, new]),
        "users": 3,  # old, new, and old as an anonymousId: an alias does not say which it means
        "waiting": 0,
        "texts": 1,
        "accounts": ["acme", "bolt"],
    }
    told = await each_ingest.events("person.erased")
    assert {(event["data"]["person"], event["subject"]) for event in told} == {
        (old, "acme"),
        (new, "acme"),
        (new, "bolt"),
    }
    assert await rows_with(each_ingest, old, new, "Taro", "Words of his") == []


async def test_a_second_erasure_and_one_of_nobody_are_404(ingest: Any) -> None:
    await ingest.batch(group("g"))
    person = (await person_of(ingest, "u-1"))["id"]
    await ingest.client.delete(f"/v1/people/{person}")

    answers = [await ingest.client.delete(f"/v1/people/{one}") for one in (person, uuid4())]
    answers.append(await ingest.client.get(f"/v1/people/{person}"))

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "unknown_person")] * 3
    assert len(await ingest.events("person.erased")) == 1


async def test_the_same_user_is_a_new_person_afterwards_whose_events_wait(each_ingest: Any) -> None:
    await each_ingest.batch(group("g"), track("before"))
    before = (await person_of(each_ingest, "u-1"))["id"]
    await each_ingest.client.delete(f"/v1/people/{before}")

    answer = await each_ingest.batch(track("after"))

    after = await person_of(each_ingest, "u-1")
    assert answer["waiting"] == 1
    assert after["id"] != before
    assert (after["account"], after["name"]) == (None, None)


async def test_waiting_events_of_an_erased_person_are_never_published(ingest: Any) -> None:
    await ingest.batch(track("w-1"), track("w-2"))
    person = (await person_of(ingest, "u-1"))["id"]

    erased = (await ingest.client.delete(f"/v1/people/{person}")).json()

    await ingest.batch(group("g"))
    assert erased["waiting"] == 2
    assert await ingest.events("usage.tracked") == []


async def test_erasing_races_with_events_groups_and_aliases_of_the_same_user(each_ingest: Any) -> None:
    async def erase(user: str) -> int:
        items = (await each_ingest.client.get("/v1/people", params={"user": user})).json()["items"]
        status = 404
        for one in items:
            status = (await each_ingest.client.delete(f"/v1/people/{one['id']}")).status_code
        return status

    async def sent(*items: Any) -> int:
        status: int = (await each_ingest.client.post("/v1/batch", json={"batch": items})).status_code
        return status

    statuses: list[int] = []
    for n in range(20):
        user, other = f"u-{n}", f"v-{n}"
        await each_ingest.batch(track(f"w-{n}", user), group(f"g-{n}", other, "acme"))
        statuses += await asyncio.gather(
            erase(user), sent(track(f"x-{n}", user)), sent(group(f"h-{n}", user)), sent(alias(other, user)), erase(user)
        )

    assert set(statuses) <= {200, 404, 503}
    async with each_ingest.platform.database("ingest").read() as tx:
        people = {row.person_id for row in await tx.fetch(select(PEOPLE.c.person_id))}
        for table in (USERS, MEMBERSHIPS, WAITING, TEXTS):
            owners = {row.person_id for row in await tx.fetch(select(table.c.person_id))}
            assert owners <= people, f"{table.name} holds rows of nobody"


async def test_the_contacts_of_an_account_are_its_people_each_once(ingest: Any) -> None:
    await ingest.batch(group("g-1", "a"), group("g-2", "b"), group("g-3", "c", "bolt"), alias("a", "a2"))
    await ingest.batch(identify("b", name="Hanako", email="hanako@example.com", locale="ja"))

    first = (await ingest.client.get("/v1/contacts", params={"account": "acme", "limit": 1})).json()
    second = (await ingest.client.get("/v1/contacts", params={"account": "acme", "cursor": first["next"]})).json()

    found = [*first["items"], *second["items"]]
    assert len(found) == len({one["id"] for one in found}) == 2
    assert ("Hanako", "hanako@example.com", "ja") in [(one["name"], one["email"], one["locale"]) for one in found]
    assert second["next"] is None


async def test_a_text_of_nobody_is_refused_and_one_of_a_merged_id_is_theirs_who_they_became(ingest: Any) -> None:
    await ingest.batch(group("g-1", "old"), group("g-2", "new"))
    old, new = [(await person_of(ingest, user))["id"] for user in ("old", "new")]
    await ingest.batch(alias("old", "new"))

    refused = await ingest.client.post("/v1/texts", json={"text": "x", "person": str(uuid4())})
    kept = (await ingest.client.post("/v1/texts", json={"text": "x", "person": old})).json()["text_ref"]

    assert (refused.status_code, refused.json()["field"]) == (422, "person")
    text = (await ingest.client.get(f"/v1/texts/{kept.removeprefix('ingest/')}")).json()
    assert text["person"] == new


async def test_a_text_is_deleted_once(ingest: Any) -> None:
    ref = (await ingest.client.post("/v1/texts", json={"text": "A note"})).json()["text_ref"]
    path = f"/v1/texts/{ref.removeprefix('ingest/')}"

    statuses = [
        (await ingest.client.delete(path)).status_code,
        (await ingest.client.get(path)).status_code,
        (await ingest.client.delete(path)).status_code,
    ]

    assert statuses == [204, 404, 404]


async def test_what_is_said_of_an_erasure_on_the_log_is_random_ids_only(ingest: Any) -> None:
    await ingest.batch(group("g", "taro@example.com"), identify("taro@example.com", name="Taro Yamada"))
    person = (await person_of(ingest, "taro@example.com"))["id"]
    await ingest.client.delete(f"/v1/people/{person}")

    (event,) = await ingest.events("person.erased")

    assert event["data"] == {"person": person}
    assert "taro" not in json.dumps(event).lower()

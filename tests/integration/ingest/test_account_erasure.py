"""DELETE /v1/contacts?account=: what goes with an account, and who stays without it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from standardwebhooks import Webhook
from tests.integration.ingest.test_batch import group, track
from tests.integration.ingest.test_people import alias, identify, person_of, rows_with

from ingest.tables import MEMBERSHIPS, PEOPLE, TEXTS, USERS, WAITING

NOTHING = {"account": "acme", "people": 0, "unlinked": 0, "users": 0, "waiting": 0, "texts": 0, "more": False}


async def parted(ingest: Any, account: str = "acme") -> dict[str, Any]:
    answer = await ingest.client.delete("/v1/contacts", params={"account": account})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def kept_text(ingest: Any, text: str, **about: str) -> str:
    answer = await ingest.client.post("/v1/texts", json={"text": text, **about})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["text_ref"]).removeprefix("ingest/")


async def test_who_belongs_to_the_account_alone_goes_with_it_and_the_others_stay(each_ingest: Any) -> None:
    await each_ingest.batch(group("g-1", "taro"), identify("taro", name="Taro Yamada"), group("g-2", "jiro", "bolt"))
    taro, jiro = [(await person_of(each_ingest, user))["id"] for user in ("taro", "jiro")]
    await kept_text(each_ingest, "Words of Taro", person=taro)

    answer = await parted(each_ingest)

    assert answer == {**NOTHING, "people": 1, "users": 1, "texts": 1}
    told = await each_ingest.events("person.erased")  # with it the outbox is empty
    assert await rows_with(each_ingest, taro, "Taro", "acme") == []
    assert (await person_of(each_ingest, "jiro"))["id"] == jiro
    assert [(event["data"]["person"], event["subject"]) for event in told] == [(taro, "acme")]


async def test_who_is_known_to_another_account_stays_with_all_but_the_link(each_ingest: Any) -> None:
    await each_ingest.batch(group("g-1", "taro", "bolt"), identify("taro", name="Taro"), group("g-2", "taro", "acme"))
    await each_ingest.batch(group("g-3", "jiro", "acme"), group("g-4", "jiro", "bolt"))
    taro, jiro = [(await person_of(each_ingest, user))["id"] for user in ("taro", "jiro")]
    words = [await kept_text(each_ingest, "Of Taro at Bolt", person=taro, account="bolt")]
    words.append(await kept_text(each_ingest, "Of Taro at Acme", person=taro, account="acme"))

    answer = await parted(each_ingest)

    assert answer == {**NOTHING, "unlinked": 2, "texts": 1}
    left = (await each_ingest.client.get(f"/v1/people/{taro}")).json()
    assert (left["name"], left["account"], left["previous_account"], left["accounts"]) == (
        "Taro",
        None,
        "bolt",
        ["bolt"],
    )
    assert [text["text"] for text in left["texts"]] == ["Of Taro at Bolt"]
    left = (await each_ingest.client.get(f"/v1/people/{jiro}")).json()
    assert (left["account"], left["previous_account"], left["accounts"]) == ("bolt", None, ["bolt"])
    assert await each_ingest.events("person.erased") == []


async def test_events_of_who_stays_go_where_they_belong_or_wait(ingest: Any) -> None:
    await ingest.batch(group("g-1", "taro", "bolt"), group("g-2", "taro", "acme"))
    await ingest.batch(group("g-3", "jiro", "acme"), group("g-4", "jiro", "bolt"), track("warm", "jiro"))

    await parted(ingest)
    answer = await ingest.batch(track("e-1", "taro"), track("e-2", "jiro"))
    await ingest.batch(group("g-5", "taro", "cobalt"))

    assert (answer["accepted"], answer["waiting"]) == (1, 1)
    used = {event["id"]: event["subject"] for event in await ingest.events("usage.tracked")}
    assert used == {"warm": "bolt", "e-2": "bolt", "e-1": "cobalt"}


async def test_waiting_events_of_who_stays_survive_and_of_who_goes_do_not(ingest: Any) -> None:
    await ingest.batch(group("g-1", "taro", "bolt"), group("g-2", "taro", "acme"))
    await parted(ingest)
    await ingest.batch(track("w-1", "taro"), track("w-2", "stranger"))

    again = await parted(ingest)
    gone = await parted(ingest, "bolt")

    assert again == NOTHING
    assert (gone["people"], gone["waiting"]) == (1, 1)
    listed = (await ingest.client.get("/v1/quarantine")).json()["items"]
    assert [one["user"] for one in listed] == ["stranger"]


async def test_merged_ids_go_and_stay_with_whom_they_became(each_ingest: Any) -> None:
    await each_ingest.batch(group("g-1", "old", "acme"), group("g-2", "new", "acme"))
    await each_ingest.batch(group("g-3", "elder", "bolt"), group("g-4", "younger", "acme"))
    await each_ingest.batch(alias("old", "new"), alias("elder", "younger"))
    younger = (await person_of(each_ingest, "younger"))["id"]

    answer = await parted(each_ingest)

    assert (answer["people"], answer["unlinked"], answer["users"]) == (1, 1, 3)
    left = (await each_ingest.client.get(f"/v1/people/{younger}")).json()
    assert (left["accounts"], len(left["merged"])) == (["bolt"], 1)
    told = await each_ingest.events("person.erased")
    assert {event["subject"] for event in told} == {"acme"}
    assert set(await rows_with(each_ingest, "acme")) == {"settled"}  # where repeats of events of a merge went


async def test_texts_of_the_account_go_whoever_they_are_about(ingest: Any) -> None:
    gone = await kept_text(ingest, "They move in May.", account="acme")
    stays = await kept_text(ingest, "They stay.", account="bolt")

    answer = await parted(ingest)

    assert answer["texts"] == 1
    statuses = [(await ingest.client.get(f"/v1/texts/{text}")).status_code for text in (gone, stays)]
    assert statuses == [404, 200]


async def test_a_text_whose_event_waits_is_the_accounts_once_it_is_known(ingest: Any) -> None:
    await ingest.batch(track("w-1", "taro"))
    taro = (await person_of(ingest, "taro"))["id"]
    await kept_text(ingest, "He called.", person=taro)
    await ingest.batch(group("g-1", "taro", "acme"), group("g-2", "taro", "bolt"))

    answer = await parted(ingest)

    assert answer == {**NOTHING, "unlinked": 1, "texts": 1}


async def test_words_of_a_webhook_are_the_accounts_that_it_names_or_the_users(ingest: Any) -> None:
    mapping = """
kind: json
items: items
rules:
  - type: voice.recorded
    id: id
    account: account
    user: who
    data: {sentiment: mood}
    text: words
"""
    made = await ingest.client.put("/v1/sources/desk", json={"kind": "json", "options": {}, "mapping": mapping})
    assert made.status_code == 200, made.text

    async def deliver(item: dict[str, Any]) -> None:
        now, body = datetime.now(UTC), json.dumps({"items": [item]})
        number = str(uuid4())
        headers = {
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(made.json()["secret"]).sign(number, now, body),
        }
        answer = await ingest.client.post("/v1/webhooks/desk", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    await deliver({"id": "1", "account": "acme", "mood": 1, "words": "of nobody"})
    await deliver({"id": "2", "account": "acme", "who": "u", "mood": 1, "words": "of the user there"})
    await deliver({"id": "3", "who": "u", "mood": 1, "words": "of the user, who is there"})
    await deliver({"id": "4", "account": "bolt", "who": "u", "mood": 1, "words": "of the user elsewhere"})

    answer = await parted(ingest)

    assert (answer["unlinked"], answer["texts"]) == (1, 3)
    async with ingest.platform.database("ingest").read() as tx:
        assert [row.text for row in await tx.fetch(select(TEXTS))] == ["of the user elsewhere"]


async def test_a_repeat_and_an_account_of_nobody_find_nothing(ingest: Any) -> None:
    await ingest.batch(group("g-1", "taro", "acme"))
    await parted(ingest)

    answers = [await parted(ingest), await parted(ingest, "nobody")]

    assert answers == [NOTHING, {**NOTHING, "account": "nobody"}]
    assert len(await ingest.events("person.erased")) == 1


async def test_the_account_begins_anew_when_its_product_sends_on(ingest: Any) -> None:
    await ingest.batch(group("g-1", "taro", "acme"), track("e-1", "taro"))
    before = (await person_of(ingest, "taro"))["id"]
    await parted(ingest)

    await ingest.batch(group("g-2", "taro", "acme"), track("e-2", "taro"))

    assert (await person_of(ingest, "taro"))["id"] != before
    used = await ingest.events("usage.tracked")
    assert [event["personid"] == before for event in used] == [True, False]


async def test_a_large_account_goes_slice_by_slice_and_says_when_there_is_more(ingest: Any) -> None:
    for start in range(0, 2400, 200):
        await ingest.batch(*(group(f"g-{n}", f"u-{n}", "acme") for n in range(start, start + 200)))

    first, second, third = [await parted(ingest) for _ in range(3)]

    assert (first["people"], first["more"]) == (2000, True)
    assert (second["people"], second["more"]) == (400, False)
    assert third == NOTHING
    assert len(await ingest.events("person.erased")) == 2400


async def test_parting_races_with_events_groups_and_aliases_of_the_same_users(each_ingest: Any) -> None:
    async def sent(*items: Any) -> int:
        status: int = (await each_ingest.client.post("/v1/batch", json={"batch": items})).status_code
        return status

    async def part() -> int:
        status: int = (await each_ingest.client.delete("/v1/contacts", params={"account": "acme"})).status_code
        return status

    statuses: list[int] = []
    for n in range(20):
        user, other = f"u-{n}", f"v-{n}"
        await each_ingest.batch(track(f"w-{n}", user), group(f"g-{n}", other, "acme"), group(f"k-{n}", user, "bolt"))
        statuses += await asyncio.gather(
            part(), sent(track(f"x-{n}", user)), sent(group(f"h-{n}", user)), sent(alias(other, user)), part()
        )
    await part()

    assert set(statuses) <= {200, 503}
    async with each_ingest.platform.database("ingest").read() as tx:
        people = {row.person_id: row for row in await tx.fetch(select(PEOPLE))}
        assert "acme" not in {place for row in people.values() for place in (row.account, row.previous_account)}
        assert "acme" not in {row.account for row in await tx.fetch(select(MEMBERSHIPS))}
        for table in (USERS, MEMBERSHIPS, WAITING):
            owners = {row.person_id for row in await tx.fetch(select(table.c.person_id))}
            assert owners <= people.keys(), f"{table.name} holds rows of nobody"


async def test_it_takes_the_scope_people_and_an_account(ingest: Any) -> None:
    statuses = [
        (await ingest.client.delete("/v1/contacts")).status_code,
        (await ingest.client.delete("/v1/contacts", params={"account": ""})).status_code,
        (await ingest.client.delete("/v1/contacts", params={"account": "acme"}, auth=("", ""))).status_code,
    ]

    assert statuses == [422, 422, 401]

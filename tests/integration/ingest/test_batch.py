"""POST /v1/batch: Segment's calls, their answers and their limits."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cskit.http import encode_cursor
from cskit.log import LogError
from ingest.tables import SETTLED


def track(id_: str, user: str = "u-1", **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": id_, "userId": user, "event": "report", **more}


def group(id_: str, user: str = "u-1", account: str = "acme", **more: Any) -> dict[str, Any]:
    return {"type": "group", "messageId": id_, "userId": user, "groupId": account, **more}


async def test_of_a_thousand_events_ten_bad_are_refused_and_fifty_orphans_recovered(each_ingest: Any) -> None:
    await each_ingest.batch(*(group(f"g-{n}", f"user-{n}", f"account-{n % 7}") for n in range(20)))
    good = [track(f"good-{n}", f"user-{n % 20}") for n in range(940)]
    bad = [track(f"bad-{n}", "user-1", event="mail a@b.c") for n in range(10)]
    orphans = [track(f"orphan-{n}", f"stranger-{n % 5}") for n in range(50)]
    items = [*good, *bad, *orphans]
    random.Random(1).shuffle(items)

    answers = [await each_ingest.batch(*items[at : at + 100]) for at in range(0, 1000, 100)]
    recovered = await each_ingest.batch(
        *(group(f"late-{n}", f"stranger-{n}", "newcomer") for n in range(3)),
        *(
            {"type": "identify", "messageId": f"i-{n}", "userId": f"stranger-{n}", "context": {"groupId": "newcomer"}}
            for n in (3, 4)
        ),
    )

    assert sum(answer["accepted"] for answer in answers) == 940
    assert sum(answer["waiting"] for answer in answers) == 50
    refused = [item for answer in answers for item in answer["items"] if item["status"] == "refused"]
    assert {(item["code"], item["field"]) for item in refused} == {("invalid_field", "event")}
    assert sorted(item["id"] for item in refused) == sorted(item["messageId"] for item in bad)
    assert recovered["accepted"] == 5
    usage = await each_ingest.events("usage.tracked")
    assert sorted(event["id"] for event in usage) == sorted(item["messageId"] for item in [*good, *orphans])
    assert {event["subject"] for event in usage if event["id"].startswith("orphan")} == {"newcomer"}


async def test_waiting_events_are_released_in_their_order(each_ingest: Any) -> None:
    for n in range(5):
        await each_ingest.batch(track(f"t-{n}"))

    await each_ingest.batch(group("g"))

    assert [event["id"] for event in await each_ingest.events("usage.tracked")] == [f"t-{n}" for n in range(5)]
    assert (await each_ingest.client.get("/v1/quarantine")).json()["waiting"] == 0


async def test_a_link_made_in_a_batch_holds_for_the_items_before_and_after_it(ingest: Any) -> None:
    answer = await ingest.batch(track("before"), group("g"), track("after"))

    assert [item["status"] for item in answer["items"]] == ["accepted"] * 3
    assert {event["subject"] for event in await ingest.events()} == {"acme"}


async def test_a_repeated_batch_waits_once(each_ingest: Any) -> None:
    for _ in range(3):
        assert (await each_ingest.batch(track("t-1")))["waiting"] == 1

    await each_ingest.batch(group("g"))

    assert [event["id"] for event in await each_ingest.events("usage.tracked")] == ["t-1"]


async def test_what_waited_for_more_than_three_days_is_old_news(ingest: Any) -> None:
    await ingest.batch(track("t-1"))
    ingest.world.advance(timedelta(days=4))

    await ingest.batch(group("g"))

    (event,) = await ingest.events("usage.tracked")
    assert event["backfill"] is True
    assert event["receivedtime"] == "2026-03-10T12:30:00Z"


async def test_a_group_moves_its_user_and_a_later_one_counts_whatever_the_order(ingest: Any) -> None:
    now = ingest.world.now()
    await ingest.batch(group("g-2", account="second", timestamp=now.isoformat()))
    await ingest.batch(group("g-1", account="first", timestamp=(now - timedelta(days=1)).isoformat()))

    await ingest.batch(track("t-1"))

    assert [event["subject"] for event in await ingest.events("usage.tracked")] == ["second"]


async def test_a_groups_context_decides_for_its_event_and_links_only_who_has_no_account(ingest: Any) -> None:
    await ingest.batch(group("g"), track("there", context={"groupId": "other"}), track("home"))

    events = {event["id"]: event["subject"] for event in await ingest.events("usage.tracked")}
    assert events == {"there": "other", "home": "acme"}


async def test_sent_at_corrects_the_clients_clock(ingest: Any) -> None:
    now = ingest.world.now()
    wrong = now + timedelta(days=400)

    await ingest.batch(
        track("t-1", timestamp=(wrong - timedelta(minutes=5)).isoformat(), context={"groupId": "acme"}),
        sentAt=wrong.isoformat(),
    )

    (event,) = await ingest.events()
    assert event["time"] == "2026-03-10T12:25:00Z"
    assert "clamped" not in event


async def test_explicit_nulls_are_absent(ingest: Any) -> None:
    nulls: dict[str, Any] = dict.fromkeys(
        ["anonymousId", "properties", "timestamp", "integrations", "traits", "originalTimestamp"]
    )

    answer = await ingest.batch(
        track("t-1", **nulls, context={"groupId": "acme"}),
        group("g-1", **{**nulls, "context": None}),
        sentAt=None,
        writeKey=None,
    )

    assert answer["accepted"] == 2


async def test_traits_of_an_account_are_mapped_and_wrong_ones_left_out(ingest: Any) -> None:
    traits = {
        "name": "Acme",
        "plan": "gold",
        "employees": "many",
        "seats": 20,
        "owner": "kenji",
        "email": "a@b.c",
        "x": 1,
    }

    answer = await ingest.batch(group("g", traits=traits))

    (event,) = await ingest.events("account.described")
    assert event["data"] == {"name": "Acme", "plan": "gold", "seats": 20, "owner": "kenji"}
    assert answer["dropped"] == 3
    assert answer["items"] == [
        {
            "index": 0,
            "id": "g",
            "status": "accepted",
            "code": "left_out",
            "field": "traits.employees",
            "message": "traits.employees is left out: it should be a valid integer.",
        }
    ]


async def test_a_malformed_trait_of_a_person_is_left_out_and_told(ingest: Any) -> None:
    traits = {"email": "taro@example.com", "timezone": "Tokyo time", "country": "JP", "avatar": "x"}

    answer = await ingest.batch(group("g"), {"type": "identify", "messageId": "i", "userId": "u-1", "traits": traits})

    assert (answer["accepted"], answer["dropped"]) == (2, 2)
    assert [(one.get("code"), one.get("field")) for one in answer["items"]] == [
        (None, None),
        ("left_out", "traits.timezone"),
    ]
    (person,) = (await ingest.client.get("/v1/people", params={"user": "u-1"})).json()["items"]
    assert (person["email"], person["country"], person["time_zone"]) == ("taro@example.com", "JP", None)


async def test_someone_without_a_name_waits_until_identify_says_who_it_is(each_ingest: Any) -> None:
    await each_ingest.batch({"type": "page", "messageId": "p-1", "anonymousId": "a-1"}, group("g"))

    answer = await each_ingest.batch({"type": "identify", "messageId": "i-1", "userId": "u-1", "anonymousId": "a-1"})

    assert answer["accepted"] == 1
    (page,) = await each_ingest.events("usage.tracked")
    (contact,) = await each_ingest.events("contact.described")
    assert (page["id"], page["subject"], page["personid"]) == ("p-1", "acme", contact["personid"])
    assert await each_ingest.events("contact.merged") == []  # no account had met the nameless person


async def test_a_browser_that_two_people_share_does_not_make_them_one(ingest: Any) -> None:
    await ingest.batch(group("g-1", "u-1"), group("g-2", "u-2"))

    for user in ("u-1", "u-2"):
        await ingest.batch({"type": "identify", "messageId": f"i-{user}", "userId": user, "anonymousId": "shared"})
    await ingest.batch(track("t-1", "u-1"), track("t-2", "u-2"))

    assert len({event["personid"] for event in await ingest.events("usage.tracked")}) == 2
    assert await ingest.events("contact.merged") == []


async def test_an_alias_merges_two_people_on_every_account_that_knew_the_first(each_ingest: Any) -> None:
    await each_ingest.batch(
        track("t-1", "old", context={"groupId": "a"}), track("t-2", "old", context={"groupId": "b"})
    )
    old = {event["personid"] for event in await each_ingest.events("usage.tracked")}

    await each_ingest.batch({"type": "alias", "messageId": "al", "userId": "new", "previousId": "old"})
    await each_ingest.batch(track("t-3", "new"), track("t-4", "old"))

    merges = await each_ingest.events("contact.merged")
    assert sorted(event["subject"] for event in merges) == ["a", "b"]
    assert {event["data"]["from"] for event in merges} == old
    after = [event for event in await each_ingest.events("usage.tracked") if event["id"] in ("t-3", "t-4")]
    assert {event["personid"] for event in after} == {merges[0]["data"]["into"]}
    assert {event["subject"] for event in after} == {"a"}


async def test_a_poisoned_item_takes_none_of_its_neighbours_along(ingest: Any) -> None:
    await ingest.batch(group("g"))
    body = b"""{"batch": [{"type": "track", "messageId": "t-1", "userId": "u-1", "event": "report"},
        {"type": "track", "messageId": "nan", "userId": "u-1", "event": "report", "properties": {"n": NaN}},
        {"type": "track", "messageId": "half", "userId": "u-1", "event": "\\ud800"},
        {"type": "track", "messageId": "t-2", "userId": "u-1", "event": "report"}]}"""

    answer = (await ingest.client.post("/v1/batch", content=body)).json()

    assert [item["status"] for item in answer["items"]] == ["accepted", "refused", "refused", "accepted"]
    assert [event["id"] for event in await ingest.events("usage.tracked")] == ["t-1", "t-2"]


async def test_a_call_without_message_id_keeps_its_id_when_it_is_sent_again(ingest: Any) -> None:
    call = {"type": "track", "userId": "u-1", "event": "x", "timestamp": "2026-03-10T00:00:00Z"}

    for _ in range(2):
        await ingest.batch(call, context=None)
    await ingest.batch(group("g"))
    await ingest.batch(call)

    ids = [event["id"] for event in await ingest.events("usage.tracked")]
    assert len(ids) == 2  # one was waiting, one came later: the log's readers drop it
    assert len(set(ids)) == 1


async def test_too_large_a_batch_and_too_large_an_event_are_400_and_named(ingest: Any) -> None:
    event = await ingest.client.post(
        "/v1/batch", json={"batch": [track("t-1"), track("big", properties={"pad": "x" * 33_000})]}
    )
    batch = await ingest.client.post(
        "/v1/batch", json={"batch": [track(f"t-{n}", pad="x" * 20_000) for n in range(30)]}
    )

    assert (event.status_code, event.json()["code"], event.json()["field"]) == (400, "event_too_large", "batch.1")
    assert "big" in event.json()["message"]
    assert (batch.status_code, batch.json()["code"]) == (400, "batch_too_large")
    assert {"code", "message", "detail"} <= batch.json().keys()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"batch": 3}', b'{"batch": null}', b"\xff\xfe"])
async def test_a_body_of_another_form_is_a_400_that_says_why(ingest: Any, body: bytes) -> None:
    response = await ingest.client.post("/v1/batch", content=body)

    assert response.status_code == 400
    assert {"code", "message", "detail"} <= response.json().keys()


@pytest.mark.parametrize("way", ["basic", "bearer", "body"])
async def test_the_write_key_comes_by_basic_bearer_or_body(ingest: Any, way: str) -> None:
    body: dict[str, Any] = {"batch": [track("t-1")]}
    sent: dict[str, Any] = {"auth": lambda request: request}
    match way:
        case "basic":
            sent["auth"] = (ingest.key, "")
        case "bearer":
            sent["headers"] = {"authorization": f"Bearer {ingest.key}"}
        case "body":
            body["writeKey"] = ingest.key

    response = await ingest.client.post("/v1/batch", content=json.dumps(body), **sent)

    assert (response.status_code, response.json()["success"]) == (200, True)


async def test_the_quarantine_shows_what_waits_a_page_at_a_time_and_not_what_it_says(each_ingest: Any) -> None:
    await each_ingest.batch(*(track(f"t-{n}", properties={"n": n}) for n in range(5)))

    first = (await each_ingest.client.get("/v1/quarantine", params={"limit": 3})).json()
    second = (await each_ingest.client.get("/v1/quarantine", params={"limit": 3, "cursor": first["next"]})).json()

    assert (first["waiting"], first["sources"]) == (5, {"product": 5})
    assert [item["id"] for item in [*first["items"], *second["items"]]] == [f"t-{n}" for n in range(5)]
    assert second["next"] is None
    assert "data" not in first["items"][0]


async def test_a_text_is_kept_here_once_per_idempotency_key(each_ingest: Any) -> None:
    headers = {"idempotency-key": "note-1"}

    first = await each_ingest.client.post("/v1/texts", json={"text": "They like it."}, headers=headers)
    again = await each_ingest.client.post("/v1/texts", json={"text": "They like it."}, headers=headers)
    found = await each_ingest.client.get("/v1/texts/" + first.json()["text_ref"].removeprefix("ingest/"))
    missing = await each_ingest.client.get("/v1/texts/00000000-0000-0000-0000-000000000000")

    assert first.json() == again.json()
    assert found.json()["text"] == "They like it."
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_text")


async def test_people_are_listed_a_page_at_a_time(each_ingest: Any) -> None:
    await each_ingest.batch(*(group(f"g-{n}", f"u-{n}") for n in range(5)))

    first = (await each_ingest.client.get("/v1/people", params={"account": "acme", "limit": 3})).json()
    second = (await each_ingest.client.get("/v1/people", params={"limit": 3, "cursor": first["next"]})).json()

    assert [one["user"] for one in [*first["items"], *second["items"]]] == [f"u-{n}" for n in range(5)]
    assert second["next"] is None


async def test_a_batch_with_a_move_sent_again_is_told_to_the_same_accounts(each_ingest: Any) -> None:
    await each_ingest.batch(group("g-1", account="first"))
    batch = [track("before"), group("g-2", account="second"), track("after"), group("g-3", account="third")]

    for _ in range(3):
        each_ingest.world.advance(timedelta(seconds=10))
        await each_ingest.batch(*batch)

    told = {(event["id"], event["subject"]) for event in await each_ingest.events("usage.tracked")}
    assert told == {("before", "first"), ("after", "second")}


async def test_a_batch_whose_append_failed_after_its_move_was_kept_is_told_to_the_accounts_it_would_have_been(
    ingest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest.batch(group("g-1", account="first"))
    body = {"batch": [track("before"), group("g-2", account="second")]}

    async def down(_: object) -> None:
        raise LogError("the log is down")

    with monkeypatch.context() as patch:
        patch.setattr(ingest.platform.log, "append", down)
        assert (await ingest.client.post("/v1/batch", json=body)).status_code == 503
    ingest.world.advance(timedelta(seconds=10))
    await ingest.batch(*body["batch"])

    assert [event["subject"] for event in await ingest.events("usage.tracked")] == ["first"]


async def test_an_event_from_before_a_move_that_comes_after_it_is_told_to_the_account_before(ingest: Any) -> None:
    now = ingest.world.now()
    await ingest.batch(group("g-1", account="first", timestamp=(now - timedelta(days=1)).isoformat()))
    await ingest.batch(group("g-2", account="second", timestamp=now.isoformat()))

    late = (now - timedelta(minutes=1)).isoformat()
    await ingest.batch(track("late", timestamp=late), track("new", timestamp=now.isoformat()))

    told = {event["id"]: event["subject"] for event in await ingest.events("usage.tracked")}
    assert told == {"late": "first", "new": "second"}


async def test_what_is_kept_of_a_move_is_forgotten_when_a_repeat_is_no_longer_safe(each_ingest: Any) -> None:
    await each_ingest.batch(group("g-1", account="first"))
    await each_ingest.batch(track("before"), group("g-2", account="second"))
    each_ingest.world.advance(timedelta(days=4))

    await each_ingest.batch(group("g-3", account="third"))

    async with each_ingest.service.database.read() as tx:
        assert [row.event_id for row in await tx.fetch(select(SETTLED))] == ["g-3"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/people", {"user": "a\x00b"}),
        ("/v1/people", {"account": "a\x00b"}),
        ("/v1/people", {"cursor": encode_cursor("product", "a\x00b")}),
        ("/v1/people", {"cursor": encode_cursor("a\x00b", "u-1")}),
        ("/v1/people", {"cursor": "WyJcdWQ4MDAiLCJ1LTEiXQ"}),  # half of a character
        ("/v1/quarantine", {"cursor": encode_cursor("a\x00b")}),
        ("/v1/texts/a%00b", {}),
    ],
)
async def test_what_no_database_takes_is_refused(each_ingest: Any, path: str, query: dict[str, str]) -> None:
    answer = await each_ingest.client.get(path, params=query)

    assert answer.status_code == 422
    assert {"code", "message", "detail"} <= answer.json().keys()


@pytest.mark.parametrize("text", ["a\x00b", "half a \ud800"])
async def test_a_text_that_no_database_takes_is_refused(each_ingest: Any, text: str) -> None:
    answer = await each_ingest.client.post("/v1/texts", content=json.dumps({"text": text}).encode())

    assert answer.status_code == 422

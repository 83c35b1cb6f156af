"""POST /v1/events: our own form, an answer for each item, and what travels."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cskit.auth import new_key
from cskit.observability import new_traceparent


def usage(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": "usage.tracked", "account": "acme", "data": {"name": "report"}, **more}


async def test_an_accepted_event_is_on_the_log_when_the_answer_comes(ingest: Any) -> None:
    answer = await ingest.post(usage("e-1", user="u-1"))

    assert answer["items"] == [{"index": 0, "id": "e-1", "status": "accepted"}]
    (event,) = await ingest.events()
    assert (event["id"], event["source"], event["subject"], event["type"]) == (
        "e-1",
        "product",
        "acme",
        "usage.tracked",
    )
    assert event["time"] == event["receivedtime"] == "2026-03-10T12:30:00Z"
    assert "u-1" not in json.dumps(event)


@pytest.mark.parametrize("form", [lambda one: one, lambda one: [one], lambda one: {"events": [one]}])
async def test_one_event_a_list_and_an_object_with_events_are_the_same(ingest: Any, form: Any) -> None:
    response = await ingest.client.post("/v1/events", json=form(usage("e-1")))

    assert response.json()["accepted"] == 1


async def test_content_type_decides_nothing(ingest: Any) -> None:
    body = json.dumps(usage("e-1"))

    response = await ingest.client.post(
        "/v1/events", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )

    assert response.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        ({"type": "usage.tracked", "account": "a", "data": {"name": "x"}}, "missing_field", "id"),
        (usage("e", account=None), "missing_field", "account"),
        (usage("e", account="a@b"), "invalid_field", "account"),
        (usage("e", account="!control"), "invalid_field", "account"),
        (usage("e", user="a\x00b"), "invalid_field", "user"),
        (usage("e", data={"name": "mail taro@example.com"}), "invalid_field", "data.name"),
        (usage("e", data={"name": "x", "count": "3"}), "invalid_field", "data.count"),
        (usage("e", data={}), "missing_field", "data.name"),
        (usage("e", data={"name": "x", "a@b": 1}), "unknown_field", "data.?"),
        (usage("e", time="yesterday"), "invalid_field", "time"),
        (usage("e", time="0001-01-01T00:00:00Z"), "invalid_field", "time"),
        (usage("e", time="1969-12-31T23:59:59Z"), "invalid_field", "time"),
        (
            usage("e", type="ticket.changed", data={"ticket": "T-1", "opened_at": "0001-01-01T00:00:00Z"}),
            "invalid_field",
            "data.opened_at",
        ),
        (usage("e", type="clock.ticked", data={"hour": "2026-01-01T00:00:00Z"}), "unknown_type", "type"),
        (usage("e", type="person.erased"), "unknown_type", "type"),
        (usage("e", type="no.such"), "unknown_type", "type"),
        (usage("e", type="contact.described", data={}), "missing_field", "user"),
        (usage("e", data={"name": "x", "properties": {"n": 1, "pad": "x" * 33_000}}), "event_too_large", ""),
        (17, "not_an_object", ""),
    ],
)
async def test_a_bad_item_is_refused_alone_with_code_field_and_message(
    ingest: Any, item: Any, code: str, field: str
) -> None:
    answer = await ingest.post(usage("before"), item, usage("after"))

    bad = answer["items"][1]
    assert (bad["status"], bad["code"], bad["field"]) == ("refused", code, field)
    assert bad["message"].endswith(".")
    assert (answer["accepted"], answer["refused"]) == (2, 1)
    assert sorted(event["id"] for event in await ingest.events()) == ["after", "before"]


async def test_an_event_of_the_future_is_clamped_and_an_old_one_is_backfill(ingest: Any) -> None:
    now = ingest.world.now()

    await ingest.post(
        usage("future", time=(now + timedelta(hours=1)).isoformat()),
        usage("old", time=(now - timedelta(days=3, seconds=1)).isoformat()),
        usage("late", time=(now - timedelta(days=3)).isoformat()),
        usage("said", backfill=True),
    )

    found = {event["id"]: event for event in await ingest.events()}
    assert (found["future"]["time"], found["future"]["clamped"]) == ("2026-03-10T12:30:00Z", True)
    assert [id_ for id_, event in found.items() if event.get("backfill")] == ["old", "said"]


async def test_an_id_with_an_address_travels_as_a_keyed_hash_that_stays_the_same(ingest: Any) -> None:
    await ingest.post(usage("order@example.com"))
    await ingest.post(usage("order@example.com"), usage("x" * 129))

    first, again, long = sorted((event["id"] for event in await ingest.events()), key=len)
    ids = [first, again, long]
    assert len(set(ids)) == 2
    assert all(one.startswith("h-") and len(one) == 66 for one in ids)


async def test_texts_among_properties_stay_here_and_the_answer_counts_them(ingest: Any) -> None:
    properties = {"pages": 3, "share": 0.5, "done": True, "file": "secret.pdf", "who": {"name": "Taro"}, "none": None}

    answer = await ingest.post(usage("e-1", data={"name": "report", "properties": properties}))

    (event,) = await ingest.events()
    assert event["data"] == {"name": "report", "properties": {"pages": 3, "share": 0.5, "done": True}}
    assert answer["dropped"] == 3


async def test_names_and_addresses_of_a_contact_go_to_the_directory_only(ingest: Any) -> None:
    contact = {"role": "sponsor", "name": "Taro Yamada", "email": "taro@example.com", "locale": "ja"}

    await ingest.post({"id": "c", "type": "contact.described", "account": "acme", "user": "u-1", "data": contact})

    (event,) = await ingest.events()
    assert event["data"] == {"role": "sponsor", "locale": "ja"}
    people = (await ingest.client.get("/v1/people", params={"user": "u-1"})).json()["items"]
    assert [(one["name"], one["email"], one["account"]) for one in people] == [
        ("Taro Yamada", "taro@example.com", "acme")
    ]
    assert people[0]["id"] == event["personid"]


async def test_the_same_id_twice_in_a_request_is_one_event(ingest: Any) -> None:
    answer = await ingest.post(usage("e-1"), usage("e-1"))

    assert [item["status"] for item in answer["items"]] == ["accepted", "duplicate"]
    assert len(await ingest.events()) == 1


async def test_a_record_carries_the_trace_of_its_request(ingest: Any) -> None:
    trace = new_traceparent()

    await ingest.client.post("/v1/events", json=usage("e-1"), headers={"traceparent": trace})
    await ingest.client.post("/v1/events", json=usage("e-2"))

    headers = [dict(record.headers)["traceparent"].decode() for record in await ingest.sent() if record.key == b"acme"]
    assert headers[0][3:35] == trace[3:35]
    assert headers[1][3:35] not in ("", trace[3:35])


async def test_a_log_that_fails_is_a_503_to_try_again(ingest: Any) -> None:
    await ingest.post(usage("e-1"))
    await ingest.platform.log.close()

    response = await ingest.client.post("/v1/events", json=usage("e-2"))

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["code"] == "log_unavailable"
    assert {"code", "message", "detail"} <= response.json().keys()


async def test_a_key_without_the_scope_and_a_request_without_a_key_are_told_so(ingest: Any) -> None:
    nobody = await ingest.client.post("/v1/events", json=usage("e-1"), auth=lambda request: request)

    assert nobody.status_code == 401
    assert {"code", "message", "detail"} <= nobody.json().keys()


@pytest.mark.parametrize("source", ["ingest", "scoring", "survey", "playbook", "console", "service", "operator"])
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/events", usage("tick:2026-03-10T13:00:00Z:0")), ("/v1/batch", {"batch": []})]
)
async def test_a_key_whose_source_is_a_name_of_ours_sends_no_events(
    ingest: Any, path: str, body: Any, source: str
) -> None:
    now = ingest.platform.clocks.wall.now()
    # as a key file that was written by hand may have it
    text, entry = new_key("crm", ["ingest"], None, None, now)
    ingest.platform.keys.file.add(entry.model_copy(update={"sources": (source,)}))

    answer = await ingest.client.post(path, json=body, auth=(text, ""))

    assert (answer.status_code, answer.json()["code"]) == (403, "reserved_source")
    assert source in answer.json()["message"]
    assert await ingest.events() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(["usage.tracked", "account.described", "contact.described", "ticket.changed", "clock.ticked"])
CALLS = st.sampled_from(["track", "identify", "group", "page", "screen", "alias"])
TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=12)  # half characters, too
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXT | JSON,
        "type": TYPES | CALLS | JSON,
        "account": TEXT | JSON,
        "user": TEXT | JSON,
        "time": JSON | st.just("9999-12-31T23:59:59-01:00") | st.just("0001-01-01T00:00:00+09:00"),
        "data": JSON
        | st.dictionaries(st.sampled_from(["name", "properties", "custom", "count", "email"]), JSON | TEXT),
        "messageId": TEXT | JSON,
        "userId": TEXT | JSON,
        "anonymousId": TEXT | JSON,
        "groupId": TEXT | JSON,
        "previousId": TEXT | JSON,
        "event": TEXT | JSON,
        "timestamp": JSON | st.just("0001-01-01T00:00:00Z") | st.just("9999-12-31"),
        "traits": JSON | st.dictionaries(st.sampled_from(["name", "email", "plan", "locale", "role", "seats"]), JSON),
        "properties": JSON,
        "context": JSON | st.fixed_dictionaries({"groupId": TEXT | JSON}),
        "backfill": JSON,
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(items=st.lists(ITEM | JSON, max_size=4), whole=JSON, wrapped=st.booleans(), sent_at=JSON)
async def test_no_json_whatever_gives_an_error_of_ours(
    ingest: Any, items: Any, whole: Any, wrapped: bool, sent_at: Any
) -> None:
    native = json.dumps({"events": items} if wrapped else whole if whole else items)
    segment = json.dumps({"batch": items, "sentAt": sent_at} if wrapped else whole)

    answers = [
        await ingest.client.post("/v1/events", content=native.encode()),
        await ingest.client.post("/v1/batch", content=segment.encode()),
    ]

    for answer in answers:
        assert answer.status_code in (200, 400), answer.text
    if wrapped:
        for answer in answers:
            body = answer.json()
            assert [item["index"] for item in body["items"]] == list(range(len(items)))
            assert body["accepted"] + body["waiting"] + body["refused"] == len(items)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=st.binary(max_size=60) | st.sampled_from([b"[" * 5_000, b'{"a":' * 5_000, b"9" * 5_000, b'[{"id":1e999}]']))
async def test_no_bytes_whatever_give_an_error_of_ours(ingest: Any, body: bytes) -> None:
    for path in ("/v1/events", "/v1/batch"):
        answer = await ingest.client.post(path, content=body)

        assert answer.status_code in (200, 400), answer.text

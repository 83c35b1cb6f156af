"""Keys for pages of the web, and keys of several sources: what each may, from where, and what it hears."""

from typing import Any

import httpx
import pytest

from cskit.auth import new_key

PAGE = "https://app.example.com"
OTHER = "https://else.example.com"
EVENT = {"id": "e-1", "type": "usage.tracked", "account": "acme", "data": {"name": "x"}}
TRACK = {"type": "track", "messageId": "m-1", "event": "x", "userId": "u-1", "context": {"groupId": "acme"}}


def browser_key(ingest: Any, origin: str = PAGE, **more: Any) -> str:
    text, entry = new_key("site", [], None, None, ingest.platform.clocks.wall.now(), origins=[origin], **more)
    ingest.platform.keys.file.add(entry)
    return text


def key_of(ingest: Any, name: str, *scopes: str, also: tuple[str, ...] = ()) -> str:
    text, entry = new_key(name, scopes, [name, *also], None, ingest.platform.clocks.wall.now())
    ingest.platform.keys.file.add(entry)
    return text


async def sent(ingest: Any, key: str | None, path: str = "/v1/events", body: Any = EVENT, **headers: str) -> Any:
    """The answer to a POST with this key and these headers, whose names are written with _."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    auth: dict[str, Any] = {} if key is None else {"auth": (key, "")}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ingest.app), base_url="http://ingest") as client:
        return await client.post(path, json=body, headers=said, **auth)


async def preflight(ingest: Any, path: str, origin: str) -> Any:
    headers = {"origin": origin, "access-control-request-method": "POST"}
    return await ingest.client.options(path, headers={**headers, "access-control-request-headers": "authorization"})


def refused(answer: Any, status: int = 403) -> str:
    assert answer.status_code == status, answer.text
    code: str = answer.json()["code"]
    return code


@pytest.mark.parametrize("path", ["/v1/events", "/v1/batch", "/v1/track", "/batch/", "/v1/cloudevents"])
async def test_a_preflight_lets_pages_of_a_browser_keys_origin_in_and_no_others(ingest: Any, path: str) -> None:
    browser_key(ingest)

    known, other = await preflight(ingest, path, PAGE), await preflight(ingest, path, OTHER)

    assert known.status_code == other.status_code == 204
    assert known.headers["vary"] == other.headers["vary"] == "Origin"
    assert known.headers["access-control-allow-origin"] == PAGE
    assert known.headers["access-control-allow-methods"] == "POST"
    assert known.headers["access-control-max-age"] == "600"
    allowed = known.headers["access-control-allow-headers"]
    assert allowed == "authorization, content-type, content-encoding, kizashi-source"
    assert not [name for name in other.headers if name.startswith("access-control")]


async def test_other_routes_have_no_preflight(ingest: Any) -> None:
    browser_key(ingest)

    assert refused(await preflight(ingest, "/v1/imports", PAGE), 405) == "method_not_allowed"


async def test_a_page_of_the_keys_origin_sends_and_may_read_the_answer(ingest: Any) -> None:
    key = browser_key(ingest, rate=2)

    answer = await sent(ingest, key, origin=PAGE)

    assert answer.json()["accepted"] == 1
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    assert {"RateLimit", "Retry-After"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    (event,) = await ingest.events()
    assert (event["subject"], event["source"]) == ("acme", "site")


async def test_a_page_without_an_authorization_header_sends_its_key_in_the_body(ingest: Any) -> None:
    body = {"batch": [TRACK], "writeKey": browser_key(ingest)}

    right = await sent(ingest, None, "/v1/batch", body, origin=PAGE)
    wrong = await sent(ingest, None, "/v1/batch", body, origin=OTHER)

    assert right.json()["accepted"] == 1
    assert refused(wrong) == "origin_not_allowed"


async def test_a_page_of_another_origin_is_refused_and_told_which(ingest: Any) -> None:
    answer = await sent(ingest, browser_key(ingest), origin=OTHER)

    assert refused(answer) == "origin_not_allowed"
    assert OTHER in answer.json()["message"]
    assert "access-control-allow-origin" not in answer.headers
    assert await ingest.events() == []


async def test_the_origin_of_another_browser_key_does_not_do(ingest: Any) -> None:
    key = browser_key(ingest)
    browser_key(ingest, OTHER)

    answer = await sent(ingest, key, origin=OTHER)

    assert refused(answer) == "origin_not_allowed"
    assert answer.headers["access-control-allow-origin"] == OTHER, "its page may read why"


@pytest.mark.parametrize("headers", [{}, {"origin": "null"}, {"referer": PAGE}])
async def test_a_request_that_names_no_origin_is_refused(ingest: Any, headers: dict[str, str]) -> None:
    assert refused(await sent(ingest, browser_key(ingest), **headers)) == "origin_not_allowed"


async def test_a_browser_key_does_nothing_but_send_events(ingest: Any) -> None:
    key = browser_key(ingest)
    asked = [("GET", "/v1/imports"), ("POST", "/v1/imports"), ("GET", "/v1/people"), ("GET", "/v1/sources")]

    answers = [await ingest.client.request(*each, json={}, auth=(key, ""), headers={"origin": PAGE}) for each in asked]

    assert [refused(answer) for answer in answers] == ["browser_key"] * 4
    assert not any("access-control-allow-origin" in answer.headers for answer in answers)


async def test_a_servers_key_in_a_page_is_refused_and_its_owner_told_what_to_do(ingest: Any) -> None:
    browser_key(ingest)

    page = {"origin": PAGE, "sec_fetch_site": "cross-site"}
    answer = await sent(ingest, ingest.key, **page)
    by_body = await sent(ingest, None, "/v1/batch", {"batch": [TRACK], "writeKey": ingest.key}, **page)

    assert refused(answer) == refused(by_body) == "server_key_in_browser"
    assert "kizashi keys revoke" in answer.json()["message"]
    assert ingest.key not in answer.text
    assert (await sent(ingest, ingest.key)).json()["accepted"] == 1
    assert (await sent(ingest, ingest.key, origin="null")).status_code == 200, "a program that names an origin"


async def test_a_page_may_read_refusals_too(ingest: Any) -> None:
    key = browser_key(ingest, rate=1)
    many = [EVENT | {"id": str(number)} for number in range(4)]

    none = await sent(ingest, "kzb_abcdefgh_x", origin=PAGE)
    broken = await sent(ingest, key, body="text", origin=PAGE)
    huge = await sent(ingest, key, "/v1/batch", {"batch": ["x" * 5_000_000]}, origin=PAGE)
    await sent(ingest, key, body=many, origin=PAGE)
    limited = await sent(ingest, key, body=many, origin=PAGE)

    answers = [none, broken, huge, limited]
    assert [answer.status_code for answer in answers] == [401, 400, 413, 429]
    assert {answer.headers.get("access-control-allow-origin") for answer in answers} == {PAGE}
    assert int(limited.headers["retry-after"]) >= 1


async def test_a_browser_key_sends_usage_only_and_one_bad_item_refuses_no_other(ingest: Any) -> None:
    key = browser_key(ingest)
    who = {"type": "contact.described", "id": "e-2", "user": "u-1", "account": "acme", "data": {}}
    calls = [
        TRACK,
        {"type": "page", "messageId": "m-2", "userId": "u-1", "context": {"groupId": "acme"}},
        {"type": "identify", "messageId": "m-3", "userId": "u-1", "traits": {"email": "a@example.com"}},
        {"type": "group", "messageId": "m-4", "userId": "u-1", "groupId": "rival"},
        {"type": "alias", "messageId": "m-5", "userId": "u-1", "previousId": "u-2"},
    ]

    native = await sent(ingest, key, body=[EVENT, who], origin=PAGE)
    segment = await sent(ingest, key, "/v1/batch", {"batch": calls}, origin=PAGE)

    told = [
        (one["id"], one["status"], one.get("code")) for answer in (native, segment) for one in answer.json()["items"]
    ]
    assert told == [
        ("e-1", "accepted", None),
        ("e-2", "refused", "not_from_browser"),
        ("m-1", "accepted", None),
        ("m-2", "accepted", None),
        *((f"m-{number}", "refused", "not_from_browser") for number in (3, 4, 5)),
    ]
    assert sorted(event["id"] for event in await ingest.events()) == ["e-1", "m-1", "m-2"]


async def test_each_dialect_names_its_own_field_where_a_browser_key_may_not_send(ingest: Any) -> None:
    key = browser_key(ingest)
    event = {
        "event": "$identify",
        "distinct_id": "u-1",
        "uuid": "p-1",
        "properties": {"$set": {"email": "a@example.com"}},
    }
    cloud = {
        "specversion": "1.0",
        "id": "c-1",
        "source": "site",
        "type": "account.described",
        "subject": "acme",
        "data": {},
    }

    posthog = await sent(ingest, None, "/batch/", {"api_key": key, "batch": [event]}, origin=PAGE)
    cloudevent = await sent(ingest, key, "/v1/cloudevents", cloud, origin=PAGE)

    items = [answer.json()["items"][0] for answer in (posthog, cloudevent)]
    assert [(item["code"], item["field"]) for item in items] == [
        ("not_from_browser", "event"),
        ("not_from_browser", "type"),
    ]
    assert await ingest.events() == []


async def test_servers_hear_nothing_of_origins(ingest: Any) -> None:
    answer = await sent(ingest, ingest.key)

    assert "vary" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_key_of_several_sources_sends_as_the_one_that_the_header_names(ingest: Any) -> None:
    key = key_of(ingest, "web", "ingest", also=("phone",))

    usual = await sent(ingest, key)
    chosen = await sent(ingest, key, kizashi_source="phone")
    by_body = await sent(ingest, None, "/v1/batch", {"batch": [TRACK], "writeKey": key}, kizashi_source="phone")
    foreign = await sent(ingest, key, kizashi_source="billing")

    assert [answer.status_code for answer in (usual, chosen, by_body)] == [200] * 3
    assert refused(foreign) == "source_not_allowed"
    assert foreign.json()["sources"] == ["web", "phone"]
    events = await ingest.events()
    assert sorted((event["id"], event["source"]) for event in events) == [
        ("e-1", "phone"),
        ("e-1", "web"),
        ("m-1", "phone"),
    ]


async def test_an_import_belongs_to_the_source_that_was_chosen_and_is_unknown_to_the_others(ingest: Any) -> None:
    key, stranger = key_of(ingest, "web", "ingest", also=("phone",)), key_of(ingest, "crm", "ingest")
    asked = {"kind": "accounts", "sha256": "0" * 64, "lines": 1, "columns": {"account": "id"}}
    phone = {"kizashi-source": "phone"}

    begun = await ingest.client.post("/v1/imports", json=asked, auth=(key, ""), headers=phone)

    assert begun.json()["source"] == "phone", begun.text
    path = f"/v1/imports/{begun.json()['id']}"
    assert (await ingest.client.get(path, auth=(key, ""), headers=phone)).status_code == 200
    assert refused(await ingest.client.get(path, auth=(key, "")), 404) == "unknown_import"
    assert refused(await ingest.client.get(path, auth=(stranger, "")), 404) == "unknown_import"
    assert (await ingest.client.get("/v1/imports", auth=(key, ""))).json()["items"] == []
    denied = await ingest.client.get(path, auth=(stranger, ""), headers=phone)
    assert refused(denied) == "source_not_allowed"

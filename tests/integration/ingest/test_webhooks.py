"""Sources and their webhooks, as other companies' products send them."""

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import stripe
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select
from standardwebhooks import Webhook
from structlog.testing import capture_logs
from tests.integration.ingest.conftest import NOW, Ingest

from csmodels.ids import derived_id
from ingest.tables import OBJECTS

SECRET = "a secret that is long enough"
CREATED = int(datetime(2026, 3, 10, 12, 0, tzinfo=UTC).timestamp())
ORG = "00D000000000001EAA"


def mac(signed: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def headers_of(kind: str, body: bytes) -> dict[str, str]:
    now = int(time.time())
    if kind == "stripe":
        return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET)}
    if kind == "zendesk":
        stamp = datetime.now(UTC).isoformat()
        return {
            "x-zendesk-webhook-signature-timestamp": stamp,
            "x-zendesk-webhook-signature": mac(stamp.encode() + body),
        }
    if kind == "zoho_desk":
        return {"x-zdesk-jwt": jwt.encode({"alg": "HS256"}, {"iat": now}, OctKey.import_key(SECRET))}
    if kind == "intercom":
        return {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()}
    if kind == "hubspot":
        stamp = str(now * 1000)
        uri = b"http://127.0.0.1:8000/v1/webhooks/hubspot"
        return {
            "x-hubspot-request-timestamp": stamp,
            "x-hubspot-signature-v3": mac(b"POST" + uri + body + stamp.encode()),
        }
    return {"x-kizashi-token": SECRET}


async def put(ingest: Ingest, kind: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    options = {"organization_id": ORG} if kind == "salesforce" else {}
    body = {"kind": kind, "secret": SECRET, "options": options, **more}
    answer = await ingest.client.put(f"/v1/sources/{name or kind}", json=body)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def send(
    ingest: Ingest, kind: str, body: Any, headers: Mapping[str, str] | None = None, name: str | None = None
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = headers_of(kind, raw) if headers is None else headers
    return await ingest.client.post(f"/v1/webhooks/{name or kind}", content=raw, headers=signed)


def subscription(number: int, quantity: int, was: int | None, **more: Any) -> dict[str, Any]:
    price = {"id": "price_pro", "unit_amount": 5000, "currency": "jpy", "recurring": {"interval": "month"}}
    held = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "currency": "jpy",
        "start_date": CREATED,
        "metadata": {"account": "acme"},
        "items": {"data": [{"price": price, "quantity": quantity}]},
        **more,
    }
    data: dict[str, Any] = {"object": held}
    if was is not None:
        data["previous_attributes"] = {"items": {"data": [{"price": price, "quantity": was}]}}
    kind = "created" if was is None else "updated"
    return {"id": f"evt_{number}", "type": f"customer.subscription.{kind}", "created": CREATED, "data": data}


def soap(*inner: str, organization: str = ORG) -> bytes:
    notes = "".join(f"<Notification><Id>04l{n}</Id>{one}</Notification>" for n, one in enumerate(inner))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body><notifications '
        f'xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId>{notes}'
        "</notifications></s:Body></s:Envelope>"
    ).encode()


TIME = "2026-03-10T12:00:00Z"
SAMPLES: dict[str, tuple[Any, list[str]]] = {
    "stripe": (subscription(1, 3, None), ["contract.changed"]),
    "zendesk": (
        {
            "id": "01ABC",
            "type": "zen:event-type:ticket.created",
            "time": TIME,
            "event": {},
            "detail": {
                "id": "35436",
                "organization_id": "5501",
                "requester_id": "77",
                "priority": "URGENT",
                "status": "OPEN",
                "created_at": TIME,
                "updated_at": TIME,
                "description": "It does not open",
                "via": {"channel": "web"},
                "type": "Incident",
            },
        },
        ["ticket.changed"],
    ),
    "zoho_desk": (
        [
            {
                "eventType": "Ticket_Add",
                "eventTime": str(CREATED * 1000),
                "payload": {
                    "id": "1892000000143237",
                    "accountId": "1892000000975382",
                    "contactId": "1892000000042032",
                    "priority": "High",
                    "status": "Open",
                    "channel": "Email",
                    "createdTime": "2026-03-10T12:00:00.000Z",
                },
            }
        ],
        ["ticket.changed"],
    ),
    "intercom": (
        {
            "id": "notif_1",
            "topic": "conversation.admin.closed",
            "created_at": CREATED,
            "data": {
                "item": {
                    "id": "123",
                    "state": "closed",
                    "priority": "priority",
                    "created_at": CREATED,
                    "company": {"company_id": "acme"},
                    "contacts": {"contacts": [{"id": "c1", "external_id": "u1"}]},
                    "source": {"type": "email", "body": "<p>Hello</p>"},
                    "conversation_rating": {"rating": 4},
                }
            },
        },
        ["ticket.changed"],
    ),
    "hubspot": (
        [
            {"eventId": 1, "objectId": 900, "subscriptionType": "company.propertyChange", "occurredAt": CREATED * 1000,
             "propertyName": "name", "propertyValue": "アクメ株式会社"},
            {"eventId": 2, "objectId": 55, "subscriptionType": "contact.propertyChange", "occurredAt": CREATED * 1000,
             "propertyName": "associatedcompanyid", "propertyValue": "900"},
            {"eventId": 3, "objectId": 8, "subscriptionType": "deal.propertyChange", "occurredAt": CREATED * 1000,
             "propertyName": "dealstage", "propertyValue": "closedwon", "associatedCompanyId": 900},
        ],
        ["account.described", "contact.described", "signal.seen"],
    ),
    "salesforce": (
        soap(
            f'<sObject xsi:type="sf:Account" xmlns:sf="x"><sf:Id>001A</sf:Id><sf:Name>Acme &amp; Co</sf:Name>'
            f"<sf:NumberOfEmployees>12</sf:NumberOfEmployees><sf:SystemModstamp>{TIME}</sf:SystemModstamp></sObject>",
            '<sObject xsi:type="sf:Contact" xmlns:sf="x"><sf:Id>003A</sf:Id><sf:AccountId>001A</sf:AccountId>'
            f"<sf:Name>Alice</sf:Name><sf:SystemModstamp>{TIME}</sf:SystemModstamp></sObject>",
            '<sObject xsi:type="sf:Opportunity" xmlns:sf="x"><sf:Id>006A</sf:Id><sf:AccountId>001A</sf:AccountId>'
            f"<sf:StageName>Closed Won</sf:StageName><sf:SystemModstamp>{TIME}</sf:SystemModstamp></sObject>",
        ),
        ["account.described", "contact.described", "signal.seen"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(SAMPLES))
async def test_what_a_source_sends_is_on_the_log_as_our_events(each_ingest: Ingest, kind: str) -> None:
    body, types = SAMPLES[kind]
    await put(each_ingest, kind)

    answer = await send(each_ingest, kind, body)

    assert answer.status_code == 200, answer.text
    events = await each_ingest.events()
    assert sorted(event["type"] for event in events) == types
    assert {event["source"] for event in events} == {kind}
    if kind == "salesforce":
        assert "<Ack>true</Ack>" in answer.text
    else:
        assert (answer.json()["accepted"], answer.json()["refused"]) == (len(types), 0)


async def test_the_text_of_a_ticket_stays_here_and_its_reference_travels(ingest: Ingest) -> None:
    await put(ingest, "zendesk")

    await send(ingest, "zendesk", SAMPLES["zendesk"][0])

    (event,) = await ingest.events()
    assert "does not open" not in json.dumps(event)
    text = await ingest.client.get(f"/v1/texts/{event['data']['text_ref'].partition('/')[2]}")
    assert text.json()["text"] == "It does not open"


async def test_the_text_of_a_ticket_that_is_refused_is_not_kept(ingest: Ingest) -> None:
    await put(ingest, "zendesk")
    whole = SAMPLES["zendesk"][0]
    bad = {**whole, "id": "01BAD", "detail": {**whole["detail"], "organization_id": "an@address"}}

    taken = await send(ingest, "zendesk", whole)
    refused = await send(ingest, "zendesk", bad)

    assert (taken.json()["accepted"], refused.json()["refused"]) == (1, 1)
    texts = [derived_id("webhook.text", "zendesk", each["id"]) for each in (whole, bad)]
    assert [(await ingest.client.get(f"/v1/texts/{each}")).status_code for each in texts] == [200, 404]


async def test_what_does_not_fit_a_mapping_is_logged_without_what_was_said(ingest: Ingest) -> None:
    await put(ingest, "zendesk")
    whole = SAMPLES["zendesk"][0]
    odd = {**whole, "detail": {**whole["detail"], "priority": ["what a person said"]}}

    with capture_logs() as logs:
        answer = await send(ingest, "zendesk", odd)

    assert answer.json()["refused"] == 1
    (told,) = (each for each in logs if each["event"] == "webhook.not_mapped")
    assert told["mapping"] == ["line 20"]
    assert "what a person said" not in json.dumps(logs, default=str)


@pytest.mark.parametrize(
    ("kind", "path"),
    [("zendesk", ("detail", "description")), ("intercom", ("data", "item", "source", "body"))],
)
async def test_a_text_that_was_cut_within_an_emoji_is_taken(ingest: Ingest, kind: str, path: tuple[str, ...]) -> None:
    await put(ingest, kind)
    body = json.loads(json.dumps(SAMPLES[kind][0]))
    within = body
    for name in path[:-1]:
        within = within[name]
    within[path[-1]] = "Great product \ud83d"

    answer = await send(ingest, kind, body)

    assert answer.json()["accepted"] == 1
    (event,) = await ingest.events()
    text = await ingest.client.get(f"/v1/texts/{event['data']['text_ref'].partition('/')[2]}")
    assert text.json()["text"] == "Great product \ufffd"


async def test_half_a_character_in_an_id_and_a_name_is_no_error(ingest: Ingest) -> None:
    await put(ingest, "stripe")
    body = subscription(1, 3, None)
    body["id"] += "\udc00"
    body["data"]["object"]["items"]["data"][0]["price"]["nickname"] = "\ud83d\ude00 Pro \ud83d"

    assert (await send(ingest, "stripe", body)).json()["accepted"] == 1

    (event,) = await ingest.events()
    assert event["data"]["plan"] == "😀 Pro \ufffd"


async def test_a_price_whose_nickname_is_no_label_goes_by_its_id(ingest: Ingest) -> None:
    await put(ingest, "stripe")
    body = subscription(1, 3, None)
    body["data"]["object"]["items"]["data"][0]["price"]["nickname"] = "Team @ 5000"

    assert (await send(ingest, "stripe", body)).json()["accepted"] == 1

    (event,) = await ingest.events()
    assert event["data"]["plan"] == "price_pro"


async def test_a_subscription_says_what_a_month_of_it_costs(ingest: Ingest) -> None:
    await put(ingest, "stripe")

    await send(ingest, "stripe", subscription(1, 3, None))

    (event,) = await ingest.events()
    data = event["data"]
    assert (event["subject"], data["mrr"], data["currency"], data["seats"]) == ("acme", "15000", "JPY", 3)
    assert (data["status"], data["plan"], data["starts_on"]) == ("active", "price_pro", "2026-03-10")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
async def test_deliveries_in_any_order_end_in_the_last_state(ingest: Ingest, order: tuple[int, ...]) -> None:
    await put(ingest, "stripe")
    chain = [subscription(8, 1, None), subscription(3, 2, 1), subscription(7, 1, 2), subscription(1, 6, 1)]

    for place in (*order, *order[:2]):
        assert (await send(ingest, "stripe", chain[place])).json()["refused"] == 0

    last = max(await ingest.events(), key=lambda event: (event["time"], event["id"]))
    assert last["data"]["seats"] == 6


async def test_a_change_that_is_refused_has_no_place_in_the_order_and_is_not_remembered(ingest: Ingest) -> None:
    await put(ingest, "stripe")
    odd = subscription(5, 9, 1, start_date="what-a-person-said")

    first = await send(ingest, "stripe", subscription(8, 1, None))
    refused = await send(ingest, "stripe", odd)
    last = await send(ingest, "stripe", subscription(3, 2, 1))

    assert (first.json()["accepted"], last.json()["accepted"]) == (1, 1)
    assert (refused.json()["accepted"], refused.json()["refused"]) == (0, 1)
    newest = max(await ingest.events(), key=lambda event: (event["time"], event["id"]))
    assert newest["data"]["seats"] == 2
    async with ingest.platform.database("ingest").read() as tx:
        (row,) = await tx.fetch(select(OBJECTS))
    assert "what-a" not in row.state


async def test_an_unknown_source_and_a_bad_signature_are_told_the_same(ingest: Ingest) -> None:
    await put(ingest, "stripe")

    unknown = await send(ingest, "stripe", {}, name="nobody")
    forged = await send(ingest, "stripe", {}, {"stripe-signature": "t=1,v1=00"})

    assert unknown.status_code == forged.status_code == 401
    assert unknown.json()["message"] == forged.json()["message"]


async def test_a_message_of_another_organization_is_refused(ingest: Ingest) -> None:
    await put(ingest, "salesforce")

    answer = await send(ingest, "salesforce", soap(organization="00Dother"))

    assert answer.status_code == 401


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b"[1e999]", b"\xff", b"[" * 50_000, b"[" * 65 + b"]" * 65])
async def test_a_body_that_is_none_is_400(ingest: Ingest, body: bytes) -> None:
    await put(ingest, "intercom")

    answer = await send(ingest, "intercom", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


async def test_a_body_that_is_too_large_is_413(ingest: Ingest) -> None:
    await put(ingest, "intercom")
    await put(ingest, "intercom", "roomy", options={"max_bytes": 2_000_000})
    body = json.dumps({"id": "n", "topic": "x" * 1_100_000, "data": {}}).encode()

    assert (await send(ingest, "intercom", body)).status_code == 413
    assert (await send(ingest, "intercom", body, name="roomy")).status_code == 200


async def test_what_we_do_not_need_is_taken_with_no_items(ingest: Ingest) -> None:
    await put(ingest, "stripe")

    answer = await send(ingest, "stripe", {"id": "evt_1", "type": "charge.succeeded", "created": CREATED, "data": {}})

    assert answer.json() == {"accepted": 0, "waiting": 0, "refused": 0, "dropped": 0, "items": []}


async def test_a_source_of_ones_own_gets_a_secret_once_and_a_mapping(ingest: Ingest) -> None:
    mapping = (
        "kind: json\nitems: '[@]'\nrules:\n- type: milestone.reached\n  id: id\n  account: a\n  data: {milestone: m}\n"
    )
    made = await ingest.client.put("/v1/sources/own", json={"kind": "json", "mapping": mapping})
    secret = made.json()["secret"]
    body = b'{"id": "1", "a": "acme", "m": "live"}'
    now = datetime.now(UTC)
    signed = {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("m1", now, body.decode()),
    }

    answer = await send(ingest, "json", body, signed, name="own")

    assert answer.json()["accepted"] == 1
    shown = await ingest.client.get("/v1/sources/own")
    assert secret not in shown.text
    assert shown.json()["secrets"] == [{"until": None}]


async def test_a_secret_is_rotated_without_a_gap(ingest: Ingest) -> None:
    await put(ingest, "stripe")

    said = await put(ingest, "stripe", secret="another long secret", secret_overlap="PT1H")

    assert len(said["secrets"]) == 2
    assert SECRET not in json.dumps(said)
    assert (await send(ingest, "stripe", subscription(1, 1, None))).status_code == 200
    await put(ingest, "stripe", secret="a third long secret", secret_overlap="PT0S")
    assert (await send(ingest, "stripe", subscription(1, 1, None))).status_code == 401


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("scoring", {"kind": "stripe", "secret": SECRET}, "reserved_source"),
        ("s", {"kind": "stripe"}, "missing_secret"),
        ("s", {"kind": "json"}, "missing_mapping"),
        ("s", {"kind": "json", "mapping": "kind: json\nrules: 1"}, "invalid_mapping"),
        ("s", {"kind": "stripe", "secret": SECRET, "options": {"x": 1}}, "unknown_option"),
        ("s", {"kind": "salesforce"}, "missing_option"),
        ("s", {"kind": "zoho_desk", "options": {"public_key": "x"}}, "invalid_option"),
        ("s", {"kind": "json", "mapping": "x", "secret": "not base64 at all"}, "invalid_secret"),
    ],
)
async def test_what_cannot_be_a_source_is_refused(ingest: Ingest, name: str, body: dict[str, Any], code: str) -> None:
    answer = await ingest.client.put(f"/v1/sources/{name}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_sources_are_listed_a_page_at_a_time(ingest: Ingest) -> None:
    for name in ("a", "b", "c"):
        await put(ingest, "stripe", name)

    first = (await ingest.client.get("/v1/sources", params={"limit": 2})).json()
    rest = (await ingest.client.get("/v1/sources", params={"limit": 2, "cursor": first["next"]})).json()

    assert [one["name"] for one in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["next"] is None
    assert ingest.world.now() == NOW

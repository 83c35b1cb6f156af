"""How other companies' products bring the person: signed webhooks of help desks, billing and CRMs, and files."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import httpx
import stripe
from joserfc import jwt
from joserfc.jwk import OctKey
from standardwebhooks import Webhook
from tests.canaries.place import Place, checked
from tests.running.processes import ended

FILES: Final = "import"  # the source of files
_SECRET: Final = "a secret that is long enough"
_ORGANIZATION: Final = "00D000000000001EAA"
_MAPPING: Final = """
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


async def by_webhooks(place: Place) -> None:
    """One delivery of each source, with the person in all that these products send along; and ones that do not fit."""
    now = datetime.now(UTC)
    for kind, bodies in _deliveries(place, now).items():
        options = {"organization_id": _ORGANIZATION} if kind == "salesforce" else {}
        told: dict[str, Any] = {"kind": kind, "options": options}
        told |= {"mapping": _MAPPING} if kind == "json" else {"secret": _SECRET}
        secret = checked(await place.admin.put(f"/v1/sources/{kind}", json=told)).get("secret") or _SECRET
        async with place.stranger() as client:
            for body, refused in bodies:
                headers = _signed(kind, body, secret, f"{place.public_url}/v1/webhooks/{kind}")
                answer = await client.post(f"/v1/webhooks/{kind}", content=body, headers=headers)
                assert answer.status_code == 200, f"{kind}: {answer.text}"
                if kind != "salesforce":
                    said = answer.json()
                    assert (said["refused"], said["accepted"] + said["waiting"] > 0) == (refused, not refused), said
            await _not_taken(client, kind, bodies[0][0], secret, place)


async def _not_taken(client: httpx.AsyncClient, kind: str, body: bytes, secret: str, place: Place) -> None:
    """A forged delivery, and one that is cut off."""
    path = f"/v1/webhooks/{kind}"
    assert (await client.post(path, content=body)).status_code == 401
    cut = body[: len(body) // 2]
    signed = _signed(kind, cut, secret, f"{place.public_url}{path}")
    assert (await client.post(path, content=cut, headers=signed)).status_code == 400


def _deliveries(place: Place, now: datetime) -> Mapping[str, list[tuple[bytes, int]]]:
    """The bodies of each kind, each with how many of its items are refused: none, or all."""
    return {
        kind: [(body if isinstance(body, bytes) else json.dumps(body).encode(), refused) for body, refused in bodies]
        for kind, bodies in {
            "stripe": _stripe(place, int(now.timestamp())),
            "zendesk": _zendesk(place, now.isoformat()),
            "zoho_desk": _zoho_desk(place, now.isoformat()),
            "intercom": _intercom(place, int(now.timestamp())),
            "hubspot": _hubspot(place, int(now.timestamp() * 1000)),
            "salesforce": _salesforce(place, now.isoformat()),
            "json": _json(place),
        }.items()
    }


def _stripe(place: Place, now: int) -> list[tuple[Any, int]]:
    person = {
        "customer_name": "canary-stripe-name",
        "customer_email": "canary-stripe-mail@example.com",
        "customer_address": {"line1": "canary-stripe-said"},
        "description": "canary-stripe-said",
        "custom_fields": [{"name": "contact", "value": "canary-stripe-said"}],
        "metadata": {"account": place.account, "contact": "canary-stripe-said", "canary-stripe-said": "1"},
    }
    price = {"id": "price_1", "unit_amount": 500, "currency": "usd", "recurring": {"interval": "month"}}
    sub = {
        **person, "id": "sub_1", "customer": "cus_1", "status": "active", "currency": "usd", "start_date": now,
        "items": {"data": [{"price": price, "quantity": 1, "metadata": {"seat_of": "canary-stripe-said"}}]},
        "cancellation_details": {"comment": "canary-stripe-said", "feedback": "too_complex"},
    }  # fmt: skip
    before = {"description": "canary-stripe-said", "metadata": {"contact": "canary-stripe-said"}}
    invoice = {**person, "id": "in_1", "customer": "cus_1", "status": "open", "currency": "usd", "total": 500}
    odd = {**invoice, "due_date": "canary-refused-value@example.com"}  # no day, but it is taken for one
    return [
        ({"id": "evt_1", "type": "customer.subscription.created", "created": now, "data": {"object": sub}}, 0),
        (
            {
                "id": "evt_2",
                "type": "customer.subscription.updated",
                "created": now,
                "data": {"object": sub, "previous_attributes": before},
            },
            0,
        ),
        ({"id": "evt_3", "type": "invoice.created", "created": now, "data": {"object": invoice}}, 0),
        (
            {
                "id": "evt_4",
                "type": "invoice.updated",
                "created": now,
                "data": {"object": {**invoice, "due_date": {"is": "canary-refused-value@example.com"}}},
            },
            1,
        ),
        ({"id": "evt_5", "type": "invoice.updated", "created": now, "data": {"object": odd}}, 1),
    ]


def _zendesk(place: Place, now: str) -> list[tuple[Any, int]]:
    detail = {
        "id": "501", "organization_external_id": place.account, "requester_id": "7001", "status": "OPEN",
        "priority": "HIGH", "created_at": now, "updated_at": now, "type": "question",
        "subject": "canary-zendesk-said", "description": "canary-zendesk-text: it does not open",
        "via": {"channel": "email", "source": {"from": {"address": "canary-zendesk-said@example.com"}}},
        "custom_fields": [{"id": 1, "value": "canary-zendesk-said"}], "tags": ["canary-zendesk-said"],
        "satisfaction_rating": {"score": "good", "comment": "canary-zendesk-said"},
        "custom_topic": "canary-zendesk-topic@example.com",
    }  # fmt: skip
    event = {"comment": {"author": {"name": "canary-zendesk-said"}, "body": "canary-zendesk-said"}}
    whole = {"id": "z1", "type": "zen:event-type:ticket.created", "time": now, "event": event, "detail": detail}
    early = {**detail, "requester_id": "7004", "organization_external_id": None}  # waits for an account
    early |= {"description": "canary-zendesk-waiting: nobody answers"}
    odd = {**detail, "description": "canary-refused-text", "priority": ["canary-refused-value"]}
    bad = {**detail, "description": "canary-refused-text", "organization_external_id": "canary-refused-id@example.com"}
    return [
        (whole, 0),
        ({**whole, "id": "z2", "detail": early}, 0),
        ({**whole, "id": "z3", "detail": odd}, 1),
        ({**whole, "id": "z4", "detail": bad}, 1),
    ]


def _zoho_desk(place: Place, now: str) -> list[tuple[Any, int]]:
    payload = {
        "id": "601", "accountId": place.account, "contactId": "7002", "status": "Open", "priority": "High",
        "channel": "Email", "createdTime": now, "modifiedTime": now, "subject": "canary-zoho-said",
        "description": "canary-zoho-text: it does not open", "email": "canary-zoho-said@example.com",
        "contact": {"firstName": "canary-zoho-said", "lastName": "canary-zoho-said", "phone": "canary-zoho-said"},
        "cf": {"cf_contact": "canary-zoho-said"}, "customFields": {"Contact": {"name": "canary-zoho-said"}},
    }  # fmt: skip
    odd = {**payload, "description": "canary-refused-text", "category": {"name": "canary-refused-value"}}
    timeless = {"eventType": "Ticket_Add", "eventTime": "canary-refused-value@example.com", "payload": payload}
    before = {"subject": "canary-zoho-said"}
    return [
        ([{"eventType": "Ticket_Update", "payload": payload, "prevState": before}], 0),
        ([{"eventType": "Ticket_Add", "payload": odd}], 1),
        ([timeless], 1),
    ]


def _intercom(place: Place, now: int) -> list[tuple[Any, int]]:
    contact = {"id": "c1", "external_id": "canary-intercom-user@example.com", "name": "canary-intercom-said"}
    item = {
        "id": "701", "state": "open", "created_at": now, "company": {"company_id": place.account},
        "contacts": {"contacts": [contact]}, "title": "canary-intercom-said",
        "source": {
            "type": "email", "subject": "canary-intercom-said", "body": "<p>canary-intercom-text</p>",
            "author": {"name": "canary-intercom-said", "email": "canary-intercom-said@example.com"},
        },
        "conversation_parts": {"conversation_parts": [{"body": "canary-intercom-said"}]},
        "custom_attributes": {"contact": "canary-intercom-said"},
        "conversation_rating": {"rating": 4, "remark": "canary-intercom-said"},
    }  # fmt: skip
    whole = {"id": "notif_1", "topic": "conversation.user.created", "created_at": now, "data": {"item": item}}
    odd = {**item, "tags": {"tags": [{"name": ["canary-refused-value@example.com"]}]}}
    return [(whole, 0), ({**whole, "id": "notif_2", "data": {"item": odd}}, 1)]


def _hubspot(place: Place, now: int) -> list[tuple[Any, int]]:
    contact = {"objectId": 7003, "subscriptionType": "contact.propertyChange", "occurredAt": now}
    return [
        (
            [
                {**contact, "eventId": 1, "propertyName": "associatedcompanyid", "propertyValue": place.account},
                {**contact, "eventId": 2, "propertyName": "email", "propertyValue": "canary-hubspot-mail@example.com"},
                {**contact, "eventId": 3, "propertyName": "firstname", "propertyValue": "canary-hubspot-said"},
                {**contact, "eventId": 4, "propertyName": "hs_notes", "propertyValue": "canary-hubspot-said"},
                {
                    **contact,
                    "eventId": 5,
                    "subscriptionType": "contact.creation",
                    "changeSource": "canary-hubspot-said",
                },
            ],
            0,
        ),
        ([{**contact, "eventId": 6, "propertyName": "email", "occurredAt": "canary-refused-value@example.com"}], 1),
    ]


def _salesforce(place: Place, now: str) -> list[tuple[Any, int]]:
    person = {"Id": "003A", "AccountId": place.account, "Name": "canary-salesforce-name",
              "FirstName": "canary-salesforce-said", "LastName": "canary-salesforce-said",
              "Email": "canary-salesforce-mail@example.com", "Phone": "canary-salesforce-said",
              "Description": "canary-salesforce-said", "SystemModstamp": now}  # fmt: skip
    deal = {"Id": "006A", "AccountId": place.account, "Name": "canary-salesforce-said", "StageName": "Closed Won",
            "Description": "canary-salesforce-said", "NextStep": "canary-salesforce-said"}  # fmt: skip
    company = {"Id": "001A", "Kizashi_Account__c": place.account, "Phone": "canary-salesforce-said",
               "NumberOfEmployees": "canary-refused-value@example.com"}  # fmt: skip
    return [
        (_soap(("Contact", person), ("Opportunity", deal)), 0),
        (_soap(("Account", company)), 1),
    ]


def _soap(*objects: tuple[str, Mapping[str, str]]) -> bytes:
    notes = "".join(
        f'<Notification><Id>04l{number}{kind}</Id><sObject xsi:type="sf:{kind}" xmlns:sf="x">'
        + "".join(f"<sf:{name}>{escape(text)}</sf:{name}>" for name, text in fields.items())
        + "</sObject></Notification>"
        for number, (kind, fields) in enumerate(objects)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body><notifications '
        f'xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{_ORGANIZATION}</OrganizationId>{notes}'
        "</notifications></s:Body></s:Envelope>"
    ).encode()


def _json(place: Place) -> list[tuple[Any, int]]:
    said: dict[str, Any] = {"id": "canary-json-id@example.com", "account": place.account}
    said |= {"who": "canary-json-user@example.com"}
    said |= {"mood": -1, "words": "canary-json-text: too slow", "from": {"name": "canary-json-said"}}
    return [
        ({"items": [said]}, 0),
        ({"items": [{**said, "id": "j2", "mood": "canary-refused-value", "words": "canary-refused-text"}]}, 1),
        ({"items": [{**said, "id": {"is": "canary-refused-value@example.com"}}]}, 1),
    ]


def _signed(kind: str, body: bytes, secret: str, url: str) -> dict[str, str]:
    """The headers that such a source sends with a body."""
    now = datetime.now(UTC)
    stamp = now.isoformat()
    match kind:
        case "stripe":
            return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body.decode(), secret)}
        case "zendesk":
            signature = _mac(stamp.encode() + body, secret)
            return {"x-zendesk-webhook-signature-timestamp": stamp, "x-zendesk-webhook-signature": signature}
        case "zoho_desk":
            return {"x-zdesk-jwt": jwt.encode({"alg": "HS256"}, {"iat": int(time.time())}, OctKey.import_key(secret))}
        case "intercom":
            return {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}
        case "hubspot":
            millis = str(int(time.time() * 1000))
            signature = _mac(b"POST" + url.encode() + body + millis.encode(), secret)
            return {"x-hubspot-request-timestamp": millis, "x-hubspot-signature-v3": signature}
        case "salesforce":
            return {"x-kizashi-token": secret}
        case _:
            return {
                "webhook-id": "m1",
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(secret).sign("m1", now, body.decode()),
            }


def _mac(signed: bytes, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


async def by_files(place: Place, folder: Path) -> None:
    """Files of contacts, tickets and usage, taken with the command; the files themselves are not ours."""
    rows = {
        "contacts": (
            "user,account,name,email,phone,memo,consent",
            f"canary-import-user,{place.account},canary-import-name,canary-import-mail@example.com,canary-import-said,"
            "canary-import-said,yes",
            f",{place.account},canary-import-name,canary-import-only@example.com,canary-import-said,,yes",
            f"canary-refused-user,{place.account},x,y@example.com,,,canary-refused-value",
        ),
        "tickets": (
            "ticket,user,account,status,subject,body,opened at",
            f"I-1,canary-import-user,{place.account},open,canary-import-said,canary-import-said,2026-11-20 09:00",
            f"I-2,canary-import-user,{place.account},canary-refused-value,,,canary-refused-value",
        ),
        "usage": (
            "user,account,event,time,note",
            f"canary-import-user,{place.account},report,2026-11-20 09:00,canary-import-said",
        ),
    }
    for kind, lines in rows.items():
        file = folder / f"canary-file-{kind}.csv"
        file.write_text("\n".join(lines), encoding="utf-8")
        await ended("import", kind, str(file), "--dry-run", environment=place.environment)
        done = await ended("import", kind, str(file), environment=place.environment)
        taken = {"contacts": 2, "tickets": 1, "usage": 1}[kind]
        assert f"{taken} rows taken" in done.out, f"{kind}: {done.out}{done.err}"

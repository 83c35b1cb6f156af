"""How a product's backend brings the person: SDKs' own bodies, our events, CloudEvents, and what is refused of them."""

import json
from typing import Any, Final
from urllib.parse import quote

from tests.canaries.place import Place, checked, statuses

SEGMENT: Final = "segment-app"
POSTHOG: Final = "posthog-app"
CLOUD: Final = "cloud-app"
NATIVE: Final = "native-app"
WAITING: Final = "waiting-app"  # whose users belong to no account yet

_PAGE: Final = "https://example.com/canary-page?who=canary-page@example.com"


async def by_segment(place: Place) -> None:
    """Every call of the Segment API, in batches and one by one, before and after it is known who they are."""
    who, other = {"userId": "canary-segment-user@example.com"}, {"userId": "canary-segment-other"}
    former = {"name": "canary-segment-former", "email": "canary-segment-former@example.com"}
    context = {
        "ip": "canary-segment-context",
        "page": {"url": _PAGE, "title": "canary-page", "referrer": _PAGE},
        "traits": {"email": "canary-segment-context@example.com"},
        "userAgent": "canary-segment-context",
    }
    traits = {
        "name": "canary-segment-name",
        "email": "canary-segment-mail@example.com",
        "phone": "canary-segment-trait",
        "address": {"street": "canary-segment-trait", "city": {"name": "canary-segment-trait"}},
        "title": "canary-segment-trait",
        "canary-segment-trait@example.com": True,
        "locale": "canary-segment-trait",
        "role": "canary-segment-trait",
    }
    properties = {
        "pages": 3,
        "file": "canary-segment-property",
        "contact": "canary-segment-kept@example.com",  # the source keeps such texts, but no address
        "canary-segment-key@example.com": 1,
        "deep": {"er": ["canary-segment-property"]},
    }
    track = {"type": "track", "event": "report", "properties": properties, "context": context}
    before = [
        {**other, "type": "identify", "messageId": "s7", "traits": {**traits, **former}},
        {**other, "type": "group", "messageId": "s8", "groupId": place.account},
    ]
    calls = [
        {**who, **track, "messageId": "canary-segment-id@example.com"},  # waits for the group call
        {**who, "type": "identify", "messageId": "s2", "traits": traits, "anonymousId": "canary-segment-browser"},
        {**who, "type": "group", "messageId": "s3", "groupId": place.account, "traits": {"contact": traits["email"]}},
        {**track, "messageId": "canary-segment-id-2@example.com", "anonymousId": "canary-segment-browser"},
        {**who, "type": "page", "messageId": "s5", "name": "canary-page", "properties": {"url": _PAGE}},
        {**who, "type": "screen", "messageId": "s6", "name": "canary-page", "properties": {"title": "canary-page"}},
        {**who, "type": "alias", "messageId": "s9", "previousId": "canary-segment-other"},
        {**who, **track, "messageId": "s10"},
        {**other, **track, "messageId": "s11"},
    ]
    refused = [
        {**who, **track, "messageId": "r1", "event": "canary-refused-event@example.com"},
        {**who, "messageId": "r2", "type": "canary-refused-type@example.com"},
        {**who, "type": "group", "messageId": "r3", "groupId": "canary-refused-account@example.com"},
        {**track, "messageId": "r4", "userId": {"name": "canary-refused-user@example.com"}},
        {**who, **track, "messageId": "r5", "timestamp": "canary-refused-time@example.com"},
        {**who, **track, "messageId": {"is": "canary-refused-id@example.com"}},
        {**who, **track, "messageId": "r7", "properties": "canary-refused-properties@example.com"},
    ]
    kept = {"kind": "product", "keep": ["contact"]}
    checked(await place.admin.put(f"/v1/sources/{SEGMENT}", json=kept))
    async with place.client(SEGMENT) as client:
        assert statuses(await client.post("/v1/batch", json={"batch": before})) == {"accepted": len(before)}
        assert statuses(await client.post("/v1/batch", json={"batch": calls})) == {"accepted": len(calls)}
        assert statuses(await client.post("/v1/batch", json={"batch": refused})) == {"refused": len(refused)}
        past = {**who, **track, "messageId": "s12", "timestamp": "2026-01-05T09:00:00Z"}
        checked(await client.post("/v1/import", json={"batch": [past]}))
        checked(await client.post("/v1/identify", json={**who, "messageId": "s13", "traits": traits}))
        checked(await client.post("/v1/track", json={**who, "event": "report", "properties": properties}))
        broken = b'{"batch": [{"userId": "canary-refused-body@example.com", "traits": {"name": "canary-refused-body'
        assert (await client.post("/v1/batch", content=broken)).status_code == 400
        doubled = b'{"canary-refused-body@example.com": 1, "batch": [], "canary-refused-body@example.com": 2}'
        assert (await client.post("/v1/batch", content=doubled)).status_code == 400


async def by_posthog(place: Place) -> None:
    """PostHog's dialect, whose key is in the body."""
    user, groups = "canary-posthog-user@example.com", {"company": place.account}
    said = {"name": "canary-posthog-name", "email": "canary-posthog-mail@example.com", "phone": "canary-posthog-trait"}
    own = {"$ip": "canary-posthog-context", "$current_url": _PAGE, "$set": said}
    events: list[dict[str, Any]] = [
        {"event": "$identify", "properties": {**own, "$groups": groups, "$anon_distinct_id": "canary-posthog-browser"}},
        {"event": "report", "properties": {**own, "$groups": groups, "file": "canary-posthog-property"}},
        {"event": "$set", "properties": {"$set": said, "$set_once": {"source": "canary-posthog-trait"}}},
        {"event": "$pageview", "properties": {**own, "title": "canary-page"}},
        {"event": "$feature_flag_called", "properties": {**own, "$feature_flag": "canary-refused-event"}},
    ]
    batch = [{"distinct_id": user, "uuid": f"canary-posthog-id-{n}@example.com", **e} for n, e in enumerate(events)]
    body = {"api_key": place.key(POSTHOG), "batch": batch}
    async with place.stranger() as client:
        assert statuses(await client.post("/batch/", json=body)) == {"accepted": 4, "refused": 1}
        newer = {**body, "batch": [{**batch[1], "uuid": "canary-posthog-id-9@example.com"}]}
        checked(await client.post("/i/v1/analytics/events", json=newer))


async def by_cloudevents(place: Place) -> None:
    """The three modes of CloudEvents."""
    user = "canary-cloud-user@example.com"
    said = {"name": "canary-cloud-name", "email": "canary-cloud-mail@example.com"}
    ticket = {"ticket": "CE-1", "status": "open"}
    unknown = {**ticket, "subject": "canary-refused-said", "comments": ["canary-refused-said"]}
    event = {"specversion": "1.0", "source": CLOUD, "subject": place.account, "user": user}
    whole = {**event, "id": "canary-cloud-id@example.com", "type": "contact.described", "data": said}
    more = [
        {**event, "id": "c2", "type": "ticket.changed", "data": ticket, "canaryext": "canary-cloud-said"},
        {**event, "id": "c3", "type": "canary-refused-type@example.com", "data": ticket},
        {**event, "id": "c5", "type": "ticket.changed", "data": unknown},
    ]
    binary = {f"ce-{name}": quote(text) for name, text in {**event, "id": "c4", "type": "ticket.changed"}.items()}
    async with place.client(CLOUD) as client:
        assert statuses(await client.post("/v1/cloudevents", json=whole)) == {"accepted": 1}
        assert statuses(await client.post("/v1/cloudevents", json=more)) == {"accepted": 1, "refused": 2}
        assert statuses(await client.post("/v1/cloudevents", json=ticket, headers=binary)) == {"accepted": 1}
        assert statuses(await client.post("/v1/cloudevents", json=unknown, headers=binary)) == {"refused": 1}


async def by_our_events(place: Place) -> None:
    """Every type of event that clients may send, with words in it wherever somebody could put them."""
    said = {
        "subject": "canary-native-said",
        "body": "canary-native-said",
        "description": "canary-native-said",
        "comment": {"author": {"email": "canary-native-said@example.com"}, "text": "canary-native-said"},
        "requester": {"name": "canary-native-said"},
        "notes": ["canary-native-said"],
    }
    name_and_address = {"name": "canary-native-name", "email": "canary-native-mail@example.com"}
    old = {"name": "canary-native-old", "email": "canary-native-old@example.com"}
    data: dict[str, dict[str, Any]] = {
        "account.described": {"custom": {"contact": "canary-native-said", "canary-native-said@example.com": 1}},
        "usage.tracked": {"name": "report", "properties": said},
        "ticket.changed": {"ticket": "T-1", "status": "open"},
        "touch.recorded": {"kind": "call", "direction": "both", "outcome": "reached"},
        "voice.recorded": {"sentiment": 1, "role": "champion"},
        "milestone.reached": {"milestone": "first_report"},
        "signal.seen": {"kind": "webinar", "topic": "reports"},
        "contract.changed": {"contract": "C-1"},
        "invoice.changed": {"invoice": "I-1"},
    }
    unknown = {"subject": "canary-refused-said", "comment": {"text": ["canary-refused-said"]}}
    event = {"account": place.account, "user": "canary-native-user@example.com"}
    events: list[dict[str, Any]] = [
        {**event, "id": "n1", "type": "contact.described", "data": old},
        {**event, "id": "n2", "type": "contact.described", "data": {**name_and_address, "role": "sponsor"}},
        *(
            {**event, "id": f"canary-native-id@example.com:{type_}", "type": type_, "data": each}
            for type_, each in data.items()
        ),
    ]
    refused: list[dict[str, Any]] = [
        {**event, "id": "x1", "type": "note.recorded", "data": {"author": "hana", "text": "canary-refused-note"}},
        {**event, "id": "x2", "type": "survey.answered", "data": {"score": 1, "comment": "canary-refused-answer"}},
        {**event, "id": "x3", "type": "ticket.changed", "data": {"ticket": "canary-refused-id@example.com"}},
        {**event, "id": "x4", "type": "signal.seen", "data": {"kind": "canary-refused-kind"}},
        {**event, "id": "x5", "type": "touch.recorded", "data": {"kind": "call", "direction": "canary-refused-kind"}},
        {**event, "id": "x6", "type": "usage.tracked", "data": {"name": "canary-refused-event@example.com"}},
        {**event, "id": "x7", "type": "ticket.changed", "data": {"ticket": "T", "opened_at": "canary-refused-time"}},
        {**event, "id": "x8", "type": "usage.tracked", "time": "canary-refused-time", "data": {"name": "report"}},
        {**event, "id": "x9", "type": "usage.tracked", "source": "canary-refused-source", "data": {"name": "report"}},
        {**event, "id": "x10", "type": "usage.tracked", "account": "canary-refused-account@example.com", "data": {}},
        {**event, "id": "x11", "type": "signal.seen", "data": {"kind": "deal", "canary-refused-field@example.com": 1}},
        *(
            {**event, "id": f"u-{type_}", "type": type_, "data": {**each, **unknown}}
            for type_, each in {**data, "contact.described": old}.items()
        ),
    ]
    cut = b'{"canary-refused-body@example.com": '
    lines = b"\n".join([*(json.dumps(each).encode() for each in refused), cut])
    key = b'"canary-refused-key@example.com": 1'
    doubled = b'{"id": "d", "data": {%s, %s}}' % (key, key)
    async with place.client(NATIVE) as client:
        assert statuses(await client.post("/v1/events", json={"events": events})) == {"accepted": len(events)}
        assert statuses(await client.post("/v1/events", content=lines)) == {"refused": len(refused) + 1}
        for one in refused:  # of a request the first few reasons are logged
            assert statuses(await client.post("/v1/events", json=one)) == {"refused": 1}
        assert statuses(await client.post("/v1/events", content=doubled)) == {"refused": 1}


async def by_waiting(place: Place) -> None:
    """Events of users whose account nobody knows, which therefore wait."""
    user = "canary-waiting-user@example.com"
    said = {"name": "canary-waiting-name", "email": "canary-waiting-mail@example.com"}
    usage = {"name": "report", "properties": {"file": "canary-waiting-said", "more": {"deep": "canary-waiting-said"}}}
    ticket = {"ticket": "W-1", "status": "open"}
    events: list[dict[str, Any]] = [
        {"id": "w1", "type": "contact.described", "user": user, "data": said},
        {"id": "canary-waiting-id@example.com", "type": "usage.tracked", "user": user, "data": usage},
        {"id": "w3", "type": "ticket.changed", "user": user, "data": ticket},
    ]
    async with place.client(WAITING) as client:
        assert statuses(await client.post("/v1/events", json={"events": events})) == {"waiting": len(events)}

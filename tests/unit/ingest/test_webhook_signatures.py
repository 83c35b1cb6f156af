"""A webhook is believed if one of the valid secrets signed it, lately."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from standardwebhooks import Webhook

from ingest.domain.signatures import Request, is_genuine
from ingest.sources import Secret, rotated

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
BODY = '{"name": "東京"}'.encode()
SECRET = "a secret that is long enough"
WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()
URI = "https://cs.example/v1/webhooks/hub?x=1"
KINDS = ("stripe", "zendesk", "zoho_desk", "intercom", "hubspot", "salesforce", "json")


def b64(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def signed(kind: str, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    seconds = int(at.timestamp())
    match kind:
        case "stripe":
            made = stripe.WebhookSignature.generate_signature_header(BODY.decode(), secret, seconds)
            return {"stripe-signature": made}
        case "zendesk":
            stamp = at.isoformat().replace("+00:00", "Z")
            return {
                "x-zendesk-webhook-signature-timestamp": stamp,
                "x-zendesk-webhook-signature": b64(secret, stamp.encode() + BODY),
            }
        case "zoho_desk":
            return {"x-zdesk-jwt": jwt.encode({"alg": "HS256"}, {"iat": seconds}, OctKey.import_key(secret))}
        case "intercom":
            return {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), BODY, hashlib.sha1).hexdigest()}
        case "hubspot":
            stamp = str(seconds * 1000)
            text = b"POST" + URI.encode() + BODY + stamp.encode()
            return {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": b64(secret, text)}
        case "salesforce":
            return {"x-kizashi-token": secret}
        case _:
            whsec = WHSEC if secret == SECRET else "whsec_" + base64.b64encode(secret.encode()).decode()
            return {
                "webhook-id": "msg_1",
                "webhook-timestamp": str(seconds),
                "webhook-signature": "v1,AAAA " + Webhook(whsec).sign("msg_1", at, BODY.decode()),
            }


def asked(headers: Mapping[str, str], body: bytes = BODY, uri: str = URI, **options: Any) -> Request:
    return Request("POST", uri, headers, body, options)


def secret_of(kind: str) -> str:
    return WHSEC if kind == "json" else SECRET


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_valid_secret_signed_is_genuine(kind: str) -> None:
    request = asked(signed(kind))

    assert is_genuine(kind, request, [secret_of(kind)], NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_secret_signed_is_not(kind: str) -> None:
    request = asked(signed(kind, secret="x" * 32))

    assert not is_genuine(kind, request, [secret_of(kind)], NOW)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("zoho_desk", "salesforce")])
def test_another_body_is_not(kind: str) -> None:
    request = asked(signed(kind), body=BODY + b" ")

    assert not is_genuine(kind, request, [secret_of(kind)], NOW)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("intercom", "salesforce")])
@pytest.mark.parametrize("off", [timedelta(seconds=301), timedelta(seconds=-302)])
def test_what_was_signed_outside_of_the_window_is_not(kind: str, off: timedelta) -> None:
    request = asked(signed(kind, NOW + off))

    assert not is_genuine(kind, request, [secret_of(kind)], NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_while_a_secret_is_rotated_both_are_good(kind: str) -> None:
    request = asked(signed(kind))
    other = "whsec_" + base64.b64encode(b"n" * 32).decode()

    assert is_genuine(kind, request, [other, secret_of(kind)], NOW)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["", "=", "t=,v1=", "t=nan,v1=x", "t=1e400", "é", "null", "a.b.c", "sha1="])
def test_a_header_that_makes_no_sense_is_no_signature(kind: str, value: str) -> None:
    headers = dict.fromkeys([*signed(kind), "webhook-id"], value)

    assert not is_genuine(kind, asked(headers), [secret_of(kind)], NOW)


@pytest.mark.parametrize("kind", [*KINDS, "product", "nothing"])
def test_without_a_secret_nothing_is_genuine(kind: str) -> None:
    assert not is_genuine(kind, asked(signed(kind)), [], NOW)


def test_hubspot_signs_the_address_too() -> None:
    request = asked(signed("hubspot"), uri=URI + "2")

    assert not is_genuine("hubspot", request, [SECRET], NOW)


def test_the_token_of_salesforce_may_stand_in_the_address() -> None:
    request = asked({}, uri=f"https://cs.example/v1/webhooks/sf?token={SECRET.replace(' ', '%20')}")

    assert is_genuine("salesforce", request, [SECRET], NOW)


def test_a_source_of_json_may_sign_with_a_header_of_its_own() -> None:
    request = asked({"x-sig": "sha256=" + b64(SECRET, BODY)}, header="X-Sig", prefix="sha256=", encoding="base64")

    assert is_genuine("json", request, [SECRET], NOW)


def test_a_public_key_decides_alone_how_a_token_of_zoho_is_checked() -> None:
    key = RSAKey.generate_key(2048)
    public = key.as_pem(private=False).decode()
    claims = {"iat": int(NOW.timestamp())}
    real = jwt.encode({"alg": "RS256"}, claims, key)
    forged = signed("zoho_desk")

    assert is_genuine("zoho_desk", asked({"x-zdesk-jwt": real}, public_key=public), [], NOW)
    assert not is_genuine("zoho_desk", asked(forged, public_key=public), [SECRET], NOW)


def test_a_token_of_zoho_without_a_time_is_refused() -> None:
    token = jwt.encode({"alg": "HS256"}, {"sub": "x"}, OctKey.import_key(SECRET))
    none = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=")
                    for p in ({"alg": "none"}, {"iat": int(NOW.timestamp())})) + "."  # fmt: skip

    assert not is_genuine("zoho_desk", asked({"x-zdesk-jwt": token}), [SECRET], NOW)
    assert not is_genuine("zoho_desk", asked({"x-zdesk-jwt": none}), [SECRET], NOW)


def test_a_new_secret_leaves_the_old_one_for_the_overlap_and_the_older_one_no_longer_than_it_had() -> None:
    hour = timedelta(hours=1)
    kept = [Secret("b", None), Secret("a", NOW + hour), Secret("gone", NOW)]

    after = rotated(kept, "c", NOW, 24 * hour)

    assert after == [Secret("c", None), Secret("b", NOW + 24 * hour), Secret("a", NOW + hour)]


def test_no_secret_stands_in_what_is_logged() -> None:
    assert "hidden" not in repr(Secret("hidden", None))

"""Whether a webhook comes from who shares a secret with us: one check for each kind of source."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey
from standardwebhooks import Webhook

WINDOW: Final = timedelta(seconds=300)
_SHORTEST_TOKEN: Final = 16  # characters of a shared token; a shorter one could be guessed


@dataclass(frozen=True, slots=True)
class Request:
    """What a signature is made over. Header names are lower case; uri is the public one, with path and query."""

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes
    options: Mapping[str, Any] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """Its value, empty if it was not sent."""
        return self.headers.get(name.lower(), "")


def is_genuine(kind: str, request: Request, secrets: Sequence[str], now: datetime) -> bool:
    """Whether one of the secrets that are valid now made the signature, within the kind's window. Never raises.

    All secrets are tried, so that the time taken says nothing about which one fits.
    """
    check = CHECKS.get(kind)
    if check is None:
        return False
    if kind == "zoho_desk" and "public_key" in request.options:
        secrets = [""]  # the key decides alone
    return any([_safely(check, request, secret, now) for secret in secrets])


def _safely(check: "Check", request: Request, secret: str, now: datetime) -> bool:
    try:
        return check(request, secret, now)
    except (ValueError, OverflowError, binascii.Error):  # a header that is none: UnicodeError is a ValueError
        return False


def _stripe(request: Request, secret: str, now: datetime) -> bool:
    parts = [part.strip().partition("=") for part in request.header("stripe-signature").split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    if len(stamps) != 1 or not _is_recent(_seconds(stamps[0]), now):
        return False
    wanted = _hmac(secret, stamps[0].encode() + b"." + request.body).hex()
    return any([_same(value, wanted) for name, _, value in parts if name == "v1"])


def _zendesk(request: Request, secret: str, now: datetime) -> bool:
    stamp = request.header("x-zendesk-webhook-signature-timestamp")
    if not _is_recent(datetime.fromisoformat(stamp), now):
        return False
    wanted = base64.b64encode(_hmac(secret, stamp.encode() + request.body)).decode()
    return _same(request.header("x-zendesk-webhook-signature"), wanted)


def _zoho_desk(request: Request, secret: str, now: datetime) -> bool:
    """HS256 with the shared secret; RS256 if options hold `public_key`, and then no HS256.

    One algorithm a source: a token must not choose how it is checked. A token without a time is refused: it would be
    good for ever. It does not cover the body, so that TLS has to; the window bounds what a stolen one is good for.
    """
    public_key = request.options.get("public_key")
    try:
        if public_key is not None:
            token = jwt.decode(request.header("x-zdesk-jwt"), RSAKey.import_key(str(public_key)), ["RS256"])
        else:
            token = jwt.decode(request.header("x-zdesk-jwt"), OctKey.import_key(secret), ["HS256"])
    except JoseError:
        return False
    issued, expires = token.claims.get("iat"), token.claims.get("exp")
    if not _is_number(issued) and not _is_number(expires):
        return False
    recent = not _is_number(issued) or _is_recent(_seconds(str(issued)), now)
    return recent and (not _is_number(expires) or now < _seconds(str(expires)))


def _intercom(request: Request, secret: str, now: datetime) -> bool:
    del now  # Intercom signs no time
    wanted = hmac.new(secret.encode(), request.body, hashlib.sha1).hexdigest()
    return _same(request.header("x-hub-signature"), f"sha1={wanted}")


def _hubspot(request: Request, secret: str, now: datetime) -> bool:
    stamp = request.header("x-hubspot-request-timestamp")
    if not _is_recent(_seconds(stamp, per_second=1000), now):
        return False
    signed = request.method.encode() + request.uri.encode() + request.body + stamp.encode()
    return _same(request.header("x-hubspot-signature-v3"), base64.b64encode(_hmac(secret, signed)).decode())


def _salesforce(request: Request, secret: str, now: datetime) -> bool:
    """An outbound message is not signed. The token is in the address that was entered there, or in a header."""
    del now
    asked = parse_qs(urlsplit(request.uri).query).get("token", [""])[0]
    return len(secret) >= _SHORTEST_TOKEN and _same(request.header("x-kizashi-token") or asked, secret)


def _json(request: Request, secret: str, now: datetime) -> bool:
    """Standard Webhooks; with the option `header`, the HMAC-SHA256 of the body in that header."""
    header = request.options.get("header")
    if header is None:
        return _standard(request, secret, now)
    digest = _hmac(secret, request.body)
    text = base64.b64encode(digest).decode() if request.options.get("encoding") == "base64" else digest.hex()
    return _same(request.header(str(header)), f"{request.options.get('prefix', '')}{text}")


def _standard(request: Request, secret: str, now: datetime) -> bool:
    at = _seconds(request.header("webhook-timestamp"))
    if not _is_recent(at, now):
        return False
    wanted = Webhook(secret).sign(request.header("webhook-id"), at, request.body.decode())
    return any([_same(given, wanted) for given in request.header("webhook-signature").split(" ")])


Check = Callable[[Request, str, datetime], bool]
CHECKS: Final[Mapping[str, Check]] = {
    "stripe": _stripe,
    "zendesk": _zendesk,
    "zoho_desk": _zoho_desk,
    "intercom": _intercom,
    "hubspot": _hubspot,
    "salesforce": _salesforce,
    "json": _json,
}


def _hmac(secret: str, signed: bytes) -> bytes:
    return hmac.new(secret.encode(), signed, hashlib.sha256).digest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(text: str, *, per_second: int = 1) -> datetime:
    return datetime.fromtimestamp(float(text) / per_second, UTC)


def _is_recent(at: datetime, now: datetime) -> bool:
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return abs(now - at) <= WINDOW

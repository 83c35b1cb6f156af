"""The token of a link: an opaque random id and an HMAC of it, nothing of the person."""

import base64
import binascii
import hashlib
import hmac
from typing import Final
from uuid import UUID

_PURPOSE: Final = b"kizashi survey link\x00"
_ID_BYTES: Final = 16
_MAC_BYTES: Final = 16
_LENGTH: Final = 43  # of a token: 32 bytes in unpadded base64url


def token_of(invitation: str, key: bytes) -> str:
    """The token of an invitation's id (a UUID as text). key is secret and never empty."""
    raw = UUID(invitation).bytes
    return _encoded(raw + _mac(raw, key))


def invitation_of(token: str, key: bytes) -> str | None:
    """The invitation's id if `token_of` made this very token with this key, else None. Takes any text."""
    if len(token) != _LENGTH:
        return None
    try:
        raw = base64.b64decode(token + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One token, one text: the last character has bits that decoding ignores.
    if _encoded(raw) != token or not hmac.compare_digest(raw[_ID_BYTES:], _mac(raw[:_ID_BYTES], key)):
        return None
    return str(UUID(bytes=raw[:_ID_BYTES]))


def _mac(raw: bytes, key: bytes) -> bytes:
    if not key:
        raise ValueError("the key of a link cannot be empty")
    return hmac.new(key, _PURPOSE + raw, hashlib.sha256).digest()[:_MAC_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

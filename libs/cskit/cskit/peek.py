"""A field of an event without parsing the event."""

from datetime import datetime

import msgspec


class _Typed(msgspec.Struct):
    type: str


class _Received(msgspec.Struct):
    receivedtime: datetime


_UNTOLD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: nested without end
_decode = msgspec.json.Decoder(_Typed).decode
_decode_received = msgspec.json.Decoder(_Received).decode


def type_of(raw: bytes | None) -> str | None:
    """What the message calls itself; None if that cannot be told: it is no JSON object, or has no type."""
    try:
        return _decode(raw or b"").type
    except _UNTOLD:
        return None


def received_at(raw: bytes | None) -> datetime | None:
    """When the message came in, with its zone; None if that cannot be told."""
    try:
        at = _decode_received(raw or b"").receivedtime
    except _UNTOLD:
        return None
    return at if at.tzinfo else None

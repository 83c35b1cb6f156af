"""The type of an event without parsing the event."""

import msgspec


class _Typed(msgspec.Struct):
    type: str


_decode = msgspec.json.Decoder(_Typed).decode


def type_of(raw: bytes | None) -> str | None:
    """What the message calls itself; None if that cannot be told: it is no JSON object, or has no type."""
    try:
        return _decode(raw or b"").type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last: nested without end
        return None

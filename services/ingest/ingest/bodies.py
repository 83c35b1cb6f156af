"""The outer form of a request's body: its items as JSON texts, and its few other fields."""

import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cskit.errors import DomainError
from ingest.settings import MAX_BATCH_BYTES, MAX_EVENT_BYTES

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Segment:
    """The body of /v1/batch. An item is its JSON text; empty if it holds what JSON does not have, such as NaN."""

    items: list[bytes]
    sent_at: object
    write_key: str | None


def segment(body: bytes) -> Segment:
    """Take apart {"batch": [...], "sentAt": ..., "writeKey": ...}. DomainError 400 for anything else."""
    fields = _fields(body)
    if isinstance(fields, dict):
        batch = fields.get("batch")
        if batch is None:
            raise _refused("missing_field", "batch is missing: the body is {“batch”: [...]}.", "batch")
        write_key = _value(fields.get("writeKey"))
        items = _items(batch)
        if items is not None:
            sent_at = _value(fields.get("sentAt"))
            return Segment(items, sent_at, write_key if isinstance(write_key, str) and write_key else None)
        raise _refused("invalid_field", "batch is refused: it should be a list of events.", "batch")
    raise _refused("not_an_object", "The body is refused: it should be an object that holds “batch”.")


def native(body: bytes) -> list[bytes]:
    """The items of {"events": [...]}, of a list, or of one event on its own. DomainError 400 for anything else."""
    fields = _fields(body)
    if not isinstance(fields, dict):
        items = _items(fields)
        if items is None:
            raise _refused("not_an_object", "The body is refused: it should be an event, a list, or {“events”: [...]}.")
        return items
    if "events" not in fields:
        as_sent = all(isinstance(field, msgspec.Raw) for field in fields.values())
        return [body if as_sent else _text(fields)]
    items = _items(fields["events"])
    if items is None:
        raise _refused("invalid_field", "events is refused: it should be a list of events.", "events")
    return items


def decoded(item: bytes) -> Any:
    """What an item's text says. ValueError if it is no JSON after all."""
    try:
        return _ANY.decode(item)
    except _BROKEN as error:
        raise ValueError(str(error)) from None


def too_large(item: bytes) -> bool:
    """Whether an event is beyond its limit."""
    return len(item) > MAX_EVENT_BYTES


def check_size(body: bytes) -> None:
    """DomainError 400 for a batch beyond its limit, as SDKs know it from Segment."""
    if len(body) > MAX_BATCH_BYTES:
        raise _refused(
            "batch_too_large",
            f"The batch is refused: it has {len(body)} bytes unpacked, more than {MAX_BATCH_BYTES}. Send it in parts.",
        )


def _fields(body: bytes) -> Any:
    """The fields of an object, else what else the body is; each part still as text if the body is strict JSON."""
    try:
        return _FIELDS.decode(body)
    except msgspec.ValidationError:
        return msgspec.Raw(body)  # JSON, but no object
    except _BROKEN:
        return _lenient(body)


def _lenient(body: bytes) -> Any:
    """Python's own reader takes what Python's SDKs write: NaN, half a surrogate pair. Only items with it are lost."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _refused("not_json", "The body is refused: it is not valid JSON.") from None


def _items(value: Any) -> list[bytes] | None:
    """A list's items as texts; None if it is no list."""
    if isinstance(value, msgspec.Raw):
        try:
            return [bytes(item) for item in _ITEMS.decode(value)]
        except msgspec.ValidationError:
            return None
        except _BROKEN:
            value = _lenient(bytes(value))
    return [_text(item) for item in value] if isinstance(value, list) else None


def _text(item: Any) -> bytes:
    try:
        return json.dumps(item, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return b""


def _value(field: Any) -> Any:
    if not isinstance(field, msgspec.Raw):
        return field
    try:
        return _ANY.decode(field)
    except _BROKEN:
        return None


def _refused(code: str, message: str, field: str | None = None) -> DomainError:
    return DomainError(code, message, field=field, status=400)

"""The outer form of a request's body: its items as JSON texts, and its few other fields."""

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from cskit.errors import DomainError
from ingest.domain import cloudevents as domain_cloudevents
from ingest.domain import posthog as domain_posthog
from ingest.domain import strictness
from ingest.domain.drafts import Refusal
from ingest.settings import MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_LOOKED_AT: Final = 20  # lines, to tell events line by line from one object over many lines
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Segment:
    """Segment's calls. An item is its JSON text; empty if it holds what JSON does not have, such as NaN."""

    items: list[bytes]
    sent_at: object
    write_key: str | None
    backfill: bool = False  # the client says itself that this is the past


def segment(body: bytes, *, backfill: bool = False) -> Segment:
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
            return Segment(items, sent_at, write_key if isinstance(write_key, str) and write_key else None, backfill)
        raise _refused("invalid_field", "batch is refused: it should be a list of events.", "batch")
    raise _refused("not_an_object", "The body is refused: it should be an object that holds “batch”.")


def single(body: bytes, call: str) -> Segment:
    """One call on the route of its kind, which says its type. DomainError 400 if it is no object."""
    fields = _fields(body)
    if not isinstance(fields, dict):
        raise _refused("not_an_object", "The body is refused: it should be an object, the call.")
    said = {name: _value(field) for name, field in fields.items()}
    write_key = said.pop("writeKey", None)
    item = _text({**said, "type": call})
    return Segment([item], said.get("sentAt"), write_key if isinstance(write_key, str) and write_key else None)


@dataclass(frozen=True, slots=True)
class PostHog:
    """PostHog's events as Segment's calls, and each one's uuid."""

    calls: Segment
    uuids: list[str | None]


def posthog(body: bytes) -> PostHog:
    """Take apart {"batch": [...], "api_key": ...}, or one event with its api_key. DomainError 400 for anything else."""
    fields = _fields(body)
    if not isinstance(fields, dict):
        raise _refused("not_an_object", "The body is refused: it should be an object that holds “batch”.")
    items = _items(fields["batch"]) if "batch" in fields else _items_of(body)
    if items is None:
        raise _refused("invalid_field", "batch is refused: it should be a list of events.", "batch")
    events = [_or_nothing(item) for item in items]
    key = _value(fields.get("api_key"))
    if key is None and events and isinstance(events[0], dict):
        key = events[0].get("api_key")
    calls = [b"" if event is None else _text(domain_posthog.call_of(event)) for event in events]
    uuids = [event.get("uuid") if isinstance(event, dict) else None for event in events]
    return PostHog(
        Segment(
            calls,
            _value(fields.get("sent_at")),
            key if isinstance(key, str) and key else None,
            _value(fields.get("historical_migration")) is True,
        ),
        [uuid if isinstance(uuid, str) and _is_text(uuid) else None for uuid in uuids],
    )


def cloudevents(body: bytes, headers: Mapping[str, str], source: str) -> list[bytes | Refusal]:
    """The items of a request in binary, structured or batched mode, told apart by headers and body, never by the
    Content-Type. DomainError 400 for anything else.
    """
    if "ce-id" in headers or "ce-specversion" in headers:
        said = _or_nothing(body) if body.strip() else {}
        if said is None:
            raise _refused("not_json", "The body is refused: it is not valid JSON.")
        events: list[Any] = [domain_cloudevents.from_headers(headers, said)]
    else:
        events = [_or_nothing(item) for item in _items_of(body)]
    items = [domain_cloudevents.item_of(event, index, source) for index, event in enumerate(events)]
    return [item if isinstance(item, Refusal) else _text(item) for item in items]


def native(body: bytes) -> list[bytes]:
    """The items of {"events": [...]}, of a list, of one event on its own, or of a line each (NDJSON).

    DomainError 400 for anything else, and for more than 10,000 events.
    """
    items = _lines(body) or _items_of(body)
    if len(items) > MAX_EVENTS:
        raise _too_many()
    return items


def _lines(body: bytes) -> list[bytes] | None:
    """The lines of NDJSON; None if the body is something else. A line that is no JSON is refused alone."""
    body = body.removeprefix(codecs.BOM_UTF8)
    head = list(islice(strictness.lines(body), _LOOKED_AT))
    if len(head) < 2 or not head[0].startswith(b"{") or not any(isinstance(_or_nothing(line), dict) for line in head):
        return None
    return list(islice(strictness.lines(body), MAX_EVENTS + 1))


def _items_of(body: bytes) -> list[bytes]:
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
    body = body.removeprefix(codecs.BOM_UTF8)
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
        if strictness.more_items_than(MAX_EVENTS, bytes(value)):
            raise _too_many()
        try:
            return [bytes(item) for item in _ITEMS.decode(value)]
        except msgspec.ValidationError:
            return None
        except _BROKEN:
            value = _lenient(bytes(value))
    if not isinstance(value, list):
        return None
    if len(value) > MAX_EVENTS:
        raise _too_many()
    return [_text(item) for item in value]


def _text(item: Any) -> bytes:
    try:
        return json.dumps(item, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return b""


def _or_nothing(item: bytes | msgspec.Raw) -> Any:
    """What an item says; None if it is no JSON, or null."""
    try:
        return _ANY.decode(item)
    except _BROKEN:
        return None


def _is_text(value: str) -> bool:
    """Whether it can be written: no half of a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(field: Any) -> Any:
    return _or_nothing(field) if isinstance(field, msgspec.Raw) else field


def _too_many() -> DomainError:
    return _refused("too_many_events", f"There are too many events: send at most {MAX_EVENTS} at a time.")


def _refused(code: str, message: str, field: str | None = None) -> DomainError:
    return DomainError(code, message, field=field, status=400)

"""The outer form of a request's body: its items as JSON texts, and its few other fields."""

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from cskit.errors import DomainError
from csmodels.errors import NOT_JSON
from ingest.domain import cloudevents as domain_cloudevents
from ingest.domain import columns, strictness
from ingest.domain import posthog as domain_posthog
from ingest.domain.drafts import Refusal
from ingest.settings import MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_LOOKED_AT: Final = 20  # lines, to tell events line by line from one object over many lines
_MOST_FIELDS: Final = 1000  # beside a list of events; nobody sends more than a few
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Segment:
    """Segment's calls. An item is its JSON text; empty if it holds what JSON does not have, such as NaN."""

    items: Sequence[bytes | Refusal]
    sent_at: object
    write_key: str | None
    backfill: bool = False  # the client says itself that this is the past


def segment(body: bytes, *, backfill: bool = False) -> Segment:
    """Take apart {"batch": [...], "sentAt": ..., "writeKey": ...}. DomainError 400 for anything else."""
    fields = _fields(body)
    if isinstance(fields, dict):
        _check_outer(body, fields)
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
    item: bytes | Refusal | None = strictness.refusal(_as_item(body, fields), 0)
    said = {name: _value(field) for name, field in fields.items()}
    write_key = said.pop("writeKey", None)
    item = item or _text({**said, "type": call})
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
    if "batch" in fields:
        _check_outer(body, fields)
    items = _items(fields["batch"]) if "batch" in fields else _items_of(body)
    if items is None:
        raise _refused("invalid_field", "batch is refused: it should be a list of events.", "batch")
    refusals = [strictness.refusal(item, index) for index, item in enumerate(items)]
    events = [_or_nothing(item) for item in items]
    key = _value(fields.get("api_key"))
    if key is None and events and isinstance(events[0], dict):
        key = events[0].get("api_key")
    told = zip(refusals, events, strict=True)
    calls = [refused or _text(domain_posthog.call_of(event)) for refused, event in told]
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
        data = body if body.strip() else b"{}"
        refused = strictness.refusal(data, 0, "data")
        if refused is not None and refused.code == NOT_JSON:
            raise _refused(NOT_JSON, "The body is refused: it is not valid JSON.")
        return [refused or _cloudevent(domain_cloudevents.from_headers(headers, decoded(data)), 0, source)]
    return [
        strictness.refusal(item, index) or _cloudevent(_or_nothing(item), index, source)
        for index, item in enumerate(_items_of(body))
    ]


def _cloudevent(event: object, index: int, source: str) -> bytes | Refusal:
    item = domain_cloudevents.item_of(event, index, source)
    return item if isinstance(item, Refusal) else _text(item)


def native(body: bytes) -> columns.Usage | list[bytes]:
    """The items, by columns if they are many and all of them usage. See items_of for their form."""
    return columns.read(body, most=MAX_EVENTS, largest=MAX_EVENT_BYTES) or items_of(body)


def items_of(body: bytes) -> list[bytes]:
    """The items of {"events": [...]}, of a list, of one event on its own, or of a line each (NDJSON).

    DomainError 400 for anything else, and for more than 10,000 events.
    """
    items = _lines(body) or _items_of(body)
    if len(items) > MAX_EVENTS:
        raise _too_many()
    return items


def _lines(body: bytes) -> list[bytes] | None:
    """The lines of NDJSON; None if the body is something else. A line that is no JSON is refused alone."""
    if b"\n" not in body:
        return None
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
        return [_as_item(body, fields)]
    _check_outer(body, fields)
    items = _items(fields["events"])
    if items is None:
        raise _refused("invalid_field", "events is refused: it should be a list of events.", "events")
    return items


def _as_item(body: bytes, fields: Mapping[str, Any]) -> bytes:
    """The text of a body that is itself an item."""
    as_sent = all(isinstance(field, msgspec.Raw) for field in fields.values())
    return body.removeprefix(codecs.BOM_UTF8) if as_sent else _text(fields)


def _check_outer(body: bytes, fields: dict[str, Any]) -> None:
    """DomainError 400 if an object around events holds a key twice: which of two lists is meant?"""
    if len(fields) > _MOST_FIELDS:
        raise _refused("too_many_fields", f"The body is refused: it has more than {_MOST_FIELDS} fields.")
    if isinstance(fields, _Doubled):
        key = strictness.first_repeated(key for key, _ in fields.items())
    elif any(isinstance(field, msgspec.Raw) for field in fields.values()):
        key = strictness.repeated_key(body.removeprefix(codecs.BOM_UTF8), fields)
    else:
        return  # empty, or read leniently
    if key is not None:
        raise _refused(strictness.DUPLICATE_KEY, f"{key} is refused: the body holds this key twice.", key)


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
        return json.loads(body, object_pairs_hook=_Doubled.unless_plain)
    except ValueError:
        raise _refused(NOT_JSON, "The body is refused: it is not valid JSON.") from None
    except RecursionError:
        raise _refused(strictness.TOO_DEEP, "The body is refused: it is nested too deep to be read.") from None


class _Doubled(dict[str, Any]):
    """An object that holds a key twice: `_text` writes it as it came, and its item is refused for it."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    @classmethod
    def unless_plain(cls, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The object of these pairs: a plain one if each key stands there once."""
        plain = dict(pairs)
        return plain if len(plain) == len(pairs) else cls(pairs)

    def items(self) -> Any:
        return self._pairs


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

"""CloudEvents as items of our own form: subject is the account, `user` and `backfill` are extension attributes."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from csmodels.errors import INVALID_FIELD, MISSING_FIELD, NOT_AN_OBJECT
from ingest.domain.drafts import FOREIGN_SOURCE, Refusal

_BACKFILL: Final[Mapping[str, bool]] = {"true": True, "false": False}


def item_of(event: object, index: int, source: str) -> dict[str, Any] | Refusal:
    """The item that a CloudEvent in JSON is. Its source must be that of the key, with or without a "/" in front."""
    if not isinstance(event, dict):
        return Refusal(index, None, NOT_AN_OBJECT, "", "The event is refused: it is not a JSON object.")
    said = event.get("id")
    client_id = said if isinstance(said, str) and said else None
    if event.get("specversion") != "1.0":
        missing = "specversion" not in event
        message = f"specversion is {'missing' if missing else 'refused'}: it should be 1.0."
        return Refusal(index, client_id, MISSING_FIELD if missing else INVALID_FIELD, "specversion", message)
    if event.get("source") not in (source, f"/{source}"):
        message = f"source is refused: this key sends events of “{source}”, and of no other source."
        return Refusal(index, client_id, FOREIGN_SOURCE, "source", message)
    if "data_base64" in event:
        message = "data_base64 is refused: data should be a JSON object."
        return Refusal(index, client_id, INVALID_FIELD, "data_base64", message)
    backfill = event.get("backfill")
    if isinstance(backfill, str):
        backfill = _BACKFILL.get(backfill, backfill)
    if not (backfill is None or isinstance(backfill, bool)):
        return Refusal(index, client_id, INVALID_FIELD, "backfill", "backfill is refused: it should be true or false.")
    names = {"id": "id", "type": "type", "subject": "account", "user": "user", "time": "time", "data": "data"}
    item = {ours: event[theirs] for theirs, ours in names.items() if event.get(theirs) is not None}
    if backfill is not None:
        item["backfill"] = backfill
    return item


def from_headers(headers: Mapping[str, str], data: object) -> dict[str, Any]:
    """The CloudEvent of a request in binary mode: attributes from its `ce-` headers, percent-encoded; data its body."""
    said = {name.lower(): unquote(value) for name, value in headers.items()}
    return {**{name[3:]: value for name, value in said.items() if name.startswith("ce-")}, "data": data}


def told(field: str, message: str) -> tuple[str, str]:
    """A refusal's field and sentence in CloudEvents' names."""
    return ("subject", message.replace("account", "subject", 1)) if field == "account" else (field, message)

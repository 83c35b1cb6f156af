"""Ids: their types, their rules, and those that are derived rather than drawn."""

import hashlib
import hmac
import re
import uuid
from typing import Final, NewType

AccountId = NewType("AccountId", str)
PersonId = NewType("PersonId", str)
StaffId = NewType("StaffId", str)
EventId = NewType("EventId", str)
PlaybookId = NewType("PlaybookId", str)
RunId = NewType("RunId", str)
TaskId = NewType("TaskId", str)
EffectId = NewType("EffectId", str)
OverrideId = NewType("OverrideId", str)
SurveyId = NewType("SurveyId", str)
ResponseId = NewType("ResponseId", str)
EndpointId = NewType("EndpointId", str)

NAMESPACE: Final = uuid.UUID("6b697a61-7368-5692-8000-000000000001")

# Control characters are Unicode's Cc: C0, DEL and C1. The patterns mean the same in Python, Rust and ECMAScript.
ACCOUNT_ID_PATTERN: Final = r"^[^!@\x00-\x1f\x7f-\x9f][^@\x00-\x1f\x7f-\x9f]{0,127}$"
WIRE_ID_PATTERN: Final = r"^[^@\x00-\x1f\x7f-\x9f]{1,128}$"
CODE_PATTERN: Final = r"^[a-z0-9_.-]{1,64}$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
TEXT_REF_PATTERN: Final = r"^(?:ingest|survey)/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def derived_id(*parts: str) -> str:
    """The UUID (version 5) of these parts: equal parts give equal ids, on every machine and for ever.

    Each part is preceded by its length, so ("a", "bc") and ("ab", "c") differ. Raises ValueError without parts.
    """
    if not parts:
        raise ValueError("derived_id needs at least one part")
    return str(uuid.uuid5(NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


def is_account_id(text: str) -> bool:
    """Whether text may name an account: 1 to 128 characters, no "@", no control character, not starting with "!"."""
    return matches(ACCOUNT_ID_PATTERN, text)


def account_id(text: str) -> AccountId:
    """The account id that text is. Raises ValueError with the rule if it is none."""
    if not is_account_id(text):
        raise ValueError('an account id has 1 to 128 characters, no "@", no control character and no "!" in front')
    return AccountId(text)


def is_code(text: str) -> bool:
    """Whether text is a code (a reason, an outcome, a topic, a milestone): `[a-z0-9_.-]{1,64}`."""
    return matches(CODE_PATTERN, text)


def is_wire_id(text: str) -> bool:
    """Whether an id may travel as it is: 1 to 128 characters without "@" and without control characters."""
    return matches(WIRE_ID_PATTERN, text)


def wire_event_id(client_id: str, key: bytes) -> EventId:
    """The id under which a client's event travels: its own, or `h-` and its HMAC-SHA256 in hex if it may not travel.

    Any string but the empty one is a valid client id (ValueError for that one). The same id and key always give the
    same answer, so that a retry stays a duplicate. key is secret and never empty: an address cannot be guessed from it.
    """
    if not client_id:
        raise ValueError("an event id cannot be empty")
    if not key:
        raise ValueError("the key of wire_event_id cannot be empty")
    if _is_plain(client_id) or (_WIRE_ID.fullmatch(client_id) and _encodable(client_id)):
        return EventId(client_id)
    digest = hmac.new(key, client_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return EventId(f"h-{digest}")


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches a pattern."""
    # fullmatch, since Python's $ also matches in front of a last line break
    return re.fullmatch(pattern, text) is not None and not text.endswith("\n")


MAX_WIRE_ID: Final = 128  # characters
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WIRE_ID: Final = re.compile(WIRE_ID_PATTERN.replace("$", r"\Z"))


def _encodable(text: str) -> bool:
    return _SURROGATE.search(text) is None


def _is_plain(text: str) -> bool:
    """Whether it is an id like nearly all, which the patterns need not look at."""
    return len(text) <= MAX_WIRE_ID and are_plain(text)


def are_plain(texts: str) -> bool:
    """Whether ids, written one after the other, travel as they are by their letters; by their length up to 128 do."""
    return texts.isascii() and texts.isprintable() and "@" not in texts

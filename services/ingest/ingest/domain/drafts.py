"""What an item of a request becomes before it is tied to an account: a draft, or a refusal with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from csmodels.errors import InvalidEvent
from csmodels.ids import AccountId, EventId

MAX_USER_ID: Final = 256
USER_ID: Final = rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_USER_ID}}}"
FOREIGN_SOURCE: Final = "foreign_source"  # an event that says it is of another source than the key's
LEFT_OUT: Final = "left_out"  # an SDK's event was taken without a trait that is malformed
ANONYMOUS: Final = "anon:"  # in front of an anonymousId, where a user id is wanted
ACCOUNT_RULE: Final = (
    'is refused: an account id has 1 to 128 characters, no "@", no control character and no "!" in front.'
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What all items of one request share. `keep` names the text properties that may travel.

    backfill: the client says of all of them that they are of the past.
    """

    source: str
    received: datetime
    key: bytes
    sent: datetime | None = None
    keep: frozenset[str] = frozenset()
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that is not taken. id is the client's, if it gave a usable one; field is the client's name for it."""

    index: int
    id: str | None
    code: str
    field: str
    message: str


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An item that passed every check. A struct, since one is made for every event.

    client_id is what the client called it, id what travels. type is None, and data empty, if it concerns
    identity only; else data is its JSON as it travels.
    account is what the item itself names; `moves` says that the user belongs there from now on (a group call).
    absorbs are other keys of the same person; `absorbs_named` merges people who are known by a user id, too (alias).
    person holds what goes to the directory only: a field that is absent stays, None clears it.
    dropped counts the properties that were left out; left_out is the field of one that was malformed, and a sentence.
    """

    index: int
    client_id: str
    id: EventId
    type: str | None
    time: datetime
    received: datetime
    clamped: bool
    backfill: bool
    data: bytes = b""
    user: str | None = None
    account: AccountId | None = None
    dropped: int = 0
    moves: bool = False
    absorbs: tuple[str, ...] = ()
    absorbs_named: bool = False
    person: Mapping[str, object] = MappingProxyType({})
    left_out: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """The items of a request, in their order: what can be taken, what is refused, and what repeats an id before it."""

    drafts: Sequence[Draft]
    refusals: Sequence[Refusal]
    repeats: Sequence[Draft]


def sorted_out(results: Sequence[Draft | Refusal]) -> Mapped:
    """Drafts and refusals apart; a draft whose id came before in the same request is a repeat."""
    seen: set[EventId] = set()
    drafts: list[Draft] = []
    repeats: list[Draft] = []
    refusals: list[Refusal] = []
    for result in results:
        if isinstance(result, Refusal):
            refusals.append(result)
        elif result.id in seen:
            repeats.append(result)
        else:
            seen.add(result.id)
            drafts.append(result)
    return Mapped(drafts, refusals, repeats)


def refused(index: int, client_id: str | None, error: InvalidEvent, field_: str | None = None) -> Refusal:
    """The refusal that says what the check said; field_ is the client's name where it differs."""
    if field_ is None or field_ == error.field:
        return Refusal(index, client_id, error.code, error.field, error.message)
    return Refusal(index, client_id, error.code, field_, error.message.replace(error.field, field_, 1))

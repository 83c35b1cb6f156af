"""The short way for what comes most: usage, in our own form and as Segment's track.

It takes only what it can take whole; None sends an item the long way, through the models, which alone decide what is
refused and why. Tests hold both ways to the same drafts.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from csmodels.fields import utc_time
from csmodels.ids import ACCOUNT_ID_PATTERN, WIRE_ID_PATTERN, AccountId, wire_event_id
from ingest.domain.drafts import ANONYMOUS, USER_ID, Arrival, Draft
from ingest.domain.properties import travelling
from ingest.domain.times import EARLIEST, client_time, corrected, is_old_news

# \Z where the models have $: Python's $ also matches in front of a last line break
_LABEL: Final = WIRE_ID_PATTERN.replace("$", r"\Z")
_ACCOUNT: Final = ACCOUNT_ID_PATTERN.replace("$", r"\Z")
_USER: Final = rf"^{USER_ID}\Z"

_Label = Annotated[str, Meta(pattern=_LABEL)]
_Account = Annotated[str, Meta(pattern=_ACCOUNT)]
_User = Annotated[str, Meta(pattern=_USER)]
_Id = Annotated[str, Meta(min_length=1)]


class _Usage(msgspec.Struct, gc=False):
    name: _Label
    count: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    properties: dict[str, Any] | UnsetType = UNSET


class _Item(msgspec.Struct, gc=False):
    type: Literal["usage.tracked"]
    id: _Id
    data: _Usage
    account: _Account | None = None
    user: _User | None = None
    time: str | None = None
    backfill: bool = False
    source: str | None = None


class _Context(msgspec.Struct, gc=False):
    groupId: _Account | None = None


class _Track(msgspec.Struct, gc=False):
    type: Literal["track"]
    messageId: _Id
    event: _Label
    userId: _User | None = None
    anonymousId: _User | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None
    properties: dict[str, Any] | None = None
    context: _Context | None = None


class _Data(msgspec.Struct, gc=False):
    """csmodels.customer.Usage, as far as it was set."""

    name: str
    count: int | UnsetType = UNSET
    properties: dict[str, Any] | UnsetType = UNSET


_NATIVE: Final = msgspec.json.Decoder(_Item)
_SEGMENT: Final = msgspec.json.Decoder(_Track)
_ENCODER: Final = msgspec.json.Encoder()
_NOT_TAKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOTHING: Final[dict[str, Any]] = {}


def native(raw: bytes, index: int, arrival: Arrival) -> Draft | None:
    """A usage.tracked of /v1/events; None: take the long way."""
    try:
        item = _NATIVE.decode(raw)
        time = arrival.received if item.time is None else utc_time(item.time)
    except (*_NOT_TAKEN, ValueError):
        return None
    if (item.account is None and item.user is None) or time < EARLIEST or item.source not in (None, arrival.source):
        return None
    said = item.data
    kept, dropped = _kept(said.properties, arrival)
    data = _Data(said.name, said.count, kept)
    return _draft(item.id, index, arrival, time, data, dropped, item.user, item.account, backfill=item.backfill)


def track(raw: bytes, index: int, arrival: Arrival) -> Draft | None:
    """A track call; None: take the long way."""
    try:
        call = _SEGMENT.decode(raw)
    except _NOT_TAKEN:
        return None
    account = None if call.context is None else call.context.groupId
    user = call.userId or (ANONYMOUS + call.anonymousId if call.anonymousId else None)
    time = _moment(call.timestamp or call.originalTimestamp, arrival)
    if (account is None and user is None) or time is None or time < EARLIEST:
        return None
    kept, dropped = _kept(call.properties or _NOTHING, arrival)
    data = _Data(call.event, properties=kept)
    return _draft(call.messageId, index, arrival, time, data, dropped, user, account, backfill=arrival.backfill)


def _moment(given: str | None, arrival: Arrival) -> datetime | None:
    if given is None:
        return arrival.received
    said = client_time(given)
    try:
        return None if said is None else corrected(said, arrival.sent, arrival.received)
    except OverflowError:
        return None


def _kept(properties: dict[str, Any] | UnsetType, arrival: Arrival) -> tuple[dict[str, Any] | UnsetType, int]:
    if isinstance(properties, UnsetType):
        return UNSET, 0
    kept = travelling(properties, arrival.keep)
    return kept, len(properties) - len(kept)


def _draft(
    client_id: str,
    index: int,
    arrival: Arrival,
    time: datetime,
    data: _Data,
    dropped: int,
    user: str | None,
    account: str | None,
    *,
    backfill: bool = False,
) -> Draft:
    received = arrival.received
    clamped = time > received
    if clamped:
        time = received
    return Draft(
        index,
        client_id,
        wire_event_id(client_id, arrival.key),
        "usage.tracked",
        time,
        received,
        clamped,
        backfill or is_old_news(time, received),
        data=_ENCODER.encode(data),
        user=user,
        account=None if account is None else AccountId(account),
        dropped=dropped,
    )

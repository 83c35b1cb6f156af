"""The short way for what comes most: usage, in our own form and as Segment's track.

It takes only what it can take whole; None sends an item the long way, through the models, which alone decide what is
refused and why. Tests hold both ways to the same drafts. A key that stands twice is told by counting: an item that has
as many quotes as what was read of it needs holds nothing else, and for a call its keys are counted.

Names, users and accounts come again and again, so that what is known to be well-formed is remembered.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from csmodels import ids
from csmodels.fields import utc_time
from csmodels.ids import AccountId, wire_event_id
from ingest.domain.drafts import ANONYMOUS, USER_ID, Arrival, Draft
from ingest.domain.properties import travelling
from ingest.domain.strictness import has_quotes, is_plain, refusal
from ingest.domain.times import EARLIEST, client_time, corrected, is_old_news

_Id = Annotated[str, Meta(min_length=1)]


class UsageData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """csmodels.customer.Usage, as far as it was set; with anything else it goes the long way, to be refused."""

    name: str
    count: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    properties: Mapping[str, Any] | UnsetType = UNSET


class UsageItem(msgspec.Struct, gc=False):
    type: Literal["usage.tracked"]
    id: _Id
    data: UsageData
    account: str | None = None
    user: str | None = None
    time: str | None = None
    backfill: bool = False
    source: str | None = None


class _Track(msgspec.Struct, gc=False):
    type: Literal["track"]
    messageId: _Id
    event: str
    userId: str | UnsetType | None = UNSET
    anonymousId: str | UnsetType | None = UNSET
    timestamp: str | UnsetType | None = UNSET
    originalTimestamp: str | UnsetType | None = UNSET
    properties: dict[str, Any] | UnsetType | None = UNSET
    context: dict[str, Any] | UnsetType | None = UNSET
    integrations: Any = UNSET  # this and what follows decides nothing; SDKs send it
    metadata: Any = msgspec.field(name="_metadata", default=UNSET)
    sentAt: Any = UNSET
    channel: Any = UNSET


USAGE: Final = "usage.tracked"

_ITEM: Final = msgspec.json.Decoder(UsageItem).decode
_SEGMENT: Final = msgspec.json.Decoder(_Track)
written: Final = msgspec.json.Encoder().encode
NOT_TAKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NO_TIME: Final = (*NOT_TAKEN, ValueError)
_NOTHING: Final[dict[str, Any]] = {}
_USER: Final = re.compile(USER_ID)


def native(raw: bytes, index: int, arrival: Arrival) -> Draft | None:
    """A usage.tracked of /v1/events; None: take the long way."""
    try:
        item = _ITEM(raw)
        time = arrival.received if item.time is None else utc_time(item.time)
    except _NO_TIME:
        return None
    user, account, data = item.user, item.account, item.data
    if user is None:
        if account is None:
            return None
    elif not is_user(user):
        return None
    if account is not None and not is_account(account):
        return None
    if not is_label(data.name) or time < EARLIEST or (item.source is not None and item.source != arrival.source):
        return None
    kept, dropped = _kept(data.properties, arrival)
    if not has_quotes(raw, _quotes_of(item, kept)) and refusal(raw, index):
        return None
    told = UsageData(data.name, data.count, kept)
    return _draft(item.id, index, arrival, time, told, dropped, user, account, item.backfill)


def track(raw: bytes, index: int, arrival: Arrival) -> Draft | None:
    """A track call; None: take the long way."""
    try:
        call = _SEGMENT.decode(raw)
    except NOT_TAKEN:
        return None
    account = call.context.get("groupId") if call.context else None
    if account is not None and not (isinstance(account, str) and is_account(account)):
        return None
    for each in (call.userId, call.anonymousId):
        if isinstance(each, str) and not is_user(each):
            return None
    user = call.userId or (ANONYMOUS + call.anonymousId if call.anonymousId else None)
    time = _moment(call.timestamp or call.originalTimestamp, arrival)
    if (account is None and user is None) or not is_label(call.event) or time is None or time < EARLIEST:
        return None
    if not is_plain(raw, _keys_of_call(call)) and refusal(raw, index):
        return None
    kept, dropped = _kept(call.properties or _NOTHING, arrival)
    data = UsageData(call.event, properties=kept)
    return _draft(call.messageId, index, arrival, time, data, dropped, user, account, arrival.backfill)


@lru_cache(maxsize=10_000)
def is_label(text: str) -> bool:
    """Whether it may be the name of what was used."""
    return ids.is_wire_id(text)


@lru_cache(maxsize=100_000)
def is_account(text: str) -> bool:
    """Whether it may be an account's id."""
    return ids.is_account_id(text)


@lru_cache(maxsize=100_000)
def is_user(text: str) -> bool:
    """Whether it may be a client's id of a user."""
    return _USER.fullmatch(text) is not None


def _quotes_of(item: UsageItem, kept: Mapping[str, Any] | UnsetType) -> int:
    """How many quotes it is written with, if with nothing else; -1 if it holds lists, which may be too deep without.

    Four for a text with its key, two for anything else. What is kept without a change holds numbers only.
    """
    data, properties = item.data, item.data.properties
    quotes = 14  # type, id, name, and the key of data
    quotes += 4 * ((item.account is not None) + (item.user is not None) + (item.time is not None))
    quotes += 4 * (item.source is not None) + 2 * (item.backfill + (data.count is not UNSET))
    if not isinstance(properties, UnsetType):
        quotes += 2 + 2 * len(properties)
        if kept is not properties:
            kinds = [type(value) for value in properties.values()]
            quotes = -1 if list in kinds else quotes + 2 * kinds.count(str)
    return quotes


def _keys_of_call(call: _Track) -> int:
    """How many keys it has at least: of objects in objects only those of the library that sent it are counted."""
    keys = 3 + (call.userId is not UNSET) + (call.anonymousId is not UNSET)
    keys += (call.timestamp is not UNSET) + (call.originalTimestamp is not UNSET)
    keys += (call.sentAt is not UNSET) + (call.channel is not UNSET)
    keys += (call.properties is not UNSET) + (call.context is not UNSET)
    keys += (call.integrations is not UNSET) + (call.metadata is not UNSET)
    if call.properties:
        keys += len(call.properties)
    if call.integrations and isinstance(call.integrations, dict):
        keys += len(call.integrations)
    if call.metadata and isinstance(call.metadata, dict):
        keys += len(call.metadata)
    if call.context:
        library = call.context.get("library")
        keys += len(call.context) + (len(library) if isinstance(library, dict) else 0)
    return keys


def _moment(given: str | UnsetType | None, arrival: Arrival) -> datetime | None:
    if given is None or isinstance(given, UnsetType):
        return arrival.received
    said = client_time(given)
    try:
        return None if said is None else corrected(said, arrival.sent, arrival.received)
    except OverflowError:
        return None


def _kept(properties: Mapping[str, Any] | UnsetType, arrival: Arrival) -> tuple[Mapping[str, Any] | UnsetType, int]:
    if isinstance(properties, UnsetType):
        return UNSET, 0
    kept = travelling(properties, arrival.keep)
    return kept, len(properties) - len(kept)


def _draft(
    client_id: str,
    index: int,
    arrival: Arrival,
    time: datetime,
    data: UsageData,
    dropped: int,
    user: str | None,
    account: str | None,
    backfill: bool,
) -> Draft:
    received = arrival.received
    clamped = time > received
    if clamped:
        time = received
    return Draft(
        index,
        client_id,
        wire_event_id(client_id, arrival.key),
        USAGE,
        time,
        received,
        clamped,
        backfill or is_old_news(time, received),
        written(data),
        user,
        None if account is None else AccountId(account),
        dropped,
    )

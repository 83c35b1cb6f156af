"""Segment's calls as events: track, page and screen are usage, identify and group tell who is who, alias merges."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from csmodels.catalogue import parse_data
from csmodels.errors import INVALID_FIELD, MISSING_FIELD, NOT_AN_OBJECT, UNKNOWN_TYPE, InvalidEvent
from csmodels.ids import AccountId, is_account_id, wire_event_id
from ingest.domain.drafts import ACCOUNT_RULE, ANONYMOUS, MAX_USER_ID, Arrival, Draft, Refusal, refused
from ingest.domain.people import of_traits
from ingest.domain.properties import left_out, travelling, valid_fields
from ingest.domain.times import client_time, corrected, settle
from ingest.domain.wire import text_of

CALLS: Final = ("track", "page", "screen", "identify", "group", "alias")
_VIEWS: Final = {"page": "page_view", "screen": "screen_view"}
_ACCOUNT_TRAITS: Final = {
    "name": "name",
    "plan": "plan",
    "industry": "industry",
    "employees": "employees",
    "seats": "seats",
    "segment": "segment",
    "owner": "owner",
    "parent": "parent",
    "country": "country",
    "time_zone": "time_zone",
    "timezone": "time_zone",
    "locale": "locale",
    "currency": "currency",
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def anonymous(anonymous_id: str) -> str:
    """The key under which someone is kept who is known by an anonymousId only."""
    return ANONYMOUS + anonymous_id


def draft(item: object, raw: bytes, index: int, arrival: Arrival) -> Draft | Refusal:
    """The draft of one call, whose bytes are `raw`.

    Explicit nulls count as absent. An unusable trait is left out, and told; an unusable id, name or time refuses the
    call.
    """
    if not isinstance(item, dict):
        return Refusal(index, None, NOT_AN_OBJECT, "", "The event is refused: it is not a JSON object.")
    client_id = item.get("messageId")
    if client_id is not None and (not isinstance(client_id, str) or not client_id):
        return Refusal(index, None, INVALID_FIELD, "messageId", "messageId is refused: it should be a text.")
    try:
        return _Call(item, index, client_id or _id_of_content(item, raw, arrival), arrival).draft()
    except InvalidEvent as error:
        return refused(index, client_id, error)


def _id_of_content(item: Mapping[str, Any], raw: bytes, arrival: Arrival) -> str:
    """For a call without messageId: the same call of the same time has the same id. A keyed hash: it holds names."""
    moment = "" if item.get("timestamp") else arrival.received.isoformat()
    return "c-" + hmac.new(arrival.key, moment.encode() + raw, hashlib.sha256).hexdigest()


class _Call:
    def __init__(self, item: Mapping[str, Any], index: int, client_id: str, arrival: Arrival) -> None:
        self._item = item
        self._index = index
        self._client_id = client_id
        self._arrival = arrival

    def draft(self) -> Draft:
        call = self._item.get("type")
        if call is None:
            raise InvalidEvent(MISSING_FIELD, "type", "type is missing.")
        named, nameless = self._id("userId"), self._id("anonymousId")
        user = named or (anonymous(nameless) if nameless else None)
        match call:
            case "track":
                return self._usage(user, self._item.get("event"))
            case "page" | "screen":
                return self._usage(user, _VIEWS[call])
            case "identify":
                return self._identify(self._required(user), named, nameless)
            case "group":
                return self._group(user)
            case "alias":
                return self._alias(self._required(user))
            case _:
                message = f"type is refused: it should be one of {', '.join(CALLS)}."
                raise InvalidEvent(UNKNOWN_TYPE, "type", message)

    def _usage(self, user: str | None, name: object) -> Draft:
        account = self._account(self._object("context").get("groupId"), "context.groupId")
        if user is None and account is None:
            raise InvalidEvent(MISSING_FIELD, "userId", "userId is missing, and so is anonymousId.")
        given = self._object("properties")
        properties = travelling(given, self._arrival.keep)
        try:
            data = parse_data("usage.tracked", {"name": name, "properties": properties} if name is not None else {})
        except InvalidEvent as error:
            raise InvalidEvent(error.code, "event", error.message.replace("data.name", "event", 1)) from None
        return self._made(
            "usage.tracked", data=text_of(data), user=user, account=account, dropped=len(given) - len(properties)
        )

    def _identify(self, user: str, named: str | None, nameless: str | None) -> Draft:
        traits = of_traits(self._object("traits"))
        context = self._object("context")
        return self._made(
            "contact.described",
            data=text_of(parse_data("contact.described", traits.travels)),
            user=user,
            account=self._account(context.get("groupId"), "context.groupId"),
            absorbs=(anonymous(nameless),) if named and nameless else (),
            person=traits.directory,
            dropped=traits.dropped,
            left_out=traits.left_out,
        )

    def _group(self, user: str | None) -> Draft:
        account = self._account(self._item.get("groupId"), "groupId")
        if account is None:
            raise InvalidEvent(MISSING_FIELD, "groupId", "groupId is missing.")
        traits = self._object("traits")
        names = {field: trait for trait, field in _ACCOUNT_TRAITS.items() if trait in traits}
        known = {field: traits[trait] for field, trait in names.items()}
        rest = {name: value for name, value in traits.items() if name not in _ACCOUNT_TRAITS}
        fields, wrong = valid_fields(partial(parse_data, "account.described"), known)
        custom = travelling(
            {name: value for name, value in rest.items() if name in self._arrival.keep}, self._arrival.keep
        )
        if custom:
            fields["custom"] = custom
        return self._made(
            "account.described",
            data=text_of(parse_data("account.described", fields)),
            user=user,
            account=account,
            moves=True,
            dropped=len(known) + len(rest) + (1 if custom else 0) - len(fields) - len(custom),
            left_out=None if wrong is None else left_out(wrong, names),
        )

    def _alias(self, user: str) -> Draft:
        previous = self._id("previousId")
        if previous is None:
            raise InvalidEvent(MISSING_FIELD, "previousId", "previousId is missing.")
        keys = tuple(key for key in (previous, anonymous(previous)) if key != user)
        return self._made(None, user=user, absorbs=keys, absorbs_named=True)

    def _made(self, type_: str | None, **fields: Any) -> Draft:
        arrival = self._arrival
        time = arrival.received
        given = self._item.get("timestamp") or self._item.get("originalTimestamp")
        if given is not None:
            said = client_time(given)
            if said is None:
                message = (
                    "timestamp is refused: it should be an ISO 8601 time, such as 2026-01-31T09:30:00.000Z, "
                    "and no leap second (:60)."
                )
                raise InvalidEvent(INVALID_FIELD, "timestamp", message)
            try:
                time = corrected(said, arrival.sent, arrival.received)
            except OverflowError:
                message = "timestamp is refused: it lies outside of the years 1 to 9999."
                raise InvalidEvent(INVALID_FIELD, "timestamp", message) from None
        settled = settle(time, arrival.received, field="timestamp", backfill=arrival.backfill)
        return Draft(
            index=self._index,
            client_id=self._client_id,
            id=wire_event_id(self._client_id, arrival.key),
            type=type_,
            time=settled.time,
            received=arrival.received,
            clamped=settled.clamped,
            backfill=settled.backfill,
            **fields,
        )

    def _object(self, field: str) -> Mapping[str, Any]:
        value = self._item.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InvalidEvent(INVALID_FIELD, field, f"{field} is refused: it should be an object.")
        return value

    def _id(self, field: str) -> str | None:
        value = self._item.get(field)
        if value is None or value == "":
            return None
        value = _as_text(value)
        if not isinstance(value, str) or len(value) > MAX_USER_ID or _CONTROL.search(value):
            message = (
                f"{field} is refused: it should be a text of 1 to {MAX_USER_ID} characters, none a control character."
            )
            raise InvalidEvent(INVALID_FIELD, field, message)
        return value

    def _account(self, value: object, field: str) -> AccountId | None:
        if value is None or value == "":
            return None
        value = _as_text(value)
        if not isinstance(value, str) or not is_account_id(value):
            raise InvalidEvent(INVALID_FIELD, field, f"{field} {ACCOUNT_RULE}")
        return AccountId(value)

    @staticmethod
    def _required(user: str | None) -> str:
        if user is None:
            raise InvalidEvent(MISSING_FIELD, "userId", "userId is missing, and so is anonymousId.")
        return user


def _as_text(value: object) -> object:
    """SDKs turn a number into a text where an id is wanted; people who write the JSON themselves do not."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return str(value) if is_number else value

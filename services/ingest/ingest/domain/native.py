"""An item of POST /v1/events as a draft. csmodels.api.EventItem and the events' own models decide what is valid."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from csmodels.api import EventItem
from csmodels.catalogue import CLIENT_TYPES, parse_data
from csmodels.errors import INVALID_FIELD, MISSING_FIELD, UNKNOWN_TYPE, InvalidEvent
from csmodels.ids import AccountId, is_account_id, wire_event_id
from csmodels.refusals import refusal
from ingest.domain.drafts import ACCOUNT_RULE, FOREIGN_SOURCE, MAX_USER_ID, USER_ID, Arrival, Draft, Refusal, refused
from ingest.domain.fields import check_known
from ingest.domain.people import directory_fields
from ingest.domain.properties import travelling
from ingest.domain.times import check_not_too_early, settle
from ingest.domain.wire import text_of

_USER_ID: Final = re.compile(USER_ID)
_FREE: Final = {"usage.tracked": "properties", "account.described": "custom"}  # event type -> its free-form field


def draft(raw: bytes, index: int, arrival: Arrival) -> Draft | Refusal:
    """The draft of one item, from its JSON text."""
    try:
        item = EventItem.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "value_error" and not first["loc"]:
            return Refusal(index, None, MISSING_FIELD, "account", "account is missing, and so is user: one is needed.")
        return refused(index, None, refusal(error))
    try:
        return _draft(item, index, arrival)
    except InvalidEvent as error:
        return refused(index, item.id, error)


def _draft(item: EventItem, index: int, arrival: Arrival) -> Draft:
    if item.source is not None and item.source != arrival.source:
        message = f"source is refused: this key sends events of “{arrival.source}”, and of no other source."
        raise InvalidEvent(FOREIGN_SOURCE, "source", message)
    if item.type not in CLIENT_TYPES:
        message = f"type is refused: clients may send {', '.join(sorted(CLIENT_TYPES))}."
        raise InvalidEvent(UNKNOWN_TYPE, "type", message)
    if item.account is not None and not is_account_id(item.account):
        raise InvalidEvent(INVALID_FIELD, "account", f"account {ACCOUNT_RULE}")
    if item.user is not None and _USER_ID.fullmatch(item.user) is None:
        message = f"user is refused: it should have 1 to {MAX_USER_ID} characters, none a control character."
        raise InvalidEvent(INVALID_FIELD, "user", message)
    if item.type == "contact.described" and item.user is None:
        raise InvalidEvent(MISSING_FIELD, "user", "user is missing: a contact is a person.")
    check_known(item.type, item.data)
    settled = settle(item.time or arrival.received, arrival.received, backfill=item.backfill)
    said, dropped = _without_what_stays(item.type, item.data, arrival.keep)
    data = parse_data(item.type, said)
    person = directory_fields(said) if item.type == "contact.described" else {}
    for name, value in data:
        if isinstance(value, datetime):
            check_not_too_early(value, f"data.{name}")
    return Draft(
        index=index,
        client_id=item.id,
        id=wire_event_id(item.id, arrival.key),
        type=item.type,
        time=settled.time,
        received=arrival.received,
        clamped=settled.clamped,
        backfill=settled.backfill,
        data=text_of(data),
        user=item.user,
        account=None if item.account is None else AccountId(item.account),
        person=person,
        dropped=dropped,
    )


def _without_what_stays(type_: str, data: Mapping[str, Any], keep: frozenset[str]) -> tuple[Mapping[str, Any], int]:
    """data with only those free-form properties that may travel, and how many were left out."""
    field = _FREE.get(type_)
    given = data.get(field) if field is not None else None
    if field is None or not isinstance(given, dict):
        return data, 0
    kept = travelling(given, keep, nulls=field == "custom")
    return {**data, field: kept}, len(given) - len(kept)

"""What conditions and placeholders see: events and health as plain values (numbers as numbers, times as RFC 3339)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from csmodels.catalogue import CLIENT_TYPES, CONTROL_TYPES, TOPIC_OF
from csmodels.envelope import Event
from csmodels.health import HealthChanged
from csmodels.internal import SurveyAnswered
from csmodels.topics import PLAYBOOK_EVENTS
from playbook.domain.run import Cause, View

# event types that may start a run: whatever befalls an account, but not what only tidies records
TRIGGERS: Final = frozenset(
    type_
    for type_, topic in TOPIC_OF.items()
    if topic != PLAYBOOK_EVENTS
    and type_ not in CONTROL_TYPES
    and type_ not in ("account.erased", "person.erased", "contact.merged")
)


def event_view(event: Event) -> dict[str, Any]:
    """An event: its envelope and data."""
    seen: dict[str, Any] = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": plain(event.time),
        "backfill": event.backfill,
        "data": plain(event.data.model_dump(by_alias=True)),
    }
    return seen if event.personid is None else {**seen, "personid": event.personid}


def health_view(event: HealthChanged) -> dict[str, Any]:
    """The data of a health.changed."""
    seen: dict[str, Any] = plain(event.data.model_dump(by_alias=True))
    return seen


def cause_of(event: Event) -> Cause:
    """What the event is as a trigger."""
    return Cause(cause_id(event), event.type, event_view(event))


def cause_id(event: Event) -> str:
    """The id of the event as a trigger: clients' ids count within their source, our own are unique as they are.

    All revisions of an answer are one trigger: a score first and a comment later are followed up once.
    """
    if isinstance(event, SurveyAnswered):
        return event.data.response
    return f"{event.source}/{event.id}" if event.type in CLIENT_TYPES else str(event.id)


def without(view: View, person: str) -> dict[str, Any]:
    """The view of an event without a person's id, wherever it stands."""
    kept: dict[str, Any] = _without(view, person)
    return kept


def _without(value: Any, person: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item, person) for key, item in value.items() if person not in (key, item)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without(item, person) for item in value if item != person]
    return value


def is_backfill(event: Event) -> bool:
    """Whether this is old news."""
    return event.backfill or (isinstance(event, HealthChanged) and event.data.backfill)


def variables(health: View | None, event: View, staff: View | None) -> View:
    """The variables of conditions: absent fields, not nulls, where there is no health or nobody owns the account."""
    known = health or {}
    return {
        "health": known,
        "previous": known.get("previous", {}),
        "account": known.get("account", {}),
        "event": event,
        "staff": staff or {},
        "task": {},
    }


def plain(value: Any) -> Any:
    """The value as JSON has it: money as a number, moments and days as text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value

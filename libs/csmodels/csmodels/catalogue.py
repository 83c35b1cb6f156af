"""Every event type by its name, and the one way from bytes to an event."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import Field, TypeAdapter, ValidationError

from csmodels import customer, errors, internal, playbook
from csmodels.envelope import Data, Event
from csmodels.errors import InvalidEvent
from csmodels.health import HealthChanged
from csmodels.refusals import refusal
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS, PLAYBOOK_EVENTS

CustomerEvent = Annotated[
    customer.UsageTracked
    | customer.AccountDescribed
    | customer.ContactDescribed
    | customer.TicketChanged
    | customer.ContractChanged
    | customer.InvoiceChanged
    | customer.TouchRecorded
    | customer.VoiceRecorded
    | customer.MilestoneReached
    | customer.SignalSeen
    | internal.ContactMerged
    | internal.PersonErased
    | internal.NoteRecorded
    | internal.SurveyAnswered
    | internal.OwnerChanged
    | internal.AccountErased
    | internal.OverrideSet
    | internal.OverrideEnded
    | internal.ClockTicked
    | internal.ScorecardApplied
    | internal.RatesChanged
    | internal.FeedStopped
    | internal.FeedResumed,
    Field(discriminator="type"),
]
HealthEvent = HealthChanged
PlaybookEvent = Annotated[
    playbook.RunStarted
    | playbook.RunEnded
    | playbook.TaskCreated
    | playbook.TaskChanged
    | playbook.TaskCompleted
    | playbook.TaskOverdue
    | playbook.EmailSent
    | playbook.EmailFailed
    | playbook.WebhookFailed
    | playbook.TouchSuppressed,
    Field(discriminator="type"),
]

_CUSTOMER: Final[TypeAdapter[CustomerEvent]] = TypeAdapter(CustomerEvent)
_PLAYBOOK: Final[TypeAdapter[PlaybookEvent]] = TypeAdapter(PlaybookEvent)
_HEALTH: Final[TypeAdapter[HealthEvent]] = TypeAdapter(HealthEvent)
_ADAPTERS: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {CUSTOMER_EVENTS: _CUSTOMER, HEALTH_EVENTS: _HEALTH, PLAYBOOK_EVENTS: _PLAYBOOK}
)


def _members(union: Any) -> tuple[type[Event], ...]:
    members: tuple[type[Event], ...] = get_args(get_args(union)[0])
    return members


def _type_of(event: type[Event]) -> str:
    name: str = event.model_fields["type"].default
    return name


_D = TypeVar("_D", bound=Data)

_BY_TOPIC: Final[dict[str, tuple[type[Event], ...]]] = {
    CUSTOMER_EVENTS: _members(CustomerEvent),
    HEALTH_EVENTS: (HealthChanged,),
    PLAYBOOK_EVENTS: _members(PlaybookEvent),
}

# event type -> its class
TYPES: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {_type_of(event): event for events in _BY_TOPIC.values() for event in events}
)
# event type -> the topic it belongs to
TOPIC_OF: Final[Mapping[str, str]] = MappingProxyType(
    {_type_of(event): topic for topic, events in _BY_TOPIC.items() for event in events}
)
# what clients may send; all else is made inside and refused at every route
CLIENT_TYPES: Final = frozenset(
    {
        "usage.tracked",
        "account.described",
        "contact.described",
        "ticket.changed",
        "contract.changed",
        "invoice.changed",
        "touch.recorded",
        "voice.recorded",
        "milestone.reached",
        "signal.seen",
    }
)
# the records with the key "!control", once per partition
CONTROL_TYPES: Final = frozenset({"clock.ticked", "scorecard.applied", "rates.changed", "feed.stopped", "feed.resumed"})


def parse(topic: str, raw: bytes, key: bytes | None = None) -> Event:
    """The event that a message of the topic holds.

    If the message's key is given, it must be the event's subject. Raises InvalidEvent for every message that is not an
    event of this topic, whatever its bytes, and ValueError for a topic without events.
    """
    adapter = _ADAPTERS.get(topic)
    if adapter is None:
        raise ValueError(f"{topic} is not a topic of events")
    try:
        event: Event = adapter.validate_json(raw)
    except ValidationError as error:
        raise refusal(error) from None
    if key is not None and key != event.key:
        raise InvalidEvent(errors.WRONG_KEY, "subject", "subject is refused: it should equal the message's key.")
    return event


def parse_customer_event(raw: bytes, key: bytes | None = None) -> CustomerEvent:
    """The event that a message of cs.customer-events holds. Raises InvalidEvent."""
    event: CustomerEvent = parse(CUSTOMER_EVENTS, raw, key)  # type: ignore[assignment]
    return event


def parse_health_event(raw: bytes, key: bytes | None = None) -> HealthEvent:
    """The event that a message of cs.health-events holds. Raises InvalidEvent."""
    event: HealthEvent = parse(HEALTH_EVENTS, raw, key)  # type: ignore[assignment]
    return event


def parse_playbook_event(raw: bytes, key: bytes | None = None) -> PlaybookEvent:
    """The event that a message of cs.playbook-events holds. Raises InvalidEvent."""
    event: PlaybookEvent = parse(PLAYBOOK_EVENTS, raw, key)  # type: ignore[assignment]
    return event


def parse_data(type_: str, data: object) -> Data:
    """The data of an event of that type, from what a JSON decoder made of it (times, days, money as text).

    Raises InvalidEvent with the path inside data (`data.count`), as `parse` would for the whole event.
    """
    if type_ not in TYPES:
        raise InvalidEvent(errors.UNKNOWN_TYPE, "type", "type is refused: there is no such event.")
    model: type[Data] = TYPES[type_].model_fields["data"].annotation  # type: ignore[assignment]
    return parse_as(model, data)


def parse_as(model: type[_D], data: object) -> _D:
    """The same for data of one's own."""
    try:
        raw = json.dumps(data)
    except (TypeError, ValueError, RecursionError):
        raise InvalidEvent(errors.INVALID_FIELD, "data", "data is refused: it should be a JSON object.") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise refusal(error, inside=("data",)) from None

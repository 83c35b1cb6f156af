"""cs.customer-events, first half: what clients may send.

account.described, contact.described, ticket.changed and contract.changed are merge patches of a register: a field that
is absent stays as it was, null clears it.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csmodels.envelope import Data, Event
from csmodels.errors import MISSING_FIELD
from csmodels.fields import (
    Account,
    Code,
    ContractStatus,
    Count,
    Country,
    Currency,
    Direction,
    Label,
    Locale,
    Money,
    PositiveMoney,
    Property,
    PropertyName,
    Role,
    SignalKind,
    Size,
    Staff,
    TextRef,
    TicketChannel,
    TicketStatus,
    TimeZone,
    Title,
    TouchKind,
    UtcTime,
    WireId,
)


class Usage(Data):
    """An action in the product, done `count` times; properties are numbers, booleans and short texts."""

    name: Label
    count: Count = 1
    properties: dict[PropertyName, Property] = Field(default_factory=dict)


class UsageTracked(Event):
    """Someone of the account did something in the product."""

    type: Literal["usage.tracked"] = "usage.tracked"
    data: Usage


class AccountDescription(Data):
    """Merge patch of the account's register; `custom` is patched key by key (null removes one)."""

    name: Title | None = None
    plan: Label | None = None
    industry: Label | None = None
    employees: Size | None = None
    seats: Size | None = None
    segment: Label | None = None
    owner: Staff | None = None
    parent: Account | None = None
    country: Country | None = None
    time_zone: TimeZone | None = None
    locale: Locale | None = None
    currency: Currency | None = None
    custom: dict[PropertyName, Property | None] | None = None


class AccountDescribed(Event):
    """What is known of an account was said anew."""

    type: Literal["account.described"] = "account.described"
    data: AccountDescription


class ContactDescription(Data):
    """Merge patch of a contact (the person is the envelope's personid); left: the person has left the company."""

    role: Role | None = None
    consent: bool | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None
    left: bool | None = None


class ContactDescribed(Event):
    """What is known of a contact was said anew. personid is required."""

    type: Literal["contact.described"] = "contact.described"
    data: ContactDescription

    @model_validator(mode="after")
    def _needs_a_person(self) -> Self:
        if self.personid is None:
            raise PydanticCustomError(MISSING_FIELD, "personid is missing: a contact is a person")
        return self


class Ticket(Data):
    """Merge patch of a ticket. Severity 1 is the highest."""

    ticket: WireId
    channel: TicketChannel | None = None
    severity: Annotated[int, Field(ge=1, le=4)] | None = None
    status: TicketStatus | None = None
    opened_at: UtcTime | None = None
    first_reply_at: UtcTime | None = None
    solved_at: UtcTime | None = None
    csat: Annotated[int, Field(ge=1, le=5)] | None = None
    topic: Code | None = None
    text_ref: TextRef | None = None


class TicketChanged(Event):
    """A ticket was opened or changed."""

    type: Literal["ticket.changed"] = "ticket.changed"
    data: Ticket


class Contract(Data):
    """Merge patch of a contract. mrr is a month's price in `currency`, zero or more; days are the contract's own."""

    contract: WireId
    product: Label | None = None
    plan: Label | None = None
    status: ContractStatus | None = None
    mrr: PositiveMoney | None = None
    currency: Currency | None = None
    seats: Size | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    term_months: Annotated[int, Field(ge=1, le=1200)] | None = None
    auto_renew: bool | None = None
    cancelled_at: UtcTime | None = None
    reason: Code | None = None


class ContractChanged(Event):
    """A contract was signed, changed, cancelled or ended."""

    type: Literal["contract.changed"] = "contract.changed"
    data: Contract


class Invoice(Data):
    """Merge patch of an invoice; a credit note is negative, paid_at null means not paid."""

    invoice: WireId
    amount: Money | None = None
    currency: Currency | None = None
    due_on: date | None = None
    paid_at: UtcTime | None = None


class InvoiceChanged(Event):
    """An invoice was sent, changed or paid."""

    type: Literal["invoice.changed"] = "invoice.changed"
    data: Invoice


class Touch(Data):
    """A contact between our people and theirs; direction is seen from us."""

    kind: TouchKind
    direction: Direction
    outcome: Code | None = None
    text_ref: TextRef | None = None


class TouchRecorded(Event):
    """We spoke with the customer, or tried to."""

    type: Literal["touch.recorded"] = "touch.recorded"
    data: Touch


class Voice(Data):
    """Something a customer said, from very bad (-2) to very good (2)."""

    sentiment: Annotated[int, Field(ge=-2, le=2)]
    role: Role | None = None
    channel: Code | None = None
    text_ref: TextRef | None = None


class VoiceRecorded(Event):
    """A customer's voice was noted."""

    type: Literal["voice.recorded"] = "voice.recorded"
    data: Voice


class Milestone(Data):
    """A step of the onboarding, by the scorecard's name for it."""

    milestone: Code


class MilestoneReached(Event):
    """The account reached a milestone."""

    type: Literal["milestone.reached"] = "milestone.reached"
    data: Milestone


class Signal(Data):
    """Interest shown outside the product."""

    kind: SignalKind
    topic: Code | None = None


class SignalSeen(Event):
    """The account showed interest outside the product."""

    type: Literal["signal.seen"] = "signal.seen"
    data: Signal

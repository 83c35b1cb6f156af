"""The field types that events share: what they accept on the wire, and what they become inside."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from csmodels.ids import (
    ACCOUNT_ID_PATTERN,
    CODE_PATTERN,
    TEXT_REF_PATTERN,
    UUID_PATTERN,
    WIRE_ID_PATTERN,
    AccountId,
    EventId,
    PersonId,
    StaffId,
)

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
MONEY_PATTERN: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"
POSITIVE_MONEY_PATTERN: Final = r"^[0-9]{1,15}(\.[0-9]{1,6})?$"
CURRENCY_PATTERN: Final = r"^[A-Z]{3}$"
TITLE_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]{1,256}$"
COUNTRY_PATTERN: Final = r"^[A-Z]{2}$"
TIME_ZONE_PATTERN: Final = r"^[A-Za-z0-9_+/-]{1,64}$"
LOCALE_PATTERN: Final = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}$"
WORDS_PATTERN: Final = r"^[^\x00]*[^\s\x00][^\x00]*$"  # what a person wrote: not only blanks
EMAIL_PATTERN: Final = r"^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$"
_FUTURE_PROOF_INT: Final = 2**53 - 1


def utc_time(value: object) -> datetime:
    """The moment, aware and in UTC, of an RFC 3339 text or an aware datetime. ValueError says what is wrong with it."""
    if isinstance(value, str):
        if (plain := _plain_time(value)) is not None:
            return plain
        if _RFC3339.fullmatch(value) is None:
            raise ValueError("should be an RFC 3339 time with a zone, such as 2026-01-31T09:30:00Z")
        value = _moment(value)
    if not isinstance(value, datetime):
        raise ValueError("should be an RFC 3339 time with a zone, as text")
    if value.utcoffset() is None:
        raise ValueError("should have a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        if text[17:19] == "60":
            raise ValueError("is a leap second, which is not known here; write :59 for :60") from error
        raise ValueError(f"is no moment of the calendar: {error}") from error


def _plain_time(text: str) -> datetime | None:
    """A time written as nearly all are, 2026-01-31T09:30:00[.000[000]]Z, without a pattern's cost; None: it is not."""
    if text[4:17:3] != "--T::" or text[-1] != "Z":
        return None
    if len(text) != 20 and not (len(text) in (24, 27) and text[19] == "."):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _full_hour(value: object) -> datetime:
    moment = utc_time(value)
    if moment.minute or moment.second or moment.microsecond:
        raise ValueError("should be a full hour in UTC")
    return moment


def _money(value: object) -> Decimal:
    if isinstance(value, Decimal) and value.is_finite():
        value = format(value, "f")
    if isinstance(value, str) and re.fullmatch(MONEY_PATTERN, value):
        return Decimal(value)
    raise ValueError('should be a decimal number as text, such as "1200.50", at most 15 digits and 6 decimals')


def _positive_money(value: object) -> Decimal:
    amount = _money(value)
    if amount.is_signed():
        raise ValueError("should not be negative")
    return amount


_PLAIN: Final = PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json")
_TIME_SCHEMA: Final = WithJsonSchema({"type": "string", "format": "date-time"})

# Aware, in UTC; from RFC 3339 text with any offset, written with Z.
UtcTime = Annotated[datetime, BeforeValidator(utc_time), _TIME_SCHEMA]
# The same, a full hour.
UtcHour = Annotated[datetime, BeforeValidator(_full_hour), _TIME_SCHEMA]
# Decimal inside, plain decimal text on the wire; a JSON number is refused.
Money = Annotated[
    Decimal, BeforeValidator(_money), _PLAIN, WithJsonSchema({"type": "string", "pattern": MONEY_PATTERN})
]
# The same, zero or more.
PositiveMoney = Annotated[
    Decimal,
    BeforeValidator(_positive_money),
    _PLAIN,
    WithJsonSchema({"type": "string", "pattern": POSITIVE_MONEY_PATTERN}),
]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]  # ISO 4217

Account = Annotated[AccountId, StringConstraints(pattern=ACCOUNT_ID_PATTERN)]
Person = Annotated[PersonId, StringConstraints(pattern=UUID_PATTERN)]  # the random id of the people directory
Staff = Annotated[StaffId, StringConstraints(pattern=WIRE_ID_PATTERN)]
WireEventId = Annotated[EventId, StringConstraints(pattern=WIRE_ID_PATTERN)]
WireId = Annotated[str, StringConstraints(pattern=WIRE_ID_PATTERN)]  # of a ticket, contract, invoice, run, task, ...
Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]
TextRef = Annotated[str, StringConstraints(pattern=TEXT_REF_PATTERN)]  # a text that stays with ingest or survey
# what made something happen: an event's id with its source in front if wanted, a timer, a person's request
Trigger = Annotated[str, StringConstraints(pattern=r"^[^@\x00-\x1f\x7f-\x9f]{1,320}$")]
Label = WireId  # a short text that is no person's: a plan, a product, the name of an action
Title = Annotated[str, StringConstraints(pattern=TITLE_PATTERN)]  # an account's name, or a person's
Country = Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN)]  # ISO 3166-1 alpha-2
TimeZone = Annotated[str, StringConstraints(pattern=TIME_ZONE_PATTERN)]  # IANA; not looked up here
Locale = Annotated[str, StringConstraints(pattern=LOCALE_PATTERN)]  # BCP 47
Email = Annotated[str, StringConstraints(pattern=EMAIL_PATTERN, max_length=320)]  # only its shape; never on the log

Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Size = Annotated[int, Field(ge=0, le=2**31 - 1)]
Whole = Annotated[int, Field(ge=0, le=_FUTURE_PROOF_INT)]  # an offset, a version: exact in every JSON reader
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Score = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]  # of an override

PropertyName = Annotated[str, StringConstraints(pattern=r"^[^@\x00-\x1f\x7f-\x9f]{1,64}$")]
_PropertyText = Annotated[str, StringConstraints(pattern=r"^[^@\x00-\x1f\x7f-\x9f]{0,64}$")]
_PropertyInt = Annotated[int, Field(ge=-_FUTURE_PROOF_INT, le=_FUTURE_PROOF_INT)]
Property = bool | _PropertyInt | Finite | _PropertyText  # strict: true stays a bool, 1 an int, 1.0 a float

Role = Literal["payer", "champion", "sponsor", "field_user", "other"]
TicketChannel = Literal["email", "phone", "chat", "social", "web"]
TicketStatus = Literal["open", "pending", "solved", "closed"]
ContractStatus = Literal["trial", "active", "cancelled", "ended"]
TouchKind = Literal["meeting", "call", "email", "training", "webinar"]
Direction = Literal["in", "out", "both"]
SignalKind = Literal["page_view", "download", "webinar", "deal"]
SurveyKind = Literal["nps", "csat", "ces", "churn_reason"]
Family = Literal["usage", "tickets", "billing"]
Band = Literal["red", "yellow", "green", "grey"]
Stage = Literal["onboarding", "adoption", "renewal", "churning", "churned"]
AdoptionLevel = Literal["none", "low", "medium", "high"]
Watch = Literal["declining", "divergent"]
AdjustmentKind = Literal["cap", "override", "clamp"]
TaskStatus = Literal["open", "snoozed", "completed", "cancelled"]

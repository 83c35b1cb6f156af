"""The CloudEvents 1.0 envelope of every message."""

from collections.abc import Set
from datetime import timedelta
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from csmodels.errors import MISSING_FIELD, TIME_IN_FUTURE
from csmodels.fields import Account, Person, UtcTime, WireEventId, WireId
from csmodels.ids import AccountId
from csmodels.topics import CONTROL_KEY

FUTURE_TOLERANCE: Final = timedelta(minutes=5)


class Data(BaseModel):
    """What an event says. Unknown fields are ignored, so that a reader outlives newer writers.

    Immutable. Wrong types are refused, never converted ("3" is no count); times, days and decimals are text in JSON.
    A field's own name is used in Python where it differs from the wire's (`from_` for `from`).
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        regex_engine="rust-regex",
    )

    def patch(self) -> dict[str, object]:
        """The fields that were set, by their Python names. In a register event absent means unchanged, None cleared."""
        told = self.__pydantic_fields_set__
        return {name: value for name, value in self.__dict__.items() if name in told}


class Event(BaseModel):
    """One message: who said it (source), what (type, data), of which account (subject), when (time, receivedtime).

    (source, id) is its identity. time lies at most five minutes beyond receivedtime, both aware and in UTC.
    `clamped` tells that ingest replaced a time in the future, `backfill` that this is old news, to be folded without
    starting a playbook. personid is the random id of the person it concerns, if known.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        regex_engine="rust-regex",
        json_schema_extra=lambda schema: schema.update(required=_required(schema.get("required"))),
    )

    specversion: Literal["1.0"] = "1.0"
    id: WireEventId
    source: WireId
    type: str
    subject: Account
    time: UtcTime
    receivedtime: UtcTime
    personid: Person | None = None
    clamped: bool = False
    backfill: bool = False
    data: Data

    @model_validator(mode="after")
    def _check_envelope(self, info: ValidationInfo) -> Self:
        fields = self.__pydantic_fields_set__
        if info.mode == "json":  # a default spares Python callers the field, not writers of messages
            if "type" not in fields:
                raise PydanticCustomError(MISSING_FIELD, "type is missing")
            if "specversion" not in fields:
                raise PydanticCustomError(MISSING_FIELD, "specversion is missing: it should be 1.0")
        if self.time - self.receivedtime > FUTURE_TOLERANCE:
            raise PydanticCustomError(TIME_IN_FUTURE, "time lies more than five minutes beyond receivedtime")
        # What is set is written: the fixed fields always, the optional ones only when they say something.
        fields.update(("specversion", "type"))
        for name in ("personid", "clamped", "backfill"):
            if not getattr(self, name):
                fields.discard(name)
        return self

    @property
    def account_id(self) -> AccountId:
        """The account, which is also the message's key; "!control" for a control record."""
        return self.subject

    @property
    def is_control(self) -> bool:
        """Whether this is a control record, which concerns the partition and not one account."""
        return self.subject == CONTROL_KEY

    @property
    def key(self) -> bytes:
        """The message's key on the log."""
        return self.subject.encode()

    def to_bytes(self) -> bytes:
        """The message as it goes on the log: compact UTF-8 JSON of what was set, and of data nothing else either.

        `parse` gives an equal event back, with the same fields set. Optional envelope fields appear only if they are
        set (personid) or true (clamped, backfill).
        """
        return self.model_dump_json(by_alias=True, exclude_unset=True).encode()


class ControlEvent(Event):
    """A record for the whole partition, appended once to each, with the key and subject "!control"."""

    subject: Literal["!control"] = CONTROL_KEY  # type: ignore[assignment]

    @model_validator(mode="after")
    def _check_subject(self, info: ValidationInfo) -> Self:
        if info.mode == "json" and "subject" not in self.__pydantic_fields_set__:
            raise PydanticCustomError(MISSING_FIELD, "subject is missing: it should be !control")
        self.__pydantic_fields_set__.add("subject")
        return self


def _required(declared: object) -> list[str]:
    """A message must name its specversion, type and subject, though Python callers need not."""
    names: Set[object] = set(declared) if isinstance(declared, list) else set()
    order = ("specversion", "id", "source", "type", "subject", "time", "receivedtime", "data")
    return [name for name in order if name in names or name in ("specversion", "type", "subject")]

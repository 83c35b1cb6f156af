"""cs.health-events: the published changes of an account's health.

All fields are always written, null where unknown, so that conditions never meet an absent one.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from csmodels.envelope import Data, Event
from csmodels.errors import INVALID_FIELD
from csmodels.fields import (
    AdjustmentKind,
    AdoptionLevel,
    Band,
    Code,
    Country,
    Finite,
    Label,
    Locale,
    PositiveMoney,
    Score,
    Share,
    Size,
    Staff,
    Stage,
    TimeZone,
    Trigger,
    UtcTime,
    Watch,
    Whole,
    WireId,
)
from csmodels.ids import EventId

MAX_CAUSE_EVENTS = 20

# `<account>:<version>`: longer than other event ids, since an account id alone may have 128 characters
HealthEventId = Annotated[EventId, StringConstraints(pattern=r"^[^!@\x00-\x1f\x7f-\x9f][^@\x00-\x1f\x7f-\x9f]{0,159}$")]


class PreviousHealth(Data):
    """What was published before. Before the first: version 0, band grey, the rest null and empty."""

    version: Whole
    score: Score | None
    band: Band
    stage: Stage | None
    adoption_level: AdoptionLevel | None
    coverage: Share | None
    watch: tuple[Watch, ...]

    @classmethod
    def before_first(cls) -> Self:
        """The health of an account of which nothing was published yet."""
        return cls(version=0, score=None, band="grey", stage=None, adoption_level=None, coverage=None, watch=())


class HealthAdjustment(Data):
    """A line of the score that is no measure's; the reason is a code."""

    kind: AdjustmentKind
    points: Finite
    reason: Code


class Cause(Data):
    """Why it changed: the newest events (at most 20) and how many more, time passing, a scorecard, an override."""

    events: Annotated[tuple[Trigger, ...], Field(max_length=MAX_CAUSE_EVENTS)]
    more: Whole
    time: bool
    scorecard: Label | None
    override: WireId | None


class AccountState(Data):
    """The account as conditions and routing need it; mrr in the portfolio's currency."""

    plan: Label | None
    segment: Label | None
    owner: Staff | None
    mrr: PositiveMoney | None
    seats: Size | None
    country: Country | None
    time_zone: TimeZone | None
    locale: Locale | None


class HealthChange(Data):
    """A published health. version counts the published changes of an account without gaps, from 1.

    contributions are points per measure, relative to the reference; partition, offset and `at` name the record of
    cs.customer-events at whose cut it was scored. occurred_at, received_at and scored_at are the newest cause's times.
    """

    version: Annotated[Whole, Field(ge=1)]
    score: Score
    band: Band
    stage: Stage
    adoption_level: AdoptionLevel
    coverage: Share
    watch: tuple[Watch, ...]
    previous: PreviousHealth
    contributions: dict[Code, Finite]
    adjustments: tuple[HealthAdjustment, ...]
    cause: Cause
    account: AccountState
    backfill: bool
    partition: Annotated[int, Field(ge=0)]
    offset: Whole
    at: UtcTime
    occurred_at: UtcTime
    received_at: UtcTime
    scored_at: UtcTime


class HealthChanged(Event):
    """The health of an account changed enough to be published. id is `<account>:<version>`."""

    type: Literal["health.changed"] = "health.changed"
    id: HealthEventId
    data: HealthChange

    @model_validator(mode="after")
    def _id_is_account_and_version(self) -> Self:
        if self.id != f"{self.subject}:{self.data.version}":
            raise PydanticCustomError(INVALID_FIELD, "id should be subject:data.version")
        return self

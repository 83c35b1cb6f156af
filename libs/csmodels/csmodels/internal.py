"""cs.customer-events, second half: what only our own services append, and clients are refused."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csmodels.envelope import ControlEvent, Data, Event
from csmodels.errors import INVALID_FIELD, WRONG_KEY
from csmodels.fields import (
    Account,
    Code,
    Family,
    Person,
    Points,
    Role,
    Staff,
    SurveyKind,
    TextRef,
    UtcHour,
    UtcTime,
    Whole,
    WireId,
)

SCORE_RANGES: Final = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}  # a churn reason has no score


class Merge(Data):
    """Two person ids that turned out to be one person: `from` goes up in `into`."""

    from_: Annotated[Person, Field(validation_alias="from", serialization_alias="from")]
    into: Person

    @model_validator(mode="after")
    def _needs_two_people(self) -> Self:
        if self.from_ == self.into:
            raise PydanticCustomError(INVALID_FIELD, "into should be another person than from")
        return self


class ContactMerged(Event):
    """Two persons of the account are one; the fold unions their days."""

    type: Literal["contact.merged"] = "contact.merged"
    data: Merge


class Erasure(Data):
    """The person whose data every service deletes."""

    person: Person


class PersonErased(Event):
    """A person was erased; one event per account that knew the person."""

    type: Literal["person.erased"] = "person.erased"
    data: Erasure


class Note(Data):
    """A note by a member of the staff; its text stays with ingest."""

    author: Staff
    text_ref: TextRef


class NoteRecorded(Event):
    """A note was written."""

    type: Literal["note.recorded"] = "note.recorded"
    data: Note


class Answer(Data):
    """An answer to a survey: NPS 0-10, CSAT 1-5, CES 1-7; a churn reason has a reason and no score."""

    survey: WireId
    response: WireId
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    kind: SurveyKind
    score: int | None = None
    role: Role | None = None
    reason: Code | None = None
    text_ref: TextRef | None = None

    @model_validator(mode="after")
    def _score_fits_kind(self) -> Self:
        if self.kind == "churn_reason":
            if self.score is not None:
                raise PydanticCustomError(INVALID_FIELD, "score should be absent: a churn reason has none")
            return self
        low, high = SCORE_RANGES[self.kind]
        if self.score is None or not low <= self.score <= high:
            raise PydanticCustomError(
                INVALID_FIELD,
                "score of {kind} should be {low} to {high}",
                {"kind": self.kind, "low": low, "high": high},
            )
        return self


class SurveyAnswered(Event):
    """A survey was answered, or the answer changed: id is `response:revision`, the highest revision counts."""

    type: Literal["survey.answered"] = "survey.answered"
    data: Answer

    @model_validator(mode="after")
    def _id_is_response_and_revision(self) -> Self:
        if self.id != f"{self.data.response}:{self.data.revision}":
            raise PydanticCustomError(INVALID_FIELD, "id should be data.response:data.revision")
        return self


class Handover(Data):
    """The account's owner before and after; null is nobody."""

    from_: Annotated[Staff | None, Field(validation_alias="from", serialization_alias="from")] = None
    to: Staff | None
    text_ref: TextRef | None = None


class OwnerChanged(Event):
    """The account was handed over."""

    type: Literal["owner.changed"] = "owner.changed"
    data: Handover


class AccountErasure(Data):
    """The account to forget, equal to the subject."""

    account: Account


class AccountErased(Event):
    """An account was erased, with all that is known of it."""

    type: Literal["account.erased"] = "account.erased"
    data: AccountErasure

    @model_validator(mode="after")
    def _account_is_subject(self) -> Self:
        if self.data.account != self.subject:
            raise PydanticCustomError(WRONG_KEY, "data.account should equal the subject")
        return self


class Override(Data):
    """Points that a person adds to the score until expires_at, with the reason as a text of ingest."""

    override: WireId
    points: Points
    expires_at: UtcTime
    author: Staff
    text_ref: TextRef


class OverrideSet(Event):
    """A person overrode the score."""

    type: Literal["override.set"] = "override.set"
    data: Override


class EndedOverride(Data):
    """Which override ended; the rest as it was set, if the sender knows it."""

    override: WireId
    points: Points | None = None
    expires_at: UtcTime | None = None
    author: Staff | None = None
    text_ref: TextRef | None = None


class OverrideEnded(Event):
    """An override was taken back before it expired."""

    type: Literal["override.ended"] = "override.ended"
    data: EndedOverride


class Tick(Data):
    """The full hour (UTC) that has come."""

    hour: UtcHour


class ClockTicked(ControlEvent):
    """An hour passed. Time is part of the log."""

    type: Literal["clock.ticked"] = "clock.ticked"
    data: Tick


class ScorecardVersion(Data):
    """A version of a scorecard and the hash of its content."""

    scorecard: Code
    version: Annotated[Whole, Field(ge=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ScorecardApplied(ControlEvent):
    """A scorecard was applied, or an older version again."""

    type: Literal["scorecard.applied"] = "scorecard.applied"
    data: ScorecardVersion


class RatesVersion(Data):
    """A version of the exchange rates."""

    version: Annotated[Whole, Field(ge=1)]


class RatesChanged(ControlEvent):
    """Exchange rates were set, corrected or deleted."""

    type: Literal["rates.changed"] = "rates.changed"
    data: RatesVersion


class Stop(Data):
    """A family of events that went quiet for everyone, and since when."""

    family: Family
    since: UtcTime


class FeedStopped(ControlEvent):
    """A feed is dead: its measures freeze at that moment."""

    type: Literal["feed.stopped"] = "feed.stopped"
    data: Stop


class Resumption(Data):
    """A family of events that flows again, and from when."""

    family: Family
    at: UtcTime


class FeedResumed(ControlEvent):
    """A feed is alive again."""

    type: Literal["feed.resumed"] = "feed.resumed"
    data: Resumption

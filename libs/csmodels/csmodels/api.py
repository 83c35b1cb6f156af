"""The models of the HTTP interfaces that services share. Times RFC 3339 in UTC, numbers unrounded."""

from datetime import date
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from csmodels.fields import (
    WORDS_PATTERN,
    AdjustmentKind,
    AdoptionLevel,
    Band,
    Locale,
    Points,
    PositiveMoney,
    Score,
    Share,
    Stage,
    TaskStatus,
    UtcTime,
    Watch,
)

T = TypeVar("T")

MeasureStatus = Literal["fresh", "stale", "not_connected", "not_applicable"]
ItemStatus = Literal["accepted", "duplicate", "waiting", "refused"]


class Model(BaseModel):
    """A body of a request or an answer: immutable, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Body(Model):
    """A body of a request in which a field that is not known is refused: what was meant by it must not get lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Model):
    """An error, as RFC 9457 says, with `code` (stable, for programs) and `message` (a sentence, for people)."""

    type: str = "about:blank"
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str | None = None
    code: str
    message: str


class Page(Model, Generic[T]):
    """A part of a list; `next` is the cursor of the following part, null at the end."""

    items: list[T]
    next: str | None = None


class Contribution(Model):
    """What a measure adds to the reference. Unless fresh, value, points and as_of may be null, contribution is 0.

    points are 0-100, weight is the normalised share 0-1, contribution = weight * (points - reference).
    """

    measure: str
    value: float | None
    points: Score | None
    weight: Share
    contribution: float
    status: MeasureStatus
    as_of: UtcTime | None


class Adjustment(Model):
    """A line of the score that is no measure's."""

    kind: AdjustmentKind
    points: float
    reason: str


class Health(Model):
    """GET /v1/accounts/{id}/health: reference + contributions + adjustments equals score within 1e-9."""

    account: str
    score: Score
    band: Band
    stage: Stage
    adoption_level: AdoptionLevel
    coverage: Share
    watch: list[Watch]
    version: int
    scorecard: str
    contributions: list[Contribution]
    reference: float
    adjustments: list[Adjustment]
    occurred_at: UtcTime
    received_at: UtcTime
    scored_at: UtcTime


class AccountSummary(Model):
    """A row of GET /v1/accounts. mrr is in the portfolio's currency; change is the score's over 7 days."""

    account: str
    name: str | None
    score: Score | None
    band: Band
    stage: Stage
    adoption_level: AdoptionLevel
    coverage: Share
    watch: list[Watch]
    version: int
    plan: str | None = None
    segment: str | None = None
    owner: str | None = None
    mrr: PositiveMoney | None = None
    seats: int | None = None
    country: str | None = None
    renewal_on: date | None = None
    last_contact_at: UtcTime | None = None
    change: float | None = None
    scored_at: UtcTime | None = None
    contributions: list[Contribution] = Field(default_factory=list)
    adjustments: list[Adjustment] = Field(default_factory=list)


class HistoryRow(Model):
    """A row of …/history: as recorded when scored (view=known) or as today's facts give it (view=corrected).

    version is null for a day's last score that was not published.
    """

    partition: int
    offset: int
    at: UtcTime
    version: int | None
    score: Score
    band: Band
    stage: Stage
    coverage: Share
    contributions: dict[str, float]
    adjustments: list[Adjustment]
    scorecard: str
    view: Literal["known", "corrected"] = "known"


class ExplainedMoment(Model):
    """One end of an explanation: the score as recorded (known), or as today's facts give it where none was."""

    at: UtcTime
    score: Score
    band: Band
    stage: Stage
    version: int | None
    scorecard: str
    view: Literal["known", "corrected"]


class MeasureChange(Model):
    """A measure's contribution then and now; data + configuration = after - before, but for a change of the reference.

    configuration is what another scorecard changed, data all else.
    """

    measure: str
    before: float
    after: float
    data: float
    configuration: float


class AdjustmentChange(Model):
    """How an override, a cap or the clamp moved the score between two moments."""

    kind: AdjustmentKind
    reason: str
    change: float


class Explanation(Model):
    """GET …/explanation: why the score changed. data + configuration + override equals change within 1e-9.

    Caps and the clamp count as data, as far as the scorecard did not change them. events are the newest ids, `more` how
    many came before.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    account: str
    first: Annotated[ExplainedMoment, Field(alias="from")]
    last: Annotated[ExplainedMoment, Field(alias="to")]
    change: float
    data: float
    configuration: float
    override: float
    measures: list[MeasureChange]
    adjustments: list[AdjustmentChange]
    events: list[str]
    more: int


TimelineKind = Literal[
    "health", "ticket", "contract", "invoice", "touch", "note", "voice", "milestone", "answer", "owner", "override",
    "override_ended", "contact", "task", "run", "email",
]  # fmt: skip


class TimelineEntry(Model):
    """Something that befell an account. data depends on the kind and holds codes, numbers and ids, never words.

    health {version, score, band, previous_score, previous_band, backfill} · ticket {ticket, status, severity, channel,
    topic, csat, text_ref} · contract {contract, status, plan, mrr, currency, seats, starts_on, ends_on, reason} ·
    invoice {invoice, amount, currency, due_on, paid_at} · touch {kind, direction, person, outcome, text_ref} ·
    note {author, text_ref} · voice {sentiment, role, person, channel, text_ref} · milestone {milestone} ·
    answer {response, revision, survey, kind, score, role, person, reason, text_ref} · owner {from, to, text_ref} ·
    override {override, points, expires_at, author, text_ref} · override_ended {override} ·
    contact {person, role, left} · task {what: created | changed | completed | overdue, task, run, step, owner, due_at,
    status, outcome, text_ref, reason} · run {what: started | ended, run, playbook, version, reason} ·
    email {what: sent | failed, effect, run, step, person, reason}. A ticket, a contract, an invoice or a contact has an
    entry per change; data is what it was from then on.
    """

    id: str
    at: UtcTime
    kind: TimelineKind
    data: dict[str, Any]


class EventItem(Model):
    """An item of POST /v1/events: an id, a type, an account or a user or both, and the event's data.

    data is checked by the type (`catalogue.parse_data`), so that one bad item refuses only itself. A field of data that
    the type does not have refuses it; unknown fields beside data are passed over, as CloudEvents' extensions are.
    """

    id: Annotated[str, Field(min_length=1, strict=True)]
    type: Annotated[str, Field(strict=True)]
    account: Annotated[str, Field(strict=True)] | None = None
    user: Annotated[str, Field(strict=True)] | None = None
    time: UtcTime | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    backfill: Annotated[bool, Field(strict=True)] = False
    source: Annotated[str, Field(strict=True)] | None = None  # that of the key, if it is said at all

    @model_validator(mode="after")
    def _needs_account_or_user(self) -> Self:
        if self.account is None and self.user is None:
            raise ValueError("an item needs an account or a user")
        return self


class EventResult(Model):
    """What became of an item; code, field and message say why one was refused, or what of it was left out
    (`left_out`: a malformed trait of an SDK's call, which is taken without it).
    """

    index: int
    id: str | None
    status: ItemStatus
    code: str | None = None
    field: str | None = None
    message: str | None = None


class EventsAnswer(Model):
    """The answer of POST /v1/events: how many, and each item's result in the order of the request.

    Duplicates count as accepted. dropped counts the properties that were left out of events that were taken.
    """

    accepted: int
    waiting: int
    refused: int
    dropped: int = 0
    items: list[EventResult]

    @classmethod
    def of(cls, results: list[EventResult]) -> Self:
        """The answer with its counts."""
        return cls(
            accepted=sum(result.status in ("accepted", "duplicate") for result in results),
            waiting=sum(result.status == "waiting" for result in results),
            refused=sum(result.status == "refused" for result in results),
            items=results,
        )


class OverrideRequest(Body):
    """POST /v1/accounts/{id}/overrides: at most ten points either way, with a note and an end."""

    points: Annotated[Points, Field(strict=True)]
    note: Annotated[str, Field(min_length=1, max_length=4000, pattern=WORDS_PATTERN, strict=True)]
    expires_at: UtcTime


class TaskCompletion(Body):
    """POST /v1/tasks/{id}/complete."""

    outcome: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$", strict=True)]
    note: Annotated[str, Field(max_length=4000, strict=True)] | None = None


class Task(Model):
    """A task. title and how by language; run, playbook and step are null for one that was added by hand."""

    id: str
    account: str
    title: dict[str, str]
    how: dict[str, str] = Field(default_factory=dict)
    playbook: str | None = None
    run: str | None = None
    step: str | None = None
    owner: str | None = None
    priority: Literal["high", "normal", "low"] = "normal"
    status: TaskStatus
    due_at: UtcTime | None = None
    remind_at: UtcTime | None = None
    escalate_at: UtcTime | None = None
    snoozed_until: UtcTime | None = None
    outcomes: list[str] = Field(default_factory=list)
    outcome: str | None = None
    note: str | None = None
    version: int = 1
    created_at: UtcTime
    changed_at: UtcTime | None = None
    completed_at: UtcTime | None = None


class Staff(Model):
    """A member of the staff; leader is another's id, away the times between which nothing is assigned."""

    id: Annotated[str, Field(min_length=1, max_length=128)]
    name: str
    email: str | None = None
    role: str = "csm"
    leader: str | None = None
    country: str | None = None
    time_zone: str
    locale: Locale = "en"
    capacity: Annotated[int, Field(ge=0)] | None = None
    away_from: UtcTime | None = None
    away_until: UtcTime | None = None


class Invitation(Model):
    """The answer of POST /v1/surveys/{id}/invitations: the link to send."""

    url: str

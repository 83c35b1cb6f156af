"""GET /v1/accounts/{id}/progress: how far an account has come in its stage, and what comes next."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from csmodels.api import Model
from csmodels.fields import AdoptionLevel, Stage, UtcTime

OnboardingOutcome = Literal["running", "completed", "failed", "unknown"]


class MilestoneProgress(Model):
    """A milestone of the onboarding: what it weighs, the day it is due, when it was first reached (null: not yet)."""

    name: str
    weight: float
    due_on: date
    reached_at: UtcTime | None


class FirstValueProgress(Model):
    """The milestone that is the first value, with its target.

    days are those from the start of the onboarding until it was reached, or until now.
    """

    milestone: str
    target_days: int
    due_on: date
    days: int
    reached_at: UtcTime | None


class OnboardingProgress(Model):
    """The onboarding: from the start of the first contract until all is reached, or the last day has passed.

    outcome: running; completed; failed (the last day passed first); unknown (it had passed before anything was heard
    of the account).
    """

    began: date
    last_day: date
    outcome: OnboardingOutcome
    ended_at: UtcTime | None
    connected: Annotated[
        bool, Field(description="Whether any milestone was ever told of; if not, nothing is known of them")
    ]
    milestones: list[MilestoneProgress]
    first_value: FirstValueProgress | None


class ChecklistItem(Model):
    """An item of the renewal checklist: when it was last reached since the renewal began (null: not yet)."""

    name: str
    reached_at: UtcTime | None


class RenewalProgress(Model):
    """The renewal of a contract that has begun; if none has (begun false) the next one to begin.

    ends is the last day of the term, days_left those until then. Trials, contracts under notice and month-to-month
    terms have no renewal.
    """

    contract: str
    begins: date
    ends: date
    begun: bool
    days_left: int
    connected: Annotated[
        bool, Field(description="Whether any item of the checklist was ever told of; if not, nothing is known of them")
    ]
    checklist: list[ChecklistItem]


class NoticeOfCancellation(Model):
    """A contract that still runs, under notice; ends_on is its last day, null if nobody told it."""

    contract: str
    cancelled_at: UtcTime
    ends_on: date | None


class LevelNeed(Model):
    """A measure that the next level names: its value now (null: not known, which holds nobody back), the one needed."""

    measure: str
    value: float | None
    needed: float


class AdoptionProgress(Model):
    """The adoption level, and what the next one needs; next is null at the highest.

    active are the people with a core action in the last window_days. low needs one of them and no measure.
    """

    level: AdoptionLevel
    active: int
    window_days: int
    next: AdoptionLevel | None
    needs: list[LevelNeed]


class Progress(Model):
    """Where an account stands at a moment, by the scorecard that counts for it.

    since: when the stage began, null without any contract. onboarding: null without a contract, or if the scorecard
    asks for none. renewal: null if none comes. notices: the oldest first.
    """

    account: str
    at: UtcTime
    scorecard: str
    stage: Stage
    since: UtcTime | None
    onboarding: OnboardingProgress | None
    renewal: RenewalProgress | None
    notices: list[NoticeOfCancellation]
    adoption: AdoptionProgress

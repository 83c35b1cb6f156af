"""How far accounts have come, as scoring tells it."""

from datetime import UTC, date, datetime, timedelta

from tests.integration.console.upstream import NOW

from csmodels.progress import (
    AdoptionProgress,
    ChecklistItem,
    FirstValueProgress,
    LevelNeed,
    MilestoneProgress,
    NoticeOfCancellation,
    OnboardingOutcome,
    OnboardingProgress,
    Progress,
    RenewalProgress,
)

MEDIUM = AdoptionProgress(
    level="medium",
    active=41,
    window_days=28,
    next="high",
    needs=[
        LevelNeed(measure="breadth", value=0.5, needed=0.375),
        LevelNeed(measure="depth", value=0.2, needed=0.35),
    ],
)
IDLE = AdoptionProgress(level="none", active=0, window_days=28, next="low", needs=[])
HIGHEST = AdoptionProgress(level="high", active=90, window_days=28, next=None, needs=[])


def onboarding(
    began: date, reached: dict[str, datetime], outcome: OnboardingOutcome = "running", ended: datetime | None = None
) -> OnboardingProgress:
    """By the default scorecard: three milestones and the first value."""
    due = {"kickoff": 14, "data_imported": 30, "go_live": 60}
    first = reached.get("first_value")
    return OnboardingProgress(
        began=began,
        last_day=began + timedelta(days=119),
        outcome=outcome,
        ended_at=ended,
        connected=bool(reached),
        milestones=[
            MilestoneProgress(name=name, weight=n, due_on=began + timedelta(days=days), reached_at=reached.get(name))
            for n, (name, days) in enumerate(due.items(), 1)
        ],
        first_value=FirstValueProgress(
            milestone="first_value",
            target_days=45,
            due_on=began + timedelta(days=45),
            days=((first or NOW).date() - began).days,
            reached_at=first,
        ),
    )


def settled(id_: str) -> Progress:
    """Through onboarding, the renewal comes next year."""
    done = datetime(2026, 7, 12, 3, tzinfo=UTC)
    reached = dict.fromkeys(("kickoff", "data_imported", "go_live", "first_value"), done)
    return Progress(
        account=id_, at=NOW, scorecard="default@1", stage="adoption", since=done,
        onboarding=onboarding(date(2026, 6, 1), reached, "completed", done),
        renewal=RenewalProgress(
            contract="K-12", begins=date(2027, 1, 31), ends=date(2027, 5, 31), begun=False, days_left=188,
            connected=False, checklist=[ChecklistItem(name="renewal_review", reached_at=None)],
        ),
        notices=[], adoption=MEDIUM,
    )  # fmt: skip


def new(id_: str) -> Progress:
    """In onboarding for 40 days: one milestone reached, one late, one ahead; first value not yet."""
    began = date(2026, 10, 15)
    return Progress(
        account=id_, at=NOW, scorecard="default@1", stage="onboarding", since=datetime(2026, 10, 15, 1, tzinfo=UTC),
        onboarding=onboarding(began, {"kickoff": datetime(2026, 10, 27, 2, tzinfo=UTC)}),
        renewal=None, notices=[], adoption=IDLE,
    )  # fmt: skip


def renewing(id_: str) -> Progress:
    """28 days before the end of its term; the onboarding had failed."""
    reached = {"kickoff": datetime(2025, 1, 10, tzinfo=UTC)}
    return Progress(
        account=id_, at=NOW, scorecard="default@1", stage="renewal", since=datetime(2026, 8, 23, 15, tzinfo=UTC),
        onboarding=onboarding(date(2024, 12, 23), reached, "failed", datetime(2025, 4, 21, 15, tzinfo=UTC)),
        renewal=RenewalProgress(
            contract="K-7", begins=date(2026, 8, 24), ends=date(2026, 12, 22), begun=True, days_left=28,
            connected=True,
            checklist=[
                ChecklistItem(name="renewal_review", reached_at=datetime(2026, 11, 4, 6, tzinfo=UTC)),
                ChecklistItem(name="renewal_proposal", reached_at=None),
                ChecklistItem(name="board_approval", reached_at=None),
            ],
        ),
        notices=[], adoption=HIGHEST,
    )  # fmt: skip


def leaving(id_: str) -> Progress:
    """Under notice, one contract without a last day; nothing was ever told of milestones."""
    given = datetime(2026, 11, 3, 4, tzinfo=UTC)
    return Progress(
        account=id_, at=NOW, scorecard="default@1", stage="churning", since=given,
        onboarding=onboarding(date(2024, 12, 23), {}, "unknown", datetime(2025, 4, 21, 15, tzinfo=UTC)),
        renewal=None,
        notices=[
            NoticeOfCancellation(contract="K-3", cancelled_at=given, ends_on=date(2027, 1, 31)),
            NoticeOfCancellation(contract="K-4", cancelled_at=given, ends_on=None),
        ],
        adoption=MEDIUM,
    )  # fmt: skip

"""An evaluation as the event health.changed."""

from datetime import datetime

from csmodels.health import (
    AccountState,
    Cause,
    HealthAdjustment,
    HealthChange,
    HealthChanged,
    PreviousHealth,
)
from csmodels.ids import AccountId, EventId, StaffId
from scoring.account import Evaluation
from scoring.causes import Causes
from scoring.domain.verdict import Published
from scoring.engine.profile import Profile

SOURCE = "scoring"


def health_changed(evaluation: Evaluation, scored_at: datetime) -> HealthChanged:
    """The event of a published evaluation (ValueError for another). All but scored_at is a function of the log."""
    change, version = evaluation.change, evaluation.version
    if change is None or version is None:
        raise ValueError(f"an evaluation of {evaluation.account} is not published")
    now, cut = change.now, evaluation.cut
    return HealthChanged(
        id=EventId(f"{evaluation.account}:{version}"),
        source=SOURCE,
        subject=AccountId(evaluation.account),
        time=cut.at,
        receivedtime=cut.at,
        backfill=evaluation.kind == "backfill",
        data=HealthChange(
            version=version,
            score=now.score,
            band=now.band,
            stage=now.stage,
            adoption_level=now.adoption_level,
            coverage=now.coverage,
            watch=now.watch,
            previous=_previous(change.previous, evaluation.base),
            contributions={one.measure: one.contribution for one in evaluation.score.contributions},
            adjustments=tuple(
                HealthAdjustment(kind=one.kind, points=one.points, reason=one.reason)
                for one in evaluation.score.adjustments
            ),
            cause=_cause(evaluation.causes),
            account=_state(evaluation.profile),
            backfill=evaluation.kind == "backfill",
            partition=cut.partition,
            offset=cut.offset,
            at=cut.at,
            occurred_at=evaluation.occurred_at,
            received_at=evaluation.received_at,
            scored_at=scored_at,
        ),
    )


def _previous(published: Published | None, base: int) -> PreviousHealth:
    if published is None:
        return PreviousHealth.before_first()
    return PreviousHealth(
        version=base + published.version,
        score=published.score,
        band=published.band,
        stage=published.stage,
        adoption_level=published.adoption_level,
        coverage=published.coverage,
        watch=published.watch,
    )


def _cause(causes: Causes) -> Cause:
    return Cause(
        events=causes.events,
        more=causes.more,
        time=causes.time,
        scorecard=causes.scorecard,
        override=causes.override,
    )


def _state(profile: Profile) -> AccountState:
    return AccountState(
        plan=profile.plan,
        segment=profile.segment,
        owner=StaffId(profile.owner) if profile.owner is not None else None,
        mrr=profile.mrr,
        seats=profile.seats,
        country=profile.country,
        time_zone=profile.time_zone,
        locale=profile.locale,
    )

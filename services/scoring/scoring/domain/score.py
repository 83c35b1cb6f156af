"""From features to a score with its reasons: score == reference + sum of contributions + sum of adjustments."""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from csmodels.fields import AdjustmentKind, AdoptionLevel, Stage
from scoring.domain.measures import (
    USAGE_MEASURES,
    ActiveOverride,
    CapId,
    Features,
    MeasureId,
    Measurement,
    Status,
)
from scoring.domain.scorecard import Scorecard


@dataclass(frozen=True, slots=True)
class Contribution:
    """A measure's part: points 0-100 from its curve, contribution = weight * (points - reference).

    weight is the share among the fresh measures: they add up to 1.

    Unless fresh: value and points None, weight and contribution 0.
    """

    measure: MeasureId
    status: Status
    value: float | None
    points: float | None
    weight: float
    contribution: float
    as_of: datetime | None
    estimate: bool
    frozen: bool


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A line that is no measure's: the override, each cap in force (0 points if the score is below it), the clamp."""

    kind: AdjustmentKind
    points: float
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """A score of 0-100 and its reasons.

    coverage is the weight of fresh measures over that of those that apply, 0-1; coverage_class its index among the
    scorecard's classes; grey says that too little is known for a band. scorecard is "id@version".
    """

    at: datetime
    scorecard: str
    reference: float
    value: float
    contributions: tuple[Contribution, ...]
    adjustments: tuple[Adjustment, ...]
    coverage: float
    coverage_class: int
    grey: bool
    stage: Stage
    adoption_level: AdoptionLevel
    caps: tuple[CapId, ...]
    override: str | None


def score(features: Features, card: Scorecard, stage: Stage, override: ActiveOverride | None) -> Score:
    """The score of an account. Without any fresh measure it is the reference, grey."""
    weights = {m.measure: card.weights[m.measure] for m in features.measurements if m.status == "fresh"}
    total = math.fsum(weights.values())
    contributions = tuple(_contribution(m, card, weights, total) for m in features.measurements)
    value = card.reference + math.fsum(c.contribution for c in contributions)
    adjustments = []
    if override is not None:
        adjustments.append(Adjustment("override", override.points, "override"))
        value += override.points
    for cap in sorted(features.caps, key=card.caps.at_most):
        capped = min(value, card.caps.at_most(cap))
        adjustments.append(Adjustment("cap", capped - value, cap))
        value = capped
    clamped = min(max(value, 0.0), 100.0)
    if clamped != value:
        adjustments.append(Adjustment("clamp", clamped - value, "range"))
    coverage = _coverage(features, card, total)
    return Score(
        at=features.at,
        scorecard=card.name,
        reference=card.reference,
        value=clamped,
        contributions=contributions,
        adjustments=tuple(adjustments),
        coverage=coverage,
        coverage_class=bisect_right(card.coverage_classes, coverage),
        grey=coverage < card.grey_below or not _usage_is_connected(features),
        stage=stage,
        adoption_level=adoption_level(features, card),
        caps=tuple(sorted(features.caps)),
        override=override.override if override else None,
    )


def adoption_level(features: Features, card: Scorecard) -> AdoptionLevel:
    """The class of adoption, by the share of active people until a scorecard measures breadth and depth.

    none: nobody is active, or nothing is known.
    """
    share = next((m.value for m in features.measurements if m.measure == "active_share"), None)
    if not share:
        return "none"
    if share < card.medium_adoption:
        return "low"
    return "medium" if share < card.high_adoption else "high"


def _contribution(m: Measurement, card: Scorecard, weights: Mapping[MeasureId, float], total: float) -> Contribution:
    points, weight = None, 0.0
    if m.status == "fresh" and m.value is not None:
        points = card.curves[m.measure].points(m.value)
        weight = weights[m.measure] / total if total else 0.0
    return Contribution(
        measure=m.measure,
        status=m.status,
        value=m.value,
        points=points,
        weight=weight,
        contribution=0.0 if points is None else weight * (points - card.reference),
        as_of=m.as_of,
        estimate=m.estimate,
        frozen=m.frozen,
    )


def _coverage(features: Features, card: Scorecard, fresh: float) -> float:
    applying = math.fsum(card.weights[m.measure] for m in features.measurements if m.status != "not_applicable")
    return min(fresh / applying, 1.0) if applying else 0.0


def _usage_is_connected(features: Features) -> bool:
    return any(m.measure in USAGE_MEASURES and m.status in ("fresh", "stale") for m in features.measurements)

"""From features to a score with its reasons: score == reference + sum of contributions + sum of adjustments."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from csmodels.fields import AdjustmentKind, AdoptionLevel, Stage
from scoring.domain.curve import Curve
from scoring.domain.measures import ActiveOverride, CapId, Features, MeasureId, Measurement, Status
from scoring.domain.scorecard import Scorecard


class Contribution(Struct, frozen=True, gc=False):
    """A measure's part: points 0-100 from its curve, contribution = weight * (points - reference).

    weight is the share among the fresh measures of the stage: they add up to 1. Unless fresh: value and points None,
    weight and contribution 0.
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


class Adjustment(Struct, frozen=True, gc=False):
    """A line that is no measure's: the override, each cap in force (0 points if the score is below it), the clamp."""

    kind: AdjustmentKind
    points: float
    reason: str


class Score(Struct, frozen=True, gc=False):
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
    """The score of an account. Without any fresh measure it is the reference, grey.

    Of the measurements those count, and are told, that have a place in the stage's column of weights (or in the one
    before, while they blend).
    """
    weights = card.weights(features.columns)
    told = [(m, weights[m.measure]) for m in features.measurements if m.measure in weights]
    total = math.fsum([weight for m, weight in told if m.status == "fresh"])
    curves, reference = card.curves, card.reference
    contributions = tuple([_contribution(m, curves, weight, total, reference) for m, weight in told])
    value = reference + math.fsum([c.contribution for c in contributions])
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
    coverage = _coverage(told, total)
    return Score(
        at=features.at,
        scorecard=card.name,
        reference=card.reference,
        value=clamped,
        contributions=contributions,
        adjustments=tuple(adjustments),
        coverage=coverage,
        coverage_class=bisect_right(card.coverage_classes, coverage),
        grey=coverage < card.grey_below or not features.in_use,
        stage=stage,
        adoption_level=features.adoption_level,
        caps=tuple(sorted(features.caps)),
        override=override.override if override else None,
    )


def adoption_level(values: Mapping[MeasureId, float | None], active: int, card: Scorecard) -> AdoptionLevel:
    """The class of adoption, by the values of the measures that the scorecard names (breadth and depth).

    none: nobody is active, or nothing is known. A measure without a value holds nobody back from a level.
    """
    if not active:
        return "none"
    for level, needed in (("high", card.adoption.high), ("medium", card.adoption.medium)):
        known = [(values[name], least) for name, least in needed.items() if values.get(name) is not None]
        if known and all([value is not None and value >= least for value, least in known]):
            return "high" if level == "high" else "medium"
    return "low"


def _contribution(
    m: Measurement, curves: Mapping[MeasureId, Curve], weight: float, total: float, reference: float
) -> Contribution:
    value = m.value
    if m.status != "fresh" or value is None:
        return Contribution(m.measure, m.status, value, None, 0.0, 0.0, m.as_of, m.estimate, m.frozen)
    points = m.points
    if points is None:
        points = curves[m.measure].points(value)
    share = weight / total if total else 0.0
    part = share * (points - reference)
    return Contribution(m.measure, "fresh", value, points, share, part, m.as_of, m.estimate, m.frozen)


def _coverage(told: Sequence[tuple[Measurement, float]], fresh: float) -> float:
    applying = math.fsum([weight for m, weight in told if m.status != "not_applicable"])
    return min(fresh / applying, 1.0) if applying else 0.0

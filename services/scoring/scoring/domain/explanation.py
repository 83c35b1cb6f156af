"""Why the score changed between two moments."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scoring.domain.score import Contribution, Score


@dataclass(frozen=True, slots=True)
class Explanation:
    """The change of a score in parts: total == sum(data) + sum(configuration) + override + limits, within 1e-9.

    data and configuration are points by measure (and "reference" in configuration); limits are caps and the clamp.
    """

    total: float
    data: Mapping[str, float]
    configuration: Mapping[str, float]
    override: float
    limits: float


def explain(before: Score, after: Score, rescored: Score | None = None) -> Explanation:
    """The change from before to after.

    rescored is the earlier moment scored with the later scorecard; without it the scorecard counts as the same. Per
    measure: mean weight * change of points + mean (points - reference) * change of weight.
    """
    middle = rescored or before
    configuration = _by_measure(before, middle)
    configuration["reference"] = middle.reference - before.reference
    return Explanation(
        total=after.value - before.value,
        data=_by_measure(middle, after),
        configuration=configuration,
        override=_lines(after, "override") - _lines(before, "override"),
        limits=_lines(after, "cap", "clamp") - _lines(before, "cap", "clamp"),
    )


def _by_measure(before: Score, after: Score) -> dict[str, float]:
    left = {c.measure: c for c in before.contributions}
    right = {c.measure: c for c in after.contributions}
    return {m: _change(left.get(m), right.get(m), before.reference, after.reference) for m in {**left, **right}}


def _change(a: Contribution | None, b: Contribution | None, reference_a: float, reference_b: float) -> float:
    """A side without points takes the other's, so that coming and going is a change of weight alone."""
    known = [c.points - r for c, r in ((a, reference_a), (b, reference_b)) if c is not None and c.points is not None]
    if not known:
        return 0.0
    first, last = known[0], known[-1]
    weight_a, weight_b = a.weight if a else 0.0, b.weight if b else 0.0
    return (weight_a + weight_b) / 2 * (last - first) + (first + last) / 2 * (weight_b - weight_a)


def _lines(score: Score, *kinds: str) -> float:
    return math.fsum(a.points for a in score.adjustments if a.kind in kinds)

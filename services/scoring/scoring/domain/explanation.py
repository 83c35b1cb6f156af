"""Why the score changed between two moments."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from csmodels.fields import AdjustmentKind
from scoring.domain.score import Adjustment


class Part(Protocol):
    """A measure's part of a score, as far as it matters here. points None: it was not fresh, and weighs nothing."""

    @property
    def measure(self) -> str: ...
    @property
    def points(self) -> float | None: ...
    @property
    def weight(self) -> float: ...


class Told(Protocol):
    """A score with its reasons: a Score, or what was recorded of one."""

    @property
    def value(self) -> float: ...
    @property
    def reference(self) -> float: ...
    @property
    def contributions(self) -> Sequence[Part]: ...
    @property
    def adjustments(self) -> Sequence[Adjustment]: ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """The change of a score in parts: total == sum(data) + limits + sum(configuration) + turned_limits + override,
    within 1e-9.

    data and configuration are points by measure (and "reference" in configuration). lines are the adjustments that
    changed, (kind, reason) to points; override is the sum of its own, turned_limits what the scorecard changed of caps
    and the clamp, limits the rest.
    """

    total: float
    data: Mapping[str, float]
    configuration: Mapping[str, float]
    lines: Mapping[tuple[AdjustmentKind, str], float]
    override: float
    limits: float
    turned_limits: float


def explain(before: Told, after: Told, turned: tuple[Told, Told] | None = None) -> Explanation:
    """The change from before to after.

    turned is the earlier moment, by what is known of it now, with the earlier scorecard and with the later one; without
    it the scorecard counts as the same. What is known now and was not then is data. Per measure: mean weight * change
    of points + mean (points - reference) * change of weight.
    """
    old, new = turned or (before, before)
    configuration = _by_measure(old, new)
    configuration["reference"] = new.reference - old.reference
    learned, data = _by_measure(before, old), _by_measure(new, after)
    lines, turned_limits = _lines(before, after), _limits(_lines(old, new))
    return Explanation(
        total=after.value - before.value,
        data={measure: learned.get(measure, 0.0) + data.get(measure, 0.0) for measure in {**learned, **data}},
        configuration=configuration,
        lines=lines,
        override=math.fsum(points for (kind, _), points in lines.items() if kind == "override"),
        limits=_limits(lines) - turned_limits,
        turned_limits=turned_limits,
    )


def _by_measure(before: Told, after: Told) -> dict[str, float]:
    left = {c.measure: c for c in before.contributions}
    right = {c.measure: c for c in after.contributions}
    return {m: _change(left.get(m), right.get(m), before.reference, after.reference) for m in {**left, **right}}


def _change(a: Part | None, b: Part | None, reference_a: float, reference_b: float) -> float:
    """A side without points takes the other's, so that coming and going is a change of weight alone."""
    known = [c.points - r for c, r in ((a, reference_a), (b, reference_b)) if c is not None and c.points is not None]
    if not known:
        return 0.0
    first, last = known[0], known[-1]
    weight_a, weight_b = a.weight if a else 0.0, b.weight if b else 0.0
    return (weight_a + weight_b) / 2 * (last - first) + (first + last) / 2 * (weight_b - weight_a)


def _limits(lines: Mapping[tuple[AdjustmentKind, str], float]) -> float:
    return math.fsum(points for (kind, _), points in lines.items() if kind != "override")


def _lines(before: Told, after: Told) -> dict[tuple[AdjustmentKind, str], float]:
    points: dict[tuple[AdjustmentKind, str], float] = {}
    for sign, told in ((1, after), (-1, before)):
        for line in told.adjustments:
            key = line.kind, line.reason
            points[key] = points.get(key, 0.0) + sign * line.points
    return {key: change for key, change in points.items() if change}

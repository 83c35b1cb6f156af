"""The bars of the contributions: each starts where the last one ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from console.charts.shapes import at, rect
from csmodels.fields import Band

WIDTH = 300.0
HEIGHT = 27.0
_MARGIN = 14.0
_SHORTEST_SPAN = 10.0  # points: small contributions stay small


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    def x(self, value: float) -> float:
        return _MARGIN + (value - self.low) / (self.high - self.low) * (WIDTH - 2 * _MARGIN)


def waterfall(reference: float, steps: Sequence[float], band: Band) -> list[Markup]:
    """An SVG per row: the reference's tick, a bar for each step, the score's tick. Falls ink, rises accent.

    The axis is cut to what is in use, so the ends are ticks and not bars.
    """
    levels = [reference]
    for step in steps:
        levels.append(levels[-1] + step)
    low, high = min(levels), max(levels)
    spare = max(_SHORTEST_SPAN - (high - low), 0.0) / 2
    axis = _Axis(low - spare, high + spare)
    first = _svg(_guide(axis.x(reference), HEIGHT / 2, HEIGHT) + _tick(axis.x(reference), "tick"))
    rows = [_step(axis.x(before), axis.x(after)) for before, after in pairwise(levels)]
    last = axis.x(levels[-1])
    return [first, *rows, _svg(_guide(last, 0, 8) + _tick(last, band))]


def _step(before: float, after: float) -> Markup:
    if abs(after - before) < 0.05:
        return _svg(_guide(before, 0, HEIGHT))
    bar = rect(min(before, after), 8, max(abs(after - before), 1.0), 11, "up" if after > before else "down")
    return _svg(f'<path class="guide" d="M{at(before)} 0V8M{at(after)} 19V27"/>' + bar)


def _guide(x: float, top: float, bottom: float) -> str:
    return f'<path class="guide" d="M{at(x)} {at(top)}V{at(bottom)}"/>'


def _tick(x: float, kind: str) -> str:
    return rect(x - 2, 4, 4, 19, kind)


def _svg(content: str) -> Markup:
    head = f'<svg viewBox="0 0 {at(WIDTH)} {at(HEIGHT)}" preserveAspectRatio="none" aria-hidden="true">'
    return Markup(f"{head}{content}</svg>")  # noqa: S704  geometry only

"""A piecewise-linear curve from a measure's value to points."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Curve:
    """Knots (input, points), inputs strictly rising, points 0-100; level beyond both ends."""

    knots: tuple[tuple[float, float], ...]

    def points(self, value: float) -> float:
        """The points for a value, 0-100."""
        knots = self.knots
        after = bisect_right(self._inputs, value)
        if after == 0:
            return knots[0][1]
        if after == len(knots):
            return knots[-1][1]
        (x0, y0), (x1, y1) = knots[after - 1], knots[after]
        # clipped, since rounding may put the interpolation a hair beyond a knot
        return min(max(y0 + (y1 - y0) * ((value - x0) / (x1 - x0)), min(y0, y1)), max(y0, y1))

    @cached_property
    def _inputs(self) -> tuple[float, ...]:
        return tuple(x for x, _ in self.knots)

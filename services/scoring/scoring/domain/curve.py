"""A piecewise-linear curve from a measure's value to points."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise


@dataclass(frozen=True)
class Curve:
    """Knots (input, points), inputs strictly rising, points 0-100; level beyond both ends."""

    knots: tuple[tuple[float, float], ...]

    def points(self, value: float) -> float:
        """The points for a value, 0-100."""
        inputs, pieces, first, last = self._ready
        after = bisect_right(inputs, value)
        if after == 0:
            return first
        if after == len(inputs):
            return last
        x, y, width, rise, low, high = pieces[after - 1]
        points = y + rise * ((value - x) / width)
        # clipped, since rounding may put the interpolation a hair beyond a knot
        return low if points < low else high if points > high else points

    @cached_property
    def _ready(self) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...], float, float]:
        """The inputs, the pieces between them (from where, how wide, how high, between which points), both ends."""
        pieces = tuple((x, y, x1 - x, y1 - y, min(y, y1), max(y, y1)) for (x, y), (x1, y1) in pairwise(self.knots))
        return tuple(x for x, _ in self.knots), pieces, self.knots[0][1], self.knots[-1][1]

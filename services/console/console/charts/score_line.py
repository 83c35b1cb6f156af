"""The score over time: bands as pale zones, the line in ink, numbered markers in a lane below the axis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from markupsafe import Markup

from console.charts.shapes import at, polyline, rect, shape, text
from csmodels.fields import Band

GREEN_FROM: Final = 75.0  # the boundaries of the scorecard
YELLOW_FROM: Final = 50.0
_FLOOR: Final = 25.0  # the axis begins here unless the line goes lower
_TOP: Final = 10.0
_LEFT: Final = 8.0
_RIGHT: Final = 56.0  # room for the last figure
_LANE: Final = 44.0  # below the plot: markers and months
_BADGE: Final = 15.0
_GAP: Final = 17.0  # between the middles of two markers


@dataclass(frozen=True, slots=True)
class Point:
    """A score at a moment; `corrected` if it was not recorded then but computed later."""

    at: datetime
    score: float
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Labels:
    """The words in the chart: its finding, the names of the zones, the last figure, and how a month reads."""

    title: str
    green: str
    yellow: str
    red: str
    last: str
    month: Callable[[datetime], str]


@dataclass(frozen=True, slots=True)
class _Frame:
    width: float
    height: float
    first: datetime
    last: datetime
    low: float

    @property
    def right(self) -> float:
        return self.width - _RIGHT

    @property
    def bottom(self) -> float:
        return self.height - _LANE

    def x(self, moment: datetime) -> float:
        span = (self.last - self.first).total_seconds() or 1.0
        share = (moment - self.first).total_seconds() / span
        return _LEFT + min(max(share, 0.0), 1.0) * (self.right - _LEFT)

    def y(self, score: float) -> float:
        return _TOP + (100.0 - score) / (100.0 - self.low) * (self.bottom - _TOP)


def score_line(
    points: Sequence[Point], marks: Sequence[datetime], band: Band, labels: Labels, *, width: int, name: str
) -> Markup:
    """The SVG, `width` 560 or 340; marks get the numbers 1, 2, ... in their order. `name` makes its ids unique.

    ValueError without points.
    """
    if not points:
        raise ValueError("a line needs a point")
    height = 262.0 if width > 400 else 236.0
    lowest = min(point.score for point in points)
    low = _FLOOR if lowest >= _FLOOR + 2 else 0.0
    frame = _Frame(width, height, points[0].at, points[-1].at, low)
    kind = "widechart" if width > 400 else "narrowchart"
    title = f"{name}-{kind}"
    parts = [
        f'<svg class="chart {kind}" viewBox="0 0 {width} {at(height)}" role="img" aria-labelledby="{title}">',
        f'<title id="{title}">{escape(labels.title)}</title>',
        *_zones(frame, labels),
        *_months(frame, labels),
        *_markers(frame, marks),
        *_lines(frame, points),
    ]
    x, y = frame.x(points[-1].at), frame.y(points[-1].score)
    parts += [shape(band, x, y, 14), text(x + 11, y + 4, labels.last, "txb"), "</svg>"]
    return Markup("".join(parts))  # noqa: S704  all words were escaped


def _zones(frame: _Frame, labels: Labels) -> list[str]:
    found = []
    for kind, words, low, high in (
        ("green", labels.green, GREEN_FROM, 100.0),
        ("yellow", labels.yellow, YELLOW_FROM, GREEN_FROM),
        ("red", labels.red, frame.low, YELLOW_FROM),
    ):
        top, bottom = frame.y(high), frame.y(low)
        found.append(rect(_LEFT, top, frame.right - _LEFT, bottom - top, f"zone-{kind}"))
        if kind != "red":
            found.append(f'<path class="grid" d="M{at(_LEFT)} {at(bottom)}H{at(frame.right)}"/>')
        found.append(text(_LEFT + 6, bottom - 6, words, f"zt-{kind}"))
    return found


def _months(frame: _Frame, labels: Labels) -> list[str]:
    """The name of each month where it begins, left out where two would touch."""
    found, last = list[str](), -100.0
    zone = frame.first.tzinfo
    year, month = frame.first.year, frame.first.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        begin = datetime(year, month, 1, tzinfo=zone)
        if begin > frame.last:
            return found
        x = frame.x(begin)
        if x - last >= 34 and x <= frame.right - 8:
            found.append(text(x, frame.height - 4, labels.month(begin)))
            last = x


def _markers(frame: _Frame, marks: Sequence[datetime]) -> list[str]:
    """Numbers in a lane below the plot, pushed apart where they would overlap."""
    spots = [frame.x(moment) for moment in marks]
    placed = list(spots)
    for index in range(1, len(placed)):
        placed[index] = max(placed[index], placed[index - 1] + _GAP)
    limit = frame.width - _BADGE / 2 - 2
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - _GAP
    found, top = [], frame.bottom + 6
    for number, (spot, x) in enumerate(zip(spots, placed, strict=True), 1):
        found.append(f'<path class="mk" d="M{at(spot)} {at(_TOP)}V{at(frame.bottom)}L{at(x)} {at(top)}"/>')
        found.append(rect(x - _BADGE / 2, top, _BADGE, _BADGE, "mkb", ' rx="3.5"'))
        found.append(text(x, top + 11, str(number), "mkt"))
    return found


def _lines(frame: _Frame, points: Sequence[Point]) -> list[str]:
    """Runs of recorded and of computed points; a run begins where the one before it ended."""
    found, run = [], [points[0]]
    for point in points[1:]:
        if point.corrected != run[-1].corrected:
            run.append(point)
            found.append(_line(frame, run, corrected=run[0].corrected))
            run = [point]
        else:
            run.append(point)
    found.append(_line(frame, run, corrected=run[0].corrected))
    return [line for line in found if line]


def _line(frame: _Frame, run: Sequence[Point], *, corrected: bool) -> str:
    if len(run) < 2:
        return ""
    return polyline([(frame.x(p.at), frame.y(p.score)) for p in run], "calc" if corrected else "score")

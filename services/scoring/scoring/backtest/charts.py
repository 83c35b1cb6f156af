"""Figures as the geometry of plots; templates/plot.svg draws it. Coordinates are those of the drawing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.backtest.resampling import Estimate
from scoring.backtest.sample import Floats

WIDTH: Final = 460.0
HEIGHT: Final = 320.0
_LEFT: Final = 52.0
_RIGHT: Final = 14.0
_TOP: Final = 14.0
_BOTTOM: Final = 46.0
_MOST_POINTS: Final = 300  # of a line: more cannot be seen

Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; look is its class, label "" for one that needs none in the legend."""

    look: str
    points: str
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar and the interval of its height; says is its text for those who point at it."""

    x: float
    y: float
    width: float
    height: float
    low: float | None
    high: float | None
    look: str
    says: str

    @property
    def middle(self) -> float:
        """Where its interval stands."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Dot:
    """A point and the interval of its height."""

    x: float
    y: float
    low: float | None
    high: float | None
    says: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: the title says what is to be seen."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    width: float = WIDTH
    height: float = HEIGHT
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM


def curves(title: str, axes: tuple[str, str], lines: Sequence[tuple[str, Floats, Floats, str]]) -> Plot:
    """Lines (look, x, y, label) over shares from 0 to 1 on both axes."""
    drawn = tuple(Line(look, _points(x, y), label) for look, x, y, label in lines)
    return Plot(title, *axes, _shares(_x), _shares(_y), lines=drawn)


def points(title: str, axes: tuple[str, str], found: Sequence[tuple[float, Estimate, str]], highest: float) -> Plot:
    """Points (x, y with its interval, text) on the diagonal if both axes agree; both end at `highest`."""
    scale = _nice(highest)
    dots = tuple(
        Dot(_x(x / scale), _y(y.value / scale), *_interval(y, scale), says)
        for x, y, says in found
        if y.value is not None
    )
    ends = np.array([0.0, 1.0])
    return Plot(
        title,
        *axes,
        _percents(_x, scale),
        _percents(_y, scale),
        lines=(Line("even", _points(ends, ends), ""),),
        dots=dots,
    )


def rates(
    title: str, axes: tuple[str, str], found: Sequence[tuple[str, Estimate, str, str]], level: float | None = None
) -> Plot:
    """A bar for each rate (name, rate, look, text); a dashed line at `level`."""
    tops = [max(rate.value or 0.0, rate.high or 0.0) for _, rate, _, _ in found]
    scale = _nice(max([*tops, level or 0.0, 0.01]))
    bars = []
    for number, (_, rate, look, says) in enumerate(found):
        x, width = _slot(number, len(found))
        y = _y((rate.value or 0.0) / scale)
        bars.append(Bar(x, y, width, _y(0) - y, *_interval(rate, scale), look, says))
    ticks = tuple((bar.middle, name) for bar, (name, _, _, _) in zip(bars, found, strict=True))
    line = () if level is None else (Line("even", _points(np.array([0.0, 1.0]), np.full(2, level / scale)), ""),)
    return Plot(title, *axes, ticks, _percents(_y, scale), lines=line, bars=tuple(bars))


def counts(title: str, axes: tuple[str, str], found: Sequence[tuple[str, int, str]], look: str) -> Plot:
    """A bar for each count (name, count, text)."""
    scale = max([count for _, count, _ in found], default=0) or 1
    bars = []
    for number, (_, count, says) in enumerate(found):
        x, width = _slot(number, len(found))
        y = _y(count / scale)
        bars.append(Bar(x, y, width, _y(0) - y, None, None, look, says))
    ticks = tuple((bar.middle, name) for bar, (name, _, _) in zip(bars, found, strict=True))
    return Plot(title, *axes, ticks, ((_y(0), "0"), (_y(1), str(scale))), bars=tuple(bars))


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - _TOP - _BOTTOM), 1)


def _slot(number: int, count: int) -> tuple[float, float]:
    """Where the bar of that number begins, and its width."""
    step = (WIDTH - _LEFT - _RIGHT) / count
    return round(_LEFT + step * (number + 0.14), 1), round(step * 0.72, 1)


def _points(x: Floats, y: Floats) -> str:
    """The points of a line, thinned where they are too many; its ends stay."""
    shown = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).astype(int))
    known = [(float(x[n]), float(y[n])) for n in shown if not np.isnan(x[n]) and not np.isnan(y[n])]
    return " ".join(f"{_x(a):g},{_y(b):g}" for a, b in known)


def _interval(estimate: Estimate, scale: float) -> tuple[float | None, float | None]:
    if estimate.low is None or estimate.high is None:
        return None, None
    return _y(estimate.low / scale), _y(estimate.high / scale)


def _shares(place: Callable[[float], float]) -> tuple[Tick, ...]:
    return tuple((place(n / 4), f"{n / 4:g}") for n in range(5))


def _percents(place: Callable[[float], float], scale: float) -> tuple[Tick, ...]:
    return tuple((place(n / 4), f"{100 * scale * n / 4:g} %") for n in range(5))


def _nice(highest: float) -> float:
    """The end of an axis that has room for a rate: 1, 2, 4, 8, 20, 40, 60, 80 or 100 %."""
    return next((end for end in (0.01, 0.02, 0.04, 0.08, 0.2, 0.4, 0.6, 0.8) if highest <= end), 1.0)

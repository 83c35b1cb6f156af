"""Intervals by drawing accounts: an account's rows stay together, for they are alike."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.backtest.sample import Floats, Ints

RESAMPLES: Final = 1_000
_FEWEST: Final = 200
_ROWS: Final = 50_000_000  # of all draws together: some twenty seconds
SEED: Final = 1
_LEVEL: Final = 0.95
_CELLS: Final = 2_000_000  # weights at hand at once: 16 MB
_DEFINED: Final = 0.9  # of the draws, at least: where a figure has no value in more of them, it has no interval

Statistic = Callable[[Floats], Floats]  # lines of weights of rows -> a value for each line, NaN if it has none


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; None where it has no value."""

    value: float | None
    low: float | None = None
    high: float | None = None


def enough(rows: int) -> int:
    """How many draws to make for a sample of so many rows: fewer for a large one, whose intervals need fewer."""
    return min(RESAMPLES, max(_FEWEST, _ROWS // max(rows, 1)))


def estimates(
    statistics: Mapping[str, Statistic], accounts: Ints, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Estimate]:
    """Each figure of the rows, with the interval of it over draws of as many accounts as there are, with replacement.

    accounts: of each row, a number; all figures see the same draws, so a difference of two is one more statistic.
    ValueError without rows.
    """
    if not len(accounts):
        raise ValueError("there is no row")
    drawn: dict[str, list[Floats]] = {name: [] for name in statistics}
    for weights in _draws(accounts, resamples, seed):
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    once = np.ones((1, len(accounts)))
    return {
        name: interval(float(statistic(once)[0]), np.concatenate(drawn[name])) for name, statistic in statistics.items()
    }


def interval(value: float, drawn: Floats) -> Estimate:
    """The value with the middle 95 % of what was drawn."""
    if np.isnan(value):
        return Estimate(None)
    known = drawn[~np.isnan(drawn)]
    if len(known) < _DEFINED * len(drawn) or len(known) < 2:
        return Estimate(value)
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def _draws(accounts: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """Weights of rows: how often each row's account was drawn, some lines at a time."""
    _, place = np.unique(accounts, return_inverse=True)
    count = int(place.max()) + 1
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS // len(accounts))
    for start in range(0, resamples, at_once):
        lines = min(at_once, resamples - start)
        drawn = random.multinomial(count, np.full(count, 1 / count), size=lines)
        yield drawn[:, place].astype(np.float64)

"""Scores as probabilities of leaving, and how far those are from what came."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.backtest.sample import Bools, Floats, Ints

FOLDS: Final = 5
_STEPS: Final = 50
_MOST_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of neighbouring scores, low <= score <= high: how many, who left, and how many were expected to."""

    low: float
    high: float
    rows: int
    positives: int
    expected: float

    @property
    def expected_rate(self) -> float:
        """The share of its rows that was expected to leave."""
        return self.expected / self.rows


def probabilities(score: Floats, positive: Bools, account: Ints, seed: int) -> Floats:
    """Each row's probability of leaving, by a logistic curve over the score that was fitted to other accounts.

    Platt's method: Newton steps to targets that are a little off 0 and 1, so that it has an end where the score
    tells all (J. Platt, Probabilistic outputs for support vector machines, 1999).
    """
    return _cross_fitted(score, positive, account, seed)


def base_rates(positive: Bools, account: Ints, seed: int) -> Floats:
    """Each row's probability if nothing is known of it: the rate of leaving among other accounts."""
    return _cross_fitted(np.zeros(len(positive)), positive, account, seed)


def bins(score: Floats, positive: Bools, probability: Floats) -> tuple[list[Bin], Ints]:
    """At most ten bins of about as many rows each, the lowest scores first, and each row's bin.

    Equal scores share a bin.
    """
    edges = np.unique(np.quantile(score, np.linspace(0, 1, _MOST_BINS + 1)[1:-1], method="higher"))
    raw = np.searchsorted(edges, score, side="left")
    _, place = np.unique(raw, return_inverse=True)
    found = []
    for number in range(int(place.max()) + 1):
        here = place == number
        found.append(
            Bin(
                low=float(score[here].min()),
                high=float(score[here].max()),
                rows=int(here.sum()),
                positives=int(positive[here].sum()),
                expected=float(probability[here].sum()),
            )
        )
    return found, place


def _cross_fitted(score: Floats, positive: Bools, account: Ints, seed: int) -> Floats:
    names, place = np.unique(account, return_inverse=True)
    folds = min(FOLDS, len(names))
    fold_of = np.random.default_rng(seed).permutation(len(names)) % folds
    found = np.empty(len(score))
    for fold in range(folds):
        here = fold_of[place] == fold
        others = ~here if folds > 1 else here
        found[here] = _logistic(score[others], positive[others], score[here])
    return found


def _logistic(known: Floats, positive: Bools, asked: Floats) -> Floats:
    """The fitted curve's values at the asked scores."""
    leaving = int(positive.sum())
    staying = len(positive) - leaving
    target = np.where(positive, (leaving + 1) / (leaving + 2), 1 / (staying + 2))
    middle, spread = float(known.mean()), float(known.std())
    flat = spread == 0  # nothing to lean on: the rate alone
    scale = 1.0 if flat else spread
    x = np.column_stack((np.ones(len(known)), np.zeros(len(known)) if flat else (known - middle) / scale))
    beta = np.array([np.log((leaving + 1) / (staying + 1)), 0.0])
    for _ in range(_STEPS):
        p = _sigmoid(x @ beta)
        slope = x.T @ (target - p)
        bend = (x.T * (p * (1 - p))) @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        beta += np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-10:
            break
    # beyond what was known the curve says what it says at the end: it was fitted to nothing there
    within = np.clip(asked, known.min(), known.max())
    return _sigmoid(beta[0] + beta[1] * (np.zeros(len(asked)) if flat else (within - middle) / scale))


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))), dtype=np.float64)

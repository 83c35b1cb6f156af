"""Scores as probabilities."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.backtest.calibration import base_rates, bins, probabilities
from scoring.backtest.sample import Bools, Floats, Ints


def _world(count: int = 6_000) -> tuple[Floats, Bools, Ints]:
    """A score that tells the logit of leaving but for a factor."""
    random = np.random.default_rng(3)
    score = random.uniform(0, 100, size=count)
    chance = 1 / (1 + np.exp(0.06 * score - 1))
    return score, random.random(count) < chance, np.arange(count)


def test_a_curve_that_was_fitted_to_others_finds_the_true_chances() -> None:
    score, positive, account = _world()

    found = probabilities(score, positive, account, seed=1)

    chance = 1 / (1 + np.exp(0.06 * score - 1))
    assert np.abs(found - chance).max() < 0.05


def test_brier_of_a_telling_score_is_below_that_of_the_base_rate() -> None:
    score, positive, account = _world()

    brier = ((probabilities(score, positive, account, 1) - positive) ** 2).mean()
    base = ((base_rates(positive, account, 1) - positive) ** 2).mean()

    assert brier < base - 0.02
    assert base == pytest.approx(positive.mean() * (1 - positive.mean()), abs=1e-3)


def test_no_row_is_judged_by_a_curve_that_saw_its_account() -> None:
    score, positive, _ = _world(400)
    account = np.repeat(np.arange(40), 10)
    changed = positive.copy()
    changed[account == 7] = ~changed[account == 7]

    before, after = (probabilities(score, some, account, 1)[account == 7] for some in (positive, changed))

    np.testing.assert_array_equal(before, after)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 100), st.booleans(), st.integers(0, 8)), min_size=1, max_size=80))
def test_whatever_the_rows_probabilities_lie_between_0_and_1_and_bins_hold_every_row_once(
    made: list[tuple[int, bool, int]],
) -> None:
    score, positive, account = (np.array(column) for column in zip(*made, strict=True))
    score, positive = score.astype(float), positive.astype(bool)

    found = probabilities(score, positive, account, seed=1)
    made_bins, place = bins(score, positive, found)

    assert ((found > 0) & (found < 1)).all()
    assert sum(one.rows for one in made_bins) == len(score)
    assert sum(one.positives for one in made_bins) == positive.sum()
    assert len(made_bins) <= 10
    for number, one in enumerate(made_bins):
        assert ((score[place == number] >= one.low) & (score[place == number] <= one.high)).all()
    assert all(a.high < b.low for a, b in pairwise(made_bins))


def test_where_nobody_leaves_the_chance_is_small_and_not_zero() -> None:
    score, account = np.linspace(0, 100, 50), np.arange(50)

    found = probabilities(score, np.zeros(50, dtype=bool), account, seed=1)

    assert (found > 0).all()
    assert (found < 0.05).all()


def test_a_score_that_tells_all_ends_near_0_and_1() -> None:
    score, account = np.arange(200.0), np.arange(200)

    found = probabilities(score, score < 60, account, seed=1)

    assert found[score < 40].min() > 0.9
    assert found[score > 80].max() < 0.1

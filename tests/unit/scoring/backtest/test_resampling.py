"""Intervals by drawing accounts."""

import numpy as np
import pytest

from scoring.backtest.ranking import Ranking
from scoring.backtest.resampling import Estimate, enough, estimates, interval
from scoring.backtest.sample import Floats


def _mean(values: Floats) -> object:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_interval_is_that_of_independent_accounts_and_not_of_their_rows() -> None:
    random = np.random.default_rng(5)
    of_account = random.normal(size=100)
    accounts = np.repeat(np.arange(100), 25)  # an account says the same 25 times

    found = estimates({"mean": _mean(of_account[accounts])}, accounts)["mean"]  # type: ignore[dict-item]

    assert found.value == pytest.approx(of_account.mean())
    assert found.low is not None
    assert found.high is not None
    width = found.high - found.low
    assert width == pytest.approx(2 * 1.96 * of_account.std() / 10, rel=0.15)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    values, accounts = np.arange(50.0), np.arange(50)

    one, same, other = (
        estimates({"mean": _mean(values)}, accounts, seed=seed)["mean"]  # type: ignore[dict-item]
        for seed in (1, 1, 2)
    )

    assert one == same
    assert one != other


def test_the_numbers_of_accounts_do_not_matter() -> None:
    values, accounts = np.arange(40.0), np.repeat([7, 2000, 10**9, 12], 10)

    sparse = estimates({"mean": _mean(values)}, accounts)  # type: ignore[dict-item]
    dense = estimates({"mean": _mean(values)}, np.repeat([0, 2, 3, 1], 10))  # type: ignore[dict-item]

    assert sparse == dense


def test_two_figures_see_the_same_draws() -> None:
    random = np.random.default_rng(2)
    positive = random.random(300) < 0.3
    risk = random.normal(size=300)
    ranking = Ranking.of(risk, positive)

    found = estimates({"gain": lambda weights: ranking.auc(weights) - ranking.auc(weights)}, np.arange(300))

    assert found["gain"] == Estimate(0.0, 0.0, 0.0)


def test_a_figure_that_most_draws_do_not_have_has_no_interval() -> None:
    drawn = np.where(np.arange(100) < 40, np.nan, 0.5)

    found = interval(0.5, drawn)

    assert found == Estimate(0.5)


def test_an_unknown_figure_has_no_value() -> None:
    assert interval(float("nan"), np.ones(10)) == Estimate(None)


def test_a_large_sample_is_drawn_less_often() -> None:
    assert [enough(rows) for rows in (0, 10_000, 100_000, 10_000_000)] == [1000, 1000, 500, 200]


def test_without_rows_there_is_nothing_to_estimate() -> None:
    with pytest.raises(ValueError, match="no row"):
        estimates({}, np.array([], dtype=np.int64))

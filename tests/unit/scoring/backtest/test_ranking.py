"""AUC, average precision and lift against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score  # type: ignore[import-untyped]

from scoring.backtest.ranking import Ranking

quick = settings(max_examples=150)
# few values, so that ties are common
rows = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=60)


def _columns(made: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    risk, positive, weight = (np.array(column) for column in zip(*made, strict=True))
    return risk.astype(float), positive.astype(bool), weight.astype(float)


@quick
@given(rows)
def test_auc_and_average_precision_are_those_of_scikit_learn_with_ties_and_weights(
    made: list[tuple[int, bool, int]],
) -> None:
    risk, positive, weight = _columns(made)
    ranking = Ranking.of(risk, positive)

    auc, precision = ranking.auc(weight[np.newaxis])[0], ranking.average_precision(weight[np.newaxis])[0]

    if not weight[positive].sum():
        assert np.isnan(auc)
        assert np.isnan(precision)
        return
    assert precision == pytest.approx(average_precision_score(positive, risk, sample_weight=weight), abs=1e-12)
    if weight[~positive].sum():
        assert auc == pytest.approx(roc_auc_score(positive, risk, sample_weight=weight), abs=1e-12)
    else:
        assert np.isnan(auc)


@quick
@given(rows, st.integers(1, 5))
def test_many_lines_of_weights_give_what_each_gives_alone(made: list[tuple[int, bool, int]], lines: int) -> None:
    risk, positive, weight = _columns(made)
    ranking = Ranking.of(risk, positive)
    weights = np.stack([np.roll(weight, n) for n in range(lines)])

    for statistic in (ranking.auc, ranking.average_precision, ranking.lift):
        together = statistic(weights)

        alone = np.array([statistic(line[np.newaxis])[0] for line in weights])
        np.testing.assert_array_equal(together, alone)


def test_lift_is_the_rate_of_the_riskiest_tenth_over_that_of_all() -> None:
    risk = np.arange(20.0)
    positive = np.isin(np.arange(20), [19, 3, 4, 5])  # of the two riskiest one leaves, of all a fifth

    lift = Ranking.of(risk, positive).lift(np.ones((1, 20)))[0]

    assert lift == pytest.approx(0.5 / 0.2)


def test_where_all_are_equally_risky_nothing_is_gained() -> None:
    positive = np.arange(30) % 3 == 0
    ranking = Ranking.of(np.zeros(30), positive)
    once = np.ones((1, 30))

    auc, precision, lift = ranking.auc(once)[0], ranking.average_precision(once)[0], ranking.lift(once)[0]

    assert auc == 0.5
    assert precision == pytest.approx(1 / 3)
    assert lift == pytest.approx(1)


def test_an_endless_silence_is_the_riskiest() -> None:
    ranking = Ranking.of(np.array([3.0, np.inf, 1.0]), np.array([False, True, False]))

    auc = ranking.auc(np.ones((1, 3)))[0]

    assert auc == 1.0


def test_the_roc_curve_runs_from_corner_to_corner_and_spans_the_auc() -> None:
    risk = np.array([5.0, 4, 4, 3, 2, 1])
    positive = np.array([True, True, False, False, True, False])
    ranking = Ranking.of(risk, positive)

    false, true, precision = ranking.curves()

    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(positive, risk))
    assert precision[0] == 1


@pytest.mark.parametrize("risk", [[], [1.0, float("nan")]])
def test_rows_without_a_risk_cannot_be_ranked(risk: list[float]) -> None:
    with pytest.raises(ValueError, match="a risk"):
        Ranking.of(np.array(risk), np.ones(len(risk), dtype=bool))

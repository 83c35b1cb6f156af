"""NPS and its margin of error, the latter by simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.nps import Nps, group_of, nps

COUNTS = st.dictionaries(st.integers(0, 10), st.integers(0, 50))
POPULATIONS = [(0.5, 0.3, 0.2), (0.2, 0.4, 0.4), (0.7, 0.2, 0.1), (0.35, 0.5, 0.15)]  # promoters, passives, detractors


def drawn(rng: random.Random, population: tuple[float, float, float], size: int) -> Nps:
    counts = {10: 0, 8: 0, 0: 0}
    for score in rng.choices((10, 8, 0), weights=population, k=size):
        counts[score] += 1
    return nps(counts)


def test_the_groups_are_0_to_6_and_7_to_8_and_9_to_10() -> None:
    groups = [group_of(score) for score in range(11)]

    assert groups == ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2


def test_without_answers_there_is_no_score_and_no_margin() -> None:
    assert nps({}) == Nps(0, 0, 0, 0, None, None, None, None)


def test_a_worked_example_agrees_with_the_formula_by_hand() -> None:
    result = nps({10: 6, 8: 3, 2: 1})

    assert result.nps == pytest.approx(50)
    up, down = 6.75 / 13, 1.75 / 13
    assert result.margin == pytest.approx(196 * math.sqrt((up + down - (up - down) ** 2) / 13), rel=1e-3)
    assert result.low is not None
    assert result.high is not None
    assert (result.low + result.high) / 2 == pytest.approx((up - down) * 100)


@given(COUNTS)
def test_score_and_interval_stay_within_minus_100_and_100(counts: dict[int, int]) -> None:
    result = nps(counts)

    assert result.count == result.promoters + result.passives + result.detractors == sum(counts.values())
    if result.count:
        assert result.nps is not None
        assert result.low is not None
        assert result.high is not None
        assert -100 <= result.low <= result.high <= 100
        assert -100 <= result.nps <= 100


@given(COUNTS)
def test_ten_times_the_answers_never_widen_the_margin(counts: dict[int, int]) -> None:
    small, large = nps(counts), nps({score: count * 10 for score, count in counts.items()})

    if small.margin is not None and large.margin is not None:
        assert large.margin < small.margin


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("size", [5, 7, 10, 40])
def test_the_interval_covers_the_truth_about_95_times_in_100(population: tuple[float, float, float], size: int) -> None:
    rng = random.Random(f"{population}{size}")
    truth = (population[0] - population[2]) * 100

    results = [drawn(rng, population, size) for _ in range(3_000)]

    hits = sum(r.low <= truth <= r.high for r in results if r.low is not None and r.high is not None)
    assert 0.915 <= hits / len(results) <= 0.99


def test_the_plain_interval_would_not() -> None:
    rng = random.Random(5)
    population = POPULATIONS[2]
    truth = population[0] - population[2]

    def covers(result: Nps) -> bool:
        up, down = result.promoters / result.count, result.detractors / result.count
        half = 1.96 * math.sqrt((up + down - (up - down) ** 2) / result.count)
        return abs(up - down - truth) <= half

    hits = sum(covers(drawn(rng, population, 5)) for _ in range(3_000))

    assert hits / 3_000 < 0.9

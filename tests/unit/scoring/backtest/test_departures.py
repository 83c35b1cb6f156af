"""Lead time, and revenue that was green to the end."""

import numpy as np
import pytest

from csmodels.fields import Band
from scoring.backtest.departures import departures, lead, unseen
from scoring.backtest.sample import STAYS, Row, Sample

RED: frozenset[Band] = frozenset({"red"})
WARNED: frozenset[Band] = frozenset({"red", "yellow"})
HOW = {"resamples": 200, "seed": 1}


def life(account: int, bands: str, leaves_on: int | None, revenue: float | None = None, first: int = 0) -> list[Row]:
    """A row every 14 days from `first`, bands by their first letters (x: grey)."""
    names: dict[str, Band] = {"r": "red", "y": "yellow", "g": "green", "x": "grey"}
    return [
        Row(
            account=account,
            day=first + 14 * n,
            score=50,
            band=names[letter],
            recency=1,
            volume=1,
            leaves_in=STAYS if leaves_on is None else leaves_on - first - 14 * n,
            revenue=revenue,
        )
        for n, letter in enumerate(bands)
    ]


def sample(*lives: list[Row]) -> Sample:
    return Sample.of([row for one in lives for row in one], horizon=60)


def test_the_lead_is_counted_from_the_beginning_of_the_last_unbroken_warning() -> None:
    found = lead(sample(life(1, "rggyyr", 80)), WARNED, **HOW)

    assert found.left == 1
    assert found.all == (80 - 42,)
    assert found.days.value == 38
    assert found.warned.value == 1


def test_a_warning_that_was_taken_back_before_the_churn_counts_as_none() -> None:
    found = lead(sample(life(1, "gyrg", 50), life(2, "ggr", 40)), WARNED, **HOW)

    assert found.warned.value == 0.5
    assert found.all == (12,)


def test_yellow_warns_earlier_than_red_and_grey_does_not_warn() -> None:
    lives = sample(life(1, "yyyr", 50), life(2, "xxxx", 50))

    yellow, red = lead(lives, WARNED, **HOW), lead(lives, RED, **HOW)

    assert (yellow.all, red.all) == ((50,), (8,))
    assert (yellow.left, red.left) == (2, 2)


def test_where_all_is_grey_nothing_is_said_of_bands() -> None:
    lives = sample(life(1, "xxxx", 50, revenue=10), life(2, "xx", None, revenue=10))

    found, revenue = lead(lives, WARNED, **HOW), unseen(lives, **HOW)

    assert (found.left, found.warned.value, found.days.value) == (1, None, None)
    assert (revenue.left, revenue.share.value) == (1, None)


def test_who_stays_or_left_long_after_has_no_lead() -> None:
    found = lead(sample(life(1, "rrrr", None), life(2, "rrrr", 200)), RED, **HOW)

    assert (found.left, found.all, found.days.value, found.warned.value) == (0, (), None, None)


def test_an_account_that_left_twice_left_twice() -> None:
    first, second = life(1, "ggr", 40), life(1, "gg", 150, first=120)

    found = departures(sample(first, second))

    assert found == [[0, 1, 2], [3, 4]]


def test_the_green_share_is_by_revenue_at_the_last_moment() -> None:
    found = unseen(sample(life(1, "rrg", 40, 300), life(2, "ggr", 40, 100), life(3, "ggg", None, 900)), **HOW)

    assert found.share.value == pytest.approx(0.75)
    assert (found.by, found.left, found.without) == ("mrr", 2, 0)


def test_accounts_of_unknown_revenue_are_left_out_where_others_is_known() -> None:
    found = unseen(sample(life(1, "g", 10, 300), life(2, "r", 10), life(3, "g", 10)), **HOW)

    assert found.share.value == 1
    assert (found.by, found.left, found.without) == ("mrr", 3, 2)


def test_without_any_revenue_accounts_count() -> None:
    found = unseen(sample(life(1, "g", 10), life(2, "r", 10)), **HOW)

    assert found.share.value == 0.5
    assert (found.by, found.left, found.without) == ("accounts", 2, 0)


def test_if_nobody_leaves_nothing_is_said() -> None:
    found = unseen(sample(life(1, "ggg", None, 100)), **HOW)

    assert found.share.value is None


def test_the_interval_spans_the_median() -> None:
    random = np.random.default_rng(4)
    lives = [life(n, "y" * int(random.integers(1, 5)), 60) for n in range(40)]

    found = lead(sample(*lives), WARNED, **HOW)

    assert found.days.value is not None
    assert found.days.low is not None
    assert found.days.high is not None
    assert found.days.low <= found.days.value <= found.days.high

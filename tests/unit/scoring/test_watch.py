"""The watch list: declining weeks, and a good relation with falling usage."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import CARD

from scoring.domain.document import InvalidDocument, Section
from scoring.domain.watch import TERMS, Decline, Sign, WatchTerms, decline, signs
from scoring.domain.watching import watch_terms

CALM = [100, 104, 97, 101, 99, 103, 98, 100, 102, 96]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
LOW = Decline(usual=100.0, last=50, cusum=6.0, weeks=4, declining=True)
GOOD = {"contact": 90.0, "nps": 80.0}


def watched(
    before: Sequence[Sign] = (), found: Decline | None = None, points: Mapping[str, float] | None = None, **more: Any
) -> tuple[Sign, ...]:
    settings: Any = {"band": "yellow", "stage": "adoption", "moment": NOON} | more
    return signs(before, found, points or {}, **settings)


def simulated(accounts: int, weeks: int, *, halved_at: int | None = None, seed: int = 7) -> list[list[bool]]:
    """Whether each account declines in each week that there are enough weeks before."""
    chance = np.random.default_rng(seed)
    levels = np.exp(chance.uniform(np.log(20), np.log(1000), accounts))
    spread = chance.uniform(0.15, 0.3, accounts)[:, None]
    level = np.repeat(levels[:, None], weeks, axis=1)
    if halved_at is not None:
        level[:, halved_at:] /= 2
    counts = chance.poisson(level * chance.gamma(1 / spread**2, spread**2, (accounts, weeks))).tolist()
    ends = range(TERMS.weeks, weeks + 1)
    return [
        [found is not None and found.declining for found in (decline(row[end - TERMS.weeks : end]) for end in ends)]
        for row in counts
    ]


def test_steady_accounts_raise_few_alarms() -> None:
    weeks = 68

    runs = simulated(600, weeks)

    alarms = sum(now and not before for row in runs for before, now in pairwise(row))
    years = len(runs) * (weeks - TERMS.weeks) / 52
    assert 0.1 < alarms / years < 0.4  # 0.19


def test_a_halving_is_found_within_weeks() -> None:
    halved_at = 30

    runs = simulated(600, halved_at + 13, halved_at=halved_at)

    delays = [row[halved_at - TERMS.weeks + 1 :].index(True) + 1 for row in runs if any(row[-13:])]
    assert len(delays) / len(runs) > 0.97  # 0.982
    assert 21 <= median(delays) * 7 <= 43  # 28 days


@pytest.mark.parametrize("low", [[50, 48, 52, 49, 51, 50], [100, 100, 50, 48, 52, 49]])
def test_a_level_that_halves_declines(low: list[int]) -> None:
    found = decline([*CALM, *low])

    assert found is not None
    assert found.declining
    assert found.usual == pytest.approx(100, abs=1)
    assert found.last == low[-1]


def test_two_weeks_of_holidays_are_no_decline() -> None:
    found = decline([*CALM, 99, 101, 0, 0, 100, 102])

    assert found is not None
    assert not found.declining


def test_one_week_at_the_usual_level_ends_a_decline() -> None:
    low = [30, 30, 30, 30]

    during, after = decline([*CALM, 100, *low, 30]), decline([*CALM, *low, 30, 101])

    assert during is not None
    assert after is not None
    assert during.declining
    assert not after.declining
    assert after.cusum == 0


def test_a_level_that_lasts_is_the_usual_one_in_the_end() -> None:
    counts = [*CALM, *CALM[:6], *([50] * 16)]

    states = [decline(counts[:end]) for end in range(TERMS.weeks, len(counts) + 1)]

    declining = [state is not None and state.declining for state in states]
    assert any(declining)
    assert not declining[-1]


def test_of_too_few_weeks_and_of_too_little_use_nothing_is_told() -> None:
    assert decline(CALM) is None
    assert decline([4] * 10 + [0] * 6) is None


@given(st.lists(st.integers(0, 10_000), min_size=16, max_size=40))
def test_more_use_in_the_last_week_never_makes_a_decline(counts: list[int]) -> None:
    less, more = decline(counts), decline([*counts[:-1], counts[-1] + 100])

    assert (less is None) == (more is None)
    if less is not None and more is not None:
        assert more.cusum <= less.cusum
        assert less.declining or not more.declining


@given(st.lists(st.integers(0, 10_000), min_size=16, max_size=16))
def test_a_rising_level_is_never_declining(counts: list[int]) -> None:
    found = decline(sorted(counts))

    assert found is None or not found.declining


def test_declining_is_told_with_its_numbers_and_keeps_its_since() -> None:
    (first,) = watched(found=LOW)

    (later,) = watched([first], LOW, moment=NOON + WEEK)

    assert (first.watch, first.since) == ("declining", NOON)
    assert first.numbers == {"usual": 100.0, "last": 50, "cusum": 6.0, "weeks": 4}
    assert later.since == NOON


def test_what_ended_and_came_back_has_a_new_since() -> None:
    (first,) = watched(found=LOW)
    between = watched([first], None, moment=NOON + DAY)

    (again,) = watched(between, LOW, moment=NOON + WEEK)

    assert between == ()
    assert again.since == NOON + WEEK


def test_a_red_account_and_one_without_contracts_are_not_watched() -> None:
    assert watched(found=LOW, points={**GOOD, "usage_trend": 10.0}, band="red") == ()
    assert watched(found=LOW, stage="churned") == ()
    assert [sign.watch for sign in watched(found=LOW, band="grey")] == ["declining"]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({**GOOD, "usage_trend": 49.9}, True),
        ({**GOOD, "usage_trend": 50.0}, False),
        ({**GOOD, "sponsor": 60.0, "usage_trend": 10.0}, False),
        ({"contact": 100.0, "usage_trend": 10.0}, False),  # one alone is no relation
        ({"contact": 75.0, "sponsor": 100.0, "nps": 75.0, "usage_trend": 10.0}, True),
        (GOOD, False),
    ],
)
def test_a_good_relation_with_weak_usage_is_divergent(points: dict[str, float], expected: bool) -> None:
    found = watched(points=points)

    assert [sign.watch for sign in found] == (["divergent"] if expected else [])


def test_both_signs_stand_side_by_side() -> None:
    found = watched(found=LOW, points={**GOOD, "usage_trend": 10.0})

    assert [sign.watch for sign in found] == ["declining", "divergent"]
    assert found[1].numbers == {"usage_trend": 10.0, **GOOD}


def test_a_scorecard_may_leave_out_what_it_does_not_change() -> None:
    document = {"h": 7, "relations": ["contact"], "fewest_relations": 1, "baseline_weeks": 8}

    terms = watch_terms(Section(document))

    assert terms == WatchTerms(h=7.0, relations=("contact",), fewest_relations=1, baseline_weeks=8)
    assert watch_terms(None) == TERMS == CARD.watch


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"baseline_weeks": 11}, "baseline_weeks"),
        ({"h": 0}, "h"),
        ({"K": 1}, "K"),
        ({"weak": 101}, "weak"),
    ],
)
def test_terms_that_cannot_be_are_refused_with_their_place(document: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidDocument, match=where):
        watch_terms(Section(document))

"""Who is in the sample when, and figures that are what they should be where nothing is to be found."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from tests.unit.scoring.builders import ACCOUNT, CARD, DAY, NOON, contract, event, usage

from csmodels.catalogue import CustomerEvent
from csmodels.internal import FeedResumed, FeedStopped
from scoring.backtest.findings import judged
from scoring.backtest.grid import Grid
from scoring.backtest.outcomes import Away, Outcome
from scoring.backtest.running import Asked, Past, counting_day, draw, with_features
from scoring.backtest.sample import BANDS, STAYS, Row, Sample
from scoring.backtest.walking import View
from scoring.domain.money import Rates

TODAY = NOON.date()
ONE = timedelta(days=1)


def asked(first: int, last: int, *, view: View = "as_known", known: int = 0, observed: int = 0) -> Asked:
    """Every 14 days, from and to so many days before today; all days count back from today."""
    grid = Grid(TODAY - first * ONE, TODAY - last * ONE, 14, 60, UTC)
    return Asked(CARD, grid, view, Rates("USD"), TODAY - known * ONE, TODAY - observed * ONE)


def daily(first: int, last: int) -> tuple[CustomerEvent, ...]:
    return tuple(usage(NOON - n * DAY, who=n % 3) for n in range(first, last - 1, -1))


def days_in(past: Past, question: Asked) -> list[int]:
    """How many days ago the rows are."""
    return [TODAY.toordinal() - int(day) for day in draw([past], question).sample.day]


def test_an_account_is_in_the_sample_once_it_was_known_for_28_days() -> None:
    drawn = draw([Past(ACCOUNT, daily(120, 0), Outcome())], asked(134, 64))

    assert [TODAY.toordinal() - day for day in drawn.sample.day] == [92, 78, 64]
    assert (drawn.left_out.unknown, drawn.left_out.young, drawn.left_out.gone) == (1, 2, 0)


def test_from_the_day_on_which_it_left_an_account_is_not_in_the_sample() -> None:
    past = Past(ACCOUNT, daily(300, 100), Outcome((Away(TODAY - 92 * ONE),)))

    drawn = draw([past], asked(134, 64))

    assert [TODAY.toordinal() - day for day in drawn.sample.day] == [134, 120, 106]
    assert drawn.sample.leaves_in.tolist() == [42, 28, 14]
    assert drawn.sample.positive.all()
    assert drawn.left_out.gone == 3


def test_who_comes_back_is_looked_at_again() -> None:
    past = Past(ACCOUNT, daily(300, 0), Outcome((Away(TODAY - 130 * ONE, TODAY - 100 * ONE),)))

    assert days_in(past, asked(134, 64)) == [134, 92, 78, 64]


def test_only_leaving_within_the_horizon_counts() -> None:
    past = Past(ACCOUNT, daily(300, 0), Outcome((Away(TODAY - 20 * ONE),)))

    sample = draw([past], asked(92, 64)).sample

    assert sample.leaves_in.tolist() == [72, 58, 44]
    assert sample.positive.tolist() == [False, True, True]


@pytest.mark.parametrize(("leaves_in", "counts"), [(1, True), (60, True), (61, False)])
def test_the_last_day_of_the_horizon_belongs_to_it(leaves_in: int, counts: bool) -> None:
    past = Past(ACCOUNT, daily(300, 0), Outcome((Away(TODAY - (64 - leaves_in) * ONE),)))

    sample = draw([past], asked(64, 64)).sample

    assert sample.positive.tolist() == [counts]


def test_moments_whose_horizon_ends_after_the_data_are_left_out() -> None:
    drawn = draw([Past(ACCOUNT, daily(300, 0), Outcome())], asked(134, 0, observed=10))

    assert [(TODAY - day).days for day in drawn.moments] == [134, 120, 106, 92, 78]
    assert [(TODAY - day).days for day in drawn.censored] == [64, 50, 36, 22, 8]


def test_moments_after_the_last_event_are_left_out_even_if_churn_is_known_for_longer() -> None:
    drawn = draw([Past(ACCOUNT, daily(300, 100), Outcome())], asked(134, 64, known=100))

    assert [(TODAY - day).days for day in drawn.moments] == [134, 120, 106]


def test_of_moments_whose_horizon_is_incomplete_only_those_who_left_are_taken() -> None:
    left = Past(ACCOUNT, daily(300, 21), Outcome((Away(TODAY - 20 * ONE),)))
    will_leave = Past(ACCOUNT, daily(300, 0), Outcome((Away(TODAY + 5 * ONE),)))  # nobody has seen it yet

    drawn = draw([left, will_leave, Past(ACCOUNT, daily(300, 0), Outcome())], asked(78, 0))

    days = TODAY.toordinal() - drawn.sample.day
    rows = list(zip(drawn.sample.account.tolist(), days.tolist(), strict=True))
    assert rows == [(0, 78), (0, 64), (0, 50), (0, 36), (0, 22), (1, 78), (1, 64), (2, 78), (2, 64)]
    assert drawn.sample.complete.tolist() == [True, True, False, False, False, True, True, True, True]
    assert drawn.left_out.gone == 0


def test_an_account_is_judged_at_the_last_moment_before_it_left_whatever_the_horizon() -> None:
    past = Past(ACCOUNT, daily(300, 37), Outcome((Away(TODAY - 20 * ONE),)))
    question = asked(134, 0)

    findings = [
        judged(draw([past], replace(question, grid=replace(question.grid, horizon=horizon))).sample, resamples=20)
        for horizon in (30, 60, 90)
    ]

    assert [one.lead["red"].all for one in findings] == [(2,), (2,), (2,)]
    assert [one.rows for one in findings] == [8, 6, 4]
    assert [one.unseen.share.value for one in findings] == [0, 0, 0]


def test_without_a_table_the_end_of_the_last_contract_is_the_churn_and_its_price_the_revenue() -> None:
    bought = contract(
        NOON - 200 * DAY, status="active", mrr=None, currency="USD", auto_renew=False,
        starts_on=TODAY - 200 * ONE, ends_on=TODAY - 91 * ONE,
    )  # fmt: skip
    priced = event("contract.changed", NOON - 199 * DAY, {"contract": "c1", "mrr": "120.50"})

    sample = draw([Past(ACCOUNT, (bought, priced, *daily(190, 80)))], asked(134, 64)).sample

    assert sample.leaves_in.tolist() == [44, 30, 16, 2]
    assert sample.revenue.tolist() == [120.5] * 4


def test_a_feed_that_was_stopped_then_is_stopped_in_the_view_of_then_only() -> None:
    when = NOON - 100 * DAY
    stopped = FeedStopped.model_validate(
        {"id": "s", "source": "ingest", "time": when, "receivedtime": when, "data": {"family": "usage", "since": when}}
    )
    later = NOON - 90 * DAY
    resumed = FeedResumed.model_validate(
        {"id": "r", "source": "ingest", "time": later, "receivedtime": later, "data": {"family": "usage", "at": later}}
    )
    past = Past(ACCOUNT, daily(200, 100), Outcome(), feeds=(stopped, resumed))
    free = replace(past, feeds=())

    with_feeds, without = (draw([one], asked(92, 92)).sample.score for one in (past, free))
    corrected = draw([past], asked(92, 92, view="corrected")).sample.score

    assert with_feeds[0] > without[0]
    assert corrected[0] == without[0]


def test_key_features_are_those_used_most_by_the_day_before_which_nobody_is_judged() -> None:
    card = with_features(CARD, Counter({"login": 900, **{f"f{n}": n for n in range(1, 20)}}))

    assert card.actions.key_features == tuple(f"f{n}" for n in range(19, 19 - card.actions.key_feature_count, -1))
    assert with_features(card, Counter({"other": 5})) == card
    assert counting_day(date(2026, 1, 1), date(2026, 3, 1)) == date(2026, 3, 29)
    assert counting_day(date(2026, 6, 1), date(2026, 3, 1)) == date(2026, 6, 1)


def test_a_score_that_falls_before_the_churn_is_found() -> None:
    pasts = []
    for number in range(40):
        fades = number % 2 == 0
        active = range(240, 90 if fades else 0, -1)
        happened = tuple(_usage_of(f"a{number}", ago, (number + ago) % 3) for ago in active)
        pasts.append(Past(f"a{number}", happened, Outcome((Away(TODAY - 40 * ONE),) if fades else ())))

    found = judged(draw(pasts, asked(78, 64)).sample)

    assert found.auc["score"].value is not None
    assert found.auc["score"].value > 0.95
    assert found.bands["green"].positives == 0
    assert found.departures == 20


def test_where_labels_are_dealt_at_random_the_auc_is_near_one_half_and_its_interval_spans_it() -> None:
    random = np.random.default_rng(7)
    score = random.normal(size=(120, 4)) + random.normal(size=(120, 1))  # rows of an account are alike
    aucs = []
    for _ in range(60):
        leaving = random.permutation(120) < 36
        rows = [
            Row(account, 14 * n, float(score[account, n]), "green", 1, 1, 30 if leaving[account] else STAYS, None)
            for account in range(120)
            for n in range(4)
        ]
        aucs.append(judged(Sample.of(rows, 60), resamples=300).auc["score"])

    spanned = [auc.low <= 0.5 <= auc.high for auc in aucs if auc.low is not None and auc.high is not None]
    assert len(spanned) == 60
    assert sum(spanned) >= 52  # 57 are expected
    assert abs(np.mean([auc.value or 0 for auc in aucs]) - 0.5) < 0.02


def test_the_same_rows_and_seed_give_the_same_findings() -> None:
    random = np.random.default_rng(0)
    rows = [
        Row(
            n // 4,
            n % 4,
            float(random.normal()),
            BANDS[n % 4],
            float(n % 9),
            float(n % 5),
            int(random.integers(1, 200)),
            1.0,
        )
        for n in range(200)
    ]

    one, other = (judged(Sample.of(rows, 60), resamples=100) for _ in range(2))

    assert (one.auc, one.lift, one.lead, one.unseen) == (other.auc, other.lift, other.lead, other.unseen)


def test_the_rows_of_many_accounts_are_put_together_in_their_order() -> None:
    rows = [Row(n, n, float(n), "red", 1, 1, n, None) for n in range(1, 9)]

    joined = Sample.joined([Sample.of(part, 3) for part in (rows[:3], [], rows[3:])])

    whole = Sample.of(rows, 3)
    for name in ("account", "day", "score", "band", "leaves_in", "positive", "revenue"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


def test_an_empty_sample_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="rows"):
        judged(Sample.of([], 60))


def _usage_of(account: str, ago: int, who: int) -> CustomerEvent:
    at = datetime.combine(TODAY - ago * ONE, time(9), tzinfo=UTC)
    return usage(at, who=who).model_copy(update={"subject": account})

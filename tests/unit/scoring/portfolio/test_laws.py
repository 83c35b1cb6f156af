"""Laws of figures: the ledger adds up, whatever the contracts did and in whatever order it was told."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import contract, described, facts_of
from tests.unit.scoring.portfolio.books import items_of, terms, told

from csmodels.catalogue import CustomerEvent
from scoring.domain.money import Rates, added
from scoring.domain.portfolio.book import Book
from scoring.domain.portfolio.catalogue import METRICS
from scoring.domain.portfolio.movement import MOVEMENTS
from scoring.domain.portfolio.period import Period, month_ends
from scoring.domain.portfolio.voice import nps
from scoring.engine import booking
from scoring.engine.contracts import living
from scoring.engine.register import read

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

days = st.dates(date(2025, 11, 1), date(2026, 8, 31))
moments = st.integers(0, 180 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))
money = st.decimals(0, Decimal("99999999.999999"), places=6, allow_nan=False)
patches = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["trial", "active", "cancelled", "ended"]),
        "mrr": money.map(lambda amount: format(amount, "f")),
        "currency": st.sampled_from(["JPY", "USD", "EUR", "GBP"]),
        "product": st.sampled_from(["core", "api"]),
        "starts_on": days,
        "ends_on": days,
        "auto_renew": st.booleans(),
        "cancelled_at": moments,
        "term_months": st.integers(1, 12),
    },
)
rate_rows = st.lists(
    st.tuples(st.sampled_from(["USD", "EUR"]), days, st.decimals(Decimal("0.0001"), 1000, places=4)),
    max_size=5,
    unique_by=lambda row: row[:2],
)


@st.composite
def events(draw: st.DrawFn) -> list[CustomerEvent]:
    """What was told of an account's contracts, and of its segment."""
    said: list[Any] = draw(st.lists(st.tuples(moments, st.sampled_from(["c1", "c2", "c3"]), patches), max_size=8))
    told_ = [contract(at, id_, **patch) for at, id_, patch in said]
    segments = draw(st.lists(st.tuples(moments, st.sampled_from(["smb", "enterprise", None])), max_size=3))
    return told_ + [described(at, segment=segment) for at, segment in segments]


accounts = st.lists(events(), min_size=1, max_size=4)


def _books(told_: Sequence[Sequence[CustomerEvent]]) -> list[Book]:
    return [booking.book(f"a{n}", facts_of(one).slow, UTC) for n, one in enumerate(told_)]


def _months() -> list[Period]:
    return [Period(end.replace(day=1) - timedelta(days=1), end) for end in month_ends(FIRST, LAST)]


@given(accounts, rate_rows)
def test_every_month_starts_where_the_last_one_ended_and_movements_lead_to_its_end(
    told_: list[list[CustomerEvent]], rows: list[tuple[str, date, Decimal]]
) -> None:
    books, rates, before = _books(told_), Rates.of("JPY", rows), None

    for month in _months():
        of = terms(month, rates)
        parts = told("mrr_movements", books, month, of).parts

        assert added(parts[p] for p in ("start", *MOVEMENTS, "exchange")) == parts["end"]
        assert parts["end"] == told("mrr", books, Period(month.end, month.end), of).value
        assert before is None or parts["start"] == before
        before = parts["end"]


@given(events().flatmap(lambda told_: st.tuples(st.just(told_), st.permutations(told_))))
def test_the_order_of_arrival_does_not_matter(orders: tuple[list[CustomerEvent], list[CustomerEvent]]) -> None:
    told_, shuffled = orders

    assert booking.book("a", facts_of(shuffled).slow, UTC) == booking.book("a", facts_of(told_).slow, UTC)


@given(events(), st.integers(0, 200))
def test_a_book_says_of_the_day_on_which_it_is_made_what_stages_say(told_: list[CustomerEvent], number: int) -> None:
    day = FIRST + timedelta(days=number)
    at = BEGIN + timedelta(days=number + 1, microseconds=-1)
    slow = facts_of([one for one in told_ if one.time <= at]).slow

    book = booking.book("a", slow, UTC)

    running = [contract for contract in living(slow, at, UTC) if read(contract, "status", at) != "trial"]
    priced = [contract for contract in running if Decimal(str(read(contract, "mrr", at) or 1)) != 0]
    assert [contract.id for contract in book.contracts if contract.on(day)] == sorted(
        id_ for id_, contract in slow.contracts.items() if contract in priced
    )


@given(accounts, rate_rows, st.sampled_from(sorted(METRICS)))
def test_groups_and_items_add_up_to_the_parts(
    told_: list[list[CustomerEvent]], rows: list[tuple[str, date, Decimal]], name: str
) -> None:
    books, month = _books(told_), _months()[3]
    of = terms(month, Rates.of("JPY", rows))

    whole = told(name, books, month, of).parts
    groups = [
        told(name, [book for book in books if book.group("segment", month.start) == group], month, of).parts
        for group in ("smb", "enterprise", None)
    ]
    items = items_of(name, books, month, of)

    for part, amount in whole.items():
        assert added(parts[part] for parts in groups) == amount
        of_part = [item.amount for item in items if item.part == part]
        assert (len(of_part) if METRICS[name].counted else added(of_part)) == amount
    assert {item.part for item in items} <= set(METRICS[name].parts)
    keys = [(item.account, item.part, item.id) for item in items]
    assert len(keys) == len(set(keys))


@given(accounts, rate_rows)
def test_gross_retention_lies_within_0_and_100_and_never_above_net(
    told_: list[list[CustomerEvent]], rows: list[tuple[str, date, Decimal]]
) -> None:
    books, period = _books(told_), Period(FIRST, LAST)
    of = terms(period, Rates.of("JPY", rows))

    gross, net = told("grr", books, period, of), told("nrr", books, period, of)

    assert (gross.value is None) == (net.value is None)
    if gross.value is not None and net.value is not None:
        assert 0 <= gross.value <= 100
        assert gross.value <= net.value
        assert gross.value + (told("revenue_churn", books, period, of).value or 0) == pytest.approx(100)


@given(accounts)
def test_customers_at_the_end_are_those_who_stayed_and_those_who_came(told_: list[list[CustomerEvent]]) -> None:
    books, period = _books(told_), Period(FIRST, LAST)

    churn = told("customer_churn", books, period).parts
    end = told("customers", books, Period(LAST, LAST)).value
    came = sum(not book.paying(FIRST) and book.paying(LAST) for book in books)

    assert end == churn["start"] - churn["churned"] + came


@given(accounts, rate_rows)
def test_as_many_terms_are_renewed_as_were_due_at_most(
    told_: list[list[CustomerEvent]], rows: list[tuple[str, date, Decimal]]
) -> None:
    period = Period(FIRST, LAST)
    books, of = _books(told_), terms(period, Rates.of("JPY", rows))

    for rate in ("renewal_rate", "upsell_rate", "cross_sell_rate", "onboarding_rate", "customer_churn"):
        value = told(rate, books, period, of).value
        assert value is None or 0 <= value <= 100, rate


@pytest.mark.parametrize("truth", [(0.5, 0.3, 0.2), (0.6, 0.3, 0.1), (0.3, 0.4, 0.3), (0.7, 0.2, 0.1)])
@pytest.mark.parametrize("count", [5, 10])
def test_the_margin_of_few_answers_covers_the_truth_as_often_as_it_says(
    truth: tuple[float, float, float], count: int
) -> None:
    pro, passive, con = truth
    covered = 0.0
    for p in range(count + 1):
        for d in range(count + 1 - p):
            told_ = nps(p, count - p - d, d)
            assert told_ is not None
            if abs(told_.centre - 100 * (pro - con)) <= told_.margin:
                chance = comb(count, p) * comb(count - p, d)
                covered += chance * pro**p * con**d * passive ** (count - p - d)

    assert 0.91 <= covered <= 0.99  # every outcome counted; the plain interval covers 55 to 91 %

"""The edges of each formula."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.unit.scoring.builders import answer, event, usage
from tests.unit.scoring.portfolio.books import JUNE, YEN, book_of, items_of, noon, parts, said, terms, told

from scoring.domain.money import Rates
from scoring.domain.portfolio.book import Book, Ticket, tenure
from scoring.domain.portfolio.journey import Journey
from scoring.domain.portfolio.period import Period

JAN, LAST = date(2026, 1, 1), JUNE.end
TENTH = date(2026, 6, 10)
DAY = timedelta(days=1)


def test_a_contract_that_ends_the_day_another_starts_is_no_churn() -> None:
    same_day = book_of(
        said(JAN, "c1", mrr="100"), said(TENTH, "c1", status="ended"), said(TENTH, "c2", mrr="100", starts_on=TENTH)
    )
    day_after = book_of(said(JAN, "c1", mrr="100", ends_on=TENTH), said(TENTH, "c2", mrr="130", starts_on=TENTH + DAY))

    assert parts("mrr_movements", same_day) == {"start": 100, "end": 100}
    assert parts("mrr_movements", day_after) == {"start": 100, "expansion": 30, "end": 130}
    assert parts("customer_churn", same_day, day_after) == {"start": 2}


def test_the_last_contract_alone_makes_churn() -> None:
    one_left = book_of(said(JAN, "c1", mrr="100"), said(JAN, "c2", mrr="50"), said(TENTH, "c1", status="ended"))
    none_left = book_of(
        said(JAN, "c1", mrr="100"),
        said(JAN, "c2", mrr="50"),
        said(TENTH, "c1", status="ended"),
        said(LAST, "c2", status="ended"),
    )

    assert parts("mrr_movements", one_left) == {"start": 150, "contraction": -100, "end": 50}
    assert parts("mrr_movements", none_left) == {"start": 150, "churn": -150}


def test_who_has_a_trial_left_has_churned() -> None:
    book = book_of(
        said(JAN, "c1", mrr="100"), said(TENTH, "c1", status="ended"), said(JAN, "c2", mrr="9", status="trial")
    )

    assert parts("customer_churn", book) == {"start": 1, "churned": 1}


def test_who_comes_and_goes_within_the_period_is_in_no_term_of_it() -> None:
    book = book_of(said(TENTH, mrr="100", starts_on=TENTH), said(TENTH + 5 * DAY, status="ended"))

    assert parts("mrr_movements", book) == {}
    assert parts("customer_churn", book) == {}
    assert told("customer_churn", [book]).value is None


def test_who_paid_long_ago_comes_back_and_is_not_new() -> None:
    back = book_of(
        said(JAN, "c1", mrr="80"), said(date(2026, 3, 1), "c1", status="ended"), said(TENTH, "c2", mrr="100")
    )
    was_on_trial = book_of(said(JAN, mrr="80", status="trial"), said(TENTH, status="active"))

    assert parts("mrr_movements", back) == {"reactivation": 100, "end": 100}
    assert parts("mrr_movements", was_on_trial) == {"new": 80, "end": 80}


def test_a_change_of_rate_is_no_movement_and_no_retention() -> None:
    book = book_of(said(JAN, mrr="100", currency="EUR"))
    of = terms(JUNE, Rates.of("JPY", [("EUR", JAN, Decimal(160)), ("EUR", TENTH, Decimal(170))]))

    assert parts("mrr_movements", book, of=of) == {"start": 16000, "exchange": 1000, "end": 17000}
    assert told("nrr", [book], of=of).value == 100
    assert told("grr", [book], of=of).value == 100


def test_a_contract_that_changes_its_currency_moves_by_what_it_is_worth_at_the_start() -> None:
    book = book_of(said(JAN, mrr="100", currency="EUR"), said(TENTH, mrr="120", currency="USD"))
    rates = [("EUR", JAN, Decimal(160)), ("USD", JAN, Decimal(150)), ("USD", LAST, Decimal(140))]

    moved = parts("mrr_movements", book, of=terms(JUNE, Rates.of("JPY", rates)))

    assert moved == {"start": 16000, "expansion": 2000, "exchange": -1200, "end": 16800}


def test_amounts_without_a_rate_are_left_out_and_named() -> None:
    book = book_of(said(JAN, "c1", mrr="100", currency="EUR"), said(JAN, "c2", mrr="7"))

    assert parts("mrr", book) == {"end": 7}
    assert YEN.unknown(["EUR", None, "JPY"]) == {"EUR"}


def test_retention_never_counts_who_came_later() -> None:
    stayed = book_of(said(JAN, mrr="100"), said(TENTH, mrr="150"))
    came = book_of(said(TENTH, mrr="900", starts_on=TENTH))

    assert told("nrr", [stayed, came]).value == 150
    assert told("grr", [stayed, came]).value == 100


def test_gross_retention_is_not_healed_by_others_who_buy_more() -> None:
    less = book_of(said(JAN, mrr="100"), said(TENTH, mrr="60"))
    more = book_of(said(JAN, mrr="100"), said(TENTH, mrr="190"))

    assert told("grr", [less, more]).value == 80
    assert told("nrr", [less, more]).value == 125


def test_rates_of_nothing_do_not_exist() -> None:
    for name in ("customer_churn", "revenue_churn", "revenue_churn_by_price", "grr", "nrr", "renewal_rate", "arpa"):
        assert told(name, []).value is None, name
    for name in ("time_to_value", "first_reply_time", "nps", "nps_margin", "ltv", "ticket_resolution_rate"):
        assert told(name, []).value is None, name


def test_ltv_is_not_defined_while_nobody_leaves() -> None:
    book = book_of(said(JAN, mrr="100"))

    assert told("customer_churn", [book]).value == 0
    assert told("ltv", [book]).value is None


def test_ltv_of_a_year_takes_its_churn_by_the_month() -> None:
    year = Period.ending(LAST, 12)
    books = [book_of(said(date(2025, 1, n), mrr="100"), account=f"a{n}") for n in range(1, 4)]
    left = book_of(said(date(2025, 1, 1), mrr="100"), said(JAN, status="ended"))

    value = told("ltv", [*books, left], year, terms(year, margin=Decimal("0.5"))).value

    assert value == 100 * Decimal("0.5") / (Decimal(1) / 4 / 12)


def test_ltv_of_some_days_takes_their_churn_for_no_whole_months() -> None:
    ten_days = Period(LAST - 10 * DAY, LAST)
    books = [book_of(said(JAN, mrr="100"), account=f"a{n}") for n in range(3)]
    left = book_of(said(JAN, mrr="100"), said(LAST, status="ended"))

    value = told("ltv", [*books, left], ten_days, terms(ten_days)).value

    assert value == (400 * 10 / Decimal("30.4375")).quantize(Decimal("0.000001"))


def test_a_renewal_is_due_when_its_term_is_over() -> None:
    ends_with_the_period = book_of(said(JAN, mrr="100", ends_on=LAST))
    ended_before = book_of(said(JAN, mrr="100", ends_on=JUNE.start))

    assert parts("renewal_rate", ends_with_the_period) == {}
    assert parts("renewal_rate", ended_before) == {"due": 1}


def test_a_contract_that_is_ended_on_its_last_day_was_due() -> None:
    on_its_last_day = book_of(said(JAN, mrr="1", ends_on=TENTH), said(TENTH, status="ended"))
    before = book_of(said(JAN, mrr="1", ends_on=TENTH), said(TENTH - DAY, status="ended"))

    assert parts("renewal_rate", on_its_last_day) == {"due": 1}
    assert parts("renewal_rate", before) == {}


def test_a_renewal_counts_early_late_by_itself_and_by_a_successor() -> None:
    early = book_of(said(JAN, mrr="1", ends_on=TENTH), said(date(2026, 5, 1), ends_on=date(2027, 6, 10)))
    late = book_of(said(JAN, mrr="1", ends_on=TENTH), said(TENTH + 9 * DAY, ends_on=date(2027, 6, 10)))
    by_itself = book_of(said(JAN, mrr="1", ends_on=TENTH, auto_renew=True))
    successor = book_of(said(JAN, "c1", mrr="1", ends_on=TENTH), said(TENTH + 9 * DAY, "c2", mrr="1"))
    not_at_all = book_of(said(JAN, mrr="1", ends_on=TENTH))

    for book in (early, late, by_itself, successor):
        assert parts("renewal_rate", book) == {"renewed": 1, "due": 1}
    assert parts("renewal_rate", not_at_all) == {"due": 1}


def test_a_contract_that_renews_by_itself_is_due_each_term_whose_length_its_first_one_tells() -> None:
    began = said(date(2024, 1, 1), mrr="1", starts_on=date(2024, 1, 1), ends_on=date(2024, 12, 31), auto_renew=True)
    given_up = book_of(began, said(date(2026, 5, 1), status="cancelled"))
    month_to_month = book_of(said(date(2024, 1, 1), mrr="1", auto_renew=True))
    wrong = said(date(2024, 1, 1), mrr="1", starts_on=date(2025, 1, 1), ends_on=date(2024, 1, 1), auto_renew=True)
    assert parts("renewal_rate", book_of(wrong), period=Period(date(2025, 12, 31), date(2026, 12, 31))) == {}

    for year, renewed in ((2025, {"renewed": 1}), (2026, {"renewed": 1}), (2027, {})):
        period = Period(date(year - 1, 12, 31), date(year, 1, 31))
        assert parts("renewal_rate", given_up, period=period) == {"due": 1, **renewed}
        assert parts("renewal_rate", month_to_month, period=period) == {}


def test_a_renewal_in_place_is_a_renewal_and_neither_churn_nor_reactivation() -> None:
    first = said(JAN, mrr="1", starts_on=JAN, ends_on=TENTH)
    book = book_of(first, said(TENTH - 20 * DAY, starts_on=TENTH + DAY, ends_on=date(2027, 6, 10)))

    assert parts("renewal_rate", book) == {"renewed": 1, "due": 1}
    assert parts("customer_churn", book) == {"start": 1}
    assert parts("customer_churn", book, period=Period(date(2026, 4, 30), JUNE.start)) == {"start": 1}


def test_a_contract_that_renews_by_itself_is_due_every_term() -> None:
    monthly = book_of(said(JAN, mrr="1", ends_on=date(2026, 1, 31), term_months=1, auto_renew=True))
    half_year = Period(date(2025, 12, 31), LAST)

    assert parts("renewal_rate", monthly) == {"renewed": 1, "due": 1}
    assert parts("renewal_rate", monthly, period=half_year) == {"renewed": 5, "due": 5}


def test_a_last_day_at_the_end_of_all_days_is_never_due() -> None:
    book = book_of(said(JAN, mrr="1", ends_on=date.max, term_months=12))

    assert parts("renewal_rate", book) == {}


def test_a_trial_that_ends_is_no_renewal() -> None:
    book = book_of(said(JAN, mrr="1", status="trial", ends_on=TENTH))

    assert parts("renewal_rate", book) == {}


def test_more_of_the_same_is_upsell_and_another_product_is_cross_sell() -> None:
    more = book_of(said(JAN, "c1", mrr="10", product="core"), said(TENTH, "c2", mrr="5", product="core"))
    another = book_of(said(JAN, "c1", mrr="10", product="core"), said(TENTH, "c2", mrr="5", product="api"))
    swapped = book_of(said(JAN, mrr="10", product="core"), said(TENTH, mrr="50", product="api"))
    dearer_later = book_of(said(TENTH, mrr="10", product="core", starts_on=TENTH), said(LAST, mrr="50"))

    for book, upsold, cross_sold in ((more, 1, 0), (another, 0, 1), (swapped, 0, 0), (dearer_later, 0, 0)):
        assert parts("upsell_rate", book).get("upsold", 0) == upsold
        assert parts("cross_sell_rate", book).get("cross_sold", 0) == cross_sold


def test_onboarding_ends_complete_or_late_or_with_the_customer() -> None:
    journey = Journey((), None, 30)
    of = terms(journey=journey)
    start = date(2026, 5, 25)
    quick = book_of(said(start, mrr="1"), usage(noon(TENTH)))
    waits = book_of(said(start, mrr="1"))
    too_late = book_of(said(start, mrr="1"), usage(noon(date(2026, 6, 24))))
    long_over = book_of(said(JAN, mrr="1"), usage(noon(JAN)))
    gone = book_of(said(start, mrr="1"), said(start + 3 * DAY, status="ended"))

    assert parts("onboarding_rate", quick, of=of) == {"completed": 1, "in_onboarding": 1}
    assert parts("onboarding_rate", waits, of=of) == {"in_onboarding": 1}
    assert parts("onboarding_rate", too_late, of=of) == {"in_onboarding": 1}
    assert parts("onboarding_rate", long_over, of=of) == {}
    assert parts("onboarding_rate", gone, of=of) == {}


def test_onboarding_needs_every_milestone() -> None:
    of = terms(journey=Journey(("setup", "training"), None))
    reached = [event("milestone.reached", noon(TENTH), {"milestone": "setup"}), usage(noon(TENTH))]
    half = book_of(said(JUNE.start, mrr="1"), *reached)
    whole = book_of(
        said(JUNE.start, mrr="1"), *reached, event("milestone.reached", noon(LAST), {"milestone": "training"})
    )

    assert parts("onboarding_rate", half, whole, of=of) == {"completed": 1, "in_onboarding": 2}


def test_time_to_value_counts_those_who_still_wait_and_those_who_left() -> None:
    of = terms(journey=Journey((), "value"))

    def joined(account: str, *, value: int | None = None, left: int | None = None) -> Book:
        start = JUNE.start + DAY
        events = [said(start, mrr="1")]
        if value is not None:
            events.append(event("milestone.reached", noon(start + value * DAY), {"milestone": "value"}))
        if left is not None:
            events.append(said(start + left * DAY, status="ended"))
        return book_of(*events, account=account)

    books = [joined("a", value=5), joined("b", value=12), joined("c", left=7), joined("d")]

    items = {item.account: (item.part, item.amount) for item in items_of("time_to_value", books, of=of)}
    assert items == {"a": ("reached", 5), "b": ("reached", 12), "c": ("waiting", 7), "d": ("waiting", 29)}
    assert told("time_to_value", books, of=of).value == 12  # 3/4, then 3/4 * 1/2 = 3/8
    assert told("time_to_value", books[2:], of=of).value is None


def test_value_that_was_found_in_the_trial_took_no_time() -> None:
    book = book_of(said(JAN, mrr="1", status="trial"), usage(noon(JAN)), said(TENTH, status="active"))

    assert told("time_to_value", [book], of=terms(journey=Journey())).value == 0


def test_the_score_of_few_answers_has_a_wide_margin() -> None:
    book = book_of(*(answer(noon(TENTH), score, response=f"r{n}") for n, score in enumerate([10, 9, 9, 8, 3])))

    assert told("nps", [book]).value == 40
    # n = 8: p = 3.75/8, d = 1.75/8; 1.96 * sqrt((p + d - (p - d)^2) / 8) = 1.96 * sqrt(0.625 / 8)
    assert told("nps_margin", [book]).value == pytest.approx(Decimal("54.7826"), abs=Decimal("0.001"))


def test_answers_count_in_the_period_they_were_given_in() -> None:
    book = book_of(answer(noon(JUNE.start), 10, response="r1"), answer(noon(JUNE.start + DAY), 0, response="r2"))

    assert parts("nps", book) == {"detractors": 1}


def test_tickets_are_told_as_of_the_end_of_the_period() -> None:
    opened = noon(TENTH)
    book = Book(
        "acme",
        tickets=(
            Ticket("t1", opened, opened + timedelta(hours=2), opened + DAY),
            Ticket("t2", opened, opened + timedelta(hours=6), noon(LAST + DAY)),
            Ticket("t3", opened, None, None),
        ),
    )

    assert parts("ticket_resolution_rate", book) == {"solved": 1, "opened": 3}
    assert parts("first_reply_time", book) == {"replied": 2, "waiting": 1}
    assert told("first_reply_time", [book]).value == 6  # 2/3 after two hours, 1/3 after six


def test_a_reply_after_the_period_is_not_known_in_it() -> None:
    opened = datetime(2026, 6, 30, 22, tzinfo=UTC)
    book = Book("acme", tickets=(Ticket("t1", opened, opened + DAY, None),))

    assert [(item.part, item.amount) for item in items_of("first_reply_time", [book])] == [("waiting", 2)]


@pytest.mark.parametrize(
    ("since", "name"),
    [
        (None, "new"),
        (TENTH + DAY, "new"),
        (TENTH, "under_3_months"),
        (date(2026, 3, 11), "under_3_months"),
        (date(2026, 3, 10), "3_to_12_months"),
        (date(2025, 6, 10), "12_to_24_months"),
        (date(2024, 6, 10), "over_24_months"),
    ],
)
def test_tenure_is_counted_in_full_months(since: date | None, name: str) -> None:
    assert tenure(since, TENTH) == name

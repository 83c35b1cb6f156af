"""Books made of events, and figures of them, for the tests of metrics."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from tests.unit.scoring.builders import contract, event, facts_of
from tests.unit.scoring.portfolio.example import Told

from csmodels.catalogue import CustomerEvent
from scoring.domain.money import Rates
from scoring.domain.portfolio.book import Book, Contract
from scoring.domain.portfolio.catalogue import METRICS
from scoring.domain.portfolio.journey import Journey
from scoring.domain.portfolio.metric import Figure, Item, Terms, figure
from scoring.domain.portfolio.period import Period
from scoring.engine import booking

JUNE = Period(date(2026, 5, 31), date(2026, 6, 30))
YEN = Rates("JPY")
JOURNEY = Journey(("kickoff", "data_imported", "go_live"), "first_value")


def noon(day: date) -> datetime:
    """Noon of a day in UTC."""
    return datetime.combine(day, time(12), tzinfo=UTC)


def book_of(*events: CustomerEvent, account: str = "acme", zone: tzinfo = UTC) -> Book:
    """The book after events."""
    return booking.book(account, facts_of(events, zone=zone).slow, zone)


def said(day: date, id_: str = "c1", **fields: Any) -> CustomerEvent:
    """Something was said of a contract at noon of a day; its event is named by both."""
    return contract(noon(day), id_, **fields)


def contract_of(*events: CustomerEvent, zone: tzinfo = UTC) -> Contract:
    """The only contract of the book after events."""
    (only,) = book_of(*events, zone=zone).contracts
    return only


def books_of(told: Iterable[Told]) -> list[Book]:
    """The books of all accounts of an example."""
    by_account: dict[str, list[CustomerEvent]] = {}
    for one in told:
        by_account.setdefault(one.account, []).append(event(one.type, one.at, dict(one.data), id_=one.id))
    return [book_of(*events, account=account) for account, events in by_account.items()]


def terms(period: Period = JUNE, rates: Rates = YEN, margin: Decimal = Decimal(1), journey: Journey = JOURNEY) -> Terms:
    """Terms of figures of a period."""
    until = datetime.combine(period.end + timedelta(days=1), time.min, tzinfo=UTC)
    return Terms(rates, until, journey, margin)


def items_of(name: str, books: Iterable[Book], period: Period = JUNE, of: Terms | None = None) -> list[Item]:
    """The items of a metric."""
    of = of or terms(period)
    return [item for book in books for item in METRICS[name].items(book, period, of)]


def told(name: str, books: Iterable[Book], period: Period = JUNE, of: Terms | None = None) -> Figure:
    """The figure of a metric."""
    of = of or terms(period)
    return figure(METRICS[name], items_of(name, books, period, of), period, of)


def parts(name: str, *books: Book, period: Period = JUNE, of: Terms | None = None) -> dict[str, int]:
    """The parts of a figure that are not zero, of whole amounts."""
    return {part: int(amount) for part, amount in told(name, books, period, of).parts.items() if amount}

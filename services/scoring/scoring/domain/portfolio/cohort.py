"""Who stayed, who left, who bought more: of the customers at the start of a period."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from scoring.domain.calendar import last_day_after
from scoring.domain.money import added
from scoring.domain.portfolio.book import ZERO, Book, Contract
from scoring.domain.portfolio.metric import Item, Terms
from scoring.domain.portfolio.movement import kept, movements, opening
from scoring.domain.portfolio.period import Period

ONE: Final = Decimal(1)
GRACE: Final = timedelta(days=30)  # so late a renewal may be written down, and so far from its end a successor start
_ONE_DAY: Final = timedelta(days=1)


def customers(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The account, if it is a customer at the end; part `customers`."""
    if book.paying(period.end):
        yield Item(book.account, None, "customers", ONE)


def churned(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The account as customer at the `start`, and as `churned` if it is none at the end."""
    if book.paying(period.start):
        yield Item(book.account, None, "start", ONE)
        if not book.paying(period.end):
            yield Item(book.account, None, "churned", ONE, _events(book, period))


def lost(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """What customers paid at the `start`, and what was lost of it by `contraction` and `churn`, as positive amounts."""
    yield from opening(book, period, terms)
    for item in movements(book, period, terms):
        if item.part in ("contraction", "churn"):
            yield item._replace(amount=-item.amount)


def price_churned(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The `price` of those who churned, and the `revenue`: what is paid by all who were customers in the period."""
    moved = list(movements(book, period, terms))
    yield from (item._replace(part="revenue") for item in opening(book, period, terms))
    yield from (item._replace(part="revenue") for item in moved if item.part in ("new", "reactivation"))
    yield from (item._replace(part="price", amount=-item.amount) for item in moved if item.part == "churn")


def retained(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """What the customers of the `start` paid then, and what they pay at the `end`, at the same rates."""
    if book.paying(period.start):
        yield from opening(book, period, terms)
        yield from (item._replace(part="end") for item in kept(book, period, terms))


def worth(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The terms of LTV: what is paid at the start, by how many, and how many of these churned."""
    yield from (item._replace(part="mrr") for item in opening(book, period, terms))
    for item in churned(book, period, terms):
        yield item._replace(part="customers" if item.part == "start" else "churned")


def renewals(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """How many terms of a contract ended, so that the next day lay in the period: `due`, and `renewed` if it went on.

    One that was ended on the last day itself pays no more at its end; it was due if it paid the day before.

    Renewed: the contract pays within 30 days of the end, or another one of the account began to pay within 30 days of
    it, as far as it has come to that by the period's end. A contract that renews by itself is due at each term's end.
    """
    for contract in book.contracts:
        due = [end for end in _term_ends(contract, period) if contract.on(end) or contract.on(end - _ONE_DAY)]
        renewed = [end for end in due if _goes_on(book, contract, end, period.end)]
        if due:
            yield Item(book.account, contract.id, "due", Decimal(len(due)))
        if renewed:
            events = contract.events(renewed[0] - GRACE, min(renewed[-1] + GRACE, period.end))
            yield Item(book.account, contract.id, "renewed", Decimal(len(renewed)), events)


def _term_ends(contract: Contract, period: Period) -> Iterator[date]:
    ends = list(contract.ends)
    if ends and contract.term_months and ends[-1] < period.end:
        number, first = 1, ends[-1]
        while (end := last_day_after(first, number * contract.term_months)) < period.end:
            ends.append(end)
            number += 1
    yield from (end for end in ends if period.start <= end < period.end)


def _goes_on(book: Book, contract: Contract, end: date, until: date) -> bool:
    last = min(end + GRACE, until)
    if contract.on(end + _ONE_DAY) is not None:
        return True
    if any(step.paying and end < step.day <= last for step in contract.steps):
        return True
    starts = (other.first_paying for other in book.contracts if other is not contract)
    return any(start is not None and end - GRACE <= start <= last for start in starts)


def upsold(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The account as customer at the `start`, and as `upsold` if it pays more at the end for a product it had."""
    if not book.paying(period.start):
        return
    yield Item(book.account, None, "start", ONE)
    before, after = _by_product(book, period, terms, period.start), _by_product(book, period, terms, period.end)
    if any(after.get(product, ZERO) > price for product, price in before.items()):
        yield Item(book.account, None, "upsold", ONE, _events(book, period))


def cross_sold(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The account as customer at the `start`, and as `cross_sold` if it stayed and pays for a product it had not."""
    if not book.paying(period.start):
        return
    yield Item(book.account, None, "start", ONE)
    before, after = _by_product(book, period, terms, period.start), _by_product(book, period, terms, period.end)
    if before.keys() & after.keys() and after.keys() - before.keys():
        yield Item(book.account, None, "cross_sold", ONE, _events(book, period))


def _by_product(book: Book, period: Period, terms: Terms, day: date) -> dict[str, Decimal]:
    """What is paid on a day for each product, at the rates of the start; a contract without one is a product itself."""
    paid: dict[str, Decimal] = {}
    for contract in book.contracts:
        if (step := contract.on(day)) is not None:
            product = f"product:{step.product}" if step.product else f"contract:{contract.id}"
            price = terms.rates.convert(step.mrr, step.currency, period.start)
            paid[product] = added((paid.get(product, ZERO), price))
    return paid


def _events(book: Book, period: Period) -> tuple[str, ...]:
    return tuple(event for contract in book.contracts for event in contract.events(period.start, period.end))

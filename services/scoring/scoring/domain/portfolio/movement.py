"""The MRR ledger: what moved between the two ends of a period.

An account is looked at as a whole at both ends, so a contract that ends while another one goes on (or starts the same
day) is no churn, and what came and went within the period is no movement. Both ends are valued at the rates of the
start; what the rates themselves changed is told apart, as exchange: start + movements + exchange = end.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from scoring.domain.money import added
from scoring.domain.portfolio.book import ZERO, Book, Contract, Step
from scoring.domain.portfolio.metric import Item, Terms
from scoring.domain.portfolio.period import Period

Movement = Literal["new", "expansion", "contraction", "churn", "reactivation"]
MOVEMENTS: Final[tuple[Movement, ...]] = ("new", "expansion", "contraction", "churn", "reactivation")
LEDGER: Final = ("start", *MOVEMENTS, "exchange", "end")


def ledger(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """Every line of the ledger: contraction and churn are negative."""
    yield from opening(book, period, terms)
    yield from movements(book, period, terms)
    for contract in book.contracts:
        step = contract.on(period.end)
        if step is not None and not terms.rates.is_own(step.currency):
            change = _worth(step, period.end, terms) - _worth(step, period.start, terms)
            if change:
                yield Item(book.account, contract.id, "exchange", change)
    yield from closing(book, period, terms)


def movements(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The account's movement by the contracts that made it: their changes add up to it."""
    changes = [
        (contract, change) for contract in book.contracts if (change := _change(contract, period, terms)) != ZERO
    ]
    if not changes:
        return
    kind = _kind(book, period, added(change for _, change in changes))
    if kind is not None:
        for contract, change in changes:
            yield Item(book.account, contract.id, kind, change, contract.events(period.start, period.end))


def kept(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """What the contracts of the period's end are worth at the rates of its start, part `kept`."""
    return _valued(book, period.end, period.start, terms, "kept")


def opening(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """What the contracts of the period's start are worth, part `start`."""
    return _valued(book, period.start, period.start, terms, "start")


def closing(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """What the contracts of the period's end are worth, part `end`."""
    return _valued(book, period.end, period.end, terms, "end")


def _kind(book: Book, period: Period, net: Decimal) -> Movement | None:
    """None: contracts took each other's place, and nothing moved."""
    match book.paying(period.start), book.paying(period.end):
        case True, True:
            return None if not net else "expansion" if net > ZERO else "contraction"
        case True, False:
            return "churn"
        case _:
            since = book.customer_since
            return "reactivation" if since is not None and since <= period.start else "new"


def _change(contract: Contract, period: Period, terms: Terms) -> Decimal:
    """What the contract pays more at the end than at the start, at the rates of the start."""
    if not contract.moved(period.start, period.end):
        return ZERO
    before, after = contract.on(period.start), contract.on(period.end)
    return _worth(after, period.start, terms) - _worth(before, period.start, terms)


def _valued(book: Book, day: date, rates_of: date, terms: Terms, part: str) -> Iterator[Item]:
    for contract in book.contracts:
        if worth := _worth(contract.on(day), rates_of, terms):
            yield Item(book.account, contract.id, part, worth)


def _worth(step: Step | None, rates_of: date, terms: Terms) -> Decimal:
    return ZERO if step is None else terms.rates.convert(step.mrr, step.currency, rates_of)

"""Tickets, answers and active people."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from math import sqrt
from typing import Final, NamedTuple

from scoring.domain.portfolio.book import Book
from scoring.domain.portfolio.metric import Item, Terms
from scoring.domain.portfolio.period import Period

# Rocks, Interval estimation for the “Net Promoter Score”, The American Statistician 70 (2016): adjusted Wald (3, T).
PSEUDO: Final = (0.75, 1.5, 0.75)
_Z: Final = 1.959963984540054  # 95 %
_PROMOTER: Final = 9
_PASSIVE: Final = 7


class Nps(NamedTuple):
    """The score of these answers, -100 to 100, and the half width of its interval of 95 % around `centre`."""

    score: float
    centre: float
    margin: float


def nps(promoters: int, passives: int, detractors: int) -> Nps | None:
    """The score and its interval with three pseudo-answers; None without an answer."""
    count = promoters + passives + detractors
    if not count:
        return None
    n = count + sum(PSEUDO)
    p, d = (promoters + PSEUDO[0]) / n, (detractors + PSEUDO[2]) / n
    margin = _Z * sqrt((p + d - (p - d) ** 2) / n)
    return Nps(100 * (promoters - detractors) / count, 100 * (p - d), 100 * margin)


def answers(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The answers of the period, each as one of its class."""
    for answer in book.answers:
        if answer.day in period:
            part = (
                "promoters" if answer.score >= _PROMOTER else "passives" if answer.score >= _PASSIVE else "detractors"
            )
            yield Item(book.account, answer.response, part, Decimal(1), (answer.event,))


def solved(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The tickets `opened` in the period, and those of them that were `solved` by its end."""
    for ticket in book.tickets:
        yield Item(book.account, ticket.id, "opened", Decimal(1))
        if ticket.solved_at is not None and ticket.solved_at < terms.until:
            yield Item(book.account, ticket.id, "solved", Decimal(1))


def replied(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """Of the tickets opened in the period the hours to the first reply: `replied`, or so far `waiting`."""
    for ticket in book.tickets:
        if ticket.replied_at is not None and ticket.replied_at < terms.until:
            yield Item(book.account, ticket.id, "replied", _hours(ticket.opened_at, ticket.replied_at))
        else:
            yield Item(book.account, ticket.id, "waiting", _hours(ticket.opened_at, terms.until))


def active(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The people of the account who did a core action."""
    if book.active:
        yield Item(book.account, None, "active", Decimal(book.active))


def _hours(first: datetime, last: datetime) -> Decimal:
    return (Decimal(max(0, round((last - first).total_seconds()))) / 3600).quantize(Decimal("0.0001"))

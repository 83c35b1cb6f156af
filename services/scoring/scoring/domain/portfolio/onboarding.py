"""How many get through onboarding, and how long the first value takes."""

from collections.abc import Iterator
from decimal import Decimal

from scoring.domain.portfolio.book import Book
from scoring.domain.portfolio.metric import Item, Terms
from scoring.domain.portfolio.period import Period


def onboarded(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """The account, if it was in its onboarding on a day of the period, and as `completed` if it completed it then.

    Onboarding starts with the first paid day (a trial is none), and ends complete, at the last day, or with the
    last contract. What was reached before it started counts as reached on its first day.
    """
    start = book.customer_since
    if start is None or start > period.end:
        return
    done = terms.journey.completed(book)
    done = max(done, start) if done is not None else None
    given_up = terms.journey.given_up(book, start)
    complete = done is not None and done < given_up
    last = done if complete and done is not None else given_up
    if last <= period.start:
        return
    yield Item(book.account, None, "in_onboarding", Decimal(1))
    if complete and last in period:
        yield Item(book.account, None, "completed", Decimal(1), _milestones(book, period))


def valued(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    """Of an account that became a customer in the period, the days to its first value: `reached`, or so far `waiting`.

    Who left before is not waited for any longer: observed until then.
    """
    start = book.customer_since
    if start is None or start not in period:
        return
    day = terms.journey.valued(book)
    ends = (s.day for c in book.contracts for s in c.steps if s.day > start and not book.paying(s.day))
    watched = min([*ends, period.end])
    if day is not None and day <= watched:
        yield Item(book.account, None, "reached", Decimal(max(0, (day - start).days)), _milestones(book, period))
    else:
        yield Item(book.account, None, "waiting", Decimal(max(0, (watched - start).days)))


def _milestones(book: Book, period: Period) -> tuple[str, ...]:
    return tuple(one.event for one in book.milestones if one.day in period)

"""The books of accounts, their tickets and active people, and exchange rates: what the portfolio's metrics read.

Whoever replaces rows outside of the fold calls `renew`, so that those who hold books in memory read them anew.
"""

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, and_, delete, func, or_, select

from cskit.db import Database, Tx
from scoring.domain.calendar import Month
from scoring.domain.portfolio.book import Book, Ticket
from scoring.engine import booking
from scoring.engine.codec import decode_month, decode_slow
from scoring.engine.facts import MonthFacts, SlowFacts
from scoring.tables import (
    PLUMBING,
    account_months,
    account_slow,
    live,
    portfolio_books,
    portfolio_tickets,
)

_MARK: Final = "portfolio_books"  # in the table of the deployment: the format of the books, and which making of them
_LOT: Final = 500

Marks = Mapping[int, int]  # partition -> the newest offset that is known


class Booked(NamedTuple):
    """An account whose book changed at a record; slow None: it was erased."""

    partition: int
    offset: int
    slow: SlowFacts | None
    zone: tzinfo


class Entry(NamedTuple):
    """A row of books: book None if the account was erased, at that moment."""

    account: str
    partition: int
    offset: int
    book: Book | None
    erased_at: datetime | None


class Active(NamedTuple):
    """How many people were active in a month, or its facts where they must be looked into."""

    account: str
    people: int | None
    facts: MonthFacts | None


# Written with a batch


def write_books(tx: Tx, booked: Iterable[tuple[str, Booked]], at: datetime) -> None:
    """Write the books of these accounts."""
    rows = []
    for account, (partition, offset, slow, zone) in booked:
        body = booking.encode_book(booking.book(account, slow, zone)) if slow is not None else None
        erased_at = at if slow is None else None
        row = {"account": account, "partition": partition, "offset": offset, "body": body, "erased_at": erased_at}
        rows.append(row)
    tx.upsert(portfolio_books, rows)


def write_tickets(tx: Tx, tickets: Iterable[tuple[str, Ticket]]) -> None:
    """Write these tickets of accounts."""
    tx.upsert(portfolio_tickets, [_ticket_row(account, ticket) for account, ticket in tickets])


async def erase_tickets(tx: Tx, accounts: Sequence[str]) -> None:
    """Delete all tickets of these accounts."""
    await tx.execute(delete(portfolio_tickets).where(portfolio_tickets.c.account.in_(accounts)))


async def drop_tickets(tx: Tx, partition: int, before: datetime) -> None:
    """Forget the tickets that were solved before a moment, of all accounts of a partition."""
    mine = select(live.c.account).where(live.c.partition == partition)
    old = and_(portfolio_tickets.c.opened_at < before, portfolio_tickets.c.solved_at < before)
    await tx.execute(delete(portfolio_tickets).where(old, portfolio_tickets.c.account.in_(mine)))


# Made at the start


async def fill(database: Database, zone: tzinfo) -> None:
    """Make books and tickets of all accounts that have none, once for an installation and a format; safe beside a fold.

    Those of another format are deleted before, so that none of them stays.
    """
    async with database.read() as tx:
        mark = await _mark(tx)
    if mark is not None and mark.startswith(f"{booking.FORMAT}:"):
        return
    async with database.write() as tx:
        if mark is not None:
            await tx.execute(delete(portfolio_books).where(portfolio_books.c.body.is_not(None)))
            await tx.execute(delete(portfolio_tickets))
            await tx.execute(delete(PLUMBING.deployment).where(PLUMBING.deployment.c.name == _MARK))
    after = ""
    while True:
        async with database.write() as tx:
            statement = (
                select(account_slow, live.c.partition, live.c.offset)
                .join(live, live.c.account == account_slow.c.account)
                .where(account_slow.c.account > after)
                .order_by(account_slow.c.account)
                .limit(_LOT)
            )
            rows = await tx.fetch(statement)
            if not rows:
                break
            after = rows[-1].account
            _fill(tx, rows, zone)
    async with database.write() as tx:
        await renew(tx)


def _fill(tx: Tx, rows: Sequence[Row[Any]], zone: tzinfo) -> None:
    """What the fold has written meanwhile is newer, and stays."""
    books, tickets = [], []
    for row in rows:
        slow = decode_slow(row.body)
        body = booking.encode_book(booking.book(row.account, slow, zone))
        place = {"account": row.account, "partition": row.partition, "offset": row.offset}
        books.append(place | {"body": body, "erased_at": None})
        tickets += [_ticket_row(row.account, ticket) for ticket in booking.tickets(slow).values()]
    tx.insert(portfolio_books, books, ignore=True)
    tx.insert(portfolio_tickets, tickets, ignore=True)


async def renew(tx: Tx) -> None:
    """Let everybody who holds books read them anew."""
    mark = f"{booking.FORMAT}:{secrets.token_hex(8)}"
    tx.upsert(PLUMBING.deployment, [{"name": _MARK, "value": mark}])


async def making(tx: Tx) -> str | None:
    """Which making of the books there is: another one after `renew`. None before the first."""
    return await _mark(tx)


async def _mark(tx: Tx) -> str | None:
    table = PLUMBING.deployment
    rows = await tx.fetch(select(table.c.value).where(table.c.name == _MARK))
    return rows[0].value if rows else None


# Read


async def entries(tx: Tx, marks: Marks) -> AsyncIterator[Sequence[Entry]]:
    """The books that changed beyond the marks, in lots; without marks all of them."""
    table = portfolio_books
    newer = [and_(table.c.partition == number, table.c.offset > offset) for number, offset in marks.items()]
    changed = or_(*newer, table.c.partition.not_in(list(marks))) if marks else None
    after = ""
    while True:
        statement = select(table).where(table.c.account > after).order_by(table.c.account).limit(_LOT)
        rows = await tx.fetch(statement if changed is None else statement.where(changed))
        yield [_entry(row) for row in rows]
        if len(rows) < _LOT:
            return
        after = rows[-1].account


async def tickets(tx: Tx, first: datetime, until: datetime) -> dict[str, list[Ticket]]:
    """The tickets opened in first <= moment < until, by account."""
    table = portfolio_tickets
    statement = select(table).where(table.c.opened_at >= first, table.c.opened_at < until)
    found: dict[str, list[Ticket]] = {}
    for row in await tx.fetch(statement.order_by(table.c.account, table.c.ticket)):
        found.setdefault(row.account, []).append(Ticket(row.ticket, row.opened_at, row.replied_at, row.solved_at))
    return found


async def active(tx: Tx, month: Month, looked_into: Iterable[str] | None) -> AsyncIterator[Sequence[Active]]:
    """The active people of a month, in lots; with the month's facts for the accounts named (None: for all), and where
    nobody has counted them.
    """
    table = account_months
    named = None if looked_into is None else frozenset(looked_into)
    after = ""
    while True:
        columns = [table.c.account, table.c.active] + ([table.c.body] if named is None else [])
        statement = select(*columns).where(table.c.month == month, table.c.account > after)
        rows = await tx.fetch(statement.order_by(table.c.account).limit(_LOT))
        blind = [row.account for row in rows if named is not None and (row.active is None or row.account in named)]
        bodies = {row.account: row.body for row in rows} if named is None else await _bodies(tx, month, blind)
        yield [
            Active(row.account, None, decode_month(bodies[row.account]))
            if row.account in bodies
            else Active(row.account, row.active, None)
            for row in rows
        ]
        if len(rows) < _LOT:
            return
        after = rows[-1].account


async def _bodies(tx: Tx, month: Month, accounts: Sequence[str]) -> dict[str, bytes]:
    if not accounts:
        return {}
    table = account_months
    statement = select(table.c.account, table.c.body).where(table.c.month == month, table.c.account.in_(accounts))
    return {row.account: row.body for row in await tx.fetch(statement)}


async def merges(tx: Tx, accounts: Sequence[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """The pairs of people that are one, of these accounts."""
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for start in range(0, len(accounts), _LOT):
        lot = accounts[start : start + _LOT]
        rows = await tx.fetch(select(account_slow).where(account_slow.c.account.in_(lot)))
        found.update({row.account: decode_slow(row.body).merges for row in rows})
    return found


async def erased_since(tx: Tx, moment: datetime) -> int:
    """How many accounts were erased at or after a moment, and have not come back."""
    statement = select(func.count()).select_from(portfolio_books).where(portfolio_books.c.erased_at >= moment)
    return int((await tx.fetch(statement))[0][0])


def _entry(row: Row[Any]) -> Entry:
    book = booking.decode_book(row.body) if row.body is not None else None
    return Entry(row.account, row.partition, row.offset, book, row.erased_at)


def _ticket_row(account: str, ticket: Ticket) -> dict[str, Any]:
    return {
        "account": account,
        "ticket": ticket.id,
        "opened_at": ticket.opened_at,
        "replied_at": ticket.replied_at,
        "solved_at": ticket.solved_at,
    }

"""What a batch loads and writes: accounts, history, the state of partitions. Bulk statements only."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Table, bindparam, delete, select

from cskit.db import Database, LookUp, Tx, Values
from cskit.db.plumbing import Plumbing
from cskit.seed import kept_value
from scoring.account import Account, Cut, Evaluation, Taken
from scoring.domain.calendar import Month
from scoring.domain.portfolio.book import Ticket
from scoring.domain.precedence import Applied
from scoring.engine.booking import changed_tickets, differs
from scoring.engine.codec import decode_month, decode_slow, encode_month, encode_slow
from scoring.engine.facts import Facts, MonthFacts, SlowFacts
from scoring.engine.people import active_people
from scoring.planning import PartitionState
from scoring.store import overrides as kept_overrides
from scoring.store import portfolio, rebuilds
from scoring.store.portfolio import Booked
from scoring.store.rows import STANDING, account_of, history_row, live_row
from scoring.store.scorecards import applied_of
from scoring.tables import (
    account_activity,
    account_months,
    account_slow,
    erased_accounts,
    history,
    live,
    overrides,
    partitions,
    timeline_events,
)

T = TypeVar("T")

AT_ONCE: Final = 250  # ids or rows in one statement: others wait while they are encoded
_READ_AT_ONCE: Final = 100  # accounts, so that others get their turn while their facts are read
_MADE_AT_ONCE: Final = 25  # rows
_WORTH: Final = 50  # rows, from which on a statement of their own is worth its round trip

_ZONE: Final = "time_zone"
_BASE: Final = "version_base"

# statements that are sent so often that they are made once
_NEXT: Final = (
    select(live.c.account)
    .where(live.c.partition == bindparam("partition"), live.c.account > bindparam("after"))
    .order_by(live.c.account)
    .limit(bindparam("limit"))
)

_STOPPED: Final[TypeAdapter[dict[Any, datetime]]] = TypeAdapter(dict[str, datetime])
_NOTHING: Final = MonthFacts()

Wanted = Mapping[str, Set[Month]]  # accounts and the months of theirs that are asked for


@dataclass(slots=True)
class Changes:
    """What a batch has changed and is to be written. Of an account's live row the last one stands."""

    erased: dict[str, int] = field(default_factory=dict)  # account -> the version it had reached
    months: dict[tuple[str, Month], MonthFacts] = field(default_factory=dict)
    slow: dict[str, SlowFacts] = field(default_factory=dict)
    overrides_gone: set[tuple[str, str]] = field(default_factory=set)  # account and override
    live: dict[str, tuple[Account, Evaluation]] = field(default_factory=dict)
    history: list[Evaluation] = field(default_factory=list)
    books: dict[str, Booked] = field(default_factory=dict)
    tickets: dict[tuple[str, str], Ticket] = field(default_factory=dict)

    def book(self, before: SlowFacts, done: Taken, cut: Cut, zone: tzinfo) -> None:
        """Note what the portfolio's metrics are to know of it, where that changed."""
        account, after = done.account.id, done.account.facts.slow
        if done.erased:
            self.tickets = {key: ticket for key, ticket in self.tickets.items() if key[0] != account}
            known, before = before != SlowFacts(), SlowFacts()
            if done.account.standing is None:
                if known:
                    self.books[account] = Booked(cut.partition, cut.offset, None, zone)
                return
        if done.slow or done.erased:
            self.tickets |= {(account, id_): one for id_, one in changed_tickets(before, after).items()}
            if done.erased or account in self.books or differs(before, after):
                self.books[account] = Booked(cut.partition, cut.offset, after, zone)

    def age(self, before: Facts, after: Facts) -> None:
        """Note what time has taken from the slow facts."""
        if after.slow is before.slow:
            return
        self.slow[after.account] = after.slow
        self.overrides_gone |= {(after.account, id_) for id_ in before.slow.overrides.keys() - after.slow.overrides}

    def erase(self, account: str, version: int) -> None:
        """Forget what was to be written of an account, and let its rows go first."""
        self.erased[account] = version
        self.months = {key: month for key, month in self.months.items() if key[0] != account}
        self.slow.pop(account, None)
        self.live.pop(account, None)
        self.history = [row for row in self.history if row.account != account]


# Partitions and deployment


async def first_zone(database: Database, plumbing: Plumbing, zone: str) -> str:
    """The zone of the portfolio's days: that of the first start, which is `zone` if this is it."""
    return await kept_value(database, plumbing, _ZONE, zone)


async def first_base(database: Database, plumbing: Plumbing, published: Callable[[], Awaitable[int]]) -> int:
    """From which version new accounts go on: what had been `published` at the first start, 0 if accounts were there."""
    async with database.read() as tx:
        base = await stored_base(tx, plumbing)
        known = base is not None or await tx.fetch(select(live.c.account).limit(1))
    if base is not None:
        return base
    return int(await kept_value(database, plumbing, _BASE, "0" if known else str(await published())))


async def stored_base(tx: Tx, plumbing: Plumbing) -> int | None:
    """The same; None before the first start."""
    value = await _stored(tx, plumbing, _BASE)
    return None if value is None else int(value)


async def stored_zone(tx: Tx, plumbing: Plumbing) -> str | None:
    """The zone of the first start; None before it."""
    return await _stored(tx, plumbing, _ZONE)


async def _stored(tx: Tx, plumbing: Plumbing, name: str) -> str | None:
    table = plumbing.deployment
    rows = await tx.fetch(select(table.c.value).where(table.c.name == name))
    return rows[0].value if rows else None


async def load_states(tx: Tx, numbers: Collection[int], first: Applied) -> dict[int, PartitionState]:
    """The states of these partitions; one without a row has seen no control record and uses the `first` scorecards."""
    rows = await tx.fetch(select(partitions).where(partitions.c.partition.in_(sorted(numbers))))
    known = {
        row.partition: PartitionState(
            row.partition, applied_of(row.applied), row.hour, row.at, _STOPPED.validate_python(row.feeds), row.rates
        )
        for row in rows
    }
    return {number: known.get(number, PartitionState(number, first)) for number in numbers}


def write_states(tx: Tx, states: Sequence[PartitionState]) -> None:
    """Write the states of partitions."""
    tx.upsert(
        partitions,
        [
            {
                "partition": state.partition,
                "hour": state.hour,
                "at": state.at,
                "feeds": _STOPPED.dump_python(dict(state.stopped), mode="json"),
                "applied": dict(sorted(state.applied.items())),
                "rates": state.rates,
            }
            for state in states
        ],
    )


# Accounts


async def accounts_of(tx: Tx, partition: int, after: str, limit: int) -> Sequence[str]:
    """The next accounts of a partition by id, after one ("" for the first)."""
    rows = await tx.fetch(_NEXT, {"partition": partition, "after": after, "limit": limit})
    return [row.account for row in rows]


async def load(tx: Tx, wanted: Wanted) -> dict[str, Account]:
    """These accounts with these months; one that has no row is new, and goes on from the version of an erased one."""
    accounts: dict[str, Account] = {}
    for ids in lots(sorted(wanted), _READ_AT_ONCE):
        rows = {row[0]: row for row in await tx.fetch(LookUp(STANDING, {live.c.account: ids}))}
        slow = await _by_account(tx, account_slow, "body", ids)
        unknown = [id_ for id_ in ids if id_ not in rows]
        bases = await _by_account(tx, erased_accounts, "version", unknown) if unknown else {}
        months = await load_months(tx, {id_: wanted[id_] for id_ in ids})
        decoded = {id_: decode_slow(body) for id_, body in slow.items()}
        for id_ in ids:
            facts = Facts(id_, decoded.get(id_) or SlowFacts(), months[id_])
            row = rows.get(id_)
            accounts[id_] = account_of(row, facts) if row is not None else Account(facts, base=bases.get(id_, 0))
    return accounts


async def load_months(tx: Tx, wanted: Wanted) -> dict[str, dict[Month, MonthFacts]]:
    """These months of these accounts; a month without a row is empty."""
    found = {id_: dict.fromkeys(sorted(months), _NOTHING) for id_, months in wanted.items()}
    months = sorted({month for some in wanted.values() for month in some})
    table = account_months.c
    for ids in lots(sorted(id_ for id_, some in wanted.items() if some), _READ_AT_ONCE):
        asked = {table.account: ids, table.month: months}
        rows: Sequence[Any] = await tx.fetch(LookUp((table.account, table.month, table.body), asked))
        for id_, month, body in rows:
            if month in wanted[id_]:
                found[id_][month] = decode_month(body)
    return found


async def write(tx: Tx, changes: Changes, scored_at: datetime) -> None:
    """Write all of it."""
    for ids in lots(sorted(changes.erased)):
        for table in (account_months, account_slow, account_activity, live, history, overrides, timeline_events):
            await tx.execute(delete(table).where(table.c.account.in_(ids)))
        await portfolio.erase_tickets(tx, ids)
    if changes.erased:
        await rebuilds.give_up_ready(tx, scored_at)
    tx.upsert(erased_accounts, [{"account": id_, "version": version} for id_, version in changes.erased.items()])
    for gone in lots(sorted(changes.overrides_gone)):
        await kept_overrides.forget(tx, gone)
    await _behind(tx, _given(tx, changes, scored_at))


def _given(tx: Tx, changes: Changes, scored_at: datetime) -> Iterator[bool]:
    """Give the transaction the rows of what has changed. Stops now and then, so that others get their turn, and tells
    whether it has given a lot that is worth a statement of its own; small ones go together with what comes next.
    """
    for months in lots(list(changes.months.items())):
        rows = yield from _made(_month_row, months)
        tx.upsert(account_months, rows)
        yield from _sent(rows)
    for slow in lots(list(changes.slow.items())):
        rows = yield from _made(_slow_row, slow)
        tx.upsert(account_slow, rows)
        kept_overrides.keep(tx, slow)
        yield from _sent(rows)
    for booked in lots(list(changes.books.items())):
        portfolio.write_books(tx, booked, scored_at)
        yield from _sent(booked)
    for tickets in lots(list(changes.tickets.items())):
        portfolio.write_tickets(tx, [(id_, ticket) for (id_, _), ticket in tickets])
        yield from _sent(tickets)
    for lives in lots(list(changes.live.values())):
        rows = yield from _made(lambda one: live_row(*one, scored_at), lives)
        tx.upsert(live, rows)
        yield from _sent(rows)
    for evaluations in lots(changes.history):
        rows = yield from _made(lambda one: history_row(one, scored_at), evaluations)
        tx.insert(history, rows)
        yield from _sent(rows)


def _sent(lot: Sequence[object]) -> Iterator[bool]:
    if len(lot) >= _WORTH:
        yield True


def _month_row(changed: tuple[tuple[str, Month], MonthFacts]) -> Values:
    (account, month), facts = changed
    return {"account": account, "month": month, "body": encode_month(facts), "active": active_people(facts)}


def _slow_row(changed: tuple[str, SlowFacts]) -> Values:
    account, facts = changed
    return {"account": account, "body": encode_slow(facts)}


def _made(row: Callable[[T], Values], values: Sequence[T]) -> Generator[bool, None, list[Values]]:
    """The rows of these values."""
    rows: list[Values] = []
    for some in lots(values, _MADE_AT_ONCE):
        if rows:
            yield False
        rows += [row(each) for each in some]
    return rows


async def _behind(tx: Tx, given: Iterator[bool]) -> None:
    """Send each large lot while the next one is made: so the transaction is never idle for long (UnitOfWork.speak)."""
    sending: asyncio.Task[None] | None = None
    try:
        for complete in given:
            if complete:
                if sending is not None:
                    await sending
                sending = asyncio.create_task(tx.flush())
            await asyncio.sleep(0)
        if sending is not None:
            await sending
    finally:
        if sending is not None:  # if the next lot failed: it ends before its transaction does
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def drop_months(tx: Tx, partition: int, before: Month) -> None:
    """Forget the months before one, of all accounts of a partition."""
    mine = select(live.c.account).where(live.c.partition == partition)
    await tx.execute(delete(account_months).where(account_months.c.month < before, account_months.c.account.in_(mine)))
    await portfolio.drop_tickets(tx, partition, datetime.fromisoformat(f"{before}-01").replace(tzinfo=UTC))


async def _by_account(tx: Tx, table: Table, column: str, ids: Sequence[str]) -> dict[str, Any]:
    rows: Sequence[Any] = await tx.fetch(LookUp((table.c.account, table.c[column]), {table.c.account: ids}))
    return dict(rows)


def lots(values: Sequence[T], size: int | None = None) -> list[Sequence[T]]:
    """The values in lots, of AT_ONCE each unless said otherwise."""
    size = size or AT_ONCE
    return [values[start : start + size] for start in range(0, len(values), size)]

"""Exchange rates as a list of changes, of which each version takes in those before it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from cskit.db import Tx
from scoring.tables import exchange_rate_changes, partitions

Row = tuple[str, date, Decimal]  # currency, first day, rate
Change = tuple[str, date, Decimal | None]  # None: there is no such rate any more

_table = exchange_rate_changes


async def newest(tx: Tx) -> int:
    """The newest version; 0 is what an installation began with."""
    return (await tx.fetch(select(func.max(_table.c.version))))[0][0] or 0


async def next_version(tx: Tx) -> int:
    """One that neither was stored nor is in force anywhere: the log may know more than a database that was restored."""
    in_force = (await tx.fetch(select(func.max(partitions.c.rates))))[0][0] or 0
    return max(await newest(tx), in_force) + 1


async def rates(tx: Tx, version: int | None = None) -> Sequence[Row]:
    """The rates of a version (None: of the newest), by currency and day."""
    statement = select(_table).order_by(_table.c.version)
    if version is not None:
        statement = statement.where(_table.c.version <= version)
    known: dict[tuple[str, date], Decimal | None] = {}
    for row in await tx.fetch(statement):
        known[row.currency, date.fromisoformat(row.valid_from)] = None if row.rate is None else Decimal(row.rate)
    return [(*key, rate) for key, rate in sorted(known.items()) if rate is not None]


def add(tx: Tx, version: int, changes: Sequence[Change]) -> None:
    """Add a version; of a currency and day it has one change at most."""
    tx.insert(
        _table,
        [
            {
                "version": version,
                "currency": currency,
                "valid_from": day.isoformat(),
                "rate": None if rate is None else format(rate, "f"),
            }
            for currency, day, rate in changes
        ],
    )

"""Entries of timelines that are made of no facts: what playbooks did."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, select

from cskit.db import Tx
from scoring.tables import erased_accounts, live, timeline_events

AT_ONCE: Final = 500  # ids in one statement
LONGEST_ID: Final = 280


async def erased(tx: Tx, accounts: Collection[str]) -> frozenset[str]:
    """Those of the accounts that were erased and have not come back."""
    ids = sorted(accounts)
    gone: set[str] = set()
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        rows = await tx.fetch(select(erased_accounts.c.account).where(erased_accounts.c.account.in_(some)))
        if once := {row.account for row in rows}:
            back = await tx.fetch(select(live.c.account).where(live.c.account.in_(sorted(once))))
            gone |= once - {row.account for row in back}
    return frozenset(gone)


def keep(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep entries, each once."""
    tx.insert(timeline_events, rows, ignore=True)


async def forget(tx: Tx, accounts: Sequence[str]) -> None:
    """Forget all entries of these accounts."""
    await tx.execute(delete(timeline_events).where(timeline_events.c.account.in_(accounts)))


async def before(tx: Tx, account: str, at: datetime | None, limit: int) -> list[Row[Any]]:
    """The newest entries of before a moment (None: of all), and every one of that moment itself."""
    mine = select(timeline_events).where(timeline_events.c.account == account)
    newest = mine.order_by(timeline_events.c.at.desc(), timeline_events.c.id.desc()).limit(limit)
    if at is None:
        return list(await tx.fetch(newest))
    older = await tx.fetch(newest.where(timeline_events.c.at < at))
    return [*await tx.fetch(mine.where(timeline_events.c.at == at)), *older]

"""The rows of rebuilds: what was asked for, how far it is, who works at it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, or_, select, update

from cskit.db import Tx
from scoring.tables import erased_accounts
from scoring.tables import live as accounts_of
from scoring.tables import rebuilds as table

ASKED: Final = "asked"
FOLDING: Final = "folding"
READY: Final = "ready"
CONFIRMED: Final = "confirmed"
SWAPPED: Final = "swapped"
DISCARDED: Final = "discarded"
FAILED: Final = "failed"
OPEN: Final = (ASKED, FOLDING, READY, CONFIRMED)
AT_WORK: Final = (ASKED, FOLDING, CONFIRMED)  # for a worker to take up

ERASED_SINCE: Final = "An account was erased after this was ready. Ask for another rebuild."

LEASE: Final = timedelta(seconds=60)
_AT_ONCE: Final = 500  # accounts in one statement


async def open_one(tx: Tx, *, lock: bool = False) -> Row[Any] | None:
    """The rebuild that is not over, if there is one."""
    statement = select(table).where(table.c.state.in_(OPEN)).order_by(table.c.asked_at)
    rows = await tx.fetch(statement.with_for_update() if lock else statement)
    return rows[0] if rows else None


async def hold(tx: Tx) -> None:
    """Have other replicas wait until the end of the transaction before they hold it, too."""
    await tx.fetch(select(table.c.id).order_by(table.c.asked_at, table.c.id).limit(1).with_for_update())


async def give_up_ready(tx: Tx, at: datetime) -> None:
    """An account is erased in this transaction: a shadow that waits for its answer still holds it, and is to go."""
    waiting = update(table).where(table.c.state == READY)
    await tx.execute(waiting.values(state=DISCARDED, message=ERASED_SINCE, changed_at=at))


async def kept_erased(live: Tx, shadow: Tx) -> set[str]:
    """The accounts that a shadow holds and that are erased in the live tables, and have not come back."""
    accounts = [row.account for row in await live.fetch(select(erased_accounts.c.account))]
    found: set[str] = set()
    for start in range(0, len(accounts), _AT_ONCE):
        some = accounts[start : start + _AT_ONCE]
        rows = await shadow.fetch(select(accounts_of.c.account).where(accounts_of.c.account.in_(some)))
        kept = {row.account for row in rows}
        back = await live.fetch(select(accounts_of.c.account).where(accounts_of.c.account.in_(sorted(kept))))
        found |= kept - {row.account for row in back}
    return found


async def newest(tx: Tx, limit: int) -> Sequence[Row[Any]]:
    """The last rebuilds, the newest first."""
    return await tx.fetch(select(table).order_by(table.c.asked_at.desc(), table.c.id).limit(limit))


async def one(tx: Tx, id_: str, *, lock: bool = False) -> Row[Any] | None:
    """A rebuild by its id."""
    statement = select(table).where(table.c.id == id_)
    rows = await tx.fetch(statement.with_for_update() if lock else statement)
    return rows[0] if rows else None


def ask(tx: Tx, id_: str, by: str | None, at: datetime) -> None:
    """Begin one."""
    row = {"id": id_, "state": ASKED, "asked_at": at, "changed_at": at, "asked_by": by, "folded": 0, "total": 0}
    tx.insert(table, [row])


async def say(tx: Tx, id_: str, at: datetime, **values: Any) -> None:
    """Write what has become of it."""
    await tx.execute(update(table).where(table.c.id == id_).values(changed_at=at, **values))


async def take(tx: Tx, owner: str, wall: datetime, lease: timedelta = LEASE) -> Row[Any] | None:
    """The rebuild that there is work at, leased to this worker; None if there is none or somebody else is at it."""
    free = or_(table.c.leased_until.is_(None), table.c.leased_until < wall, table.c.owner == owner)
    statement = (
        update(table)
        .where(table.c.state.in_(AT_WORK), free)
        .values(owner=owner, leased_until=wall + lease)
        .returning(*table.c)
    )
    rows = await tx.fetch(statement)
    return rows[0] if rows else None


async def renew(tx: Tx, id_: str, owner: str, wall: datetime, lease: timedelta = LEASE, **progress: int) -> bool:
    """Keep the lease, and write the progress if there is any (folded, total); False if the rebuild was discarded, or
    another worker has it.
    """
    mine = (table.c.id == id_, table.c.owner == owner, table.c.state.in_(AT_WORK))
    return await tx.execute(update(table).where(*mine).values(leased_until=wall + lease, **progress)) == 1


async def release(tx: Tx, id_: str, owner: str) -> None:
    """Let another worker go on."""
    await tx.execute(update(table).where(table.c.id == id_, table.c.owner == owner).values(leased_until=None))

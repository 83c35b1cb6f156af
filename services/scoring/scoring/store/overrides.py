"""Which overrides there are: by account in the slow facts, by author here."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, delete, select, tuple_

from cskit.db import Tx
from scoring.engine.facts import SlowFacts
from scoring.tables import overrides


def keep(tx: Tx, written: Iterable[tuple[str, SlowFacts]]) -> None:
    """Keep whose overrides these are, of the accounts whose slow facts are written."""
    rows = [
        {"account": account, "override": id_, "author": each.author, "set_at": each.stamp.time}
        for account, slow in written
        for id_, each in slow.overrides.items()
    ]
    if rows:
        tx.upsert(overrides, rows)


async def forget(tx: Tx, gone: Sequence[tuple[str, str]]) -> None:
    """Forget these (account, override): the facts hold them no more."""
    await tx.execute(delete(overrides).where(tuple_(overrides.c.account, overrides.c.override).in_(gone)))


async def listed(tx: Tx, author: str | None) -> Sequence[Row[Any]]:
    """The account and id of each override, of one author if named, the newest first."""
    statement = select(overrides.c.account, overrides.c.override, overrides.c.set_at)
    if author is not None:
        statement = statement.where(overrides.c.author == author)
    return await tx.fetch(statement.order_by(overrides.c.set_at.desc()))

"""The accounts that are watched."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Text, cast, select

from cskit.db import Tx
from scoring.tables import live


async def watched(tx: Tx, owner: str | None) -> Sequence[Row[Any]]:
    """The live rows of all accounts that are watched for something, of one owner if named."""
    columns = (
        live.c.account, live.c.name, live.c.score, live.c.band, live.c.stage, live.c.owner, live.c.segment,
        live.c.mrr, live.c.renewal_on, live.c.verdict,
    )  # fmt: skip
    statement = select(*columns).where(cast(live.c.watch, Text) != "[]")
    if owner is not None:
        statement = statement.where(live.c.owner == owner)
    return await tx.fetch(statement)

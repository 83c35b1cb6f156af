"""The account that a path names."""

from typing import Any

from sqlalchemy import Row

from cskit.db import Database
from cskit.errors import NotFound
from scoring.store import reading


async def found(database: Database, id_: str) -> Row[Any]:
    """The live row of an account. NotFound if there is none: never heard of, not scored yet, or erased."""
    async with database.read() as tx:
        row = await reading.account(tx, id_)
    if row is None:
        raise no_account(id_)
    return row


def no_account(id_: str) -> NotFound:
    """What an account that is not there is answered with."""
    return NotFound(
        "account_not_found", f"There is no account “{id_}”. It appears with its first event, once that is scored."
    )

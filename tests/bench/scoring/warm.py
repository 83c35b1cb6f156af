"""Warm accounts in the database: a few that scoring has folded, copied to as many as wanted, row by row.

Facts, live rows and history name their account in one column and nowhere else, so a copy under another name is what
folding the same events under that name would have written (a test proves it).
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, delete, insert, select

from cskit.db import Database
from csmodels.partitioning import partition_of
from scoring.tables import live, metadata

_AT_ONCE: Final = 10_000
_copies = Table(
    "bench_copies",
    MetaData(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("account", String(128), nullable=False),
    Column("shape", String(128), nullable=False),
    Column("partition", Integer, nullable=False),
)


def account_tables() -> Sequence[Table]:
    """The tables whose rows belong to one account each."""
    return [table for table in metadata.sorted_tables if "account" in table.primary_key.columns]


async def copied(database: Database, accounts: Mapping[str, str]) -> None:
    """Give each account (a key) the rows of its shape (the value), and take away those that were there.

    Of plumbing nothing stays: no event was taken yet, and nothing waits to be sent.
    """
    async with database.read() as tx:
        folded = [row.account for row in await tx.fetch(select(live.c.account))]
    await database.migrate(lambda connection: _copies.create(connection))
    numbered = enumerate(accounts.items())
    while lot := list(islice(numbered, _AT_ONCE)):
        async with database.write() as tx:
            tx.insert(_copies, [_copy(number, account, shape) for number, (account, shape) in lot])
            for table in account_tables():
                await tx.execute(_copying(table, lot[0][0], lot[-1][0]))
    async with database.write() as tx:
        for table in account_tables():
            await tx.execute(delete(table).where(table.c.account.in_(folded)))
        for name in ("consumer_offsets", "fingerprints", "outbox", "outbox_shards"):
            await tx.execute(delete(metadata.tables[name]))
    await database.migrate(lambda connection: _copies.drop(connection))


def _copy(number: int, account: str, shape: str) -> dict[str, Any]:
    return {"number": number, "account": account, "shape": shape, "partition": partition_of(account)}


def _copying(table: Table, first: int, last: int) -> Any:
    """The rows of the shapes again, under the names and partitions of these copies."""
    own = {"account": _copies.c.account, "partition": _copies.c.partition}
    columns = [own.get(each.name, each) for each in table.columns]
    rows = select(*columns).join_from(_copies, table, table.c.account == _copies.c.shape)
    return insert(table).from_select(
        [each.name for each in table.columns], rows.where(_copies.c.number.between(first, last))
    )

"""What both databases promise. One contract suite (tests/contract/db) runs on each of them.

Statements are SQLAlchemy Core; `with_for_update(skip_locked=...)` locks rows on PostgreSQL and is dropped on SQLite,
where a write transaction is alone anyway. Dialect-specific statements (upserts) are written here once, as bulk
operations.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Executable, Row, Table

Values = Mapping[str, Any]
T = TypeVar("T")


class DatabaseUnavailable(Exception):
    """The database cannot be reached, or broke off the transaction; nothing of it was kept. Trying again may help."""


class ValueRefused(Exception):
    """The database does not take a value that a statement was given; nothing of the transaction was kept. Trying again
    does not help.
    """


class Tx(Protocol):
    """One transaction. Bulk writes are collected and sent in order before the next statement and at the commit.

    Several tasks may use it: their statements are taken one after another.
    """

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        """All rows of a SELECT, or of a DML statement with RETURNING; of a LookUp, as it says."""

    async def execute(self, statement: Executable, values: Values | None = None) -> int:
        """Run DML without RETURNING; the number of rows it matched."""

    def insert(self, table: Table, rows: Sequence[Values], *, ignore: bool = False) -> None:
        """Insert rows in bulk; all rows have the same keys. With `ignore`, rows whose key exists are left as they
        are.
        """

    def upsert(self, table: Table, rows: Sequence[Values]) -> None:
        """Insert rows in bulk, or overwrite the given columns where the primary key exists.

        All rows have the same keys, the primary key among them; of rows with one primary key the last one stands.
        """

    async def flush(self) -> None:
        """Send the collected bulk writes now."""


class Database(Protocol):
    """The database of one service: one file (SQLite) or one schema (PostgreSQL)."""

    def write(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that commits at the end of the block, and is rolled back if the block raises.

        SQLite: BEGIN IMMEDIATE, one writer at a time. PostgreSQL: READ COMMITTED; lock rows you read in order to
        change them.
        """

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """A read-only transaction with one consistent view; writing in it raises."""

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        """All rows of one SELECT, in a consistent view of its own: cheaper than `read` for a single statement."""

    async def migrate(self, work: Callable[[Connection], T]) -> T:
        """Run changes of the schema on a plain SQLAlchemy connection: one process at a time, in one transaction."""

    async def close(self) -> None:
        """Wait for what runs, then close. Safe to call twice."""

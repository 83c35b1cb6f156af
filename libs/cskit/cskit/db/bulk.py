"""Bulk writes as values: what a transaction has collected, and the statements they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Dialect, String, Table

from cskit.db.base import Values
from cskit.db.reading import quoted
from cskit.db.types import Instant, JsonText


@dataclass(frozen=True, slots=True)
class BulkWrite:
    """One insert or upsert of many rows with the same columns."""

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[Values]
    on_conflict: str  # "raise", "ignore" or "update"

    @staticmethod
    def of(table: Table, rows: Sequence[Values], on_conflict: str) -> "BulkWrite":
        columns = tuple(rows[0])
        for row in rows:
            if tuple(row) != columns and row.keys() != rows[0].keys():
                raise ValueError(f"rows for {table.name} differ in their columns: {sorted(row)} and {sorted(columns)}")
        if on_conflict == "update":
            key = itemgetter(*(column.name for column in table.primary_key))
            rows = list({key(row): row for row in rows}.values())
        return BulkWrite(table, columns, rows, on_conflict)

    def column(self, name: str) -> Column[Any]:
        column: Column[Any] = self.table.c[name]
        return column

    def bound(self, dialect: Dialect) -> list[list[Any]]:
        """The values by column, each as the driver takes it."""
        return [_bound(self.column(name), list(map(itemgetter(name), self.rows)), dialect) for name in self.columns]

    def kinds(self, dialect: Dialect) -> list[str]:
        """The columns' types for casts; texts without their length, so that one too long is refused and not cut."""
        kinds = [self.column(name).type for name in self.columns]
        return ["TEXT" if isinstance(kind, String) else kind.compile(dialect) for kind in kinds]

    def conflict_clause(self) -> str:
        """The end of the statement; the same words in both dialects."""
        if self.on_conflict == "raise":
            return ""
        if self.on_conflict == "ignore":
            return " ON CONFLICT DO NOTHING"
        keys = [column.name for column in self.table.primary_key]
        changed = [name for name in self.columns if name not in keys]
        target = quoted(keys)
        if not changed:
            return f" ON CONFLICT ({target}) DO NOTHING"
        assignments = ", ".join(f"{quoted([name])} = excluded.{quoted([name])}" for name in changed)
        return f" ON CONFLICT ({target}) DO UPDATE SET {assignments}"

    def head(self) -> str:
        return f"INSERT INTO {quoted([self.table.name])} ({quoted(self.columns)})"


def _bound(column: Column[Any], values: list[Any], dialect: Dialect) -> list[Any]:
    if isinstance(column.type, Instant):
        return column.type.bound(values, dialect)
    process = column.type.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return values
    return [value if isinstance(value, JsonText) else process(value) for value in values]


class Pending:
    """Bulk writes waiting for the next statement or the commit, in order. Neighbours of one kind become one write."""

    def __init__(self) -> None:
        self._writes: list[tuple[Table, str, list[Values]]] = []

    def add(self, table: Table, rows: Sequence[Values], on_conflict: str) -> None:
        if not rows:
            return
        if self._writes:
            last_table, last_conflict, last_rows = self._writes[-1]
            if last_table is table and last_conflict == on_conflict and last_rows[0].keys() == rows[0].keys():
                last_rows.extend(rows)
                return
        self._writes.append((table, on_conflict, list(rows)))

    def take(self) -> list[BulkWrite]:
        taken, self._writes = self._writes, []
        return [BulkWrite.of(table, rows, on_conflict) for table, on_conflict, rows in taken]

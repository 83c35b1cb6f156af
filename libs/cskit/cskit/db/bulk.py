"""Bulk writes as values: what a transaction has collected, and the statements they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Dialect, String, Table

from cskit.db.base import Values
from cskit.db.types import JsonText


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
            if len(row) != len(columns) or any(name not in row for name in columns):
                raise ValueError(f"rows for {table.name} differ in their columns: {sorted(row)} and {sorted(columns)}")
        if on_conflict == "update":
            keys = [column.name for column in table.primary_key]
            rows = list({tuple(row[key] for key in keys): row for row in rows}.values())
        return BulkWrite(table, columns, rows, on_conflict)

    def column(self, name: str) -> Column[Any]:
        column: Column[Any] = self.table.c[name]
        return column

    def bound(self, dialect: Dialect) -> list[list[Any]]:
        """The values by column, each as the driver takes it."""
        result = []
        for name in self.columns:
            process = self.column(name).type.dialect_impl(dialect).bind_processor(dialect)
            values = [row[name] for row in self.rows]
            if process is not None:
                values = [str(value) if isinstance(value, JsonText) else process(value) for value in values]
            result.append(values)
        return result

    def kind(self, name: str, dialect: Dialect) -> str:
        """The column's type for a cast; texts without their length, so that one too long is refused and not cut."""
        kind = self.column(name).type
        return "TEXT" if isinstance(kind, String) else kind.compile(dialect)

    def conflict_clause(self) -> str:
        """The end of the statement; the same words in both dialects."""
        if self.on_conflict == "raise":
            return ""
        if self.on_conflict == "ignore":
            return " ON CONFLICT DO NOTHING"
        keys = [column.name for column in self.table.primary_key]
        changed = [name for name in self.columns if name not in keys]
        target = ", ".join(_quoted(name) for name in keys)
        if not changed:
            return f" ON CONFLICT ({target}) DO NOTHING"
        assignments = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in changed)
        return f" ON CONFLICT ({target}) DO UPDATE SET {assignments}"

    def head(self) -> str:
        return f"INSERT INTO {_quoted(self.table.name)} ({', '.join(_quoted(name) for name in self.columns)})"


def _quoted(name: str) -> str:
    return f'"{name}"'


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

"""Reading many rows by key without the cost of a statement that is made, bound and taken apart value by value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Dialect, Executable

from cskit.db.types import Instant, is_json


class LookUp(Executable):
    """For `fetch` of a transaction: these columns of a table's rows where each column of `among` has one of its values.

    Rows are plain sequences, to be read by position; JSON comes as its text. Values are texts or numbers, at most some
    thousand.
    """

    def __init__(self, columns: Sequence[Column[Any]], among: Mapping[Column[Any], Sequence[Any]]) -> None:
        self._columns = columns
        self._wheres = tuple(column.name for column in among)
        self.values = [list(values) for values in among.values()]

    def sql(self, conditions: Iterable[str]) -> str:
        """The statement; each condition is what follows the name of a column of `among`."""
        shown = ", ".join(map(_shown, self._columns))
        wheres = (f"{quoted([name])} {condition}" for name, condition in zip(self._wheres, conditions, strict=True))
        return f"SELECT {shown} FROM {quoted([self._columns[0].table.name])} WHERE {' AND '.join(wheres)}"

    def read(self, rows: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
        """The driver's rows with their values as the types say."""
        moments = [(n, each.type) for n, each in enumerate(self._columns) if isinstance(each.type, Instant)]
        if not moments:
            return rows
        read = []
        for row in rows:
            values = list(row)
            for n, kind in moments:
                values[n] = kind.process_result_value(values[n], dialect)
            read.append(values)
        return read


def quoted(names: Iterable[str]) -> str:
    """Names of tables or columns for a statement."""
    return ", ".join(f'"{name}"' for name in names)


def _shown(column: Column[Any]) -> str:
    return f"CAST({quoted([column.name])} AS TEXT)" if is_json(column.type) else quoted([column.name])

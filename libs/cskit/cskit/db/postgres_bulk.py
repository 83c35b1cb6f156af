"""How a bulk write reaches PostgreSQL: the cheapest way for its size and shape.

Of a value in an array asyncpg asks twice whether it is one itself: 0.5 µs; in COPY a value costs a quarter of that. But
COPY knows no conflicts: upserts of wide rows go by a temporary table, which costs PostgreSQL a second copy of them.
"""

from collections.abc import MutableMapping, Sequence
from typing import Any, Final, Self

from sqlalchemy import Dialect, Table

from cskit.db.bulk import BulkWrite
from cskit.db.reading import quoted

_MANY: Final = 100  # rows from which on a second round trip does not matter
_WIDE: Final = 12  # columns from which on a temporary table is cheaper than arrays
_INLINE: Final = 8_160  # bytes: no row of a temporary table is compressed

_LONG: Final = frozenset({"TEXT", "BYTEA", "JSONB"})

_Shape = tuple[str, tuple[str, ...], tuple[str, ...]]  # a table, columns and their types


class Stages:
    """The temporary tables of a connection; those of a transaction stay if it commits. Empty when one begins."""

    def __init__(self, names: dict[_Shape, str]) -> None:
        self._kept = names
        self._new: dict[_Shape, str] = {}
        self._used: set[str] = set()

    @classmethod
    def of(cls, info: MutableMapping[Any, Any]) -> Self:
        """Those of the connection with this `info`."""
        return cls(info.setdefault("stages", {}))

    def committed(self) -> None:
        """The tables made in the transaction are there for the next one."""
        self._kept |= self._new

    async def empty(self, driver: Any, shape: _Shape) -> str:
        """The name of an empty table of this shape."""
        name = self._kept.get(shape) or self._new.get(shape)
        if name is None:
            table, columns, kinds = shape
            name = self._new[shape] = f"stage_{len(self._kept) + len(self._new)}_{table}"
            pairs = list(zip(columns, kinds, strict=True))
            defined = ", ".join(f'"{column}" {kind}' for column, kind in pairs)
            plain = [f'ALTER "{column}" SET STORAGE EXTERNAL' for column, kind in pairs if kind in _LONG]
            stored = ", ".join([f"SET (toast_tuple_target = {_INLINE})", *plain])
            await driver.execute(f'CREATE TEMPORARY TABLE "{name}" ({defined}) ON COMMIT DELETE ROWS')
            await driver.execute(f'ALTER TABLE "{name}" {stored}')
        elif name in self._used:
            await driver.execute(f'TRUNCATE "{name}"')
        self._used.add(name)
        return name


async def send(driver: Any, writes: Sequence[BulkWrite], dialect: Dialect, stages: Stages) -> None:
    """Write all rows over the driver's connection, which is in a transaction: small writes together, as one statement
    does not wait for the answer to another.
    """
    together: dict[Table, BulkWrite] = {}
    for write in writes:
        if _is_large(write) or write.table in together:
            await _send_together(driver, list(together.values()), dialect)
            together = {}
        if _is_large(write):
            await _send_large(driver, write, dialect, stages)
        else:
            together[write.table] = write
    await _send_together(driver, list(together.values()), dialect)


def _is_large(write: BulkWrite) -> bool:
    return len(write.rows) >= _MANY and (write.on_conflict == "raise" or len(write.columns) >= _WIDE)


async def _send_large(driver: Any, write: BulkWrite, dialect: Dialect, stages: Stages) -> None:
    columns = write.bound(dialect)
    if write.on_conflict == "raise":
        await _copy(driver, write.table.name, write, columns)
        return
    stage = await stages.empty(driver, (write.table.name, write.columns, tuple(write.kinds(dialect))))
    await _copy(driver, stage, write, columns)
    await driver.execute(f'{write.head()} SELECT {quoted(write.columns)} FROM "{stage}"{write.conflict_clause()}')


async def _send_together(driver: Any, writes: Sequence[BulkWrite], dialect: Dialect) -> None:
    """Writes to different tables, none of which sees another's, in one statement.

    PostgreSQL runs the main part first and then the others from the last to the first: so written, rows are locked in
    the order of the writes, as by one statement each.
    """
    statements: list[str] = []
    values: list[list[Any]] = []
    for write in writes:
        kinds = enumerate(write.kinds(dialect), len(values) + 1)
        arrays = ", ".join(f"CAST(${n} AS {kind}[])" for n, kind in kinds)
        statements.append(f"{write.head()} SELECT * FROM unnest({arrays}){write.conflict_clause()}")
        values += write.bound(dialect)
    if statements:
        main, *others = statements
        before = ", ".join(f"w{n} AS ({statement})" for n, statement in enumerate(reversed(others)))
        await driver.execute(f"WITH {before} {main}" if others else main, *values)


async def _copy(driver: Any, table: str, write: BulkWrite, columns: list[list[Any]]) -> None:
    await driver.copy_records_to_table(table, records=zip(*columns, strict=True), columns=write.columns)

"""Rows of lists as bytes, kept as long as the row stays as it is: most of what lists cost is making them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from cskit.db import Database
from scoring.encoding import columns_of, encode, summary_of
from scoring.store import listing

_KEPT: Final = 4_096  # rows, some kilobytes each
_HEAVY: Final = frozenset({"contributions", "adjustments"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

State = tuple[int, int, int, int]


def state_of(row: Row[Any]) -> State:
    """What is another one whenever the row was written anew, be it by a rebuild with the same version and offset."""
    return row.version, row.partition, row.offset, (row.scored_at - _EPOCH) // _MICROSECOND


def light(fields: Sequence[str]) -> tuple[str, ...]:
    """The columns to read a page with: all that these fields need, unless rows are better taken from what is kept."""
    return columns_of(fields) if _HEAVY.isdisjoint(fields) else ("score",)


class Summaries:
    """What was made of rows lately. Which rows there are, and in what state, the database is asked each time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, State, Sequence[str], float | None], bytes] = {}

    async def of(
        self, database: Database, rows: Sequence[Row[Any]], fields: tuple[str, ...], before: Mapping[str, float]
    ) -> list[msgspec.Raw]:
        """The rows of a page, read with `light`, with these fields. One that is erased meanwhile is left out."""
        if _HEAVY.isdisjoint(fields):
            return [msgspec.Raw(encode(summary_of(row, fields, before.get(row.account)))) for row in rows]
        keys = [(row.account, state_of(row), fields, before.get(row.account)) for row in rows]
        kept = self._kept
        found = {key: kept[key] for key in keys if key in kept}
        missing = [key for key in keys if key not in found]
        if missing:
            if len(kept) > _KEPT:
                kept.clear()
            ids = [account for account, *_ in missing]
            full = {row.account: row for row in await listing.some(database, ids, columns_of(fields))}
            for key in missing:
                if (row := full.get(key[0])) is not None:
                    found[key] = encode(summary_of(row, fields, key[3]))
                    if state_of(row) == key[1]:  # else it has moved on between
                        kept[key] = found[key]
        return [msgspec.Raw(found[key]) for key in keys if key in found]

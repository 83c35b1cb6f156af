"""Live rows as lists, segments and exports show them: filtered, in an order, from a place on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Double, Row, Select, Text, and_, bindparam, cast, func, or_, select, tuple_

from cskit.db import Database, Instant, Tx
from scoring.tables import live

Sort = Literal["urgency", "account", "score", "mrr", "renewal_on", "name", "changed"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
Place = tuple[str | float | None, str]  # what is sorted by, and the account

_BY: Final[Mapping[Sort, ColumnElement[Any]]] = {
    "urgency": live.c.urgency,
    "account": live.c.account,
    "score": live.c.score,
    "mrr": cast(live.c.mrr, Double),
    "renewal_on": live.c.renewal_on,
    "name": func.lower(live.c.name),
    "changed": live.c.scored_at,
}
_MAYBE_NULL: Final = frozenset({"mrr", "renewal_on", "name"})
_AS_TEXT: Final = frozenset({"watch", "contributions", "adjustments"})  # JSON that is passed on, not looked into
_ALWAYS: Final = ("account", "version", "partition", "offset", "scored_at")  # a place, and what an ETag is made of


@dataclass(frozen=True, slots=True)
class Filter:
    """Which accounts; empty and None mean any. Several values of one field: any of them; all fields together.

    text is looked for in the id and the name, upper or lower case. Days are ISO dates: after and before include them.
    """

    account: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    adoption_level: tuple[str, ...] = ()
    segment: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    text: str | None = None
    score_min: float | None = None
    score_max: float | None = None
    mrr_min: float | None = None
    mrr_max: float | None = None
    seats_min: int | None = None
    seats_max: int | None = None
    renewal_after: str | None = None
    renewal_before: str | None = None
    changed_since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on the live table."""
        found: list[ColumnElement[bool]] = []
        for name in ("account", "band", "stage", "adoption_level", "segment", "owner", "plan", "country"):
            values: Sequence[str] = getattr(self, name)
            if values:
                found.append(live.c[name].in_(values))
        if self.watch:
            found.append(or_(*(cast(live.c.watch, Text).contains(f'"{one}"', autoescape=True) for one in self.watch)))
        if self.text:
            found.append(or_(*(_says(column, self.text) for column in (live.c.account, live.c.name))))
        mrr = _BY["mrr"]
        bounds: list[tuple[ColumnElement[Any], Any, Any]] = [
            (live.c.score, self.score_min, self.score_max),
            (mrr, self.mrr_min, self.mrr_max),
            (live.c.seats, self.seats_min, self.seats_max),
            (live.c.renewal_on, self.renewal_after, self.renewal_before),
            (live.c.scored_at, self.changed_since, None),
        ]
        for column, least, most in bounds:
            if least is not None:
                found.append(column >= least)
            if most is not None:
                found.append(column <= most)
        return found


async def page(
    source: Tx | Database,
    wanted: Filter,
    *,
    columns: Sequence[str],
    sort: Sort = "account",
    descending: bool = False,
    after: Place | None = None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Live rows with these columns (JSON as text) and `place`, in order, after a place.

    What has no value to be sorted by comes last, either way. An account that does not move in this order is met
    exactly once by whoever goes from page to page, whatever happens to the others.
    """
    return await source.fetch(_statement(wanted, tuple(columns), sort, descending, after, limit))


@lru_cache(maxsize=512)  # made anew it costs more than to run it
def _statement(
    wanted: Filter, columns: tuple[str, ...], sort: Sort, descending: bool, after: Place | None, limit: int
) -> Select[Any]:
    by = _BY[sort]
    names = dict.fromkeys((*_ALWAYS, *columns))
    statement = select(*map(_column, names), by.label("place")).where(*wanted.conditions()).limit(limit)
    if after is not None:
        statement = statement.where(_beyond(sort, after, descending=descending))
    order: list[ColumnElement[Any]] = [by.desc(), live.c.account.desc()] if descending else [by, live.c.account]
    if sort in _MAYBE_NULL:
        order.insert(0, by.is_(None))
    return statement.order_by(*order)


def place_of(row: Row[Any]) -> Place:
    """The place of a row in the order that it was read in."""
    value = row.place
    return (value.isoformat() if isinstance(value, datetime) else value), row.account


def _beyond(sort: Sort, after: Place, *, descending: bool) -> ColumnElement[bool]:
    by = _BY[sort]
    value: Any = after[0]
    if value is None:
        mine = live.c.account < after[1] if descending else live.c.account > after[1]
        return and_(by.is_(None), mine)
    if isinstance(by.type, Instant):
        value = datetime.fromisoformat(value)
    here, there = tuple_(by, live.c.account), tuple_(value, after[1], types=[by.type, live.c.account.type])
    beyond: ColumnElement[bool] = here < there if descending else here > there
    return or_(beyond, by.is_(None)) if sort in _MAYBE_NULL else beyond


async def one(source: Tx | Database, id_: str, columns: Sequence[str]) -> Row[Any] | None:
    """The live row of an account with these columns, as `page` gives them."""
    rows = await source.fetch(_one(tuple(columns)), {"id": id_})
    return rows[0] if rows else None


@lru_cache(maxsize=64)
def _one(columns: tuple[str, ...]) -> Select[Any]:
    names = dict.fromkeys((*_ALWAYS, *columns))
    return select(*map(_column, names)).where(live.c.account == bindparam("id"))


async def some(source: Tx | Database, ids: Sequence[str], columns: Sequence[str]) -> Sequence[Row[Any]]:
    """The live rows of these accounts, in any order, with these columns."""
    return await source.fetch(_some(tuple(columns)), {"ids": list(ids)})


@lru_cache(maxsize=64)
def _some(columns: tuple[str, ...]) -> Select[Any]:
    names = dict.fromkeys((*_ALWAYS, *columns))
    return select(*map(_column, names)).where(live.c.account.in_(bindparam("ids", expanding=True)))


def _says(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a text is part of it, upper or lower case; where a database knows ASCII's case alone, as it stands."""
    lower = func.lower(column).contains(text.lower(), autoescape=True)
    return lower if text.isascii() else or_(lower, column.contains(text, autoescape=True))


def _column(name: str) -> ColumnElement[Any]:
    return cast(live.c[name], Text).label(name) if name in _AS_TEXT else live.c[name]


async def in_lots(
    database: Database, wanted: Filter, *, columns: Sequence[str], after: str = "", lot: int
) -> AsyncIterator[Sequence[Row[Any]]]:
    """All rows by account, so many at a time, each lot of one moment. No transaction is held while a lot is used."""
    place: Place = (after, after)
    while True:
        rows = await page(database, wanted, columns=columns, after=place, limit=lot)
        if rows:
            yield rows
        if len(rows) < lot:
            return
        place = place_of(rows[-1])


async def newest(tx: Tx) -> tuple[int, datetime | None]:
    """How many accounts there are, and when the last of them was scored: another pair wherever something changed."""
    (row,) = await tx.fetch(select(func.count().label("accounts"), func.max(live.c.scored_at).label("newest")))
    return row.accounts, row.newest


async def one_of_each_scorecard(tx: Tx) -> Sequence[Row[Any]]:
    """The live row of some account under each scorecard that is in use, with its contributions as text."""
    some = select(func.min(live.c.account)).group_by(live.c.scorecard)
    statement = select(live.c.scorecard, cast(live.c.contributions, Text).label("contributions"))
    return await tx.fetch(statement.where(live.c.account.in_(some)).order_by(live.c.scorecard))

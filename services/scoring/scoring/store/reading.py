"""What the API shows: live rows, history, scorecards, and how far the fold has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Text, and_, cast, func, or_, select

from cskit.db import Tx
from scoring.tables import PLUMBING, history, live, scorecards

Sort = Literal["urgency", "account"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which accounts to list; None is any. text is looked for in the id and the name, upper or lower case."""

    band: str | None = None
    stage: str | None = None
    segment: str | None = None
    owner: str | None = None
    watch: str | None = None
    text: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on the live table."""
        equal = {
            live.c.band: self.band,
            live.c.stage: self.stage,
            live.c.segment: self.segment,
            live.c.owner: self.owner,
        }
        found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
        if self.watch is not None:
            found.append(cast(live.c.watch, Text).contains(f'"{self.watch}"', autoescape=True))
        if self.text:
            name = func.lower(live.c.name).contains(self.text.lower(), autoescape=True)
            found.append(or_(func.lower(live.c.account).contains(self.text.lower(), autoescape=True), name))
        return found


async def accounts(
    tx: Tx, wanted: Filter, *, sort: Sort, after: tuple[float, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Live rows in order, after a place (urgency, account). Urgency: red, yellow, grey, green, the low scores first."""
    statement = select(live).where(*wanted.conditions()).limit(limit)
    if sort == "account":
        statement = statement.order_by(live.c.account)
        if after is not None:
            statement = statement.where(live.c.account > after[1])
    else:
        statement = statement.order_by(live.c.urgency, live.c.account)
        if after is not None:
            same = and_(live.c.urgency == after[0], live.c.account > after[1])
            statement = statement.where(or_(live.c.urgency > after[0], same))
    return await tx.fetch(statement)


async def account(tx: Tx, id_: str) -> Row[Any] | None:
    """The live row of an account."""
    rows = await tx.fetch(select(live).where(live.c.account == id_))
    return rows[0] if rows else None


async def scores_before(tx: Tx, ids: Sequence[str], moment: datetime) -> Mapping[str, float]:
    """The score that each of these accounts had at a moment, of those that are recorded so far back."""
    newest = (
        select(history.c.account, func.max(history.c.at).label("at"))
        .where(history.c.account.in_(ids), history.c.at <= moment)
        .group_by(history.c.account)
        .subquery()
    )
    statement = (
        select(history.c.account, history.c.score)
        .join(newest, and_(history.c.account == newest.c.account, history.c.at == newest.c.at))
        .order_by(history.c.offset, history.c.kind)
    )
    return {row.account: row.score for row in await tx.fetch(statement)}


async def recorded(
    tx: Tx,
    id_: str,
    *,
    first: datetime | None,
    last: datetime | None,
    after: tuple[int, datetime, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """History rows of an account as of first <= at <= last, in the log's order, after a place (offset, at, kind)."""
    statement = select(history).where(history.c.account == id_)
    if first is not None:
        statement = statement.where(history.c.at >= first)
    if last is not None:
        statement = statement.where(history.c.at <= last)
    if after is not None:
        offset, at, kind = after
        later = or_(history.c.at > at, and_(history.c.at == at, history.c.kind > kind))
        statement = statement.where(or_(history.c.offset > offset, and_(history.c.offset == offset, later)))
    return await tx.fetch(statement.order_by(history.c.offset, history.c.at, history.c.kind).limit(limit))


async def recorded_at(tx: Tx, id_: str, moment: datetime) -> Row[Any] | None:
    """The newest row of history as of a moment or before it."""
    statement = (
        select(history)
        .where(history.c.account == id_, history.c.at <= moment)
        .order_by(history.c.at.desc(), history.c.offset.desc(), history.c.kind.desc())
        .limit(1)
    )
    rows = await tx.fetch(statement)
    return rows[0] if rows else None


async def causes_between(tx: Tx, id_: str, first: datetime, last: datetime) -> Sequence[Any]:
    """The causes of the changes that were published as of first < at <= last, the oldest first."""
    statement = (
        select(history.c.cause)
        .where(history.c.account == id_, history.c.version.is_not(None), history.c.at > first, history.c.at <= last)
        .order_by(history.c.version)
    )
    return [row.cause for row in await tx.fetch(statement)]


async def published(tx: Tx, id_: str, *, before: tuple[datetime, int | None] | None, limit: int) -> Sequence[Row[Any]]:
    """Published changes, the newest first, after a place (at, version) in that order; version None: all of that at."""
    statement = select(history).where(history.c.account == id_, history.c.version.is_not(None))
    if before is not None:
        at, version = before
        same = history.c.at == at
        if version is not None:
            same = and_(same, history.c.version < version)
        statement = statement.where(or_(history.c.at < at, same))
    return await tx.fetch(statement.order_by(history.c.at.desc(), history.c.version.desc()).limit(limit))


async def scorecard_versions(tx: Tx) -> Sequence[Row[Any]]:
    """All versions of scorecards that are known."""
    return await tx.fetch(select(scorecards).order_by(scorecards.c.scorecard, scorecards.c.version))


async def next_offset(tx: Tx, group: str, topic: str, partition: int) -> int:
    """The record that a group folds next; 0 if it has not begun."""
    table = PLUMBING.consumer_offsets
    statement = select(table.c.next_offset).where(
        table.c.consumer_group == group, table.c.topic == topic, table.c.partition == partition
    )
    rows = await tx.fetch(statement)
    return rows[0].next_offset if rows else 0

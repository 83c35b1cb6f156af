"""What the API shows of one account: its live row, its history; and how far the fold has come."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select

from cskit.db import Tx
from scoring.tables import PLUMBING, history, live


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
    after: tuple[datetime, int, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """History rows of an account as of first <= at <= last, the oldest first, after a place (at, offset, kind).

    That is not the log's order: the closing of a day is recorded with the first hour of the next one, which events may
    come before.
    """
    statement = select(history).where(history.c.account == id_)
    if first is not None:
        statement = statement.where(history.c.at >= first)
    if last is not None:
        statement = statement.where(history.c.at <= last)
    if after is not None:
        at, offset, kind = after
        later = or_(history.c.offset > offset, and_(history.c.offset == offset, history.c.kind > kind))
        statement = statement.where(or_(history.c.at > at, and_(history.c.at == at, later)))
    return await tx.fetch(statement.order_by(history.c.at, history.c.offset, history.c.kind).limit(limit))


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


async def next_offset(tx: Tx, group: str, topic: str, partition: int) -> int:
    """The record that a group folds next; 0 if it has not begun."""
    table = PLUMBING.consumer_offsets
    statement = select(table.c.next_offset).where(
        table.c.consumer_group == group, table.c.topic == topic, table.c.partition == partition
    )
    rows = await tx.fetch(statement)
    return rows[0].next_offset if rows else 0

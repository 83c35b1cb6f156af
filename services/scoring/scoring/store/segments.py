"""Segments that people made, and what accounts have done lately with their rank in the portfolio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, delete, func, or_, select, update

from cskit.db import Database, Tx
from scoring.domain.segments import Rank, Segment
from scoring.engine.activity import Activity
from scoring.tables import account_activity, activity_days, live, segments

_AT_ONCE = 500
_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment with who changed it last, and when."""

    segment: Segment
    author: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """An account's activity as of a day's beginning, and its rank then."""

    activity: Activity
    rank: Rank


# Segments


async def all_segments(tx: Tx) -> list[Stored]:
    """Those that people made, by id."""
    return [_stored(row) for row in await tx.fetch(select(segments).order_by(segments.c.id))]


async def segment(tx: Tx, id_: str) -> Stored | None:
    """One of them."""
    rows = await tx.fetch(select(segments).where(segments.c.id == id_))
    return _stored(rows[0]) if rows else None


def put(tx: Tx, stored: Stored) -> None:
    """Make it, or write it over."""
    tx.upsert(
        segments,
        [
            {
                "id": stored.segment.id,
                "names": dict(stored.segment.names),
                "condition": stored.segment.condition,
                "author": stored.author,
                "changed_at": stored.changed_at,
            }
        ],
    )


async def drop(tx: Tx, id_: str) -> bool:
    """Whether it was there."""
    return bool(await tx.execute(delete(segments).where(segments.c.id == id_)))


def _stored(row: Row[Any]) -> Stored:
    return Stored(Segment(row.id, row.names, row.condition), row.author, row.changed_at)


# Activity and ranks


async def activity_of(tx: Tx, accounts: Sequence[str]) -> dict[str, Known]:
    """What is known of these accounts; those that came since the last computation are missing."""
    rows = await tx.fetch(select(account_activity).where(account_activity.c.account.in_(accounts)))
    return {
        row.account: Known(
            Activity(row.idle_days, row.core_actions, row.contacts, _money(row.revenue)),
            Rank(row.recency, row.frequency, row.money),
        )
        for row in rows
    }


async def computed(tx: Tx) -> tuple[str, datetime] | None:
    """The newest day whose ranks are complete, and when they were computed."""
    table = activity_days
    rows = await tx.fetch(select(table).where(table.c.done_at.is_not(None)).order_by(table.c.day.desc()).limit(1))
    return (rows[0].day, rows[0].done_at) if rows else None


async def claimed(database: Database, day: date, now: datetime, lease: timedelta) -> bool:
    """Whether the caller is to compute the day's ranks: nobody has, and nobody is at it since the lease's time.

    Or they were computed, and at least twice as many accounts are there by now, as in a new portfolio.
    """
    table, name = activity_days, day.isoformat()
    async with database.write() as tx:
        tx.insert(table, [{"day": name, "started_at": now - 2 * lease, "done_at": None}], ignore=True)
        (row,) = await tx.fetch(select(table).where(table.c.day == name).with_for_update())
        wanted = row.started_at <= now - lease if row.done_at is None else await _doubled(tx)
        if not wanted:
            return False
        await tx.execute(update(table).where(table.c.day == name).values(started_at=now, done_at=None))
    return True


async def _doubled(tx: Tx) -> bool:
    there, ranked = (select(func.count()).select_from(table).scalar_subquery() for table in (live, account_activity))
    (row,) = await tx.fetch(select(there.label("there"), ranked.label("ranked")))
    return bool(row.there and row.there >= 2 * row.ranked)


async def asked_anew(database: Database, day: date) -> None:
    """Have the day's ranks computed once more."""
    async with database.write() as tx:
        await tx.execute(delete(activity_days).where(activity_days.c.day == day.isoformat()))


async def write_ranks(database: Database, day: date, known: Mapping[str, Known], now: datetime) -> None:
    """Write the day's ranks in lots; what is of accounts that are gone is dropped, and the day is done."""
    name = day.isoformat()
    rows = [_row(account, name, each) for account, each in known.items()]
    for start in range(0, len(rows), _AT_ONCE):
        async with database.write() as tx:
            tx.upsert(account_activity, rows[start : start + _AT_ONCE])
    async with database.write() as tx:
        there = select(live.c.account)  # some may have been erased meanwhile
        gone = or_(account_activity.c.day != name, account_activity.c.account.not_in(there))
        await tx.execute(delete(account_activity).where(gone))
        await tx.execute(update(activity_days).where(activity_days.c.day == name).values(done_at=now))
        await tx.execute(delete(activity_days).where(activity_days.c.day < (day - _KEPT).isoformat()))


def _row(account: str, day: str, known: Known) -> dict[str, Any]:
    activity, rank = known.activity, known.rank
    return {
        "account": account,
        "day": day,
        "idle_days": activity.idle_days,
        "core_actions": activity.core_actions,
        "contacts": activity.contacts,
        "revenue": None if activity.revenue is None else format(activity.revenue, "f"),
        "recency": rank.recency,
        "frequency": rank.frequency,
        "money": rank.money,
    }


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

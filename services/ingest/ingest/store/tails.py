"""SQL of the sources' tails and of the hours in which families of events came in."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from cskit.db import Tx
from ingest.tables import FEED_HOURS, FEEDS, TAILS


def write(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """The tails of one replica, as they are now."""
    tx.upsert(TAILS, rows)


async def count(tx: Tx, events: Mapping[tuple[str, datetime], int]) -> None:
    """Add to the events of these families and hours. Always in the same order, so that replicas wait for each other."""
    added = sorted(events.items())
    rows = [{"family": family, "hour": hour, "events": 0} for (family, hour), _ in added]
    tx.insert(FEED_HOURS, rows, ignore=True)
    for (family, hour), number in added:
        here = (FEED_HOURS.c.family == family, FEED_HOURS.c.hour == hour)
        await tx.execute(update(FEED_HOURS).where(*here).values(events=FEED_HOURS.c.events + number))


async def of_source(tx: Tx, source: str) -> Sequence[Row[Any]]:
    """The tails of a source, a row of each replica."""
    return await tx.fetch(select(TAILS).where(TAILS.c.source == source))


async def names(tx: Tx, *, after: str, limit: int) -> list[str]:
    """The sources that have a tail, by name."""
    found = select(TAILS.c.source).where(TAILS.c.source > after).distinct().order_by(TAILS.c.source).limit(limit)
    return [row.source for row in await tx.fetch(found)]


async def of_sources(tx: Tx, sources: Collection[str]) -> Sequence[Row[Any]]:
    """The tails of these sources, a row of each source and replica."""
    return await tx.fetch(select(TAILS).where(TAILS.c.source.in_(sorted(sources))))


async def forget(tx: Tx, before: datetime) -> int:
    """Delete the tails that ended before then, but the newest of each source, which says when it was last heard."""
    newest = select(TAILS.c.source, func.max(TAILS.c.last_at).label("last_at")).group_by(TAILS.c.source).subquery()
    older = (
        select(TAILS.c.source, TAILS.c.replica)
        .join(newest, (newest.c.source == TAILS.c.source) & (newest.c.last_at > TAILS.c.last_at))
        .where(TAILS.c.last_at < before)
    )
    gone = [(row.source, row.replica) for row in await tx.fetch(older)]
    for source, replica in gone:
        here = (TAILS.c.source == source, TAILS.c.replica == replica, TAILS.c.last_at < before)
        await tx.execute(delete(TAILS).where(*here))
    return len(gone)


async def hours(tx: Tx, first: datetime) -> dict[str, list[datetime]]:
    """The hours from `first` on with events, by family."""
    found: dict[str, list[datetime]] = {}
    for row in await tx.fetch(select(FEED_HOURS).where(FEED_HOURS.c.hour >= first, FEED_HOURS.c.events > 0)):
        found.setdefault(row.family, []).append(row.hour)
    return found


async def forget_hours(tx: Tx, before: datetime) -> None:
    """Delete the hours before then."""
    await tx.execute(delete(FEED_HOURS).where(FEED_HOURS.c.hour < before))


async def stopped(tx: Tx) -> dict[str, datetime]:
    """The families that stand still, and since when."""
    return {row.family: row.stopped_since for row in await tx.fetch(select(FEEDS))}

"""SQL of the hourly ticks and of the feeds that stand still."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select, update

from cskit.messages import UnitOfWork
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS, PARTITIONS
from ingest.tables import FEEDS, HOURS, PLUMBING


async def hours(uow: UnitOfWork, first: datetime) -> dict[int, datetime]:
    """The next hour of each partition, locked; `first` where none was named yet."""
    rows = [{"partition": number, "next_hour": first} for number in range(PARTITIONS)]
    uow.insert(HOURS, rows, ignore=True)
    found = await uow.fetch(select(HOURS).order_by(HOURS.c.partition).with_for_update())
    return {row.partition: row.next_hour for row in found}


async def untold(uow: UnitOfWork) -> set[int]:
    """The partitions whose last control records are still in the outbox: the log has not taken them yet."""
    outbox = PLUMBING.outbox
    control = (outbox.c.topic == CUSTOMER_EVENTS, outbox.c.key == CONTROL_KEY.encode())
    return {row.partition for row in await uow.fetch(select(outbox.c.partition).where(*control).distinct())}


async def advance(uow: UnitOfWork, partitions: Collection[int], next_hour: datetime) -> None:
    """These partitions, which `hours` has locked, are next told `next_hour`."""
    await uow.execute(update(HOURS).where(HOURS.c.partition.in_(sorted(partitions))).values(next_hour=next_hour))


async def stopped(uow: UnitOfWork) -> dict[str, datetime]:
    """The families that stand still, and since when."""
    return {row.family: row.stopped_since for row in await uow.fetch(select(FEEDS))}


def stop(uow: UnitOfWork, families: Collection[str], since: datetime) -> None:
    """These families, none of which stands still, do so since then."""
    uow.insert(FEEDS, [{"family": family, "stopped_since": since} for family in sorted(families)])


async def resume(uow: UnitOfWork, families: Collection[str]) -> Mapping[str, datetime]:
    """End the stop of those of the families that stand still; since when they stood. One caller ends each stop."""
    gone = delete(FEEDS).where(FEEDS.c.family.in_(sorted(families))).returning(FEEDS.c.family, FEEDS.c.stopped_since)
    return {row.family: row.stopped_since for row in await uow.fetch(gone)}

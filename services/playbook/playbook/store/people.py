"""Staff: who works here, where, and when away."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select

from cskit.db import Tx
from csmodels.ids import StaffId
from playbook.store.portions import portions
from playbook.tables import staff


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the staff. `country` and `time_zone` make the calendar; nothing is new for them while away."""

    id: StaffId
    name: str
    email: str | None
    role: str
    leader: StaffId | None
    country: str | None
    time_zone: str
    locale: str
    capacity: int | None
    away_from: datetime | None
    away_until: datetime | None


async def members(tx: Tx, ids: Collection[StaffId]) -> dict[StaffId, Member]:
    """Those of the ids that are known."""
    known: dict[StaffId, Member] = {}
    for some in portions(sorted(ids)):
        rows = await tx.fetch(select(staff).where(staff.c.id.in_(some)))
        known |= {member.id: member for member in map(_member, rows)}
    return known


async def page(tx: Tx, after: str | None, limit: int) -> Sequence[Member]:
    """Members by id."""
    statement = select(staff).order_by(staff.c.id).limit(limit)
    return [_member(row) for row in await tx.fetch(statement.where(staff.c.id > after) if after else statement)]


def put(tx: Tx, member: Member) -> None:
    """Add or replace a member."""
    tx.upsert(staff, [asdict(member)])


async def remove(tx: Tx, id_: str) -> bool:
    """Remove a member; False if there is none. Tasks keep the id."""
    return await tx.execute(delete(staff).where(staff.c.id == id_)) > 0


def _member(row: Row[Any]) -> Member:
    return Member(**row._mapping)

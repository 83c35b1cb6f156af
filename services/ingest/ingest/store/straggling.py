"""SQL of the sweep: events that wait although their person has an account."""

from datetime import datetime

from sqlalchemy import or_, select, update

from cskit.db import Tx
from cskit.messages import UnitOfWork
from csmodels.envelope import Event
from csmodels.ids import PersonId
from ingest.store import identity, reading
from ingest.tables import PEOPLE, WAITING


async def stragglers(tx: Tx, limit: int) -> list[PersonId]:
    """People with an account, or merged into others, for whom events wait."""
    placed = or_(PEOPLE.c.account.is_not(None), PEOPLE.c.merged_into.is_not(None))
    found = select(WAITING.c.person_id).join(PEOPLE, PEOPLE.c.person_id == WAITING.c.person_id).where(placed)
    return [row.person_id for row in await tx.fetch(found.distinct().order_by(WAITING.c.person_id).limit(limit))]


async def release(uow: UnitOfWork, person: PersonId, now: datetime) -> list[Event]:
    """Take what waits for this person, whoever they became, in its order; nothing if there is no account for it."""
    end = await reading.held(uow, person)
    if end is None:
        return []
    if end != person:
        await uow.execute(update(WAITING).where(WAITING.c.person_id == person).values(person_id=end))
    (row,) = await uow.fetch(select(PEOPLE.c.account).where(PEOPLE.c.person_id == end))
    return [] if row.account is None else await identity.release(uow, {end: row.account}, now)

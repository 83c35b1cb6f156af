"""SQL of what people look at: texts, the directory, the quarantine."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, tuple_

from cskit.db import Tx
from cskit.messages import UnitOfWork
from ingest.tables import PEOPLE, TEXTS, USERS, WAITING


def add_text(uow: UnitOfWork, text_id: str, text: str, now: datetime) -> None:
    """Keep a text; one that is kept under this id already stays as it is."""
    uow.insert(TEXTS, [{"id": text_id, "text": text, "created_at": now}], ignore=True)


async def text(tx: Tx, text_id: str) -> Row[Any] | None:
    """A text and when it was written."""
    rows = await tx.fetch(select(TEXTS).where(TEXTS.c.id == text_id))
    return rows[0] if rows else None


async def people(
    tx: Tx, *, user: str | None, account: str | None, after: tuple[str, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Users with their person, by (source, user id), those after the given one; of a user id or an account if given."""
    found = select(USERS.c.source, USERS.c.user_id, PEOPLE).join(PEOPLE, PEOPLE.c.person_id == USERS.c.person_id)
    if user is not None:
        found = found.where(USERS.c.user_id == user)
    if account is not None:
        found = found.where(PEOPLE.c.account == account)
    if after is not None:
        found = found.where(tuple_(USERS.c.source, USERS.c.user_id) > tuple_(*after))
    return await tx.fetch(found.order_by(USERS.c.source, USERS.c.user_id).limit(limit))


async def quarantine(tx: Tx, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Waiting events in the order they came in, those after the given place; not what they say."""
    columns = [column for column in WAITING.c if column.name != "data"]
    return await tx.fetch(select(*columns).where(WAITING.c.seq > after).order_by(WAITING.c.seq).limit(limit))


async def quarantined(tx: Tx) -> Mapping[str, int]:
    """How many events wait, by source."""
    counts = select(WAITING.c.source, func.count().label("events")).group_by(WAITING.c.source)
    return {row.source: row.events for row in await tx.fetch(counts.order_by(WAITING.c.source))}

"""SQL of the sources, and of where the objects of their webhooks stand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, update

from cskit.db import Tx
from cskit.messages import UnitOfWork
from ingest.domain.ordering import Change
from ingest.tables import OBJECTS, PEOPLE, SOURCES, TEXTS, USERS

OBJECTS_KEPT: Final = timedelta(days=35)


async def one(tx: Tx, name: str) -> Row[Any] | None:
    """The row of a source."""
    rows = await tx.fetch(select(SOURCES).where(SOURCES.c.name == name))
    return rows[0] if rows else None


async def locked(uow: UnitOfWork, name: str, now: datetime) -> Row[Any]:
    """The row of a source, locked; an empty one of the kind product is made if there is none."""
    fresh = {"name": name, "kind": "product", "keep": "[]", "secrets": "[]", "options": "{}", "mapping": None}
    uow.insert(SOURCES, [{**fresh, "created_at": now, "changed_at": now}], ignore=True)
    return (await uow.fetch(select(SOURCES).where(SOURCES.c.name == name).with_for_update()))[0]


async def change(uow: UnitOfWork, name: str, values: Mapping[str, Any]) -> None:
    """Overwrite these columns of a source that is locked."""
    await uow.execute(update(SOURCES).where(SOURCES.c.name == name).values(**values))


async def page(tx: Tx, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """Sources by name, those after the given one."""
    return await tx.fetch(select(SOURCES).where(SOURCES.c.name > after).order_by(SOURCES.c.name).limit(limit))


async def changes(uow: UnitOfWork, source: str, named: str, first: datetime, now: datetime) -> list[Change]:
    """What is remembered of an object's changes; its row is locked."""
    row = {"source": source, "object": named, "time": first, "state": "[]", "changed_at": now}
    uow.insert(OBJECTS, [row], ignore=True)
    mine = (OBJECTS.c.source == source, OBJECTS.c.object == named)
    found = await uow.fetch(select(OBJECTS.c.state).where(*mine).with_for_update())
    return [Change(**each) for each in json.loads(str(found[0].state))]


def remember(uow: UnitOfWork, source: str, named: str, kept: Sequence[Change], now: datetime) -> None:
    """Overwrite what is remembered of an object, which `changes` has locked."""
    state = json.dumps([asdict(each) for each in kept], ensure_ascii=False)
    newest = max(each.time for each in kept)
    uow.upsert(OBJECTS, [{"source": source, "object": named, "time": newest, "state": state, "changed_at": now}])


async def forget_objects(uow: UnitOfWork, now: datetime) -> None:
    """Objects that nothing came in about for so long that no source repeats it any more."""
    await uow.execute(delete(OBJECTS).where(OBJECTS.c.changed_at < now - OBJECTS_KEPT))


async def own_texts(uow: UnitOfWork, source: str, texts_of: Mapping[str, Sequence[str]]) -> None:
    """Say whose words texts hold, by user: they go when the person goes, or the account that the person belongs to.

    A text that was taken in under an account stays with that one.
    """
    for user, texts in sorted(texts_of.items()):
        theirs = select(USERS.c.person_id).where(USERS.c.source == source, USERS.c.user_id == user)
        home = select(PEOPLE.c.account).where(PEOPLE.c.person_id.in_(theirs)).scalar_subquery()
        owned = {"person_id": theirs.scalar_subquery(), "account": func.coalesce(TEXTS.c.account, home)}
        await uow.execute(update(TEXTS).where(TEXTS.c.id.in_(sorted(texts))).values(owned))

"""SQL of what goes for good: a person, and waiting events that nobody wants. Locks as in store.identity."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, select

from cskit import dead_letters
from cskit.messages import UnitOfWork
from csmodels.ids import AccountId, PersonId
from ingest.store import reading
from ingest.tables import MEMBERSHIPS, PEOPLE, PLUMBING, TEXTS, USERS, WAITING

_AT_ONCE: Final = 500  # people in one statement


class Merging(Exception):
    """The person was merged while the locks were awaited: begin anew, in a transaction of its own."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted. known_to are the accounts that knew each of the ids and must be told."""

    ids: Sequence[PersonId]
    known_to: Sequence[tuple[PersonId, AccountId]]
    users: int
    waiting: int
    texts: int


async def erase(uow: UnitOfWork, person: PersonId) -> Erased | None:
    """Delete the person whom this id stands for, with all ids merged into it; None if there is nobody. Raises Merging.

    Waits for who links, merges or describes this person, and they for it. Not deleted are rows of `settled`: an
    event's id as it travels and an account, neither of which says who it was.
    """
    ids = await reading.ids_of(uow.tx, person)
    if ids is None:
        return None
    users = select(USERS.c.user_id).where(USERS.c.person_id.in_(ids.all)).order_by(USERS.c.source, USERS.c.user_id)
    await uow.fetch(users.with_for_update())
    people = select(PEOPLE.c.person_id).where(PEOPLE.c.person_id.in_(ids.all)).order_by(PEOPLE.c.person_id)
    await uow.fetch(people.with_for_update())
    again = await reading.ids_of(uow.tx, person)
    if again is None:
        return None
    if again != ids:
        raise Merging
    rows = await uow.fetch(select(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id.in_(ids.all)))
    gone = Erased(
        ids=ids.all,
        known_to=sorted((row.person_id, row.account) for row in rows),
        users=await uow.execute(delete(USERS).where(USERS.c.person_id.in_(ids.all))),
        waiting=await uow.execute(delete(WAITING).where(WAITING.c.person_id.in_(ids.all))),
        texts=await uow.execute(delete(TEXTS).where(TEXTS.c.person_id.in_(ids.all))),
    )
    await uow.execute(delete(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id.in_(ids.all)))
    await uow.execute(delete(PEOPLE).where(PEOPLE.c.person_id.in_(ids.all)))
    await dead_letters.forget_people(uow.tx, PLUMBING, ids.all)
    return gone


async def forget_unowned_texts(uow: UnitOfWork, texts: Collection[str]) -> None:
    """Delete those of these texts that belong to nobody."""
    if texts:
        await uow.execute(delete(TEXTS).where(TEXTS.c.id.in_(sorted(texts)), TEXTS.c.person_id.is_(None)))


async def discard(uow: UnitOfWork, seq: int) -> str | None:
    """Delete one waiting event, unless it is released meanwhile; its source if it was there."""
    rows = await uow.fetch(select(WAITING.c.person_id, WAITING.c.source).where(WAITING.c.seq == seq))
    if not rows:
        return None
    gone = await _discard(uow, [rows[0].person_id], (WAITING.c.seq == seq,))
    return str(rows[0].source) if gone else None


async def discard_all(uow: UnitOfWork, *, source: str | None, user: str | None, before: datetime | None) -> int:
    """Delete the waiting events of a source, of a user, received before a moment; as many of these as are given."""
    which: list[ColumnElement[bool]] = []
    if source is not None:
        which.append(WAITING.c.source == source)
    if user is not None:
        which.append(WAITING.c.user_id == user)
    if before is not None:
        which.append(WAITING.c.received < before)
    assert which, "everything is discarded by nobody"
    people = await uow.fetch(select(WAITING.c.person_id).where(*which).distinct())
    return await _discard(uow, sorted(row.person_id for row in people), which)


async def _discard(uow: UnitOfWork, people: Sequence[PersonId], which: Sequence[ColumnElement[bool]]) -> int:
    """Under the locks of these people, sorted: who releases their events has them published, or finds them gone."""
    gone = 0
    for start in range(0, len(people), _AT_ONCE):
        some = people[start : start + _AT_ONCE]
        rows = select(PEOPLE.c.person_id).where(PEOPLE.c.person_id.in_(some)).order_by(PEOPLE.c.person_id)
        await uow.fetch(rows.with_for_update())
        gone += await uow.execute(delete(WAITING).where(WAITING.c.person_id.in_(some), *which))
    return gone

"""SQL of what people look at: texts, the directory, a person as a whole, the quarantine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, select, tuple_

from cskit.db import Tx
from cskit.messages import UnitOfWork
from csmodels.ids import AccountId, PersonId
from ingest.tables import MEMBERSHIPS, PEOPLE, TEXTS, USERS, WAITING


@dataclass(frozen=True, slots=True)
class Ids:
    """The id that a person goes by, and all ids of theirs: with it those that were merged into it, sorted."""

    person: PersonId
    all: Sequence[PersonId]

    @property
    def merged(self) -> list[PersonId]:
        """Those that they went by before."""
        return [one for one in self.all if one != self.person]


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is kept of a person."""

    ids: Ids
    person: Row[Any]
    accounts: Sequence[AccountId]
    users: Sequence[Row[Any]]
    waiting: Sequence[Row[Any]]
    texts: Sequence[Row[Any]]


def add_text(
    uow: UnitOfWork, text_id: str, text: str, now: datetime, *, person: PersonId | None, account: AccountId | None
) -> None:
    """Keep a text, of a person and an account as far as they are known; one that is kept under this id already stays
    as it is.
    """
    row = {"id": text_id, "text": text, "person_id": person, "created_at": now, "account": account}
    uow.insert(TEXTS, [row], ignore=True)


async def text(tx: Tx, text_id: str) -> Row[Any] | None:
    """A text and when it was written."""
    rows = await tx.fetch(select(TEXTS).where(TEXTS.c.id == text_id))
    return rows[0] if rows else None


async def forget_text(uow: UnitOfWork, text_id: str) -> bool:
    """Delete a text; whether there was one."""
    return bool(await uow.execute(delete(TEXTS).where(TEXTS.c.id == text_id)))


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


async def contacts(tx: Tx, account: str, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """The people who belong to an account, by id, those after the given one."""
    theirs = (PEOPLE.c.account == account, PEOPLE.c.merged_into.is_(None), PEOPLE.c.person_id > after)
    return await tx.fetch(select(PEOPLE).where(*theirs).order_by(PEOPLE.c.person_id).limit(limit))


async def ids_of(tx: Tx, person: PersonId) -> Ids | None:
    """Whom this id stands for, and all their ids; None if there is nobody."""
    end = person
    while True:
        rows = await tx.fetch(select(PEOPLE.c.merged_into).where(PEOPLE.c.person_id == end))
        if not rows:
            return None
        if rows[0].merged_into is None:
            break
        end = rows[0].merged_into
    found, new = {end}, [end]
    while new:
        rows = await tx.fetch(select(PEOPLE.c.person_id).where(PEOPLE.c.merged_into.in_(sorted(new))))
        new = [row.person_id for row in rows if row.person_id not in found]
        found.update(new)
    return Ids(end, sorted(found))


async def families(tx: Tx, people: Collection[PersonId]) -> dict[PersonId, Ids]:
    """Whom these ids stand for, each with all their ids: by the id that a person goes by."""
    ends: set[PersonId] = set()
    climbing = set(people)
    while climbing:
        found = select(PEOPLE.c.person_id, PEOPLE.c.merged_into).where(PEOPLE.c.person_id.in_(sorted(climbing)))
        rows = await tx.fetch(found)
        ends |= {row.person_id for row in rows if row.merged_into is None}
        climbing = {row.merged_into for row in rows if row.merged_into is not None}
    end_of = {end: end for end in ends}
    new = set(ends)
    while new:
        found = select(PEOPLE.c.person_id, PEOPLE.c.merged_into).where(PEOPLE.c.merged_into.in_(sorted(new)))
        gone_into = {row.person_id: end_of[row.merged_into] for row in await tx.fetch(found)}
        new = gone_into.keys() - end_of.keys()
        end_of |= gone_into
    ids: dict[PersonId, list[PersonId]] = {end: [] for end in sorted(ends)}
    for person, end in sorted(end_of.items()):
        ids[end].append(person)
    return {end: Ids(end, theirs) for end, theirs in ids.items()}


async def held(uow: UnitOfWork, person: PersonId) -> PersonId | None:
    """Whom this id stands for, held until the end of the transaction: neither erased nor merged meanwhile."""
    while True:
        ids = await ids_of(uow.tx, person)
        if ids is None:
            return None
        one = select(PEOPLE.c.merged_into).where(PEOPLE.c.person_id == ids.person).with_for_update()
        rows = await uow.fetch(one)
        if rows and rows[0].merged_into is None:
            return ids.person


async def whole(tx: Tx, person: PersonId) -> Whole | None:
    """Everything that is kept of the person whom this id stands for, or None if there is nobody."""
    ids = await ids_of(tx, person)
    if ids is None:
        return None
    (row,) = await tx.fetch(select(PEOPLE).where(PEOPLE.c.person_id == ids.person))
    accounts = select(MEMBERSHIPS.c.account).where(MEMBERSHIPS.c.person_id.in_(ids.all)).distinct()
    users = select(USERS).where(USERS.c.person_id.in_(ids.all)).order_by(USERS.c.source, USERS.c.user_id)
    waits = select(WAITING).where(WAITING.c.person_id.in_(ids.all)).order_by(WAITING.c.seq)
    texts = select(TEXTS).where(TEXTS.c.person_id.in_(ids.all)).order_by(TEXTS.c.created_at, TEXTS.c.id)
    return Whole(
        ids=ids,
        person=row,
        accounts=sorted(one.account for one in await tx.fetch(accounts)),
        users=await tx.fetch(users),
        waiting=await tx.fetch(waits),
        texts=await tx.fetch(texts),
    )


async def quarantine(tx: Tx, *, source: str | None, user: str | None, after: int, limit: int) -> Sequence[Row[Any]]:
    """Waiting events in the order they came in, those after the given place; not what they say."""
    found = _waiting().where(WAITING.c.seq > after)
    if source is not None:
        found = found.where(WAITING.c.source == source)
    if user is not None:
        found = found.where(WAITING.c.user_id == user)
    return await tx.fetch(found.order_by(WAITING.c.seq).limit(limit))


async def quarantined(tx: Tx) -> Mapping[str, int]:
    """How many events wait, by source."""
    counts = select(WAITING.c.source, func.count().label("events")).group_by(WAITING.c.source)
    return {row.source: row.events for row in await tx.fetch(counts.order_by(WAITING.c.source))}


async def waiting_event(tx: Tx, seq: int) -> Row[Any] | None:
    """One waiting event; not what it says."""
    rows = await tx.fetch(_waiting().where(WAITING.c.seq == seq))
    return rows[0] if rows else None


def _waiting() -> Select[Any]:
    return select(*(column for column in WAITING.c if column.name != "data"))

"""SQL of what goes for good: a person, an account's people, waiting events that nobody wants. Locks as in
store.identity.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final

from sqlalchemy import ColumnElement, delete, or_, select, union, update

from cskit import dead_letters
from cskit.messages import UnitOfWork
from csmodels.ids import AccountId, PersonId
from ingest.domain.erasure import leaves
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


@dataclass(frozen=True, slots=True)
class Parted:
    """What an account's erasure did to some of its people. erased: of those who went with it, and the account's texts.

    people went, unlinked stayed, each counted once; ids are all of theirs. more: there may be others.
    """

    erased: Erased
    people: int
    unlinked: int
    ids: Sequence[PersonId]
    more: bool


async def erase(uow: UnitOfWork, person: PersonId) -> Erased | None:
    """Delete the person whom this id stands for, with all ids merged into it; None if there is nobody. Raises Merging.

    Waits for who links, merges or describes this person, and they for it. Not deleted are rows of `settled`: an
    event's id as it travels and an account, neither of which says who it was.
    """
    ids = await reading.ids_of(uow.tx, person)
    if ids is None:
        return None
    await _lock(uow, ids.all)
    again = await reading.ids_of(uow.tx, person)
    if again is None:
        return None
    if again != ids:
        raise Merging
    return await _delete(uow, ids.all)


async def part(uow: UnitOfWork, account: AccountId, limit: int) -> Parted:
    """Take an account from at most `limit` ids of people who belong or belonged to it or whom it knows, and delete its
    texts. Who belonged to no other account and is known to none is deleted as by `erase`. Raises Merging.

    Of who stays all is kept but the account; whom no account is left wait for one again. Rows of `settled` stay until
    they are too old: a repeat of an event of the account would go to another one without them.
    """
    texts = await uow.execute(delete(TEXTS).where(TEXTS.c.account == account))
    some = await _people_of(uow, account, limit)
    families = await reading.families(uow.tx, some)
    ids = sorted(one for family in families.values() for one in family.all)
    await _lock(uow, ids)
    if await reading.families(uow.tx, some) != families:
        raise Merging
    known: dict[PersonId, set[AccountId | None]] = {one: set() for one in ids}
    for row in await uow.fetch(select(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id.in_(ids))):
        known[row.person_id].add(row.account)
    homes = select(PEOPLE.c.person_id, PEOPLE.c.account, PEOPLE.c.previous_account).where(PEOPLE.c.person_id.in_(ids))
    for row in await uow.fetch(homes):
        known[row.person_id] |= {row.account, row.previous_account}
    leaving = {
        end
        for end, family in families.items()
        if leaves(account, chain.from_iterable(known[one] for one in family.all))
    }
    gone = await _delete(uow, sorted(one for end in leaving for one in families[end].all))
    stay = sorted(one for end, family in families.items() if end not in leaving for one in family.all)
    await _unlink(uow, account, sorted({*stay, *some}))
    return Parted(
        erased=replace(gone, texts=gone.texts + texts),
        people=len(leaving),
        unlinked=len(families) - len(leaving),
        ids=ids,
        more=len(some) == limit,
    )


async def _people_of(uow: UnitOfWork, account: AccountId, limit: int) -> list[PersonId]:
    knows = select(MEMBERSHIPS.c.person_id).where(MEMBERSHIPS.c.account == account)
    at_home = or_(PEOPLE.c.account == account, PEOPLE.c.previous_account == account)
    either = union(knows, select(PEOPLE.c.person_id).where(at_home)).subquery()
    rows = await uow.fetch(select(either.c.person_id).order_by(either.c.person_id).limit(limit))
    return [row.person_id for row in rows]


async def _lock(uow: UnitOfWork, ids: Sequence[PersonId]) -> None:
    users = select(USERS.c.user_id).where(USERS.c.person_id.in_(ids)).order_by(USERS.c.source, USERS.c.user_id)
    await uow.fetch(users.with_for_update())
    people = select(PEOPLE.c.person_id).where(PEOPLE.c.person_id.in_(ids)).order_by(PEOPLE.c.person_id)
    await uow.fetch(people.with_for_update())


async def _delete(uow: UnitOfWork, ids: Sequence[PersonId]) -> Erased:
    rows = await uow.fetch(select(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id.in_(ids)))
    gone = Erased(
        ids=ids,
        known_to=sorted((row.person_id, row.account) for row in rows),
        users=await uow.execute(delete(USERS).where(USERS.c.person_id.in_(ids))),
        waiting=await uow.execute(delete(WAITING).where(WAITING.c.person_id.in_(ids))),
        texts=await uow.execute(delete(TEXTS).where(TEXTS.c.person_id.in_(ids))),
    )
    await uow.execute(delete(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id.in_(ids)))
    await uow.execute(delete(PEOPLE).where(PEOPLE.c.person_id.in_(ids)))
    await dead_letters.forget_people(uow.tx, PLUMBING, ids)
    return gone


async def _unlink(uow: UnitOfWork, account: AccountId, ids: Sequence[PersonId]) -> None:
    await uow.execute(delete(MEMBERSHIPS).where(MEMBERSHIPS.c.account == account, MEMBERSHIPS.c.person_id.in_(ids)))
    for column in (PEOPLE.c.account, PEOPLE.c.previous_account):
        linked = (column == account, PEOPLE.c.person_id.in_(ids))
        await uow.execute(update(PEOPLE).where(*linked).values({column.name: None}))


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

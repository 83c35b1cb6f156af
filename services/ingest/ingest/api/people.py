"""/v1/people and /v1/contacts: the directory, the export of a person, and their erasure, also with an account."""

import json
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from cskit.auth import PEOPLE, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import NotFound, Unavailable
from cskit.http import DEFAULT_LIMIT, Cursor, Limit, WriteId, encode_cursor, requires
from cskit.messages import UnitOfWorks
from cskit.observability import current_traceparent, get_logger
from csmodels.api import Page
from csmodels.fields import UtcTime
from csmodels.ids import AccountId, PersonId
from csmodels.topics import CUSTOMER_EVENTS
from ingest.api import cursors
from ingest.cache import Cache
from ingest.domain.erasure import erasure_events
from ingest.store import erasing, reading

_TRIES: Final = 5
_IN_A_SLICE: Final = 500  # people of an account in one transaction
_SLICES: Final = 4  # in one request, which its caller waits for

log = get_logger()


class Person(BaseModel):
    """A client's user and the person behind it."""

    id: str
    source: str
    user: str
    account: str | None
    name: str | None
    email: str | None
    locale: str | None
    time_zone: str | None
    country: str | None
    consent: bool | None


class Contact(BaseModel):
    """A person who belongs to an account, for services that must reach them."""

    id: str
    account: str
    name: str | None
    email: str | None
    locale: str | None
    time_zone: str | None
    country: str | None
    consent: bool | None


class UserKey(BaseModel):
    """What a source calls the person."""

    source: str
    user: str
    created_at: UtcTime


class TheirEvent(BaseModel):
    """An event of theirs that waits for an account."""

    source: str
    id: str
    type: str
    time: UtcTime
    received: UtcTime
    data: Any


class TheirText(BaseModel):
    """What they wrote, or what was written of them."""

    id: str
    text: str
    created_at: UtcTime


class Export(BaseModel):
    """All that is kept of a person here. What is on the log carries `id` or one of `merged`, and nothing else of
    them; survey keeps what they answered.
    """

    id: str
    merged: list[str]
    account: str | None
    previous_account: str | None
    accounts: list[str]
    name: str | None
    email: str | None
    locale: str | None
    time_zone: str | None
    country: str | None
    consent: bool | None
    created_at: UtcTime
    users: list[UserKey]
    waiting: list[TheirEvent]
    texts: list[TheirText]


class Erasure(BaseModel):
    """What was deleted, and the accounts whose other data of the person is deleted now, by whoever keeps it."""

    people: list[str]
    users: int
    waiting: int
    texts: int
    accounts: list[str]


class AccountErasure(BaseModel):
    """What went with an account: people who belonged to no other (users: what sources called them; waiting: their
    events that waited), and its texts. unlinked are people who stay, without it. more: ask again, there are others.
    """

    account: str
    people: int
    unlinked: int
    users: int
    waiting: int
    texts: int
    more: bool


def router(database: Database, unit_of_work: UnitOfWorks, clocks: Clocks, cache: Cache) -> APIRouter:
    """The routes on this database. `cache` is to forget who is erased."""
    made = APIRouter(prefix="/v1", tags=["ingest"])

    @made.get("/people")
    async def get_people(
        _: Annotated[Principal, requires(PEOPLE)],
        user: Annotated[str | None, Query(max_length=300, description="A client's user id")] = None,
        account: Annotated[str | None, Query(max_length=128, description="The account they belong to")] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[Person]:
        """The people directory, by source and user id."""
        after = cursors.texts(cursor, 2)
        place = None if after is None else (after[0], after[1])
        async with database.read() as tx:
            rows = await reading.people(tx, user=user, account=account, after=place, limit=limit + 1)
        more = encode_cursor(rows[limit - 1].source, rows[limit - 1].user_id) if len(rows) > limit else None
        return Page(items=[_person(row) for row in rows[:limit]], next=more)

    @made.get("/contacts")
    async def get_contacts(
        _: Annotated[Principal, requires(PEOPLE)],
        account: Annotated[str, Query(min_length=1, max_length=128, description="The account they belong to")],
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[Contact]:
        """The people of an account, each once however many users they are."""
        after = cursors.texts(cursor, 1)
        async with database.read() as tx:
            rows = await reading.contacts(tx, account, after="" if after is None else after[0], limit=limit + 1)
        more = encode_cursor(rows[limit - 1].person_id) if len(rows) > limit else None
        return Page(items=[_contact(row) for row in rows[:limit]], next=more)

    @made.delete("/contacts")
    async def part_account(
        _: Annotated[Principal, requires(PEOPLE)],
        account: Annotated[str, Query(min_length=1, max_length=128, description="The account that is erased")],
        ids: WriteId,
    ) -> AccountErasure:
        """Take an account from its people, erase those who belong to no other, and forget the account's texts.

        For DELETE /v1/accounts/{id}, which calls this and has the others forget the account: call that one. A repeat
        finds nothing left. At most some thousands of people are done at a time; `more` says that others may be there.
        """
        now = clocks.world.now()
        people = unlinked = users = waiting = texts = 0
        more = True
        for _slice in range(_SLICES):
            parted = await _parted(AccountId(account), now)
            people, unlinked = people + parted.people, unlinked + parted.unlinked
            users, waiting = users + parted.erased.users, waiting + parted.erased.waiting
            texts += parted.erased.texts
            more = parted.more
            if not more:
                break
        log.info("account.parted", people=people, unlinked=unlinked, users=users, waiting=waiting, texts=texts)
        return AccountErasure(
            account=account, people=people, unlinked=unlinked, users=users, waiting=waiting, texts=texts, more=more
        )

    async def _parted(account: AccountId, now: datetime) -> erasing.Parted:
        for _attempt in range(_TRIES):
            try:
                async with unit_of_work() as uow:
                    parted = await erasing.part(uow, account, _IN_A_SLICE)
                    told = erasure_events(parted.erased.known_to, now)
                    uow.publish(CUSTOMER_EVENTS, told, traceparent=current_traceparent())
            except erasing.Merging:
                log.info("account.merging")
            else:
                cache.forget(frozenset(parted.ids))
                return parted
        raise _in_motion("Somebody of this account is being merged with others. Send the request again in a moment.")

    @made.get("/people/{id}")
    async def get_person(id: UUID, _: Annotated[Principal, requires(PEOPLE)]) -> Export:
        """All that is kept of a person here. An id that was merged into another shows whom they became."""
        async with database.read() as tx:
            found = await reading.whole(tx, PersonId(str(id)))
        if found is None:
            raise _unknown(id)
        return _export(found)

    @made.delete("/people/{id}")
    async def erase_person(id: UUID, _: Annotated[Principal, requires(PEOPLE)], ids: WriteId) -> Erasure:
        """Erase a person with all their ids, and have every account's other data of them deleted.

        A second time is 404: nothing is kept to tell an erased id from one that never was, and an erasure of a
        mistyped id must not look done. What remains on the log is the random id, which nobody can resolve any more.
        For five seconds at most, another replica may append events of the person under that id, as may a request
        that was under way here; afterwards the same user of a client is a new person with a new id.
        """
        now = clocks.world.now()
        for _attempt in range(_TRIES):
            try:
                async with unit_of_work() as uow:
                    gone = await erasing.erase(uow, PersonId(str(id)))
                    if gone is None:
                        raise _unknown(id)
                    told = erasure_events(gone.known_to, now)
                    uow.publish(CUSTOMER_EVENTS, told, traceparent=current_traceparent())
                break
            except erasing.Merging:
                log.info("person.merging", person=str(id))
        else:
            raise _in_motion("This person is being merged with others. Send the request again in a moment.")
        cache.forget(frozenset(gone.ids))
        log.info("person.erased", people=len(gone.ids), users=gone.users, waiting=gone.waiting, texts=gone.texts)
        return Erasure(
            people=list(gone.ids),
            users=gone.users,
            waiting=gone.waiting,
            texts=gone.texts,
            accounts=sorted({account for _, account in gone.known_to}),
        )

    return made


def _person(row: Any) -> Person:
    return Person(id=row.person_id, source=row.source, user=row.user_id, account=row.account, **_described(row))


def _contact(row: Any) -> Contact:
    return Contact(id=row.person_id, account=row.account, **_described(row))


def _described(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "email", "locale", "time_zone", "country", "consent")}


def _export(found: reading.Whole) -> Export:
    return Export(
        id=found.ids.person,
        merged=list(found.ids.merged),
        account=found.person.account,
        previous_account=found.person.previous_account,
        accounts=list(found.accounts),
        created_at=found.person.created_at,
        users=[UserKey(source=row.source, user=row.user_id, created_at=row.created_at) for row in found.users],
        waiting=[
            TheirEvent(
                source=row.source,
                id=row.event_id,
                type=row.type,
                time=row.time,
                received=row.received,
                data=json.loads(row.data),
            )
            for row in found.waiting
        ],
        texts=[TheirText(id=row.id, text=row.text, created_at=row.created_at) for row in found.texts],
        **_described(found.person),
    )


def _in_motion(message: str) -> Unavailable:
    return Unavailable("person_in_motion", message, retry_after=1.0)


def _unknown(id: UUID) -> NotFound:
    return NotFound("unknown_person", f"There is no person {id} here: there never was, or they were erased.")

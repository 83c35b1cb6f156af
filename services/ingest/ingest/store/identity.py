"""All SQL of identity: who users are, where they belong, and what waits for them.

Locks are taken in one order everywhere: users by id, then people by id. Who links a person and who lets an event of
that person wait both hold the person's row, so no event starts to wait unseen.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, select, update

from cskit.db import Database, Tx
from cskit.messages import UnitOfWork
from csmodels.catalogue import TYPES
from csmodels.envelope import Event
from csmodels.ids import AccountId, EventId, PersonId
from ingest.domain.drafts import ANONYMOUS, Draft
from ingest.domain.identity import Known, Plan, Release
from ingest.domain.times import is_old_news
from ingest.settings import REPEATS_SAFE_FOR
from ingest.tables import MEMBERSHIPS, PEOPLE, SETTLED, TEXTS, USERS, WAITING

PersonRow = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Users as they stand in the database, and the rows of their people, to be changed and saved."""

    known: Mapping[str, Known]
    people: Mapping[PersonId, PersonRow]


_KNOWN: Final = (
    select(
        USERS.c.user_id,
        *(PEOPLE.c[name] for name in ("person_id", "account", "linked_at", "nameless")),
        *(PEOPLE.c[name] for name in ("previous_account", "regrouped_at")),
        MEMBERSHIPS.c.account.label("membership"),
    )
    .join_from(USERS, PEOPLE, USERS.c.person_id == PEOPLE.c.person_id)
    .outerjoin(MEMBERSHIPS, MEMBERSHIPS.c.person_id == PEOPLE.c.person_id)
    .where(USERS.c.source == bindparam("source"), USERS.c.user_id.in_(bindparam("users", expanding=True)))
)
_ASKED_AT_ONCE: Final = 1_024


async def known(database: Database, source: str, users: Collection[str]) -> dict[str, Known]:
    """Those of the users that the source has spoken of before. Each as of one moment, which may differ among many."""
    wanted = sorted(users)
    rows: dict[str, list[Row[Any]]] = defaultdict(list)  # of a user, one of each membership
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        some = _filled(wanted[start : start + _ASKED_AT_ONCE])
        for row in await database.fetch(_KNOWN, {"source": source, "users": some}):
            rows[row.user_id].append(row)
    return {
        user: Known(
            of_user[0].person_id,
            of_user[0].account,
            of_user[0].linked_at,
            frozenset(row.membership for row in of_user if row.membership is not None),
            of_user[0].nameless,
            of_user[0].previous_account,
            of_user[0].regrouped_at,
        )
        for user, of_user in rows.items()
    }


def _filled(users: list[str]) -> list[str]:
    """The same users, as many as a power of two: the database knows the statements of few lengths by heart."""
    return users + users[-1:] * ((1 << (len(users) - 1).bit_length()) - len(users))


async def ensure(
    uow: UnitOfWork, source: str, fresh: Mapping[str, PersonId], others: Collection[str], now: datetime
) -> Loaded:
    """Every user of `fresh`, made with that person id if there is none yet, and those of `others` that exist; locked.

    Replicas that meet the same user at the same moment get the same person. Who is erased while their lock is awaited
    is made anew.
    """
    while True:
        await _make(uow, source, fresh, now)
        loaded = await _load(uow.tx, source, sorted({*fresh, *others}))
        if loaded.known.keys() >= fresh.keys():
            return loaded


async def _make(uow: UnitOfWork, source: str, fresh: Mapping[str, PersonId], now: datetime) -> None:
    users = sorted(fresh)
    uow.insert(
        USERS,
        [{"source": source, "user_id": user, "person_id": fresh[user], "created_at": now} for user in users],
        ignore=True,
    )
    rows = await uow.fetch(
        select(USERS.c.person_id, USERS.c.user_id).where(USERS.c.source == source, USERS.c.user_id.in_(users))
    )
    made = sorted((row.person_id, row.user_id) for row in rows if fresh[row.user_id] == row.person_id)
    uow.insert(
        PEOPLE,
        [{"person_id": person, "nameless": user.startswith(ANONYMOUS), "created_at": now} for person, user in made],
        ignore=True,
    )


async def _load(tx: Tx, source: str, users: Sequence[str]) -> Loaded:
    """These users and their people, locked."""
    of_users = select(USERS.c.user_id, USERS.c.person_id).where(USERS.c.source == source, USERS.c.user_id.in_(users))
    of_users = of_users.order_by(USERS.c.user_id)
    persons_of = await tx.fetch(of_users.with_for_update())
    persons = sorted({row.person_id for row in persons_of})
    of_people = select(PEOPLE).where(PEOPLE.c.person_id.in_(persons)).order_by(PEOPLE.c.person_id)
    people = {row.person_id: row for row in await tx.fetch(of_people.with_for_update())}
    accounts: dict[PersonId, set[AccountId]] = {person: set() for person in people}
    for row in await tx.fetch(select(MEMBERSHIPS).where(MEMBERSHIPS.c.person_id.in_(persons))):
        accounts[row.person_id].add(row.account)
    of_person = {
        person: Known(
            person,
            row.account,
            row.linked_at,
            frozenset(accounts[person]),
            row.nameless,
            row.previous_account,
            row.regrouped_at,
        )
        for person, row in people.items()
    }
    return Loaded(
        {row.user_id: of_person[row.person_id] for row in persons_of if row.person_id in of_person},
        {person: dict(row._mapping) for person, row in people.items()},
    )


def may_be_settled(drafts: Sequence[Draft], known: Mapping[str, Known], now: datetime) -> list[EventId]:
    """The ids of drafts that an earlier request may have settled: their people were moved or merged lately."""
    since = now - REPEATS_SAFE_FOR
    lately = {user for user, one in known.items() if one.regrouped_at is not None and one.regrouped_at >= since}
    return [draft.id for draft in drafts if draft.user in lately]


async def settled(tx: Tx, source: str, ids: Sequence[EventId]) -> dict[EventId, AccountId | None]:
    """Those of the ids that a request has settled, and the account of each. Who writes has the people locked."""
    if not ids:
        return {}
    found = select(SETTLED.c.event_id, SETTLED.c.account).where(SETTLED.c.source == source, SETTLED.c.event_id.in_(ids))
    return {row.event_id: row.account for row in await tx.fetch(found)}


async def save(uow: UnitOfWork, source: str, loaded: Loaded, plan: Plan, now: datetime) -> list[Event]:
    """Write what the plan changes; the events that it releases, in the order they came in, person by person."""
    changed: dict[PersonId, PersonRow] = {}

    def row_of(person: PersonId) -> PersonRow:
        return changed.setdefault(person, dict(loaded.people[person]))

    for one in plan.known.values():
        if one.person in plan.changed:
            row_of(one.person).update(
                nameless=one.nameless,
                account=one.account,
                linked_at=one.linked_at,
                previous_account=one.previous,
                regrouped_at=one.regrouped_at,
            )
    for person, said in plan.people.items():
        for time, fields in said:
            _describe(row_of(person), time, fields)
    for merge in plan.merges:
        _fill(row_of(merge.into), row_of(merge.gone))
        row_of(merge.gone).update(merged_into=merge.into)
    uow.upsert(PEOPLE, [changed[person] for person in sorted(changed)])
    uow.insert(
        MEMBERSHIPS,
        [{"person_id": person, "account": account} for person, account in sorted(plan.memberships)],
        ignore=True,
    )
    uow.insert(
        USERS,
        [
            {"source": source, "user_id": user, "person_id": person, "created_at": now}
            for user, person in sorted(plan.aliases.items())
        ],
        ignore=True,
    )
    await _settle(uow, source, plan, now)
    released: list[Event] = []
    for _, steps in groupby(plan.steps, type):  # releases in a row are one question
        homes: dict[PersonId, AccountId] = {}
        for step in steps:
            if isinstance(step, Release):
                homes[step.person] = step.account
            else:
                await uow.execute(update(USERS).where(USERS.c.person_id == step.gone).values(person_id=step.into))
                await uow.execute(update(WAITING).where(WAITING.c.person_id == step.gone).values(person_id=step.into))
        if homes:
            released += await release(uow, homes, now)
    uow.insert(
        WAITING,
        [
            _waiting(source, one.draft, one.person)
            for one in plan.placed
            if one.account is None and one.draft.type is not None and one.person is not None
        ],
        ignore=True,
    )
    return released


async def _settle(uow: UnitOfWork, source: str, plan: Plan, now: datetime) -> None:
    if not plan.settled:
        return
    await uow.execute(delete(SETTLED).where(SETTLED.c.received < now - REPEATS_SAFE_FOR))
    rows = [
        {"source": source, "event_id": event, "account": account, "received": now}
        for event, account in sorted(plan.settled.items())
    ]
    uow.insert(SETTLED, rows, ignore=True)


def _describe(row: PersonRow, time: datetime, fields: Mapping[str, object]) -> None:
    """Newer words replace older ones; words of the past only fill what is empty."""
    before = row["described_at"]
    if before is None or before <= time:
        row.update(fields, described_at=time)
    else:
        _fill(row, fields)


def _fill(row: PersonRow, fields: Mapping[str, object]) -> None:
    for name in ("name", "email", "locale", "time_zone", "country", "consent"):
        if row[name] is None:
            row[name] = fields.get(name)


def _waiting(source: str, draft: Draft, person: PersonId) -> dict[str, object]:
    assert draft.type is not None, "only events wait"
    return {
        "source": source,
        "event_id": draft.id,
        "person_id": person,
        "user_id": draft.user,
        "type": draft.type,
        "time": draft.time,
        "received": draft.received,
        "clamped": draft.clamped,
        "backfill": draft.backfill,
        "data": draft.data.decode(),
    }


async def release(uow: UnitOfWork, account_of: Mapping[PersonId, AccountId], now: datetime) -> list[Event]:
    """Take the waiting events of these people, who are locked, as events of their accounts.

    What has waited for more than three days is backfill: old news when it arrives. Their texts are the account's, too.
    """
    theirs = WAITING.c.person_id.in_(sorted(account_of))
    rows = await uow.fetch(select(WAITING).where(theirs).order_by(WAITING.c.seq))
    if rows:
        await uow.execute(delete(WAITING).where(theirs))
        released = {row.person_id for row in rows}
        for account in sorted(set(account_of.values())):
            some = sorted(person for person in released if account_of[person] == account)
            unplaced = (TEXTS.c.person_id.in_(some), TEXTS.c.account.is_(None))
            await uow.execute(update(TEXTS).where(*unplaced).values(account=account))
    return [_released(row, account_of[row.person_id], now) for row in rows]


def _released(row: Any, account: AccountId, now: datetime) -> Event:
    event = TYPES[row.type]
    data: Any = event.model_fields["data"].annotation
    return event(
        id=row.event_id,
        source=row.source,
        type=row.type,
        subject=account,
        time=row.time,
        receivedtime=row.received,
        personid=row.person_id,
        clamped=row.clamped,
        backfill=row.backfill or is_old_news(row.time, now),
        data=data.model_validate_json(row.data),
    )

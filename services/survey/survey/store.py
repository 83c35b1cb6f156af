"""All reading and writing of surveys, invitations, responses and comments.

Who writes takes the person first, then the invitation, then the response, then the text, so that invitations, answers
and erasures never wait for each other in a circle.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Row, case, delete, func, select, update

from cskit.db import Tx
from csmodels.ids import AccountId, PersonId, ResponseId
from survey.domain.answering import Answer, Invitation, Response, Survey
from survey.domain.people import chain
from survey.tables import invitations, people, responses, surveys, texts

T = TypeVar("T")
_AT_ONCE: Final = 500  # values in one statement


@dataclass(frozen=True, slots=True)
class Asked:
    """An invitation with its survey and, if it was answered, the response."""

    invitation: Invitation
    survey: Survey
    response: Response | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A response in a list. person is None once erased."""

    id: str
    account: str
    person: str | None
    role: str | None
    score: int
    revision: int
    answered_at: datetime
    changed_at: datetime
    comment: str | None


async def add_survey(tx: Tx, survey: Survey) -> Survey:
    """Add a survey unless there is one of that id; the one that is there now."""
    row = {
        "id": survey.id,
        "kind": survey.kind,
        "name": survey.name,
        "question": survey.question,
        "expires_after": int(survey.expires_after.total_seconds()),
        "created_at": survey.created_at,
    }
    tx.insert(surveys, [row], ignore=True)
    (found,) = await tx.fetch(select(surveys).where(surveys.c.id == survey.id))
    return _survey(found)


async def survey(tx: Tx, survey_id: str) -> Survey | None:
    """The survey of that id."""
    rows = await tx.fetch(select(surveys).where(surveys.c.id == survey_id))
    return _survey(rows[0]) if rows else None


async def list_surveys(tx: Tx, *, after: str, limit: int) -> list[Survey]:
    """Surveys by id, those after `after`."""
    statement = select(surveys).where(surveys.c.id > after).order_by(surveys.c.id).limit(limit)
    return [_survey(row) for row in await tx.fetch(statement)]


async def invite(tx: Tx, invitation: Invitation, *, write_id: str, now: datetime) -> str:
    """Keep an invitation unless this write has made one before; the id of the one that stands."""
    row = {
        "id": invitation.id,
        "write_id": write_id,
        "survey": invitation.survey,
        "account": invitation.account,
        "person": invitation.person,
        "locale": invitation.locale,
        "role": invitation.role,
        "created_at": now,
        "expires_at": invitation.expires_at,
    }
    tx.insert(invitations, [row], ignore=True)
    (found,) = await tx.fetch(select(invitations.c.id).where(invitations.c.write_id == write_id))
    kept: str = found.id
    return kept


async def ends_of(tx: Tx, persons: Collection[PersonId]) -> dict[PersonId, PersonId | None]:
    """Whom each of these became in the end, themselves if nobody else; None for who was erased. Locked till the end."""
    _meet(tx, persons)
    found: dict[PersonId, Row[Any]] = {}
    asked: set[PersonId] = set(persons)
    while asked:
        for some in _portions(sorted(asked)):
            rows = await tx.fetch(
                select(people).where(people.c.person.in_(some)).order_by(people.c.person).with_for_update()
            )
            found |= {row.person: row for row in rows}
        asked = {row.became for row in found.values() if row.became is not None} - found.keys()
    into = {person: row.became for person, row in found.items() if row.became is not None}
    erased = {person for person, row in found.items() if row.erased}
    ends = {person: chain(person, into)[-1] for person in persons}
    return {person: None if end in erased else end for person, end in ends.items()}


async def hold(tx: Tx, invitation_id: str) -> None:
    """Lock the invitation. A statement of its own: on PostgreSQL what is read with the lock may be older than it."""
    await tx.fetch(select(invitations.c.id).where(invitations.c.id == invitation_id).with_for_update())


async def asked(tx: Tx, invitation_id: str) -> Asked | None:
    """The invitation with all that belongs to it; None if there is none, or no more."""
    statement = (
        select(
            invitations,
            responses.c.id.label("response_id"),
            responses.c.score,
            responses.c.revision,
            responses.c.answered_at,
            texts.c.body,
        )
        .select_from(invitations)
        .outerjoin(responses, responses.c.invitation == invitations.c.id)
        .outerjoin(texts, texts.c.id == responses.c.id)
        .where(invitations.c.id == invitation_id)
    )
    rows = await tx.fetch(statement)
    if not rows:
        return None
    (row,) = rows
    whose = await survey(tx, row.survey)
    assert whose is not None, "surveys are never deleted"
    invitation = Invitation(row.id, row.survey, row.account, row.person, row.locale, row.role, row.expires_at)
    if row.response_id is None:
        return Asked(invitation, whose, None)
    response = Response(row.response_id, Answer(row.score, row.body), row.revision, row.answered_at)
    return Asked(invitation, whose, response)


async def save(tx: Tx, invitation: Invitation, response: Response, *, now: datetime) -> None:
    """Write a new revision of the invitation's response, with its comment or without."""
    row = {
        "id": response.id,
        "survey": invitation.survey,
        "invitation": invitation.id,
        "account": invitation.account,
        "person": invitation.person,
        "role": invitation.role,
        "score": response.answer.score,
        "revision": response.revision,
        "answered_at": response.answered_at,
        "changed_at": now,
    }
    tx.upsert(responses, [row])
    comment = response.answer.comment
    if comment is None:
        await tx.execute(delete(texts).where(texts.c.id == response.id))
        return
    text = {"id": response.id, "account": invitation.account, "person": invitation.person, "body": comment}
    tx.upsert(texts, [text])


async def known_responses(tx: Tx, ids: Collection[ResponseId]) -> set[ResponseId]:
    """Those of the ids that are responses already."""
    found: set[ResponseId] = set()
    for some in _portions(sorted(ids)):
        rows = await tx.fetch(select(responses.c.id).where(responses.c.id.in_(some)))
        found |= {row.id for row in rows}
    return found


def add_responses(tx: Tx, answered: Sequence[Asked]) -> None:
    """Keep answers that nobody was invited to give; one that is there stays as it is."""
    rows = [
        {
            "id": each.response.id,
            "survey": each.survey.id,
            "invitation": None,
            "account": each.invitation.account,
            "person": each.invitation.person,
            "role": each.invitation.role,
            "score": each.response.answer.score,
            "revision": each.response.revision,
            "answered_at": each.response.answered_at,
            "changed_at": each.response.answered_at,
        }
        for each in answered
        if each.response is not None
    ]
    tx.insert(responses, rows, ignore=True)


async def list_responses(
    tx: Tx, survey_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Listed]:
    """The newest responses first, by their first answer; those before `before` (answered_at, id)."""
    statement = (
        select(responses, texts.c.body)
        .select_from(responses)
        .outerjoin(texts, texts.c.id == responses.c.id)
        .where(responses.c.survey == survey_id)
        .order_by(responses.c.answered_at.desc(), responses.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        at, response_id = before
        earlier = (responses.c.answered_at < at) | ((responses.c.answered_at == at) & (responses.c.id < response_id))
        statement = statement.where(earlier)
    return [
        Listed(r.id, r.account, r.person, r.role, r.score, r.revision, r.answered_at, r.changed_at, r.body)
        for r in await tx.fetch(statement)
    ]


async def score_counts(tx: Tx, survey_id: str) -> Mapping[int, int]:
    """How often each score was given."""
    statement = (
        select(responses.c.score, func.count().label("times"))
        .where(responses.c.survey == survey_id)
        .group_by(responses.c.score)
    )
    return {row.score: row.times for row in await tx.fetch(statement)}


async def forget_accounts(tx: Tx, accounts: Collection[AccountId]) -> None:
    """Delete all that is known of these accounts."""
    for some in _portions(sorted(accounts)):
        for table in (invitations, responses, texts):
            await tx.execute(delete(table).where(table.c.account.in_(some)))


async def forget_people(tx: Tx, erased: Collection[PersonId]) -> None:
    """Delete the invitations and comments of these people; their scores stay, and nobody can say whose they are.

    That they were erased is kept, by the random id that nobody can resolve any more.
    """
    for some in _portions(sorted(erased)):
        tx.upsert(people, [{"person": person, "became": None, "erased": True} for person in some])
        await tx.execute(delete(invitations).where(invitations.c.person.in_(some)))
        await tx.execute(update(responses).where(responses.c.person.in_(some)).values(person=None, invitation=None))
        await tx.execute(delete(texts).where(texts.c.person.in_(some)))


async def merge_people(tx: Tx, merged: Mapping[PersonId, PersonId]) -> None:
    """Re-point what belongs to the merged people to whom they became. Who was erased stays so."""
    _meet(tx, merged)
    for some in _portions(sorted(merged)):
        became = {person: merged[person] for person in some}
        theirs = people.c.person.in_(some) & people.c.erased.is_(False)
        await tx.execute(update(people).where(theirs).values(became=case(became, value=people.c.person)))
        for table in (invitations, responses, texts):
            person = table.c.person
            await tx.execute(update(table).where(person.in_(some)).values(person=case(became, value=person)))


def _meet(tx: Tx, persons: Collection[PersonId]) -> None:
    """Give each of these people a row to lock, unless there is one."""
    rows = [{"person": person, "became": None, "erased": False} for person in sorted(persons)]
    tx.insert(people, rows, ignore=True)


def _survey(row: Row[Any]) -> Survey:
    after = timedelta(seconds=row.expires_after)
    return Survey(row.id, row.kind, row.name, row.question, after, row.created_at)


def _portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]

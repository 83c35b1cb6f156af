"""The HTTP edge of what people do to an account: notes, contacts, the owner, overrides, erasure."""

from typing import Annotated, Final

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StringConstraints

from cskit.auth import PEOPLE, WRITE, Principal
from cskit.db import Database
from cskit.errors import NotFound
from cskit.http import WriteId, requires
from csmodels.api import Body, Health, Model, OverrideRequest
from csmodels.fields import WORDS_PATTERN, Code, Direction, Person, Staff, TouchKind, UtcTime
from scoring import views
from scoring.acts import Acts, Contact
from scoring.api.finding import found
from scoring.engine import story
from scoring.store import folding

LONGEST_TEXT: Final = 20_000  # characters of a note

Words = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, pattern=WORDS_PATTERN)]


class NoteRequest(Body):
    """POST /v1/accounts/{id}/notes: what is worth remembering. The text stays with ingest."""

    text: Annotated[Words, Field(strict=True)]


class TouchRequest(Body):
    """POST /v1/accounts/{id}/touches: a contact; direction as seen from us (both: they answered, too).

    person is a person id of the directory, outcome a code, at when it was (now if left out).
    """

    kind: TouchKind
    direction: Direction
    person: Person | None = None
    outcome: Code | None = None
    text: Annotated[Words, Field(strict=True)] | None = None
    at: UtcTime | None = None


class OwnerRequest(Body):
    """PATCH /v1/accounts/{id}/owner: the staff id of the new owner, null for nobody, and why."""

    to: Staff | None
    text: Annotated[Words, Field(strict=True)] | None = None


class ActAnswer(Model):
    """The event that was made and where its text is; `folded` tells whether the account's health knows it already."""

    event: str
    text_ref: str | None
    folded: bool


class OwnerAnswer(ActAnswer):
    """The hand-over: the owner before and after."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    from_: Annotated[str | None, Field(alias="from")]
    to: str | None


class OverrideAnswer(Model):
    """The override that was set or ended, and the health; `folded` tells whether the health knows it already."""

    override: str
    text_ref: str | None
    folded: bool
    health: Health


class Erased(Model):
    """What an erasure removed: the account with its facts, health, history and timeline; and at ingest its texts, the
    people who belonged to no other account (with the names that sources have for them, and their events that waited).

    unlinked counts people whom another account knows: they stay, without this one. `folded` false (202): the rest is
    under way, and gone once the log was read that far.
    """

    account: str
    event: str
    people: int
    unlinked: int
    users: int
    waiting: int
    texts: int
    folded: bool


def act_routes(routes: APIRouter, *, database: Database, acts: Acts) -> None:
    """The routes, for the router of what is read of accounts: an id may hold slashes, so one router must tell apart.

    All take an Idempotency-Key: a repeat is the same event.
    """

    @routes.post("/v1/accounts/{id:path}/notes", status_code=201)
    async def add_note(
        id: str, body: NoteRequest, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> ActAnswer:
        """Write a note. It moves no score; it stands on the timeline with its author."""
        await found(database, id)
        done = await acts.note(id, body.text, by, ids)
        return ActAnswer(event=done.id, text_ref=done.text_ref, folded=done.folded)

    @routes.post("/v1/accounts/{id:path}/touches", status_code=201)
    async def add_touch(
        id: str, body: TouchRequest, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> ActAnswer:
        """Record a contact, now or afterwards. A two-way one counts for the measure `contact`."""
        await found(database, id)
        contact = Contact(body.kind, body.direction, body.person, body.outcome, body.text, body.at)
        done = await acts.touch(id, contact, by, ids)
        return ActAnswer(event=done.id, text_ref=done.text_ref, folded=done.folded)

    @routes.patch("/v1/accounts/{id:path}/owner")
    async def hand_over(
        id: str, body: OwnerRequest, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> OwnerAnswer:
        """Hand the account over. Whether the staff id exists is not checked: CRMs may own accounts before it does."""
        before = (await found(database, id)).owner
        done = await acts.hand_over(id, before, body.to, body.text, by, ids)
        if ids.repeatable:  # a repeat is answered as the first one was
            before = await _owner_before(database, id, done.id, before)
        return OwnerAnswer(event=done.id, text_ref=done.text_ref, folded=done.folded, from_=before, to=body.to)

    @routes.post("/v1/accounts/{id:path}/overrides", status_code=201)
    async def set_override(
        id: str, body: OverrideRequest, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> OverrideAnswer:
        """Add up to ten points either way, with a note, until it expires."""
        await found(database, id)
        done = await acts.override(id, body, by, ids)
        now = views.health(await found(database, id))
        return OverrideAnswer(override=done.id, text_ref=done.text_ref, folded=done.folded, health=now)

    @routes.post("/v1/accounts/{id:path}/overrides/{override}/end")
    async def end_override(
        id: str, override: str, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> OverrideAnswer:
        """Take an override back before it expires."""
        await _with_override(database, id, override)
        done = await acts.end_override(id, override, by, ids)
        now = views.health(await found(database, id))
        return OverrideAnswer(override=done.id, text_ref=None, folded=done.folded, health=now)

    @routes.delete("/v1/accounts/{id:path}", responses={202: {"model": Erased}})
    async def erase_account(
        id: str, by: Annotated[Principal, requires(PEOPLE)], ids: WriteId, response: Response
    ) -> Erased:
        """Erase an account, and the people of it alone: every service forgets them. A repeat is 404; should its product
        send on, it begins anew. If ingest cannot forget all, the account is still there (503): send it again.
        """
        await found(database, id)
        async with database.read() as tx:
            slow = (await folding.load(tx, {id: frozenset()}))[id].facts.slow
        gone, done = await acts.erase(id, story.text_refs(slow), by, ids)
        response.status_code = 200 if done.folded else 202
        return Erased(
            account=id,
            event=done.id,
            people=gone.people,
            unlinked=gone.unlinked,
            users=gone.users,
            waiting=gone.waiting,
            texts=gone.texts,
            folded=done.folded,
        )


async def _owner_before(database: Database, id_: str, event: str, now: str | None) -> str | None:
    """The owner before a hand-over that the facts know of; else the one of now."""
    async with database.read() as tx:
        slow = (await folding.load(tx, {id_: frozenset()}))[id_].facts.slow
    return next((each.from_ for each in slow.handovers.values() if each.stamp.id == event), now)


async def _with_override(database: Database, id_: str, override: str) -> None:
    await found(database, id_)
    async with database.read() as tx:
        account = (await folding.load(tx, {id_: frozenset()}))[id_]
    if override not in account.facts.slow.overrides:
        raise NotFound("override_not_found", f"The account “{id_}” has no override “{override}”.")

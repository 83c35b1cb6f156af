"""Routes for people and other services: texts, people, and the events that wait."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cskit.auth import OPERATE, PEOPLE, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, decode_cursor, encode_cursor, requires
from cskit.messages import UnitOfWorks
from csmodels.api import Page
from csmodels.fields import UtcTime
from ingest.settings import MAX_TEXT
from ingest.store import reading

DEFAULT_LIMIT = 50


class TextRequest(BaseModel):
    """A text to keep: a note, a quote, a ticket's words."""

    model_config = ConfigDict(frozen=True, strict=True)

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]


class TextRef(BaseModel):
    """What an event carries instead of the text."""

    text_ref: str


class StoredText(BaseModel):
    """A text as it was written."""

    id: str
    text: str
    created_at: UtcTime


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


class WaitingEvent(BaseModel):
    """An event whose account is not known yet; what it says is not shown."""

    source: str
    id: str
    type: str
    user: str
    person: str
    time: UtcTime
    received: UtcTime
    backfill: bool


class Quarantine(Page[WaitingEvent]):
    """The events that wait, and how many there are by source."""

    waiting: int
    sources: dict[str, int]


def router(database: Database, unit_of_work: UnitOfWorks, clocks: Clocks) -> APIRouter:
    """The routes on this database."""
    made = APIRouter(tags=["ingest"])

    @made.post("/v1/texts", status_code=201)
    async def post_text(body: TextRequest, _: Annotated[Principal, requires(PEOPLE)], ids: WriteId) -> TextRef:
        """Keep a text; events refer to it."""
        text_id = ids("text")
        async with unit_of_work() as uow:
            reading.add_text(uow, text_id, body.text, clocks.world.now())
        return TextRef(text_ref=f"ingest/{text_id}")

    @made.get("/v1/texts/{id}")
    async def get_text(id: UUID, _: Annotated[Principal, requires(PEOPLE)]) -> StoredText:
        """A text by the id in its reference."""
        async with database.read() as tx:
            found = await reading.text(tx, str(id))
        if found is None:
            raise NotFound("unknown_text", f"There is no text {id} here; it may have been erased.")
        return StoredText(id=found.id, text=found.text, created_at=found.created_at)

    @made.get("/v1/people")
    async def get_people(
        _: Annotated[Principal, requires(PEOPLE)],
        user: Annotated[str | None, Query(max_length=300, description="A client's user id")] = None,
        account: Annotated[str | None, Query(max_length=128, description="The account they belong to")] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[Person]:
        """The people directory, by source and user id."""
        after = None if cursor is None else _texts(cursor)
        async with database.read() as tx:
            rows = await reading.people(tx, user=user, account=account, after=after, limit=limit + 1)
        more = encode_cursor(rows[limit - 1].source, rows[limit - 1].user_id) if len(rows) > limit else None
        return Page(items=[_person(row) for row in rows[:limit]], next=more)

    @made.get("/v1/quarantine")
    async def get_quarantine(
        _: Annotated[Principal, requires(OPERATE)], cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Quarantine:
        """Events of users whose account is not known yet, in the order they came in."""
        after = 0 if cursor is None else _place(cursor)
        async with database.read() as tx:
            rows = await reading.quarantine(tx, after=after, limit=limit + 1)
            counts = await reading.quarantined(tx)
        more = encode_cursor(rows[limit - 1].seq) if len(rows) > limit else None
        return Quarantine(
            items=[_waiting(row) for row in rows[:limit]],
            next=more,
            waiting=sum(counts.values()),
            sources=dict(counts),
        )

    return made


def _person(row: Any) -> Person:
    return Person(
        id=row.person_id,
        source=row.source,
        user=row.user_id,
        account=row.account,
        name=row.name,
        email=row.email,
        locale=row.locale,
        time_zone=row.time_zone,
        country=row.country,
        consent=row.consent,
    )


def _waiting(row: Any) -> WaitingEvent:
    return WaitingEvent(
        source=row.source,
        id=row.event_id,
        type=row.type,
        user=row.user_id,
        person=row.person_id,
        time=row.time,
        received=row.received,
        backfill=row.backfill,
    )


def _texts(cursor: str) -> tuple[str, str]:
    match decode_cursor(cursor):
        case (str(source), str(user)) if _is_text(source) and _is_text(user):
            return source, user
    raise _foreign_cursor()


def _is_text(value: str) -> bool:
    """Whether every database takes it: no NUL, no half of a character."""
    return not any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in value)


def _place(cursor: str) -> int:
    match decode_cursor(cursor):
        case (int(place),) if not isinstance(place, bool) and 0 <= place < 2**63:
            return place
    raise _foreign_cursor()


def _foreign_cursor() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not one of this list. Leave it out to begin anew.", field="cursor")

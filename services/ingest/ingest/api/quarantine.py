"""/v1/quarantine: the events that wait for an account, why, and their end."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from cskit.auth import OPERATE, Principal
from cskit.db import Database
from cskit.errors import Invalid, NotFound
from cskit.http import DEFAULT_LIMIT, Cursor, Limit, WriteId, encode_cursor, requires
from cskit.messages import UnitOfWorks
from cskit.observability import get_logger
from csmodels.api import Body, Page
from csmodels.fields import UtcTime
from ingest.api import cursors
from ingest.store import erasing, reading

_Text = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
_Seq = Annotated[int, Path(ge=1, lt=2**63, description="`seq` of the list")]
_Source = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$", description="Only of this source")]
_User = Annotated[str | None, Query(max_length=300, pattern=r"^[^\x00]*$", description="Only of this client's user")]

log = get_logger()


class WaitingEvent(BaseModel):
    """An event whose account is not known yet; what it says is not shown."""

    seq: int
    source: str
    id: str
    type: str
    user: str
    person: str
    time: UtcTime
    received: UtcTime
    backfill: bool


class Quarantine(Page[WaitingEvent]):
    """The events that wait, and how many there are by source, whatever is asked for."""

    waiting: int
    sources: dict[str, int]


class Explained(WaitingEvent):
    """A waiting event with the reason in a sentence, and the calls that would release it, each with the same key or
    another of its source.
    """

    why: str
    released_by: list[dict[str, Any]]


class Discard(Body):
    """Which events to discard: those to which all that is given applies."""

    source: Annotated[_Text | None, Field(description="Of this source")] = None
    user: Annotated[_Text | None, Field(description="Of this client's user")] = None
    before: Annotated[UtcTime | None, Field(description="Received before this moment")] = None


class Discarded(BaseModel):
    """How many events are gone for good."""

    discarded: int


def router(database: Database, unit_of_work: UnitOfWorks) -> APIRouter:
    """The routes on this database."""
    made = APIRouter(prefix="/v1/quarantine", tags=["ingest"])

    @made.get("")
    async def get_quarantine(
        _: Annotated[Principal, requires(OPERATE)],
        source: _Source = None,
        user: _User = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Quarantine:
        """Events of users whose account is not known yet, in the order they came in."""
        after = cursors.place(cursor)
        async with database.read() as tx:
            rows = await reading.quarantine(tx, source=source, user=user, after=after, limit=limit + 1)
            counts = await reading.quarantined(tx)
        more = encode_cursor(rows[limit - 1].seq) if len(rows) > limit else None
        return Quarantine(
            items=[WaitingEvent(**_said(row)) for row in rows[:limit]],
            next=more,
            waiting=sum(counts.values()),
            sources=dict(counts),
        )

    @made.get("/{seq}")
    async def explain(seq: _Seq, _: Annotated[Principal, requires(OPERATE)]) -> Explained:
        """Why an event waits, since when, and what would release it."""
        async with database.read() as tx:
            row = await reading.waiting_event(tx, seq)
        if row is None:
            raise _unknown(seq)
        return Explained(**_said(row), why=_why(row), released_by=_released_by(row))

    @made.delete("/{seq}")
    async def discard_one(seq: _Seq, by: Annotated[Principal, requires(OPERATE)], ids: WriteId) -> Discarded:
        """Discard an event for good."""
        async with unit_of_work() as uow:
            source = await erasing.discard(uow, seq)
        if source is None:
            raise _unknown(seq)
        log.info("quarantine.discarded", events=1, source=source, by=by.name)
        return Discarded(discarded=1)

    @made.post("/discard")
    async def discard(body: Discard, by: Annotated[Principal, requires(OPERATE)], ids: WriteId) -> Discarded:
        """Discard all events of a source, of a user, from before a moment, for good."""
        if body.source is None and body.user is None and body.before is None:
            raise Invalid("nothing_named", "Name a source, a user or a moment: nothing else says what may go.")
        async with unit_of_work() as uow:
            gone = await erasing.discard_all(uow, source=body.source, user=body.user, before=body.before)
        log.info(
            "quarantine.discarded",
            events=gone,
            source=body.source,
            of_one_user=body.user is not None,
            before=None if body.before is None else body.before.isoformat(),
            by=by.name,
        )
        return Discarded(discarded=gone)

    return made


def _said(row: Any) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "source": row.source,
        "id": row.event_id,
        "type": row.type,
        "user": row.user_id,
        "person": row.person_id,
        "time": row.time,
        "received": row.received,
        "backfill": row.backfill,
    }


def _why(row: Any) -> str:
    return (
        f"It names no account, and no account of the user {row.user_id} of {row.source} is known. It has waited since "
        f"{row.received.isoformat()} and is published as soon as the user is tied to an account."
    )


def _released_by(row: Any) -> list[dict[str, Any]]:
    """What a client would send; `ACCOUNT` is for its writer to fill in."""
    user = row.user_id.removeprefix("anon:")
    who = {"userId": user} if user == row.user_id else {"anonymousId": user}
    calls: list[dict[str, Any]] = [
        {"call": "POST /v1/batch", "body": {"batch": [{"type": "group", **who, "groupId": "ACCOUNT"}]}}
    ]
    if "userId" in who:
        event = {"id": "NEW_ID", "type": "contact.described", "user": user, "account": "ACCOUNT", "data": {}}
        calls.append({"call": "POST /v1/events", "body": {"events": [event]}})
    else:
        identify = {"type": "identify", **who, "userId": "USER_WITH_AN_ACCOUNT"}
        calls.append({"call": "POST /v1/batch", "body": {"batch": [identify]}})
    return calls


def _unknown(seq: int) -> NotFound:
    return NotFound("not_waiting", f"No event waits at {seq}: it was released or discarded, or never was.")

"""/v1/dead-letters/{service}: what could not be handled, and appending it once more."""

import base64
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Row

from cskit import dead_letters
from cskit.auth import Principal
from cskit.clock import Clock
from cskit.db import Database
from cskit.db.plumbing import Plumbing
from cskit.errors import Conflict, Invalid, NotFound
from cskit.http.access import requires
from cskit.http.pages import Cursor, Limit, decode_cursor, encode_cursor, moment_of
from cskit.messages import UnitOfWorks


def dead_letter_routes(
    service: str, database: Database, plumbing: Plumbing, units: UnitOfWorks, world: Clock
) -> APIRouter:
    """The routes of one service; scope operate."""
    router = APIRouter(prefix=f"/v1/dead-letters/{service}", tags=["operation"])
    operator = Annotated[Principal, requires("operate")]

    @router.get("", name=f"list_{service}_dead_letters")
    async def list_dead_letters(_: operator, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
        """The newest first, without their bodies."""
        before = None
        if cursor is not None:
            before = _position(cursor)
        async with database.read() as tx:
            rows = await dead_letters.listed(tx, plumbing, before=before, limit=limit + 1)
        more = rows[limit - 1] if len(rows) > limit else None
        return {
            "items": [_letter(row) for row in rows[:limit]],
            "next": encode_cursor(more.at.isoformat(), more.id) if more is not None else None,
        }

    @router.get("/{letter}", name=f"show_{service}_dead_letter")
    async def show_dead_letter(letter: str, _: operator) -> dict[str, Any]:
        """One, with its bytes as they were (base64)."""
        async with database.read() as tx:
            row = await dead_letters.found(tx, plumbing, letter)
        if row is None:
            raise _unknown(letter)
        body = base64.b64encode(row.value).decode() if row.value is not None else None
        return {**_letter(row), "body": body}

    @router.post("/{letter}/replay", status_code=202, name=f"replay_{service}_dead_letter")
    async def replay_dead_letter(letter: str, _: operator) -> dict[str, Any]:
        """Append the original bytes once more. 409 if that was done before, or if it is too late for it."""
        async with units() as uow:
            replayed = await dead_letters.replay(uow, plumbing, letter, world.now())
        async with database.read() as tx:
            row = await dead_letters.found(tx, plumbing, letter)
        if row is None:
            raise _unknown(letter)
        if not replayed:
            raise Conflict("already_replayed", f"Dead letter {letter} was replayed at {row.replayed_at.isoformat()}.")
        return _letter(row)

    return router


def _position(cursor: str) -> tuple[datetime, str]:
    match decode_cursor(cursor):
        case (str() as at, str() as letter):
            return moment_of(at), letter
    raise Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")


def _unknown(letter: str) -> NotFound:
    return NotFound("unknown_dead_letter", f"There is no dead letter {letter}. List them to see which there are.")


def _letter(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "group": row.consumer_group,
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "key": row.key.decode("utf-8", "replace") if row.key is not None else None,
        "code": row.code,
        "reason": row.reason,
        "at": row.at.isoformat(),
        "replayed_at": row.replayed_at.isoformat() if row.replayed_at else None,
    }

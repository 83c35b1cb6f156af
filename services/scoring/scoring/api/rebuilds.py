"""Rebuilds over HTTP: ask for one, follow it, confirm the swap or discard it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import Row

from cskit.auth import Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Conflict, NotFound
from cskit.http import WriteId, requires
from scoring.store import rebuilds

Operator = Annotated[Principal, requires("operate")]


class Rebuild(BaseModel):
    """A rebuild: everything folded again from archive and log, beside what is live."""

    id: str
    state: Literal["asked", "folding", "ready", "confirmed", "swapped", "discarded", "failed"]
    asked_at: datetime
    changed_at: datetime
    asked_by: str | None
    folded: int
    total: int
    difference: Mapping[str, Any] | None
    message: str | None


class Rebuilds(BaseModel):
    """The last rebuilds, the newest first."""

    items: list[Rebuild]


def router(*, database: Database, clocks: Clocks) -> APIRouter:
    """/v1/rebuilds."""
    routes = APIRouter(prefix="/v1/rebuilds", tags=["scoring"])

    @routes.post("", status_code=202)
    async def ask(caller: Operator, ids: WriteId) -> Rebuild:
        """Fold everything again into a shadow and compare. Nothing that is live changes. 409 while one is open."""
        id_ = ids()
        async with database.write() as tx:
            known = await rebuilds.one(tx, id_, lock=True)
            if known is None:
                there = await rebuilds.open_one(tx, lock=True)
                if there is not None:
                    raise Conflict(
                        "rebuild_open",
                        f"The rebuild {there.id} is {there.state}. Confirm its swap or discard it first.",
                        extra={"rebuild": there.id},
                    )
                rebuilds.ask(tx, id_, caller.actor or caller.name, clocks.world.now())
            return _shown(known or _found(await rebuilds.one(tx, id_), id_))

    @routes.get("")
    async def listed(_: Operator, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Rebuilds:
        """The last rebuilds, the newest first."""
        async with database.read() as tx:
            return Rebuilds(items=[_shown(row) for row in await rebuilds.newest(tx, limit)])

    @routes.get("/{rebuild}")
    async def show(rebuild: str, _: Operator) -> Rebuild:
        """How far it is (folded of total records), and once it is ready what a swap would change."""
        async with database.read() as tx:
            return _shown(_found(await rebuilds.one(tx, rebuild), rebuild))

    @routes.post("/{rebuild}/swap", status_code=202)
    async def swap(rebuild: str, _: Operator) -> Rebuild:
        """Let the rebuilt facts and scores become the live ones; history stays as known. 409 unless it is ready."""
        return await _moved(rebuild, rebuilds.CONFIRMED, among=(rebuilds.READY,))

    @routes.delete("/{rebuild}")
    async def discard(rebuild: str, _: Operator) -> Rebuild:
        """Leave all as it is. 409 once the swap was confirmed."""
        return await _moved(rebuild, rebuilds.DISCARDED, among=(rebuilds.ASKED, rebuilds.FOLDING, rebuilds.READY))

    async def _moved(id_: str, state: str, *, among: tuple[str, ...]) -> Rebuild:
        async with database.write() as tx:
            row = _found(await rebuilds.one(tx, id_, lock=True), id_)
            if row.state != state:
                if row.state not in among:
                    raise Conflict("rebuild_state", f"The rebuild {id_} is {row.state}, not {' or '.join(among)}.")
                await rebuilds.say(tx, id_, clocks.world.now(), state=state)
            return _shown(_found(await rebuilds.one(tx, id_), id_))

    return routes


def _found(row: Row[Any] | None, id_: str) -> Row[Any]:
    if row is None:
        raise NotFound("unknown_rebuild", f"There is no rebuild “{id_}”. GET /v1/rebuilds lists them.")
    return row


def _shown(row: Row[Any]) -> Rebuild:
    return Rebuild.model_validate({name: row._mapping[name] for name in Rebuild.model_fields})

"""Endpoints."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, exists, func, or_, select

from cskit.db import Database, Tx
from playbook.effects.endpoint import Disabled, Endpoint, Status, secrets_from_json, secrets_to_json
from playbook.effects.store.effects import WAITS
from playbook.effects_tables import effects, webhook_endpoints

_t = webhook_endpoints.c


async def find(tx: Tx, id_: str, *, lock: bool = False) -> Endpoint | None:
    """An endpoint; `lock` for a caller that changes it."""
    return (await some(tx, [id_], lock=lock)).get(id_)


async def some(tx: Tx, ids: Collection[str], *, lock: bool = False) -> dict[str, Endpoint]:
    """Those of the ids that exist; `lock`, in the order of ids, for a caller that changes them."""
    statement = select(webhook_endpoints).where(_t.id.in_(sorted(ids))).order_by(_t.id)
    rows = await tx.fetch(statement.with_for_update() if lock else statement)
    return {row.id: _endpoint(row) for row in rows}


async def page(tx: Tx, after: str | None, limit: int) -> Sequence[Endpoint]:
    """Endpoints by id."""
    statement = select(webhook_endpoints).order_by(_t.id).limit(limit)
    return [_endpoint(row) for row in await tx.fetch(statement.where(_t.id > after) if after else statement)]


async def subscriptions(tx: Tx) -> dict[str, list[str]]:
    """The endpoints of each type that somebody subscribed to; disabled ones too, theirs is held."""
    found: dict[str, list[str]] = {}
    for row in await tx.fetch(select(_t.id, _t.types).order_by(_t.id)):
        for type_ in row.types:
            found.setdefault(type_, []).append(row.id)
    return found


_now = bindparam("now", type_=_t.throttled_until.type)
_WITH_DUE: Final = (
    select(webhook_endpoints)
    .where(
        _t.status == Status.ACTIVE.value,
        or_(_t.throttled_until.is_(None), _t.throttled_until <= _now),
        exists().where(effects.c.endpoint == _t.id, WAITS, effects.c.next_at <= _now),
    )
    .order_by(_t.id)
)


async def with_due(database: Database, now: datetime) -> Sequence[Endpoint]:
    """The endpoints that may be sent to now and have something due."""
    return [_endpoint(row) for row in await database.fetch(_WITH_DUE, {"now": now})]


async def failing_since(database: Database) -> datetime | None:
    """Since when the active endpoint that has failed longest fails; None if none does."""
    (row,) = await database.fetch(
        select(func.min(_t.failing_since).label("since")).where(_t.status == Status.ACTIVE.value)
    )
    since: datetime | None = row.since
    return since


def add(tx: Tx, endpoint: Endpoint) -> None:
    """Add an endpoint, unless one of that id was added meanwhile."""
    tx.insert(webhook_endpoints, [_row(endpoint)], ignore=True)


def save(tx: Tx, endpoints: Sequence[Endpoint]) -> None:
    """Write endpoints that were locked and changed."""
    tx.upsert(webhook_endpoints, [_row(endpoint) for endpoint in endpoints])


async def remove(tx: Tx, id_: str) -> None:
    """Remove an endpoint."""
    await tx.execute(delete(webhook_endpoints).where(_t.id == id_))


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        id=row.id, url=row.url, secrets=secrets_from_json(row.secrets), types=tuple(row.types), owner=row.owner,
        status=Status(row.status), write_id=row.write_id, created_at=row.created_at,
        reason=Disabled(row.reason) if row.reason else None, failing_since=row.failing_since,
        throttled_until=row.throttled_until,
    )  # fmt: skip


def _row(endpoint: Endpoint) -> dict[str, object]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "secrets": secrets_to_json(endpoint.secrets),
        "types": list(endpoint.types),
        "owner": endpoint.owner,
        "status": endpoint.status.value,
        "reason": endpoint.reason.value if endpoint.reason else None,
        "failing_since": endpoint.failing_since,
        "throttled_until": endpoint.throttled_until,
        "write_id": endpoint.write_id,
        "created_at": endpoint.created_at,
    }

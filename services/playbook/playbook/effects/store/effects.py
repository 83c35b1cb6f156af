"""Effects and their deliveries. Locks are taken in the order endpoints, effects, each by id."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, TextClause, and_, delete, or_, select, text, union_all, update

from cskit.db import Tx
from playbook.effects_tables import WAITING, deliveries, effects
from playbook.store.lists import After

WAITS: Final[TextClause] = text(f"effects.{WAITING}")  # in words, so that the partial index is seen to fit
_t = effects.c


class State(StrEnum):
    """Of an effect. One that is pending and whose endpoint cannot be sent to is shown as held."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewEffect:
    """A webhook for one endpoint. `id` is its webhook-id."""

    id: str
    endpoint: str
    type: str
    body: bytes
    account: str | None
    run: str | None
    step: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect as it stands, without its body."""

    id: str
    endpoint: str
    type: str
    account: str | None
    run: str | None
    step: str | None
    status: State
    attempt: int
    sends: int
    next_at: datetime
    reason: str | None
    last_error: str | None
    replay: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """An effect that was taken to be sent, for as long as the lease lasts."""

    id: str
    endpoint: str
    type: str
    body: bytes
    account: str | None
    run: str | None
    step: str | None
    traceparent: str | None
    attempt: int
    sends: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt. `status_code` is None without an answer."""

    effect: str
    number: int
    at: datetime
    status_code: int | None
    seconds: float
    error: str | None


def add(tx: Tx, new: Sequence[NewEffect], now: datetime) -> None:
    """Add effects, due at once; those that are there already stay as they are."""
    tx.insert(
        effects,
        [
            {
                "id": each.id,
                "endpoint": each.endpoint,
                "type": each.type,
                "body": each.body,
                "account": each.account,
                "run": each.run,
                "step": each.step,
                "traceparent": each.traceparent,
                "status": State.PENDING.value,
                "attempt": 0,
                "sends": 0,
                "next_at": now,
                "created_at": now,
            }
            for each in new
        ],
        ignore=True,
    )


# Sending


async def take(tx: Tx, room: Mapping[str, int], now: datetime, lease: datetime, worker: str) -> Sequence[Taken]:
    """Take what is due, the longest due first, at most `room` for each endpoint; never what another worker holds.

    What a worker took and did not settle by the end of its lease is due again.
    """
    if not room:
        return []
    due = [
        select(_t.id)
        .where(_t.endpoint == endpoint, WAITS, _t.next_at <= now)
        .order_by(_t.next_at, _t.id)
        .limit(most)
        .with_for_update(skip_locked=True)  # in here, so that two workers do not vie for the same few
        .subquery()
        for endpoint, most in sorted(room.items())
    ]
    free = await tx.fetch(union_all(*(select(each.c.id) for each in due)))
    if not free:
        return []
    rows = await tx.fetch(
        update(effects)
        .where(_t.id.in_([row.id for row in free]))
        .values(status=State.SENDING.value, next_at=lease, leased_by=worker)
        .returning(effects)
    )
    return [_taken(row) for row in rows]


async def hold(tx: Tx, ids: Collection[str], worker: str) -> set[str]:
    """Lock what this worker took, and answer which of it is still its own."""
    statement = (
        select(_t.id)
        .where(_t.id.in_(sorted(ids)), _t.status == State.SENDING.value, _t.leased_by == worker)
        .order_by(_t.id)
        .with_for_update()
    )
    return {row.id for row in await tx.fetch(statement)}


async def mark_delivered(tx: Tx, ids: Collection[str]) -> None:
    """These got through."""
    values = {"status": State.DELIVERED.value, "reason": None, "last_error": None}
    await _settle(tx, ids, values)


async def mark_failed(tx: Tx, id_: str, reason: str, error: str | None) -> None:
    """This one was given up."""
    await _settle(tx, [id_], {"status": State.FAILED.value, "reason": reason, "last_error": error})


async def mark_waiting(tx: Tx, id_: str, next_at: datetime, error: str | None) -> None:
    """This one is sent again then."""
    await _settle(tx, [id_], {"status": State.PENDING.value, "next_at": next_at, "last_error": error})


async def _settle(tx: Tx, ids: Collection[str], values: Mapping[str, object]) -> None:
    if ids:
        statement = update(effects).where(_t.id.in_(sorted(ids)))
        await tx.execute(statement.values(attempt=_t.attempt + 1, sends=_t.sends + 1, leased_by=None, **values))


def log_deliveries(tx: Tx, done: Sequence[Delivery]) -> None:
    """Write attempts down."""
    tx.insert(
        deliveries,
        [
            {
                "effect": each.effect,
                "number": each.number,
                "at": each.at,
                "status_code": each.status_code,
                "seconds": each.seconds,
                "error": each.error,
            }
            for each in done
        ],
        ignore=True,
    )


# For people


async def page(
    tx: Tx, endpoint: str, states: Collection[State], after: After | None, limit: int
) -> Sequence[tuple[Effect, Sequence[Delivery]]]:
    """The effects of an endpoint in one of these states with their attempts, the newest first."""
    statement = select(effects).where(_t.endpoint == endpoint, _t.status.in_([state.value for state in states]))
    if after is not None:
        statement = statement.where(
            or_(_t.created_at < after.moment, and_(_t.created_at == after.moment, _t.id > after.id))
        )
    rows = await tx.fetch(statement.order_by(_t.created_at.desc(), _t.id).limit(limit))
    found = [_effect(row) for row in rows]
    attempts = await _deliveries_of(tx, [effect.id for effect in found])
    return [(effect, attempts.get(effect.id, [])) for effect in found]


async def one(tx: Tx, id_: str) -> tuple[Effect, Sequence[Delivery]]:
    """An effect that exists, with its attempts."""
    (row,) = await tx.fetch(select(effects).where(_t.id == id_))
    return _effect(row), (await _deliveries_of(tx, [id_])).get(id_, [])


async def find(tx: Tx, endpoint: str, id_: str, *, lock: bool = False) -> Effect | None:
    """An effect of this endpoint; `lock` for a caller that changes it."""
    statement = select(effects).where(_t.id == id_, _t.endpoint == endpoint)
    rows = await tx.fetch(statement.with_for_update() if lock else statement)
    return _effect(rows[0]) if rows else None


async def any_of(tx: Tx, endpoint: str) -> bool:
    """Whether there is any effect for this endpoint, which itself may not exist."""
    return bool(await tx.fetch(select(_t.id).where(_t.endpoint == endpoint).limit(1)))


async def send_again(tx: Tx, id_: str, request: str, now: datetime) -> None:
    """From the start of the schedule, with the same id and body; `request` is the one that asked for it."""
    values = {"status": State.PENDING.value, "attempt": 0, "next_at": now, "reason": None, "replay": request}
    await tx.execute(update(effects).where(_t.id == id_).values(**values))


async def give_up_all(tx: Tx, endpoint: str, reason: str) -> int:
    """Give up all that waits for this endpoint; how many."""
    values = {"status": State.FAILED.value, "reason": reason, "leased_by": None}
    return await tx.execute(update(effects).where(_t.endpoint == endpoint, WAITS).values(**values))


# Forgetting


async def settled_before(tx: Tx, moment: datetime, limit: int) -> Sequence[str]:
    """Effects that were made before that moment and are delivered or given up."""
    settled = _t.status.in_([State.DELIVERED.value, State.FAILED.value])
    rows = await tx.fetch(select(_t.id).where(settled, _t.created_at < moment).limit(limit))
    return [row.id for row in rows]


async def forget(tx: Tx, ids: Sequence[str]) -> None:
    """Delete effects with their attempts."""
    await tx.execute(delete(deliveries).where(deliveries.c.effect.in_(ids)))
    await tx.execute(delete(effects).where(_t.id.in_(ids)))


async def _deliveries_of(tx: Tx, ids: Sequence[str]) -> dict[str, list[Delivery]]:
    if not ids:
        return {}
    statement = select(deliveries).where(deliveries.c.effect.in_(ids)).order_by(deliveries.c.number)
    found: dict[str, list[Delivery]] = {}
    for row in await tx.fetch(statement):
        found.setdefault(row.effect, []).append(
            Delivery(row.effect, row.number, row.at, row.status_code, row.seconds, row.error)
        )
    return found


def _effect(row: Row[Any]) -> Effect:
    return Effect(
        id=row.id, endpoint=row.endpoint, type=row.type, account=row.account, run=row.run, step=row.step,
        status=State(row.status), attempt=row.attempt, sends=row.sends, next_at=row.next_at, reason=row.reason,
        last_error=row.last_error, replay=row.replay, created_at=row.created_at,
    )  # fmt: skip


def _taken(row: Row[Any]) -> Taken:
    return Taken(
        id=row.id, endpoint=row.endpoint, type=row.type, body=row.body, account=row.account, run=row.run,
        step=row.step, traceparent=row.traceparent, attempt=row.attempt, sends=row.sends,
    )  # fmt: skip

"""Where webhooks are put, in the transaction of what they tell of."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from cskit.clock import Clock
from cskit.messages import UnitOfWork
from cskit.observability import current_traceparent
from csmodels.ids import derived_id, is_account_id
from playbook.domain.run import ALL_ENDPOINTS
from playbook.effects.store import effects, endpoints
from playbook.effects.store.effects import NewEffect


class Queue:
    """Puts webhooks into the deliveries; `wake` is set when a transaction that did so has committed."""

    def __init__(self, wall: Clock, wake: asyncio.Event) -> None:
        self._wall = wall
        self._wake = wake
        # One look at the subscriptions for all webhooks of a transaction.
        self._subscriptions: WeakKeyDictionary[UnitOfWork, Mapping[str, list[str]]] = WeakKeyDictionary()

    async def enqueue(
        self,
        uow: UnitOfWork,
        endpoint: str,
        webhook_id: str,
        type: str,
        timestamp: datetime,
        data: Mapping[str, Any],
        run: str,
        step: str,
    ) -> None:
        """A webhook for one endpoint, or with "*" for every endpoint that subscribed to the type.

        `timestamp` is when it happened, in the world; `data` is plain JSON. The same `webhook_id` for the same
        endpoint again changes nothing. For an endpoint that does not exist, or is disabled, it is held.
        """
        among = await self._subscribed(uow, type) if endpoint == ALL_ENDPOINTS else [endpoint]
        await self._put(uow, among, webhook_id, type, timestamp, data, run, step)

    async def enqueue_test(self, uow: UnitOfWork, endpoint: str, webhook_id: str, type: str, at: datetime) -> str:
        """A webhook that belongs to no account and tells of nothing; the id under which it is delivered."""
        await self._put(uow, [endpoint], webhook_id, type, at, {"endpoint": endpoint}, None, None)
        return delivery_id(webhook_id, endpoint)

    def woken_by(self, uow: UnitOfWork) -> None:
        """Wake the worker once this transaction has committed."""
        uow.after_commit(self._wake.set)

    async def _put(
        self,
        uow: UnitOfWork,
        among: list[str],
        webhook_id: str,
        type_: str,
        timestamp: datetime,
        data: Mapping[str, Any],
        run: str | None,
        step: str | None,
    ) -> None:
        if not among:
            return
        body = body_of(type_, timestamp, data)
        account = data.get("account")
        known = account if isinstance(account, str) and is_account_id(account) else None
        trace = current_traceparent()
        new = [NewEffect(delivery_id(webhook_id, each), each, type_, body, known, run, step, trace) for each in among]
        effects.add(uow.tx, new, self._wall.now())
        self.woken_by(uow)

    async def _subscribed(self, uow: UnitOfWork, type_: str) -> list[str]:
        known = self._subscriptions.get(uow)
        if known is None:
            known = self._subscriptions[uow] = await endpoints.subscriptions(uow.tx)
        return known.get(type_, [])


def delivery_id(webhook_id: str, endpoint: str) -> str:
    """The webhook-id that this endpoint sees, in every attempt and replay, and after a restore of the database."""
    return derived_id("webhook", webhook_id, endpoint)


def body_of(type_: str, timestamp: datetime, data: Mapping[str, Any]) -> bytes:
    """What is signed and sent, byte for byte in every attempt. ValueError for numbers that JSON does not know."""
    at = timestamp.astimezone(UTC).isoformat().replace("+00:00", "Z")
    whole = {"type": type_, "timestamp": at, "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

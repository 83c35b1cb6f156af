"""/v1/webhook-endpoints: endpoints, their secrets and tests, their deliveries and replays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from cskit.auth import Principal
from cskit.clock import Clocks
from cskit.db import Database, Tx
from cskit.errors import Conflict, NotFound
from cskit.http import Cursor, Limit, WriteId, encode_cursor, requires
from cskit.http.writes import WriteIds
from cskit.messages import UnitOfWork, UnitOfWorks
from csmodels.api import Body, Model, Page
from csmodels.fields import Staff, UtcTime
from playbook.api.edge import actor_of, after_of, name_after, page_of, repeated
from playbook.effects import address
from playbook.effects.endpoint import (
    TEST,
    Disabled,
    Endpoint,
    Status,
    Subscription,
    disabled,
    enabled,
    fresh_secret,
    rotated,
)
from playbook.effects.queue import Queue
from playbook.effects.store import effects, endpoints
from playbook.effects.store.effects import Delivery, Effect, State
from playbook.effects.verdict import Failed
from playbook.store import records
from playbook.store.records import Entry

Url = Annotated[str, Field(min_length=1, max_length=address.LONGEST)]
Types = Annotated[tuple[Subscription, ...], Field(description="What is sent without a playbook naming the endpoint")]
DeliveryStatus = Literal["held", "pending", "sending", "delivered", "failed"]

_WHY: Final = {
    Failed.ATTEMPTS: "Every attempt of the schedule failed.",
    Failed.GONE: "The endpoint answered 410: it wants no more.",
    Failed.FAILING: "The endpoint took nothing for five days and was disabled.",
    Failed.DELETED: "The endpoint was deleted.",
}


@dataclass(frozen=True, slots=True)
class Means:
    """What these endpoints need. `allow` names the private hosts that may be reached."""

    database: Database
    units: UnitOfWorks
    queue: Queue
    clocks: Clocks
    allow: Sequence[str]

    def record(
        self, uow: UnitOfWork, ids: WriteIds, principal: Principal, action: str, subject: str, **details: Any
    ) -> None:
        """Put what a person did into the audit."""
        now = self.clocks.world.now()
        records.record(uow.tx, Entry(ids("audit"), now, actor_of(principal), action, subject, details))


class EndpointRequest(Body):
    """A new endpoint. Playbooks name it by its id; without one it gets a random one."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")] | None = None
    url: Url
    types: Types = ()
    owner: Annotated[Staff | None, Field(description="Who is told when it fails")] = None


class EndpointPatch(Body):
    """What is to change. `active` sends what was held, and forgets the failures."""

    url: Url | None = None
    types: Types | None = None
    owner: Staff | None = None
    status: Status | None = None


class EndpointAnswer(Model):
    """An endpoint. Without the scope `configure`, of the url only host and port are shown."""

    id: str
    url: str
    types: tuple[str, ...]
    owner: str | None
    status: Status
    reason: Disabled | None
    failing_since: UtcTime | None
    throttled_until: UtcTime | None
    created_at: UtcTime


class EndpointWithSecret(EndpointAnswer):
    """The answer to making an endpoint or rotating its secret: the only ones that hold it."""

    secret: str


class AttemptAnswer(Model):
    """One attempt; `status_code` is null if there was no answer, and `error` says why."""

    number: int
    at: UtcTime
    status_code: int | None
    seconds: float
    error: str | None


class DeliveryAnswer(Model):
    """A webhook for the endpoint; `id` is its webhook-id. `reason` is a code, `message` a sentence for people.

    held: it waits for the endpoint to be made or enabled. `next_at` is the next attempt's moment.
    """

    id: str
    type: str
    run: str | None
    step: str | None
    status: DeliveryStatus
    reason: str | None
    message: str | None
    next_at: UtcTime | None
    created_at: UtcTime
    attempts: list[AttemptAnswer]


class TestAnswer(Model):
    """The webhook-id of the test that is being sent."""

    __test__ = False
    delivery: str


def routes(means: Means) -> APIRouter:
    """The endpoints."""
    router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"])
    reader = Annotated[Principal, requires("read")]
    editor = Annotated[Principal, requires("configure")]

    @router.get("")
    async def list_webhook_endpoints(
        principal: reader, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[EndpointAnswer]:
        """Endpoints by id."""
        async with means.database.read() as tx:
            found = await endpoints.page(tx, name_after(cursor), limit + 1)
        more = encode_cursor(found[limit - 1].id) if len(found) > limit else None
        return Page(items=[_answer(each, principal) for each in found[:limit]], next=more)

    @router.post("", status_code=201)
    async def add_webhook_endpoint(body: EndpointRequest, principal: editor, ids: WriteId) -> EndpointWithSecret:
        """Add an endpoint. The secret is in this answer and in no other: keep it where the receiver verifies.

        What playbooks sent to an endpoint of this id before it was there is delivered now.
        """
        await address.check_address(body.url, means.allow)
        made = _made(body, ids, means.clocks.wall.now())
        async with means.units() as uow:
            endpoints.add(uow.tx, made)
            kept = await _existing(uow.tx, made.id, lock=True)
            if kept.write_id != made.write_id:
                raise Conflict("endpoint_exists", f"There is an endpoint “{made.id}”. PATCH changes it.", field="id")
            means.record(uow, ids, principal, "webhook_endpoint.added", kept.id, types=list(kept.types))
            means.queue.woken_by(uow)
        return _with_secret(kept, principal)

    @router.get("/{id}")
    async def show_webhook_endpoint(id: str, principal: reader) -> EndpointAnswer:
        """An endpoint."""
        async with means.database.read() as tx:
            return _answer(await _existing(tx, id), principal)

    @router.patch("/{id}")
    async def change_webhook_endpoint(id: str, body: EndpointPatch, principal: editor, ids: WriteId) -> EndpointAnswer:
        """Change an endpoint; what is waiting goes to its new address."""
        if body.url is not None:
            await address.check_address(body.url, means.allow)
        async with means.units() as uow:
            known = await _existing(uow.tx, id, lock=True)
            if await repeated(uow, ids):
                return _answer(known, principal)
            changed = _changed(known, body)
            endpoints.save(uow.tx, [changed])
            means.record(uow, ids, principal, "webhook_endpoint.changed", id, fields=sorted(body.model_fields_set))
            means.queue.woken_by(uow)
        return _answer(changed, principal)

    @router.delete("/{id}", status_code=204)
    async def remove_webhook_endpoint(id: str, principal: editor, ids: WriteId) -> Response:
        """Remove an endpoint and give up what waits for it; playbooks that name it wait for a new one of its id."""
        async with means.units() as uow:
            if await repeated(uow, ids):
                return Response(status_code=204)
            await _existing(uow.tx, id, lock=True)
            await endpoints.remove(uow.tx, id)
            given_up = await effects.give_up_all(uow.tx, id, Failed.DELETED.value)
            means.record(uow, ids, principal, "webhook_endpoint.removed", id, given_up=given_up)
        return Response(status_code=204)

    @router.post("/{id}/rotate")
    async def rotate_webhook_secret(id: str, principal: editor, ids: WriteId) -> EndpointWithSecret:
        """Make a new secret. For 24 hours the one before signs along, so that the receiver can change in peace."""
        async with means.units() as uow:
            known = await _existing(uow.tx, id, lock=True)
            if await repeated(uow, ids):
                return _with_secret(known, principal)
            changed = replace(known, secrets=rotated(known.secrets, ids("secret"), means.clocks.wall.now()))
            endpoints.save(uow.tx, [changed])
            means.record(uow, ids, principal, "webhook_endpoint.rotated", id)
        return _with_secret(changed, principal)

    @router.post("/{id}/test", status_code=202)
    async def test_webhook_endpoint(id: str, principal: editor, ids: WriteId) -> TestAnswer:
        """Send a webhook of type webhook.test."""
        async with means.units() as uow:
            if (await _existing(uow.tx, id)).status is Status.DISABLED:
                raise Conflict("endpoint_disabled", f"“{id}” is disabled. PATCH its status to active first.")
            now = means.clocks.world.now()
            delivery = await means.queue.enqueue_test(uow, id, ids("test"), TEST, now)
        return TestAnswer(delivery=delivery)

    return router


def delivery_routes(means: Means) -> APIRouter:
    """What became of webhooks."""
    router = APIRouter(prefix="/v1/webhook-endpoints/{id}/deliveries", tags=["webhooks"])
    operator = Annotated[Principal, requires("operate")]

    @router.get("")
    async def list_webhook_deliveries(
        id: str, _: operator, status: DeliveryStatus | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[DeliveryAnswer]:
        """The webhooks for an endpoint with every attempt, the newest first; also for one that is not there yet."""
        async with means.database.read() as tx:
            endpoint = await endpoints.find(tx, id)
            if endpoint is None and not await effects.any_of(tx, id):
                raise _unknown(id)
            found = await effects.page(tx, id, _states(status, endpoint), after_of(cursor), limit + 1)
        shown, more = page_of(found, limit, lambda each: (each[0].created_at, each[0].id))
        return Page(items=[_delivery(effect, attempts, endpoint) for effect, attempts in shown], next=more)

    @router.post("/{effect}/replay", status_code=202)
    async def replay_webhook_delivery(id: str, effect: str, principal: operator, ids: WriteId) -> DeliveryAnswer:
        """Send a webhook again, with the id and the body it had, from the start of the schedule."""
        request = ids("replay")
        async with means.units() as uow:
            endpoint = await endpoints.find(uow.tx, id)
            known = await effects.find(uow.tx, id, effect, lock=True)
            if known is None:
                raise NotFound("unknown_delivery", f"No webhook {effect} was made for “{id}”.")
            if known.replay != request:
                if known.status is State.SENDING:
                    raise Conflict("delivery_in_progress", "It is being sent at this moment. Look at it again shortly.")
                await effects.send_again(uow.tx, effect, request, means.clocks.wall.now())
                means.record(uow, ids, principal, "webhook.replayed", effect, endpoint=id)
                means.queue.woken_by(uow)
            shown, attempts = await effects.one(uow.tx, effect)
        return _delivery(shown, attempts, endpoint)

    return router


async def _existing(tx: Tx, id_: str, *, lock: bool = False) -> Endpoint:
    found = await endpoints.find(tx, id_, lock=lock)
    if found is None:
        raise _unknown(id_)
    return found


def _unknown(id_: str) -> NotFound:
    return NotFound("unknown_endpoint", f"There is no webhook endpoint “{id_}”.")


def _made(body: EndpointRequest, ids: WriteIds, now: datetime) -> Endpoint:
    write = ids("endpoint")
    return Endpoint(
        id=body.id or write,
        url=body.url,
        secrets=(fresh_secret(write),),
        types=tuple(dict.fromkeys(body.types)),
        owner=body.owner,
        status=Status.ACTIVE,
        write_id=write,
        created_at=now,
    )


def _changed(endpoint: Endpoint, body: EndpointPatch) -> Endpoint:
    if body.url is not None:
        endpoint = replace(endpoint, url=body.url)
    if body.types is not None:
        endpoint = replace(endpoint, types=tuple(dict.fromkeys(body.types)))
    if "owner" in body.model_fields_set:
        endpoint = replace(endpoint, owner=body.owner)
    if body.status is Status.ACTIVE:
        return enabled(endpoint)
    if body.status is Status.DISABLED and endpoint.status is Status.ACTIVE:
        return disabled(endpoint, Disabled.BY_HAND)
    return endpoint


def _shown(endpoint: Endpoint, principal: Principal) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url if principal.has("configure") else address.origin(endpoint.url),
        "types": endpoint.types,
        "owner": endpoint.owner,
        "status": endpoint.status,
        "reason": endpoint.reason,
        "failing_since": endpoint.failing_since,
        "throttled_until": endpoint.throttled_until,
        "created_at": endpoint.created_at,
    }


def _answer(endpoint: Endpoint, principal: Principal) -> EndpointAnswer:
    return EndpointAnswer(**_shown(endpoint, principal))


def _with_secret(endpoint: Endpoint, principal: Principal) -> EndpointWithSecret:
    return EndpointWithSecret(**_shown(endpoint, principal), secret=endpoint.secrets[0].text)


def _held(endpoint: Endpoint | None) -> tuple[str, str] | None:
    """Why nothing can be sent to an endpoint, as a code and with a sentence's end."""
    if endpoint is None:
        return "no_endpoint", "does not exist yet"
    if endpoint.status is Status.DISABLED:
        return "endpoint_disabled", "is disabled"
    return None


def _states(status: DeliveryStatus | None, endpoint: Endpoint | None) -> Sequence[State]:
    """Which states of effects are shown as this status."""
    if status is None:
        return list(State)
    if status in ("held", "pending"):
        return [State.PENDING] if (status == "held") == (_held(endpoint) is not None) else []
    return [State(status)]


def _delivery(effect: Effect, attempts: Sequence[Delivery], endpoint: Endpoint | None) -> DeliveryAnswer:
    status: DeliveryStatus = effect.status.value
    reason, message = effect.reason, effect.last_error
    held = _held(endpoint) if effect.status is State.PENDING else None
    if held is not None:
        status, reason, message = "held", held[0], f"The endpoint “{effect.endpoint}” {held[1]}."
    elif effect.reason is not None:
        message = " ".join(part for part in (_WHY[Failed(effect.reason)], effect.last_error) if part)
    return DeliveryAnswer(
        id=effect.id,
        type=effect.type,
        run=effect.run,
        step=effect.step,
        status=status,
        reason=reason,
        message=message,
        next_at=effect.next_at if status == "pending" else None,
        created_at=effect.created_at,
        attempts=[
            AttemptAnswer(
                number=each.number, at=each.at, status_code=each.status_code, seconds=each.seconds, error=each.error
            )
            for each in attempts
        ],
    )

"""The routes that clients stream to: plain Starlette routes, since FastAPI's own handling halves what they take in.

SDKs know only 200 as success, and a body's Content-Type decides nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cskit.auth import INGEST, Principal
from cskit.clock import Clock
from cskit.errors import Forbidden
from cskit.http import principal_of
from cskit.limits import Limits
from ingest import bodies
from ingest.documented import document
from ingest.domain import cloudevents, posthog, segment
from ingest.domain.drafts import Refusal
from ingest.flow import Flow
from ingest.intake import Answer, Intake
from ingest.settings import RESERVED_SOURCES

_SINGLE: Final = {f"/v1/{call}": call for call in segment.CALLS}
_IMPORT: Final = "/v1/import"  # of the past, by its name
_BATCH: Final = ("/v1/batch", _IMPORT)
_POSTHOG: Final = ("/batch", "/batch/")
_POSTHOG_V1: Final = "/i/v1/analytics/events"
_CLOUDEVENTS: Final = "/v1/cloudevents"
_UNDECLARED_BYTES: Final = 1024 * 1024  # counted for a body that comes in pieces
SDK_PATHS: Final = (*_BATCH, *_SINGLE, *_POSTHOG, _POSTHOG_V1, _CLOUDEVENTS)  # with Segment's limits


Take = Callable[[Request], Awaitable[Response]]


def router(intake: Intake, flow: Flow, wall: Clock) -> APIRouter:
    """All of them, let in by the flow before their bodies are read, and by the key's limit before they are mapped."""
    made = APIRouter()
    door = _Door(intake, wall)
    routes: list[tuple[Sequence[str], Take]] = [
        (["/v1/events"], _Native(door).take),
        (_BATCH, _Segment(door).batch),
        (list(_SINGLE), _Segment(door).single),
        (_POSTHOG, _PostHog(door).batch),
        ([_POSTHOG_V1], _PostHog(door).events),
        ([_CLOUDEVENTS], _CloudEvents(door).take),
    ]
    for paths, take in routes:
        for path in paths:
            made.add_route(path, _let_in(take, flow), methods=["POST"])
    document(made)
    return made


def _let_in(take: Take, flow: Flow) -> Take:
    async def taken(request: Request) -> Response:
        declared = request.headers.get("content-length", "")
        with flow.taking(int(declared) if declared.isdigit() else _UNDECLARED_BYTES):
            return await take(request)

    return taken


@dataclass(frozen=True, slots=True)
class _Taken:
    answer: Answer
    headers: Mapping[str, str]  # what the key has left


class _Door:
    """Lets requests in whose keys may send, as much as they may send."""

    def __init__(self, intake: Intake, wall: Clock) -> None:
        self._intake = intake
        self._wall = wall
        self._limits = Limits()

    async def native(self, principal: Principal, items: Sequence[bytes | Refusal]) -> _Taken:
        headers = self._charge(principal, len(items))
        return _Taken(await self._intake.native(_source_of(principal), items), headers)

    async def segment(self, principal: Principal, given: bodies.Segment) -> _Taken:
        headers = self._charge(principal, len(given.items))
        return _Taken(await self._intake.segment(_source_of(principal), given), headers)

    def _charge(self, principal: Principal, events: int) -> Mapping[str, str]:
        if principal.limit is None:
            return {}
        return self._limits.charge(principal.key_id, principal.limit, max(events, 1), self._wall.now())


class _Native:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def take(self, request: Request) -> Response:
        principal = principal_of(request, INGEST)
        taken = await self._door.native(principal, bodies.native(await request.body()))
        return _answered(taken.answer, taken.headers)


class _Segment:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def batch(self, request: Request) -> Response:
        route: Route = request.scope["route"]
        return await self._take(request, bodies.segment(await _body(request), backfill=route.path == _IMPORT))

    async def single(self, request: Request) -> Response:
        route: Route = request.scope["route"]
        return await self._take(request, bodies.single(await _body(request), _SINGLE[route.path]))

    async def _take(self, request: Request, given: bodies.Segment) -> Response:
        taken = await self._door.segment(principal_of(request, INGEST, key=given.write_key), given)
        return _answered(taken.answer, taken.headers)


class _PostHog:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def batch(self, request: Request) -> Response:
        _, taken = await self._take(request)
        return _answered({"status": 1, **_in_words(taken.answer, posthog.told)}, taken.headers)

    async def events(self, request: Request) -> Response:
        """Its newer protocol, which wants to hear of each event by its uuid."""
        given, taken = await self._take(request)
        results: dict[str, dict[str, str]] = {}
        for item in _in_words(taken.answer, posthog.told)["items"]:
            uuid = given.uuids[item["index"]]
            if uuid is not None:
                refused = item["status"] == "refused"
                results[uuid] = {"result": "drop", "details": item["message"]} if refused else {"result": "ok"}
        return _answered({"results": results}, taken.headers)

    async def _take(self, request: Request) -> tuple[bodies.PostHog, _Taken]:
        given = bodies.posthog(await _body(request))
        principal = principal_of(request, INGEST, key=given.calls.write_key)
        return given, await self._door.segment(principal, given.calls)


class _CloudEvents:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def take(self, request: Request) -> Response:
        principal = principal_of(request, INGEST)
        items = bodies.cloudevents(await _body(request), request.headers, principal.source)
        taken = await self._door.native(principal, items)
        return _answered(_in_words(taken.answer, cloudevents.told), taken.headers)


async def _body(request: Request) -> bytes:
    body = await request.body()
    bodies.check_size(body)
    return body


def _in_words(answer: Answer, told: Callable[[str, str], tuple[str, str]]) -> Answer:
    """The refusals in the names that the client has for its fields."""
    for item in answer["items"]:
        if item["status"] == "refused":
            item["field"], item["message"] = told(item["field"], item["message"])
    return answer


def _source_of(principal: Principal) -> str:
    """The source of the caller's events. Forbidden if it is one of ours: their ids are guarded by nothing else."""
    if principal.source in RESERVED_SOURCES:
        raise Forbidden(
            "reserved_source",
            f"The key “{principal.name}” has the source “{principal.source}”, which is the name of a part of Kizashi. "
            "Send events with a key of another name or source: `kizashi keys new NAME --scope ingest` makes one.",
        )
    return principal.source


def _answered(answer: Answer, headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(answer), headers=headers, media_type="application/json")

"""The routes that clients stream to: plain Starlette routes, since FastAPI's own handling halves what they take in.

SDKs know only 200 as success, and a body's Content-Type decides nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cskit.auth import INGEST, Principal
from cskit.errors import Forbidden
from cskit.http import principal_of
from ingest import bodies
from ingest.domain import cloudevents, posthog, segment
from ingest.flow import Flow
from ingest.intake import Answer, Intake
from ingest.settings import RESERVED_SOURCES

_SINGLE: Final = {f"/v1/{call}": call for call in segment.CALLS}
_BATCH: Final = ("/v1/batch", "/v1/import")
_POSTHOG: Final = ("/batch", "/batch/")
_POSTHOG_V1: Final = "/i/v1/analytics/events"
_CLOUDEVENTS: Final = "/v1/cloudevents"
_UNDECLARED_BYTES: Final = 1024 * 1024  # counted for a body that comes in pieces
SDK_PATHS: Final = (*_BATCH, *_SINGLE, *_POSTHOG, _POSTHOG_V1, _CLOUDEVENTS)  # with Segment's limits


Take = Callable[[Request], Awaitable[Response]]


def router(intake: Intake, flow: Flow) -> APIRouter:
    """All of them, let in by the flow before their bodies are read."""
    made = APIRouter()
    routes: list[tuple[Sequence[str], Take]] = [
        (["/v1/events"], _Native(intake).take),
        (_BATCH, _Segment(intake).batch),
        (list(_SINGLE), _Segment(intake).single),
        (_POSTHOG, _PostHog(intake).batch),
        ([_POSTHOG_V1], _PostHog(intake).events),
        ([_CLOUDEVENTS], _CloudEvents(intake).take),
    ]
    for paths, take in routes:
        for path in paths:
            made.add_route(path, _let_in(take, flow), methods=["POST"])
    return made


def _let_in(take: Take, flow: Flow) -> Take:
    async def taken(request: Request) -> Response:
        declared = request.headers.get("content-length", "")
        with flow.taking(int(declared) if declared.isdigit() else _UNDECLARED_BYTES):
            return await take(request)

    return taken


class _Native:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def take(self, request: Request) -> Response:
        source = _source_of(principal_of(request, INGEST))
        return _answered(await self._intake.native(source, bodies.native(await request.body())))


class _Segment:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def batch(self, request: Request) -> Response:
        return await self._take(request, bodies.segment(await _body(request)))

    async def single(self, request: Request) -> Response:
        route: Route = request.scope["route"]
        return await self._take(request, bodies.single(await _body(request), _SINGLE[route.path]))

    async def _take(self, request: Request, given: bodies.Segment) -> Response:
        principal = principal_of(request, INGEST, key=given.write_key)
        return _answered(await self._intake.segment(_source_of(principal), given))


class _PostHog:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def batch(self, request: Request) -> Response:
        _, answer = await self._take(request)
        return _answered({"status": 1, **answer})

    async def events(self, request: Request) -> Response:
        """Its newer protocol, which wants to hear of each event by its uuid."""
        given, answer = await self._take(request)
        results: dict[str, dict[str, str]] = {}
        for item in answer["items"]:
            uuid = given.uuids[item["index"]]
            if uuid is not None:
                refused = item["status"] == "refused"
                results[uuid] = {"result": "drop", "details": item["message"]} if refused else {"result": "ok"}
        return _answered({"results": results})

    async def _take(self, request: Request) -> tuple[bodies.PostHog, Answer]:
        given = bodies.posthog(await _body(request))
        principal = principal_of(request, INGEST, key=given.calls.write_key)
        return given, _in_words(await self._intake.segment(_source_of(principal), given.calls), posthog.told)


class _CloudEvents:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def take(self, request: Request) -> Response:
        source = _source_of(principal_of(request, INGEST))
        items = bodies.cloudevents(await _body(request), request.headers, source)
        return _answered(_in_words(await self._intake.native(source, items), cloudevents.told))


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


def _answered(answer: dict[str, object]) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")

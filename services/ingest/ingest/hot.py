"""The routes that clients stream to: plain Starlette routes, since FastAPI's own handling halves what they take in.

SDKs know only 200 as success, and a body's Content-Type decides nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cskit.auth import INGEST, Principal
from cskit.clock import Clock
from cskit.errors import Forbidden
from cskit.http import key_of, principal_of
from cskit.limits import Limits
from ingest import bodies, cors
from ingest.documented import document
from ingest.domain import cloudevents, posthog, segment
from ingest.domain.columns import Usage
from ingest.domain.drafts import Refusal
from ingest.flow import Flow, Taking
from ingest.intake import Answer, Intake
from ingest.settings import RESERVED_SOURCES

_SINGLE: Final = {f"/v1/{call}": call for call in segment.CALLS}
_IMPORT: Final = "/v1/import"  # of the past, by its name
_BATCH: Final = ("/v1/batch", _IMPORT)
_POSTHOG: Final = ("/batch", "/batch/")
_POSTHOG_V1: Final = "/i/v1/analytics/events"
_CLOUDEVENTS: Final = "/v1/cloudevents"
_NATIVE: Final = "/v1/events"
_BY_HEADER: Final = (_NATIVE, _CLOUDEVENTS)  # whose bodies hold no key
SDK_PATHS: Final = (*_BATCH, *_SINGLE, *_POSTHOG, _POSTHOG_V1, _CLOUDEVENTS)  # with Segment's limits


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request that was read. `caller` is None where only the body can say whose it is."""

    request: Request
    body: bytes
    caller: Principal | None
    taking: Taking

    def caller_by(self, key: str | None = None) -> Principal:
        """The caller, by the header or else by the key that the body holds. Raises Unauthorized or Forbidden."""
        if self.caller is not None:
            return self.caller
        caller = principal_of(self.request, INGEST, key=key, for_pages=True)
        self.taking.know()
        return caller


Take = Callable[[_Sent], Awaitable[Response]]


def router(intake: Intake, flow: Flow, wall: Clock) -> APIRouter:
    """All of them, let in by the flow as their bodies are read, and by the key's limit before they are mapped."""
    made = APIRouter()
    door = _Door(intake, wall)
    routes: list[tuple[Sequence[str], Take]] = [
        ([_NATIVE], _Native(door).take),
        (_BATCH, _Segment(door).batch),
        (list(_SINGLE), _Segment(door).single),
        (_POSTHOG, _PostHog(door).batch),
        ([_POSTHOG_V1], _PostHog(door).events),
        ([_CLOUDEVENTS], _CloudEvents(door).take),
    ]
    for paths, take in routes:
        for path in paths:
            taken = _let_in(take, flow, key_in_body=path not in _BY_HEADER)
            made.routes.append(Route(path, taken, methods=["POST"], middleware=[Middleware(cors.Readable)]))
            made.add_route(path, cors.preflight, methods=["OPTIONS"])
    document(made)
    return made


def _let_in(take: Take, flow: Flow, *, key_in_body: bool) -> Callable[[Request], Awaitable[Response]]:
    async def taken(request: Request) -> Response:
        caller: Principal | None = None
        if not key_in_body or key_of(request.headers.get("authorization")) is not None:
            caller = principal_of(request, INGEST, for_pages=True)  # before its body takes room
        with flow.taking(known=caller is not None) as taking:
            return await take(_Sent(request, await _read(request, taking), caller, taking))

    return taken


async def _read(request: Request, taking: Taking) -> bytes:
    pieces: list[bytes] = []
    async for piece in request.stream():
        taking.add(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


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

    async def native(self, principal: Principal, items: Usage | Sequence[bytes | Refusal]) -> _Taken:
        headers = self._charge(principal, len(items))
        browser = bool(principal.origins)
        return _Taken(await self._intake.native(_source_of(principal), items, usage_only=browser), headers)

    async def segment(self, principal: Principal, given: bodies.Segment) -> _Taken:
        headers = self._charge(principal, len(given.items))
        browser = bool(principal.origins)
        return _Taken(await self._intake.segment(_source_of(principal), given, usage_only=browser), headers)

    def _charge(self, principal: Principal, events: int) -> Mapping[str, str]:
        if principal.limit is None:
            return {}
        return self._limits.charge(principal.key_id, principal.limit, max(events, 1), self._wall.now())


class _Native:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def take(self, sent: _Sent) -> Response:
        caller, items = sent.caller_by(), bodies.native(sent.body)
        del sent  # its body is held by the items, as long as they are needed
        taken = await self._door.native(caller, items)
        return _answered(taken.answer, taken.headers)


class _Segment:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def batch(self, sent: _Sent) -> Response:
        bodies.check_size(sent.body)
        return await self._take(sent, bodies.segment(sent.body, backfill=_path_of(sent) == _IMPORT))

    async def single(self, sent: _Sent) -> Response:
        bodies.check_size(sent.body)
        return await self._take(sent, bodies.single(sent.body, _SINGLE[_path_of(sent)]))

    async def _take(self, sent: _Sent, given: bodies.Segment) -> Response:
        taken = await self._door.segment(sent.caller_by(given.write_key), given)
        return _answered(taken.answer, taken.headers)


class _PostHog:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def batch(self, sent: _Sent) -> Response:
        _, taken = await self._take(sent)
        return _answered({"status": 1, **_in_words(taken.answer, posthog.told)}, taken.headers)

    async def events(self, sent: _Sent) -> Response:
        """Its newer protocol, which wants to hear of each event by its uuid."""
        given, taken = await self._take(sent)
        results: dict[str, dict[str, str]] = {}
        for item in _in_words(taken.answer, posthog.told)["items"]:
            uuid = given.uuids[item["index"]]
            if uuid is not None:
                results[uuid] = _result(item)
        return _answered({"results": results}, taken.headers)

    async def _take(self, sent: _Sent) -> tuple[bodies.PostHog, _Taken]:
        bodies.check_size(sent.body)
        given = bodies.posthog(sent.body)
        return given, await self._door.segment(sent.caller_by(given.calls.write_key), given.calls)


class _CloudEvents:
    def __init__(self, door: _Door) -> None:
        self._door = door

    async def take(self, sent: _Sent) -> Response:
        caller = sent.caller_by()
        bodies.check_size(sent.body)
        items = bodies.cloudevents(sent.body, sent.request.headers, caller.source)
        taken = await self._door.native(caller, items)
        return _answered(_in_words(taken.answer, cloudevents.told), taken.headers)


def _path_of(sent: _Sent) -> str:
    route: Route = sent.request.scope["route"]
    return route.path


def _result(item: Mapping[str, str]) -> dict[str, str]:
    """What became of an item in the words of PostHog's newer protocol."""
    if "message" not in item:
        return {"result": "ok"}
    return {"result": "drop" if item["status"] == "refused" else "warning", "details": item["message"]}


def _in_words(answer: Answer, told: Callable[[str, str], tuple[str, str]]) -> Answer:
    """What is said of fields in the names that the client has for them."""
    for item in answer["items"]:
        if "message" in item:
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

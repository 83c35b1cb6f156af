"""POST /v1/batch and POST /v1/events: plain Starlette routes, since FastAPI's own handling halves what they take in."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cskit.auth import INGEST, Principal
from cskit.errors import Forbidden
from cskit.http import principal_of
from ingest import bodies
from ingest.intake import Intake
from ingest.settings import RESERVED_SOURCES


def router(intake: Intake) -> APIRouter:
    """Both routes. SDKs know only 200 as success, and a body's Content-Type decides nothing."""

    async def batch(request: Request) -> Response:
        body = await request.body()
        bodies.check_size(body)
        given = bodies.segment(body)
        principal = principal_of(request, INGEST, key=given.write_key)
        return _answered(await intake.segment(_source_of(principal), given))

    async def events(request: Request) -> Response:
        principal = principal_of(request, INGEST)
        body = await request.body()
        bodies.check_size(body)
        return _answered(await intake.native(_source_of(principal), bodies.native(body)))

    made = APIRouter()
    made.add_route("/v1/batch", batch, methods=["POST"])
    made.add_route("/v1/events", events, methods=["POST"])
    return made


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

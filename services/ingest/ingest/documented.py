"""The hot routes in the OpenAPI document: what each takes, by an example that a test sends, and what it answers.

FastAPI knows nothing of plain Starlette routes. These stand-ins have their paths and are never reached: plain routes
are tried first.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request

from cskit.auth import INGEST
from cskit.http import requires
from csmodels.api import EventsAnswer

_EVENT: Final = {
    "id": "e-1",
    "type": "usage.tracked",
    "account": "acme",
    "user": "u-1",
    "time": "2026-01-31T09:30:00Z",
    "data": {"name": "report.exported", "properties": {"pages": 3}},
}
_CALL: Final = {
    "messageId": "m-1",
    "userId": "u-1",
    "context": {"groupId": "acme"},
    "timestamp": "2026-01-31T09:30:00Z",
}
_TRACK: Final = {**_CALL, "event": "report.exported", "properties": {"pages": 3}}
_POSTHOG: Final = {
    "api_key": "kz_...",
    "batch": [
        {
            "uuid": "0194b2f4-0000-7000-8000-000000000001",
            "event": "report.exported",
            "distinct_id": "u-1",
            "properties": {"$groups": {"company": "acme"}, "pages": 3},
            "timestamp": "2026-01-31T09:30:00Z",
        }
    ],
}
_CLOUDEVENT: Final = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/product",
    "type": "usage.tracked",
    "subject": "acme",
    "user": "u-1",
    "data": {"name": "report.exported"},
}

# path -> what it is for, and a body
EXAMPLES: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "/v1/events": ("Events in our own form: one, a list, {“events”: [...]}, or a line each", {"events": [_EVENT]}),
    "/v1/batch": ("Segment's and RudderStack's batch", {"batch": [{"type": "track", **_TRACK}]}),
    "/v1/import": ("A batch of the past: it starts no playbook", {"batch": [{"type": "track", **_TRACK}]}),
    "/v1/track": ("One track call", _TRACK),
    "/v1/page": ("One page call", {**_CALL, "name": "docs"}),
    "/v1/screen": ("One screen call", {**_CALL, "name": "home"}),
    "/v1/identify": ("One identify call", {**_CALL, "traits": {"email": "hana@example.com", "locale": "ja"}}),
    "/v1/group": ("One group call", {**_CALL, "groupId": "acme", "traits": {"name": "Acme", "plan": "gold"}}),
    "/v1/alias": ("One alias call", {**_CALL, "previousId": "visitor-1"}),
    "/batch/": ("PostHog's batch", _POSTHOG),
    "/i/v1/analytics/events": ("PostHog's newer batch, answered by uuid", {"batch": _POSTHOG["batch"]}),
    "/v1/cloudevents": ("CloudEvents: binary, structured or batched", _CLOUDEVENT),
}
_OURS: Final = frozenset({"/v1/events", "/v1/cloudevents"})
_OUR_FIELDS: Final = " One whose data holds a field that its type does not have is refused: unknown_field."
_ANSWERS_OTHERWISE: Final = frozenset({"/i/v1/analytics/events"})


def document(made: APIRouter) -> None:
    """Put the hot routes into the document of this router's app."""
    for path, (summary, example) in EXAMPLES.items():
        made.add_api_route(
            path,
            _unreached,
            methods=["POST"],
            tags=["ingest"],
            summary=summary,
            description="A body's Content-Type decides nothing. Answers 200 and says what became of each item."
            + (_OUR_FIELDS if path in _OURS else ""),
            operation_id="post" + path.replace("/", "_").rstrip("_"),
            response_model=None if path in _ANSWERS_OTHERWISE else EventsAnswer,
            dependencies=[requires(INGEST)],
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
                }
            },
        )


async def _unreached(request: Request) -> None:
    raise AssertionError(f"{request.url.path} is a plain route, and those are tried first")

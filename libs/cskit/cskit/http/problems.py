"""Errors as RFC 9457 problem details, which also hold `code` and `message` (SDKs ask for them), rendered once."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from cskit.db import DatabaseUnavailable
from cskit.errors import JSON, DomainError, NotFound, Unauthorized, Unavailable
from cskit.log import LogError

_UNAVAILABLE = Unavailable(
    "storage_unavailable", "The database or the log does not answer at the moment. Nothing was changed; try again."
)
CHALLENGE = 'Bearer realm="kizashi", Basic realm="kizashi", charset="UTF-8"'
REQUEST_ID = "kizashi.request_id"  # where the edge leaves the request's id in the scope


class Problem(JSONResponse):
    """A problem document."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        """As JSON. Half a character that a message repeats becomes a question mark: it has no bytes."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(errors="replace")


class Refused(HTTPException):
    """An error met while a body is read. FastAPI lets an HTTPException through there, and makes 400 of all others."""

    def __init__(self, error: DomainError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error.status, headers=headers)
        self.error = error


def problem_response(error: DomainError, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that failed so."""
    document: dict[str, JSON] = {
        **error.extra,
        "type": f"urn:kizashi:error:{error.code}",
        "title": _phrase(error.status),
        "status": error.status,
        "detail": error.message,
        "instance": str(scope.get("path", "")),
        "code": error.code,
        "message": error.message,
    }
    if error.field is not None:
        document["field"] = error.field
    if REQUEST_ID in scope:
        document["request_id"] = str(scope[REQUEST_ID])
    return Problem(document, status_code=error.status, headers={**_headers(error), **(headers or {})})


def handle_problems(app: FastAPI) -> None:
    """Render every error of `app`, of FastAPI's routes and of plain Starlette routes, as a problem."""

    for kind in (DomainError, RequestValidationError, HTTPException, DatabaseUnavailable, LogError):
        app.add_exception_handler(kind, _render)


async def _render(request: Request, error: Exception) -> Response:
    match error:
        case DomainError():
            return problem_response(error, request.scope)
        case RequestValidationError():
            return problem_response(of_validation(error.errors()), request.scope)
        case DatabaseUnavailable() | LogError():
            return problem_response(_UNAVAILABLE, request.scope)
        case HTTPException():
            return problem_response(_of_http(error, request), request.scope, error.headers)
        case _:
            raise error


def of_validation(errors: Sequence[Any]) -> DomainError:
    """What pydantic found in a request, without the values that were sent."""
    if errors and errors[0]["type"] == "json_invalid":
        at = errors[0]["loc"][-1]
        return DomainError("invalid_json", f"The body is not JSON: an error at character {at}.", status=400)
    found: list[dict[str, JSON]] = [{"field": _field(error["loc"]), "message": str(error["msg"])} for error in errors]
    first = f"{found[0]['field']}: {found[0]['message']}." if found else "It does not have the expected form."
    more = f" And {len(found) - 1} more." if len(found) > 1 else ""
    return DomainError(
        "invalid_request",
        f"The request is not valid. {first}{more}",
        status=422,
        field=str(found[0]["field"]) if found else None,
        extra={"errors": found},
    )


def _field(place: Sequence[object]) -> str:
    """`("body", "items", 0, "name")` as items.0.name; "body" if the whole of it is meant."""
    return ".".join(str(part) for part in place[1:]) or str(place[0])


def unexpected() -> DomainError:
    """What a client is told of an error that nobody foresaw: only that, and the id to look for in the log."""
    return DomainError(
        "internal_error", "Something went wrong here. Try again; if it stays, tell us the request_id.", status=500
    )


def _of_http(error: HTTPException, request: Request) -> DomainError:
    if isinstance(error, Refused):
        return error.error
    if error.status_code == 400 and error.__cause__ is not None:  # FastAPI's reader failed in a way of its own
        message = "The body cannot be read: it is nested too deep, or a text or a number in it is no JSON."
        return DomainError("invalid_json", message, status=400)
    if error.status_code == 404:
        return NotFound("not_found", f"There is nothing at {request.url.path}. /docs lists what there is.")
    if error.status_code == 405:
        return DomainError("method_not_allowed", f"{request.method} is not possible at {request.url.path}.", status=405)
    return DomainError(f"http_{error.status_code}", str(error.detail), status=error.status_code)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _headers(error: DomainError) -> dict[str, str]:
    if isinstance(error, Unavailable):
        return {"Retry-After": str(math.ceil(error.retry_after))}
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": CHALLENGE}
    if error.status == 413:
        return {"Connection": "close"}  # the rest of the body is not read
    return {}

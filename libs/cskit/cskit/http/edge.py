"""The outermost middleware: request id, trace, access log, metrics, and the answer to an error nobody foresaw."""

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from uuid import uuid4

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cskit.auth import Principal
from cskit.errors import Invalid
from cskit.http.access import PRINCIPAL
from cskit.http.problems import REQUEST_ID, problem_response, unexpected
from cskit.observability import HTTP_REQUESTS, HTTP_SECONDS, bind_traceparent, get_logger

_SANE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = get_logger()


# PostgreSQL takes no NUL, not even to look for it: refused once, for all routes
_NUL: Final = Invalid("invalid_text", "The address holds a NUL character (%00). Take it out.")


class Edge:
    """ASGI middleware. Answers X-Request-Id: the caller's if it is sane, else a new one."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or REQUEST_ID in scope:  # mounted in another app, whose edge has it in hand
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        request_id = _request_id(headers)
        scope[REQUEST_ID] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with (
            bind_traceparent(headers.get(b"traceparent", b"").decode("latin-1")),
            structlog.contextvars.bound_contextvars(request_id=request_id),
        ):
            try:
                if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
                    await problem_response(_NUL, scope)(scope, receive, answer)
                    return
                await self._app(scope, receive, answer)
            except Exception:
                log.exception("http.failed", service=self._service, method=scope["method"], route=_template(scope))
                if status:
                    raise  # the server cuts the answer that had begun
                await problem_response(unexpected(), scope)(scope, receive, answer)
            finally:
                self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _template(scope)
        requests, durations = _counters(self._service, method, route, status)
        requests.inc()
        durations.observe(seconds)
        principal: Principal | None = scope.get(PRINCIPAL)
        # a hot route's successes are counted, not told one by one: the line cost as much as taking the event
        hot = type(scope.get("route")) is Route and status < 400
        say = log.debug if hot or route in _QUIET else log.info
        say(
            "http.request",
            service=self._service,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            caller=principal.name if principal else None,
        )


@lru_cache(maxsize=2048)
def _counters(service: str, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return HTTP_REQUESTS.labels(service, method, route, str(status)), HTTP_SECONDS.labels(service, method, route)


def _template(scope: Scope) -> str:
    """The route's template, such as /v1/accounts/{id}: never the raw path, which holds ids and has no end of values."""
    template = getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) and template else "unmatched"


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if _SANE_ID.fullmatch(given) else str(uuid4())

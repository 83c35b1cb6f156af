"""What lets pages of other origins send events: the preflight, and answers that their scripts may read.

By the Fetch standard, https://fetch.spec.whatwg.org/#http-cors-protocol. An origin is let in as soon as some browser
key has it; which key may send from where is for the key's own check.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cskit.auth import SOURCE_HEADER, Keys

_ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": f"authorization, content-type, content-encoding, {SOURCE_HEADER.lower()}",
    "Access-Control-Max-Age": "600",
}
_EXPOSED: Final = "RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"


async def preflight(request: Request) -> Response:
    """204; with leave to send if the origin is one of a browser key."""
    headers = {"Vary": "Origin"}
    origin = request.headers.get("origin")
    if origin is not None and _known(request.scope, origin):
        headers |= {_ALLOW_ORIGIN: origin, **_PREFLIGHT}
    return Response(status_code=204, headers=headers)


class Readable:
    """ASGI middleware of a route: pages of known origins may read its answers, refusals too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if said is None:  # no page has sent it
            await self._app(scope, receive, send)
            return
        origin = said.decode("latin-1")
        known = _known(scope, origin)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if known:
                    headers[_ALLOW_ORIGIN] = origin
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
            await send(message)

        await self._app(scope, receive, answer)


def _known(scope: Scope, origin: str) -> bool:
    keys: Keys = scope["app"].state.keys
    return keys.knows_origin(origin)

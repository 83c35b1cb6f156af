"""Calls from one service to another."""

import httpx
from pydantic import SecretStr

from cskit.auth import ACTOR_HEADER
from cskit.observability import child_of, current_traceparent

TIMEOUT = httpx.Timeout(10.0, connect=2.0)


def service_client(
    url: str, service_key: SecretStr, actor: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client of the service at `url` with the shared key, for `actor` if given. Each request carries the trace.

    The caller closes it. No redirect is followed, no proxy of the environment is used.
    """
    headers = {"authorization": f"Bearer {service_key.get_secret_value()}", "accept": "application/json"}
    if actor is not None:
        headers[ACTOR_HEADER] = actor

    async def trace(request: httpx.Request) -> None:
        request.headers["traceparent"] = child_of(current_traceparent())

    return httpx.AsyncClient(
        base_url=url,
        headers=httpx.Headers(headers, encoding="utf-8"),
        timeout=TIMEOUT,
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        event_hooks={"request": [trace]},
    )

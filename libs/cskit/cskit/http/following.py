"""A stream of cskit.http.feeds as a client follows it: joined again after a gap, where the last event left off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse

from cskit.observability import get_logger

SILENT_SECONDS: Final = 60.0  # without even a ping, after which a connection counts as lost
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 5.0
_GONE: Final = 410

log = get_logger()

Heard = Callable[[ServerSentEvent], Awaitable[None]]
Standing = Callable[[bool], None]


async def follow(client: httpx.AsyncClient, path: str, heard: Heard, standing: Standing) -> NoReturn:
    """Tell each event from now on, until cancelled.

    `standing` is told True once nothing is missed any more, and False when the connection is lost; after that events
    may come late but none is missed, unless the log has dropped them meanwhile. Raises httpx.HTTPStatusError for an
    answer that will not change by asking again (400 to 499).
    """
    last: str | None = None
    wait = _FIRST_WAIT
    while True:
        reason = "it ended"
        try:
            headers = {"last-event-id": last} if last is not None else {}
            timeout = httpx.Timeout(10.0, read=SILENT_SECONDS)
            async with aconnect_sse(client, "GET", path, headers=headers, timeout=timeout) as source:
                if source.response.status_code == _GONE:
                    last = None
                source.response.raise_for_status()
                async for event in source.aiter_sse():
                    wait = _FIRST_WAIT
                    last = event.id or last
                    if event.event == "ready":
                        standing(True)
                    elif event.data:  # a ping has none
                        await heard(event)
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500 and error.response.status_code != _GONE:
                raise
            reason = f"status {error.response.status_code}"
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
        standing(False)
        log.info("stream.lost", path=path, reason=reason, again_in=wait)
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)

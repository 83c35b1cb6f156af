"""/live: what changed on an open page, as finished HTML."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from console.doors import Doors, Unfit
from console.listening import News, Subscription
from console.pages.account import AccountPage, Watching
from console.pages.accounts import AccountsPage
from console.pages.tasks import TasksPage
from console.parts import Fragments
from console.rendering import HEADERS
from console.upstream import Refused, Unreachable
from console.visits import Visit
from cskit.observability import get_logger

_PAUSE: Final = 0.5  # seconds between two looks: what comes meanwhile is shown together
_GLANCE: Final = 1.5  # an account's timeline also holds what moves no score: look at its newest entry
_ANEW: Final = 10.0  # ages and due times move on by themselves

log = get_logger()


@dataclass(frozen=True, slots=True)
class Watched:
    """A page being watched: how to read it anew, whose events concern it (None: everybody's), a cheap look."""

    read: Callable[[Visit], Awaitable[Fragments]]
    account: str | None = None
    glance: Callable[[Visit], Awaitable[str | None]] | None = None


@dataclass(frozen=True, slots=True)
class LiveStream:
    """One stream an open page."""

    doors: Doors
    news: News
    closing: asyncio.Event
    accounts: AccountsPage
    account: AccountPage
    tasks: TasksPage

    async def open(self, request: Request, visit: Visit) -> Response:
        """Server-sent events until the page is left, the session is over, or the server stops."""
        watched = self._watched(request, visit)
        if watched is None:
            return PlainTextResponse("There is no such view.", 404, HEADERS)
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(None, 200, headers, "text/event-stream")
        return StreamingResponse(self._events(visit, watched), 200, headers, "text/event-stream")

    def _watched(self, request: Request, visit: Visit) -> Watched | None:
        query = request.query_params
        match query.get("view"):
            case "accounts":
                return Watched(lambda now: self.accounts.fragments(now, query))
            case "tasks":
                return Watched(lambda now: self.tasks.fragments(now, query))
            case "account" if id_ := query.get("id"):
                watching = Watching(since=visit.formats.now)
                return Watched(
                    lambda now: self.account.fragments(now, id_, query, watching),
                    account=id_,
                    glance=lambda now: self.account.newest(now, id_),
                )
        return None

    async def _events(self, visit: Visit, watched: Watched) -> AsyncIterator[str]:
        sent: dict[str, str] = {}
        order: list[str] | None = None
        ends = asyncio.create_task(self.closing.wait())
        try:
            with self.news.subscribed(watched.account) as subscription:
                yield "retry: 1000\n\n"
                while not self.closing.is_set() and self._signed_in(visit):
                    subscription.woken.clear()
                    seen = await self._glanced(visit, watched)
                    now = replace(visit, formats=replace(visit.formats, now=self.doors.place.clocks.world.now()))
                    current = await self._read(now, watched)
                    live = self.news.connected and current is not None
                    yield _event("state", {"live": live, "at": now.formats.clock(now.formats.now)})
                    if current is not None:
                        for id_, html in current.parts.items():
                            if sent.get(id_) != html:
                                sent[id_] = html
                                yield _event("fragment", {"id": id_, "html": html})
                        if current.order is not None and list(current.order) != order:
                            order = list(current.order)
                            yield _event("order", {"ids": order})
                    await self._something(subscription, ends, visit, watched, seen)
        finally:
            ends.cancel()

    async def _read(self, visit: Visit, watched: Watched) -> Fragments | None:
        """The page as it is now; None if it cannot be read at the moment, which the next look makes good."""
        try:
            return await watched.read(visit)
        except (Unreachable, Refused, Unfit) as error:
            log.warning("console.live_unread", reason=str(error))
            return None

    async def _something(
        self, subscription: Subscription, ends: "asyncio.Task[bool]", visit: Visit, watched: Watched, seen: str | None
    ) -> None:
        """Wait until the page should be read again: something came, or long enough has passed."""
        clock = asyncio.get_running_loop().time
        started = clock()
        await _until(ends, _PAUSE)
        while not ends.done() and not subscription.woken.is_set() and clock() - started < _ANEW:
            woken = asyncio.create_task(subscription.woken.wait())
            try:
                await asyncio.wait((ends, woken), timeout=_GLANCE, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
            if not woken.done() and await self._glanced(visit, watched) != seen:
                return

    async def _glanced(self, visit: Visit, watched: Watched) -> str | None:
        if watched.glance is None:
            return None
        try:
            return await watched.glance(visit)
        except (Unreachable, Refused) as error:
            log.info("console.glance_failed", reason=str(error))
            return None

    def _signed_in(self, visit: Visit) -> bool:
        return self.doors.place.clocks.wall.now() < visit.session.until


async def _until(ends: "asyncio.Task[bool]", seconds: float) -> None:
    await asyncio.wait((ends,), timeout=seconds)


def _event(kind: str, data: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"

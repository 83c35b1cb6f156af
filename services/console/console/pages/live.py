"""/live: what changed on an open page, as finished HTML."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from console.doors import Doors, Unfit
from console.listening import News, Subscription
from console.pages.account import AccountPage, Watching
from console.pages.accounts import AccountsPage
from console.pages.sources import SourcesPage
from console.pages.tasks import TasksPage
from console.parts import Fragments
from console.rendering import HEADERS
from console.upstream import Refused, Unreachable
from console.visits import Visit
from cskit.observability import get_logger

_PAUSE: Final = 0.5  # seconds between two looks, at least: what comes meanwhile is shown together
_REST: Final = 5  # times as long as the last look took, so that pages take a sixth of the time at most
_LONGEST_REST: Final = 30.0
_GLANCE: Final = 1.5  # an account's timeline also holds what moves no score: look at its newest entry
_ARRIVALS: Final = 0.4  # seconds: so often a page of sources asks what came in
_QUICK: Final = 0.3  # a look that took longer says that the services are busy: no glances then
_ANEW: Final = 10.0  # ages and due times move on by themselves
_MOST_STREAMS: Final = 200  # in this process
_AGAIN: Final = 15  # seconds, to those that found no room

T = TypeVar("T")
Ending = asyncio.Task[Literal[True]]

log = get_logger()


@dataclass(frozen=True, slots=True)
class Watched:
    """A page being watched: how to read it anew, whose events concern it (None: everybody's; "": nobody's), a
    cheap look and the seconds between two of them.
    """

    read: Callable[[Visit], Awaitable[Fragments]]
    account: str | None = None
    glance: Callable[[Visit], Awaitable[str | None]] | None = None
    every: float = _GLANCE


@dataclass(frozen=True, slots=True)
class LiveStream:
    """One stream an open page."""

    doors: Doors
    news: News
    closing: asyncio.Event
    accounts: AccountsPage
    account: AccountPage
    tasks: TasksPage
    sources: SourcesPage

    async def open(self, request: Request, visit: Visit) -> Response:
        """Server-sent events until the page is left, the session is over, or the server stops."""
        watched = self._watched(request, visit)
        if watched is None:
            return PlainTextResponse("There is no such view.", 404, HEADERS)
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        if self.news.followers >= _MOST_STREAMS:
            log.warning("console.live_full", streams=_MOST_STREAMS)
            busy = {**HEADERS, "Retry-After": str(_AGAIN)}
            return PlainTextResponse("Too many pages are open.", 503, busy)
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
            case "sources" if visit.may_operate:
                return Watched(self.sources.fragments, account="", glance=self.sources.newest, every=_ARRIVALS)
            case "source" if visit.may_operate and (name := query.get("name")):
                return Watched(
                    lambda now: self.sources.fragments_of(now, name),
                    account="",
                    glance=lambda now: self.sources.newest_of(now, name),
                    every=_ARRIVALS,
                )
        return None

    async def _events(self, visit: Visit, watched: Watched) -> AsyncIterator[str]:
        sent: dict[str, str] = {}
        order: list[str] | None = None
        ends, took = asyncio.create_task(self.closing.wait()), 0.0
        clock = asyncio.get_running_loop().time
        try:
            with self.news.subscribed(watched.account) as subscription:
                yield "retry: 1000\n\n"
                while not ends.done():
                    if not self._left(visit):
                        yield _event("over", {})
                        return
                    subscription.woken.clear()
                    began, glancing = clock(), took <= _QUICK
                    seen = await _unless(ends, self._glanced(visit, watched)) if glancing else None
                    now = replace(visit, formats=replace(visit.formats, now=self.doors.place.clocks.world.now()))
                    try:
                        current = await _unless(ends, self._read(now, watched))
                    except Unfit as error:  # the account was erased
                        log.info("console.live_over", reason=str(error))
                        yield _event("over", {})
                        return
                    if ends.done():
                        return
                    took = clock() - began
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
                    await _until(ends, min(max(_PAUSE, _REST * took), _LONGEST_REST, self._left(visit)))
                    if not (glancing and took <= _QUICK):
                        seen = None
                    await self._something(subscription, ends, visit, watched, seen)
        finally:
            ends.cancel()

    async def _read(self, visit: Visit, watched: Watched) -> Fragments | None:
        """The page as it is now; None if it cannot be read at the moment, which the next look makes good.

        Unfit if there is no such page any more.
        """
        try:
            return await watched.read(visit)
        except Unfit:
            raise
        except (Unreachable, Refused) as error:
            log.warning("console.live_unread", reason=str(error))
            return None
        except Exception:  # the answer has begun: it cannot become an error any more
            log.exception("console.live_failed")
            return None

    async def _something(
        self, subscription: Subscription, ends: Ending, visit: Visit, watched: Watched, seen: str | None
    ) -> None:
        """Wait until the page should be read again: something came, or long enough has passed.

        Without `seen` there are no glances.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + min(_ANEW, self._left(visit))
        while not ends.done() and not subscription.woken.is_set() and clock() < until:
            woken = asyncio.create_task(subscription.woken.wait())
            try:
                wait = min(watched.every, until - clock())
                await asyncio.wait((ends, woken), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
            if seen is None or woken.done() or ends.done():
                continue
            found = await _unless(ends, self._glanced(visit, watched))
            if found is not None and found != seen:
                return

    async def _glanced(self, visit: Visit, watched: Watched) -> str | None:
        """What the cheap look shows; None if there is none, or it cannot be had at the moment."""
        if watched.glance is None:
            return None
        try:
            return await watched.glance(visit)
        except (Unreachable, Refused) as error:
            log.info("console.glance_failed", reason=str(error))
            return None

    def _left(self, visit: Visit) -> float:
        """How many seconds the session goes on; 0 once it is over."""
        return max(0.0, (visit.session.until - self.doors.place.clocks.wall.now()).total_seconds())


async def _until(ends: Ending, seconds: float) -> None:
    await asyncio.wait((ends,), timeout=seconds)


async def _unless(ends: Ending, call: Coroutine[object, object, T]) -> T | None:
    """What the call gives; None, and the call is given up, if the end comes first."""
    calling = asyncio.create_task(call)
    try:
        await asyncio.wait((ends, calling), return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        calling.cancel()


def _event(kind: str, data: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"

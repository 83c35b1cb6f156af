"""A topic as server-sent events.

Every replica reads the whole topic by itself, without a group, so that any of them can serve anybody. The id of an
event is a place on the topic: the next offset of every partition, `0:17,1:3,...`. A client that comes back with it
(Last-Event-ID), to whatever replica, gets what it missed and then what comes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from cskit.auth import READ, Principal
from cskit.errors import DomainError, Invalid, Unavailable
from cskit.http.access import principal_of, requires
from cskit.log import Log, LogError, Reader, Record
from cskit.observability import get_logger
from cskit.peek import type_of

POLL_SECONDS: Final = 0.5  # how soon a stop is noticed; records wake a poll at once
POLL_RECORDS: Final = 500
BEHIND: Final = 2_000  # events a client may be behind; then it is cut off, and comes back for the rest
PING_SECONDS: Final = 15
SEND_SECONDS: Final = 3.0  # that a client may take to read; also what it can hold up a stop
START_SECONDS: Final = 5.0
KEY_SECONDS: Final = 1.0  # for which a key that was good is taken for good

Place = Mapping[int, int]  # partition -> next offset
Events = AsyncGenerator[ServerSentEvent, None]

log = get_logger()


class _Item(NamedTuple):
    partition: int
    offset: int
    type: str
    data: str


@dataclass(slots=True, eq=False)
class _Follower:
    queue: "asyncio.Queue[_Item]"
    cut_off: bool = False


class Stream(EventSourceResponse):
    """Ends without a word where the client has stopped reading: it comes back for the rest, or is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("feed.client_stalled", seconds=SEND_SECONDS)


class Feed:
    """The worker that reads a topic and passes it on to whoever follows. `closing` ends all that follow."""

    def __init__(self, log: Log, topic: str, *, name: str, closing: asyncio.Event) -> None:
        self.name = name
        self._log = log
        self._topic = topic
        self._closing = closing
        self._place: dict[int, int] = {}
        self._reading = asyncio.Event()
        self._followers: set[_Follower] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Read from the end on, or from where this worker was before it failed. Raises LogError."""
        if not self._place:
            self._place = dict(await self._log.end_offsets(self._topic))
        reader = await self._log.reader(self._topic, self._place)
        self._reading.set()
        try:
            while not stop.is_set():
                for record in await reader.poll(max_records=POLL_RECORDS, timeout=POLL_SECONDS):
                    self._pass_on(record)
        finally:
            self._reading.clear()
            await reader.stop()

    def _pass_on(self, record: Record) -> None:
        self._place[record.partition] = record.offset + 1
        item = _item(record)
        if item is None:
            return
        for follower in list(self._followers):
            try:
                follower.queue.put_nowait(item)
            except asyncio.QueueFull:
                follower.cut_off = True
                self._followers.discard(follower)

    async def follow(self, since: Place | None = None) -> Events:
        """First where the client stands (event `ready`), then the events from `since` on, or from now on.

        Raises Unavailable if the topic cannot be read now, Invalid for a place that is none, and a DomainError 410
        (place_gone) for events that the log no longer holds: all before the first event.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._reading.wait()
        except TimeoutError:
            raise Unavailable("log_unavailable", "Events cannot be read now. Come again.", retry_after=1.0) from None
        begins = await self._log.begin_offsets(self._topic)
        follower = _Follower(asyncio.Queue(BEHIND))
        self._followers.add(follower)
        until = dict(self._place)
        place = dict(until)
        if since is not None:
            try:
                place = _checked(since, begins, await self._log.end_offsets(self._topic))
            except DomainError:
                self._followers.discard(follower)
                raise
        return self._events(follower, place, until)

    async def _events(self, follower: _Follower, place: dict[int, int], until: Place) -> Events:
        try:
            yield ServerSentEvent(event="ready", id=written(place), data="{}")
            if any(place[number] < end for number, end in until.items()):
                async for event in self._missed(place, until):
                    yield event
            while (item := await self._next(follower)) is not None:
                if item.offset >= place[item.partition]:  # the client was here before this replica
                    yield _event(item, place)
        except LogError as error:  # the client comes back, and is told properly what is wrong
            log.warning("feed.broke_off", feed=self.name, reason=str(error))
        finally:
            self._followers.discard(follower)

    async def _missed(self, place: dict[int, int], until: Place) -> AsyncIterator[ServerSentEvent]:
        """What lies between two places; `place` moves on."""
        reader: Reader = await self._log.reader(self._topic, {n: min(place[n], until[n]) for n in until})
        try:
            left = {number for number, end in until.items() if place[number] < end}
            while left and not self._closing.is_set():
                for record in await reader.poll(max_records=POLL_RECORDS, timeout=POLL_SECONDS):
                    number, offset = record.partition, record.offset
                    if not place[number] <= offset < until[number]:
                        continue
                    item = _item(record)
                    if item is not None:
                        yield _event(item, place)
                    place[number] = offset + 1
                    if place[number] >= until[number]:
                        left.discard(number)
        finally:
            await reader.stop()

    async def _next(self, follower: _Follower) -> _Item | None:
        """The next event; None when there will be none: the server closes, or the client was cut off."""
        if not follower.queue.empty():
            return follower.queue.get_nowait()
        if follower.cut_off or self._closing.is_set():
            return None
        coming = asyncio.create_task(follower.queue.get())
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait((coming, closing), return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            for task in (coming, closing):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await closing


def feed_routes(path: str, feed: Feed, *, tag: str, description: str) -> APIRouter:
    """GET `path`: the feed as server-sent events, for keys with the scope read."""
    routes = APIRouter(tags=[tag])

    @routes.get(path, response_class=EventSourceResponse, description=description)
    async def follow(
        request: Request,
        _: Annotated[Principal, requires(READ)],
        last_event_id: Annotated[
            str | None, Header(description="The id of the last event that was seen: go on after it")
        ] = None,
    ) -> EventSourceResponse:
        since = None if last_event_id is None else read(last_event_id)
        try:
            events = await feed.follow(since)
        except LogError as error:
            log.warning("feed.unavailable", feed=feed.name, reason=str(error))
            raise Unavailable("log_unavailable", "Events cannot be read now. Come again.", retry_after=1.0) from error
        return Stream(_while_allowed(events, request), ping=PING_SECONDS, send_timeout=SEND_SECONDS)

    return routes


async def _while_allowed(events: Events, request: Request) -> AsyncIterator[ServerSentEvent]:
    """The events as long as the key is good: the first that comes a second after it was revoked ends them."""
    now = asyncio.get_running_loop().time
    checked = now()
    async with aclosing(events):
        async for event in events:
            if now() - checked > KEY_SECONDS:
                try:
                    principal_of(request, READ)
                except DomainError as error:
                    log.info("feed.key_gone", code=error.code)
                    return
                checked = now()
            yield event


def written(place: Place) -> str:
    """A place as the id of an event."""
    return ",".join(f"{number}:{offset}" for number, offset in sorted(place.items()))


def read(text: str) -> dict[int, int]:
    """The place that an id names. Raises Invalid."""
    place: dict[int, int] = {}
    for part in text.split(","):
        number, _, offset = part.partition(":")
        if not (_digits(number, 5) and _digits(offset, 18)) or int(number) in place:
            raise _no_place()
        place[int(number)] = int(offset)
    return place


def _digits(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most


def _no_place() -> Invalid:
    return Invalid(
        "invalid_event_id",
        "Last-Event-ID is not an id of this stream. Leave it out to begin now.",
        field="Last-Event-ID",
    )


def _checked(since: Place, begins: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    if since.keys() != begins.keys():
        raise _no_place()
    # Beyond the end: the topic was made anew, or restored, and its offsets are not those of the id.
    gone = [number for number, begin in begins.items() if not begin <= since[number] <= ends[number]]
    if gone:
        raise DomainError(
            "place_gone",
            "The log no longer holds what came after this id. Read the accounts anew, then follow without it.",
            status=410,
        )
    return dict(since)


def _item(record: Record) -> _Item | None:
    """What is passed on of a record; None for what is no event, which its consumers put aside."""
    kind = type_of(record.value)
    if kind is None or record.value is None:
        return None
    return _Item(record.partition, record.offset, kind, record.value.decode(errors="replace"))


def _event(item: _Item, place: dict[int, int]) -> ServerSentEvent:
    place[item.partition] = item.offset + 1
    return ServerSentEvent(event=item.type, id=written(place), data=item.data)

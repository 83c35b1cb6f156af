"""A topic as server-sent events.

Every replica reads the whole topic by itself, without a group, so that any of them can serve anybody. The id of an
event is a place on the topic: the next offset of every partition, `0:17,1:3,...`. A client that comes back with it
(Last-Event-ID), to whatever replica, gets what it missed and then what comes.

A client may select what it wants. Its place moves on over the rest all the same: an event `place` tells it so now and
then, so that what it comes back with does not grow old.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

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
PASSED_OVER: Final = 500  # events that were not wanted, after which a client is told its place
PLACE_SECONDS: Final = 10.0  # after which it is told where any were passed over and nothing else comes

Place = Mapping[int, int]  # partition -> next offset
Events = AsyncGenerator[ServerSentEvent, None]
Selection = Callable[[str], str | None]  # an event's text as the client wants it; None: it does not
Selecting = Callable[[Request], Selection | None]  # what a request selects; None: all. Raises DomainError

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

    async def follow(self, since: Place | None = None, selection: Selection | None = None) -> Events:
        """First where the client stands (event `ready`), then the events from `since` on, or from now on.

        Of these only what `selection` gives, with a `place` in between where much was passed over.

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
            except BaseException:  # nobody follows then, whatever it was
                self._followers.discard(follower)
                raise
        return self._events(follower, place, until, _Selector(place, selection))

    async def _events(self, follower: _Follower, place: dict[int, int], until: Place, selector: "_Selector") -> Events:
        try:
            yield ServerSentEvent(event="ready", id=written(place), data="{}")
            if any(place[number] < end for number, end in until.items()):
                async for item in self._missed(place, until):
                    if (event := selector.told(item)) is not None:
                        yield event
            while True:
                try:
                    coming = await self._next(follower, PLACE_SECONDS if selector.passed_over else None)
                except TimeoutError:
                    yield selector.place()
                    continue
                if coming is None:
                    return
                if coming.offset < place[coming.partition]:
                    continue  # the client was here before this replica
                if (event := selector.told(coming)) is not None:
                    yield event
        except LogError as error:  # the client comes back, and is told properly what is wrong
            log.warning("feed.broke_off", feed=self.name, reason=str(error))
        finally:
            self._followers.discard(follower)

    async def _missed(self, place: dict[int, int], until: Place) -> AsyncIterator[_Item]:
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
                        yield item
                    place[number] = offset + 1
                    if place[number] >= until[number]:
                        left.discard(number)
        finally:
            await reader.stop()

    async def _next(self, follower: _Follower, within: float | None) -> _Item | None:
        """The next event; None when there will be none: the server closes, or the client was cut off.

        TimeoutError if none comes within so many seconds. None is lost by that.
        """
        if not follower.queue.empty():
            return follower.queue.get_nowait()
        if follower.cut_off or self._closing.is_set():
            return None
        coming = asyncio.create_task(follower.queue.get())
        closing = asyncio.create_task(self._closing.wait())
        try:
            done, _ = await asyncio.wait((coming, closing), timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise TimeoutError
            return coming.result() if coming.done() else None
        finally:
            for task in (coming, closing):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await closing


class _Selector:
    """What one client is told of the events, one after the other, while its place moves on."""

    def __init__(self, place: dict[int, int], selection: Selection | None) -> None:
        self._place = place
        self._selection = selection
        self.passed_over = 0  # since it was told its place

    def told(self, item: _Item) -> ServerSentEvent | None:
        self._place[item.partition] = item.offset + 1
        data = item.data if self._selection is None else self._selection(item.data)
        if data is None:
            self.passed_over += 1
            return self.place() if self.passed_over >= PASSED_OVER else None
        self.passed_over = 0
        return ServerSentEvent(event=item.type, id=written(self._place), data=data)

    def place(self) -> ServerSentEvent:
        self.passed_over = 0
        return ServerSentEvent(event="place", id=written(self._place), data="{}")


def feed_routes(
    path: str,
    feed: Feed,
    *,
    tag: str,
    description: str,
    selecting: Selecting | None = None,
    parameters: Sequence[Mapping[str, Any]] = (),
) -> APIRouter:
    """GET `path`: the feed as server-sent events, for keys with the scope read.

    selecting: what a request wants of it; parameters describes the query for the document, as OpenAPI has it.
    """
    routes = APIRouter(tags=[tag])
    extra = {"parameters": [dict(one) for one in parameters]} if parameters else None

    @routes.get(path, response_class=EventSourceResponse, description=description, openapi_extra=extra)
    async def follow(
        request: Request,
        _: Annotated[Principal, requires(READ)],
        last_event_id: Annotated[
            str | None, Header(description="The id of the last event that was seen: go on after it")
        ] = None,
    ) -> EventSourceResponse:
        since = None if last_event_id is None else read(last_event_id)
        selection = selecting(request) if selecting is not None else None
        try:
            events = await feed.follow(since, selection)
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
            "The log no longer holds what came after this id. Follow without it, and once that says `ready`, read anew "
            "what you keep: so nothing falls in between.",
            status=410,
        )
    return dict(since)


def _item(record: Record) -> _Item | None:
    """What is passed on of a record; None for what is no event, which its consumers put aside."""
    kind = type_of(record.value)
    if kind is None or record.value is None:
        return None
    return _Item(record.partition, record.offset, kind, record.value.decode(errors="replace"))

"""What happens elsewhere, as it happens: one connection to each service's stream, told to every open page."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx

from cskit.http.following import follow
from cskit.observability import get_logger

STREAMS: Final[Mapping[str, str]] = {"scoring": "/v1/health/stream", "playbook": "/v1/playbook/stream"}

log = get_logger()


@dataclass(slots=True)
class Subscription:
    """Wakes an open page when something came about `account`, or about anybody if that is None."""

    account: str | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class News:
    """The meeting point of listeners and pages, in memory."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._connected: dict[str, bool] = dict.fromkeys(STREAMS, False)

    @property
    def connected(self) -> bool:
        """Whether every stream is open, so that what pages show is current."""
        return all(self._connected.values())

    @property
    def followers(self) -> int:
        """How many pages are open."""
        return len(self._subscriptions)

    @contextmanager
    def subscribed(self, account: str | None = None) -> Iterator[Subscription]:
        """What comes inside the block."""
        one = Subscription(account)
        self._subscriptions.append(one)
        try:
            yield one
        finally:
            self._subscriptions.remove(one)

    def tell(self, account: str) -> None:
        """Something came about an account."""
        for one in self._subscriptions:
            if one.account in (None, account):
                one.woken.set()

    def mark(self, service: str, *, connected: bool) -> None:
        """A stream opened or broke: pages say so, and look again at everything once it is back."""
        if self._connected[service] == connected:
            return
        self._connected[service] = connected
        for one in self._subscriptions:
            one.woken.set()


class _Told(Protocol):
    """An event of a stream."""

    @property
    def event(self) -> str: ...
    @property
    def data(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Listener:
    """A worker: listens to one service and tells the pages."""

    service: str
    client: httpx.AsyncClient
    news: News

    @property
    def name(self) -> str:
        return f"console.listener.{self.service}"

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; a connection that breaks is made anew."""
        listening = asyncio.create_task(
            follow(self.client, STREAMS[self.service], self._heard, self._standing), name=self.name
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((listening, stopping), return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            stopping.cancel()
            listening.cancel()
            await asyncio.wait((listening,))
            self._standing(False)

    def _standing(self, connected: bool) -> None:
        self.news.mark(self.service, connected=connected)

    async def _heard(self, event: _Told) -> None:
        if not event.data:  # a ping, which only says how far the stream is
            return
        account = _account_of(event.data)
        if account is None:
            log.warning("console.stream_unreadable", service=self.service, kind=event.event)
        else:
            self.news.tell(account)


def _account_of(data: str) -> str | None:
    """The account that an event is about: its subject."""
    try:
        event: Any = json.loads(data)
    except ValueError:
        return None
    subject = event.get("subject") if isinstance(event, dict) else None
    return subject if isinstance(subject, str) else None

"""How much ingest takes on at once, and what it says when the log stands still."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cskit.errors import Unavailable
from cskit.observability import INGEST_INFLIGHT, get_logger

MAX_BYTES: Final = 64 * 1024 * 1024  # of bodies that are read, mapped or on their way to the log
STRANGERS_BYTES: Final = 8 * 1024 * 1024  # of them, of requests whose key is not known yet, since the body holds it
TICK_SECONDS: Final = 0.25
STALLED_TICKS: Final = 7  # without one append that ended: the log stands still
RETRY_AFTER: Final = 1.0  # seconds

log = get_logger()


class Stalled(Exception):
    """The log takes nothing at the moment; what was given to it may still arrive."""


class Flow:
    """Bounded bytes in flight, and a watch over the log.

    The log stands still when something waits for it and nothing has been acknowledged for 1.75 seconds: those who wait
    are told so (their events may still arrive: a repeat is dropped by who reads the log), and nobody new is let in
    until it has acknowledged something. The time is counted in rounds of the event loop, so that a process that was
    itself held up does not blame the log; and not before the log has taken its first events, which may have to wait
    for a topic's leader.
    """

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, strangers_bytes: int = STRANGERS_BYTES, tick: float = TICK_SECONDS
    ) -> None:
        self._max_bytes = max_bytes
        self._strangers_max = strangers_bytes
        self._tick = tick
        self._bytes = 0
        self._strangers = 0
        self._appends: set[asyncio.Future[None]] = set()  # who waits for the log, to be told when it stands still
        self._quiet = 0  # ticks since an append ended
        self._proven = False
        self._watch: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Future[Any]] = set()  # appends that nobody waits for any more

    @property
    def stalled(self) -> bool:
        """Whether the log stands still."""
        return self._quiet >= STALLED_TICKS

    @contextmanager
    def taking(self, *, known: bool) -> Iterator["Taking"]:
        """Let a request in, whose bytes are counted as they come. Unavailable if the log stands still.

        `known` tells whether its key is: all whose key is still to come share a smaller room, so that they can shut out
        one another but nobody else.
        """
        if self.stalled:
            raise Unavailable("log_unavailable", "The log takes nothing at the moment.", retry_after=RETRY_AFTER)
        taking = Taking(self, known)
        try:
            yield taking
        finally:
            taking.end()

    def hold(self, size: int, held: int, *, known: bool) -> None:
        """Count `size` bytes more of a request that holds `held`. Unavailable if there are too many of others."""
        full = self._bytes > held and self._bytes + size > self._max_bytes
        if not known:
            full = full or (self._strangers > held and self._strangers + size > self._strangers_max)
        if full:
            raise Unavailable(
                "too_busy", "Too much is on its way already. Send it again in a moment.", retry_after=RETRY_AFTER
            )
        self._hold(size)
        if not known:
            self._strangers += size

    def let_go(self, size: int, *, known: bool) -> None:
        """Count `size` bytes no more."""
        self._hold(-size)
        if not known:
            self._strangers -= size

    def knows(self, size: int) -> None:
        """The key of a request of so many bytes is known now."""
        self._strangers -= size

    async def appended(self, append: Awaitable[Sequence[int]], size: int) -> None:
        """Wait for an append of `size` bytes. Raises what it raises, or Stalled; its bytes count until it has ended."""
        working = asyncio.ensure_future(append)
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._appends.add(told)
        self._hold(size)
        working.add_done_callback(lambda done: self._ended(done, told, size))
        if self._watch is None:
            self._watch = asyncio.create_task(self._watched(), name="ingest-flow")
        await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return
        self._ending.add(working)
        raise Stalled

    def _ended(self, done: asyncio.Future[Any], told: asyncio.Future[None], size: int) -> None:
        self._hold(-size)
        self._appends.discard(told)
        self._ending.discard(done)
        if not done.cancelled() and done.exception() is None:
            self._proven = True
            if self.stalled:
                log.info("log.flows_again")
            self._quiet = 0

    async def _watched(self) -> None:
        while self._appends or self._ending:
            await asyncio.sleep(self._tick)
            if not self._proven:
                continue
            self._quiet += 1
            if self.stalled:
                if self._quiet == STALLED_TICKS:
                    log.warning("log.stalled", waiting=len(self._appends), bytes=self._bytes)
                for told in self._appends:
                    if not told.done():
                        told.set_result(None)
        self._quiet = 0
        self._watch = None

    def _hold(self, size: int) -> None:
        self._bytes += size
        INGEST_INFLIGHT.set(self._bytes)


class Taking:
    """What one request holds of a flow, until it ends."""

    __slots__ = ("_flow", "_held", "_known")

    def __init__(self, flow: Flow, known: bool) -> None:
        self._flow = flow
        self._known = known
        self._held = 0

    def add(self, size: int) -> None:
        """So many bytes more have come. Raises Unavailable."""
        self._flow.hold(size, self._held, known=self._known)
        self._held += size

    def know(self) -> None:
        """Its key turned out to be good."""
        if not self._known:
            self._known = True
            self._flow.knows(self._held)

    def end(self) -> None:
        """It is answered."""
        self._flow.let_go(self._held, known=self._known)
        self._held = 0

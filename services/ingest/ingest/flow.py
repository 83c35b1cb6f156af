"""How much ingest takes on at once, and what it says when the log stands still."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cskit.errors import Unavailable
from cskit.observability import INGEST_INFLIGHT, get_logger

MAX_BYTES: Final = 64 * 1024 * 1024  # of bodies that are read, mapped or on their way to the log
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

    def __init__(self, *, max_bytes: int = MAX_BYTES, tick: float = TICK_SECONDS) -> None:
        self._max_bytes = max_bytes
        self._tick = tick
        self._bytes = 0
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
    def taking(self, size: int) -> Iterator[None]:
        """Hold `size` bytes of a request. Unavailable if there are too many already, or if the log stands still."""
        if self.stalled:
            raise Unavailable("log_unavailable", "The log takes nothing at the moment.", retry_after=RETRY_AFTER)
        if self._bytes + size > self._max_bytes and self._bytes:
            raise Unavailable(
                "too_busy", "Too much is on its way already. Send it again in a moment.", retry_after=RETRY_AFTER
            )
        self._hold(size)
        try:
            yield
        finally:
            self._hold(-size)

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

"""The worker that lets go of a topic's old records."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from cskit.clock import Clocks
from cskit.db import DatabaseUnavailable
from cskit.log import Log, LogError
from cskit.log.newest import newest_ms
from cskit.observability import get_logger
from cskit.supervise import stopped_within

log = get_logger()

Until = Callable[[], Awaitable[Mapping[int, int]]]
"""Before which offset of each partition records may go. KeepAll if that cannot be told."""

_FIRST: Final = 600.0  # seconds from the start on: consumers that begin have begun
_EVERY: Final = 3_600.0
_MS: Final = timedelta(milliseconds=1)


class KeepAll(Exception):
    """Nothing is to go now; the text says why."""


class Retention:
    """Drops what is older than so many days, and of it only what `until` allows. Any number of replicas."""

    def __init__(self, *, log: Log, topic: str, days: int, clocks: Clocks, until: Until | None = None) -> None:
        self.name = f"retention:{topic}"
        self._log = log
        self._topic = topic
        self._kept = timedelta(days=days)
        self._clocks = clocks
        self._until = until

    async def run(self, stop: asyncio.Event) -> None:
        """Look every hour until `stop`."""
        wait = _FIRST
        while not await stopped_within(stop, wait):
            try:
                await self.look()
            except (KeepAll, LogError, DatabaseUnavailable) as error:
                log.warning("retention.waits", topic=self._topic, reason=str(error), seconds=_EVERY)
            wait = _EVERY

    async def look(self) -> int:
        """Drop what may go; how many records. Raises KeepAll, LogError, DatabaseUnavailable."""
        until = await self._until() if self._until is not None else None
        now = int(self._clocks.world.now().timestamp() * 1000)
        newest = await newest_ms(self._log, self._topic)  # a clock that stands ahead must not make everything old
        if not newest:
            return 0
        before = min(now, newest) - self._kept // _MS
        held = await self._log.begin_offsets(self._topic)
        await self._log.trim(self._topic, before, until)
        left = await self._log.begin_offsets(self._topic)
        dropped = sum(left[number] - begin for number, begin in held.items())
        if dropped:
            log.info("retention.dropped", topic=self._topic, records=dropped, days=self._kept.days)
        return dropped

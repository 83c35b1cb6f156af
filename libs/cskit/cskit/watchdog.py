"""Whether a consumer handles what there is to read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cskit.log import Consumer, Log, LogError, Partition
from cskit.observability import RUNNER_LAG, get_logger
from cskit.progress import Progress

log = get_logger()

_WATCH_EVERY: Final = 5.0
_STUCK_AFTER: Final = 30.0


class Stuck(Exception):
    """There are records to read and none was handled for 30 s: the consumer is to be made anew."""


class Watchdog:
    """Compares lag with progress. `done` tells the next offset of each partition that is owned, `in_hand` whether a
    batch is being handled.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        log: Log,
        progress: Progress,
        done: Callable[[], Mapping[Partition, int]],
        in_hand: Callable[[], bool],
    ) -> None:
        self._group = group
        self._topics = topics
        self._log = log
        self._progress = progress
        self._done = done
        self._in_hand = in_hand

    async def run(self, consumer: Consumer, *, lags_on_purpose: bool) -> None:
        """Look until it is cancelled; raises Stuck. A test that cuts batches leaves a lag on purpose."""
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            try:
                lag = await self._lag(consumer)
            except LogError as error:
                log.warning("runner.lag_unknown", group=self._group, reason=str(error))
                continue
            if not lag:
                self._progress.beat()
            idle = self._progress.idle()
            if lag and idle > _STUCK_AFTER and not lags_on_purpose:
                raise Stuck(f"group {self._group} has {lag} records to read and handled none for {idle:.0f} s")

    async def _lag(self, consumer: Consumer) -> int:
        total = 0
        for topic in self._topics:
            ends = await self._log.end_offsets(topic)
            # with nothing in hand, what was reached is done, too: markers at the end of a partition are no records
            reached = {} if self._in_hand() else await self._reached(consumer)
            for partition, done in self._done().items():
                if partition.topic == topic:
                    lag = max(0, ends.get(partition.number, 0) - max(done, reached.get(partition, 0)))
                    RUNNER_LAG.labels(self._group, topic, str(partition.number)).set(lag)
                    total += lag
        return total

    async def _reached(self, consumer: Consumer) -> Mapping[Partition, int]:
        try:
            return await consumer.reached()
        except LogError as error:
            log.warning("runner.place_unknown", group=self._group, reason=str(error))
            return {}

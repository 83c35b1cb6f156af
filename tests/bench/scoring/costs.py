"""What a turn costs: wall time, CPU of a process and of PostgreSQL, memory, bytes of WAL."""

import time
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Measured:
    """One contender's turn on a topic, from when the first twentieth of it was done.

    database_us and wal_bytes, per event, are of PostgreSQL; drained_s is how long the outbox took longer than the
    topic. None where a contender has no such thing.
    """

    events_per_s: float
    cpu_us: float
    rss_mb: float
    database_us: float | None = None
    wal_bytes: float | None = None
    drained_s: float | None = None
    state_bytes: float | None = None  # an account


@dataclass(frozen=True)
class Moment:
    """Where the clocks stood, in seconds, and the log of PostgreSQL."""

    at: float
    events: int
    process: float
    database: float
    wal: int


class Costs:
    """Reads the clocks of a process and of the server behind an asyncpg connection."""

    def __init__(self, connection: Any, process: int) -> None:
        self._connection = connection
        self._process = psutil.Process(process)
        self._server = psutil.Process(connection.get_server_pid()).parent()
        self.rss = 0

    async def now(self, events: int) -> Moment:
        """The clocks when so many events were done."""
        wal = await self._connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'")
        return Moment(time.perf_counter(), events, _cpu(self._process), self._of_server(), int(wal))

    def look(self) -> None:
        """Remember the memory if it was never so much."""
        self.rss = max(self.rss, self._process.memory_info().rss)

    def between(self, first: Moment, last: Moment, done: float) -> Measured:
        """What the events between cost; `done` is when the last one was folded."""
        events = last.events - first.events
        return Measured(
            events_per_s=events / (last.at - first.at),
            cpu_us=(last.process - first.process) / events * 1e6,
            rss_mb=self.rss / 1e6,
            database_us=(last.database - first.database) / events * 1e6,
            wal_bytes=(last.wal - first.wal) / events,
            drained_s=last.at - done,
        )

    def _of_server(self) -> float:
        """Of all its processes, those that have ended among them."""
        if self._server is None:
            return 0.0
        ended = self._server.cpu_times()
        total = ended.user + ended.system + ended.children_user + ended.children_system
        for child in self._server.children(recursive=True):
            try:
                total += _cpu(child)
            except psutil.NoSuchProcess:
                continue  # ended just now: counted with the ended ones next time
        return float(total)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

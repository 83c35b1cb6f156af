"""`python -m tests.bench.reading.load JSON`: GETs paths over N connections and measures the server's process meanwhile.

Prints one JSON line.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle

import psutil  # type: ignore[import-untyped]
import uvloop
from tests.bench.ingest.load import cpu
from tests.bench.wire import Connection


@dataclass(frozen=True)
class Order:
    """What to ask where: the paths in turn."""

    port: int
    pid: int
    key: str
    paths: Sequence[str]
    connections: int
    seconds: float
    warm: float = 0.5


@dataclass(frozen=True)
class Measured:
    """Answers within the window, its length, CPU seconds of the server in it, and how long an answer took (seconds)."""

    requests: int
    seconds: float
    cpu: float
    p50: float
    p99: float

    @property
    def per_s(self) -> float:
        """Answers a second of wall time."""
        return self.requests / self.seconds

    @property
    def cpu_each(self) -> float:
        """CPU seconds an answer."""
        return self.cpu / self.requests


class _Busy(Connection):
    """The next request goes out when the answer to the last is there."""

    def __init__(self, requests: "cycle[bytes]", took: list[float], failed: "asyncio.Future[None]") -> None:
        super().__init__()
        self._requests = requests
        self._took = took
        self._failed = failed
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._failed.done():
            self._failed.set_exception(RuntimeError(f"the server closed a connection: {exc!r}"))

    def answered(self, status: int, body: bytes) -> None:
        if status != 200 and not self._failed.done():
            self._failed.set_exception(RuntimeError(f"answered {status}: {body[:500]!r}"))
        self._took.append(time.monotonic() - self._sent)
        self._send()

    def _send(self) -> None:
        self._sent = time.monotonic()
        self.transport.write(next(self._requests))


async def run(order: Order) -> Measured:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    server = psutil.Process(order.pid)
    end = f" HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\nauthorization: Bearer {order.key}\r\n\r\n"
    requests = cycle([f"GET {path}{end}".encode() for path in order.paths])
    took: list[float] = []
    for _ in range(order.connections):
        await loop.create_connection(lambda: _Busy(requests, took, failed), "127.0.0.1", order.port)
    await asyncio.wait((failed,), timeout=order.warm)
    before, first, start = cpu(server), len(took), time.monotonic()
    await asyncio.wait((failed,), timeout=order.seconds)
    spent, last, stop = cpu(server) - before, len(took), time.monotonic()
    if failed.done():
        failed.result()
    assert last > first, "no request was answered"
    times = sorted(took[first:last])
    return Measured(
        last - first, stop - start, spent, times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Order(**json.loads(sys.argv[1])))))))

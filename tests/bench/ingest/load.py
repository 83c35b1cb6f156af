"""`python -m tests.bench.ingest.load JSON`: keeps N connections busy and measures the server's process meanwhile.

Prints one JSON line. Bodies are made beforehand.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import uvloop
from tests.bench.ingest.events import Bodies
from tests.bench.wire import Connection

_ANSWERS_WITHIN = 60.0  # seconds after the end
_LONGEST = 20.0  # seconds of a window that waits for its answers
_WAVES = 3  # answers of each connection that a window should hold: what is under way at its ends counts little then
_PAUSE = 0.05  # seconds before a connection that was told 503 asks again


@dataclass(frozen=True)
class Order:
    """What to send where. `timeline`: a file for a line of each answer (when, status, number of the request)."""

    port: int
    pid: int
    key: str
    run: str
    batch: int
    connections: int
    seconds: float
    warm: float = 0.5
    timeline: str | None = None


@dataclass(frozen=True)
class Measured:
    """What one order has shown. requests, answered with 200, cpu and times are of the window, statuses of all.

    The window is longer than asked for where it would hold too few answers. cpu: seconds of the server's process and
    its children. rss: bytes, at the end.
    """

    requests: int
    seconds: float
    cpu: float
    rss: int
    p50: float
    p99: float
    statuses: dict[str, int]

    def cpu_per_event(self, batch: int) -> float:
        """CPU seconds an event."""
        return self.cpu / (self.requests * batch)


class Load:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.bodies = Bodies(order.run, order.batch)
        self.head = (
            f"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\nauthorization: Bearer {order.key}\r\n"
            "content-type: application/json\r\ncontent-length: "
        ).encode()
        self.stopping = False
        self.open = 0
        self.idle = asyncio.Event()
        self.took: list[float] = []
        self.answers: list[tuple[float, int, int]] = []

    def answered(self, at: float, took: float, status: int, number: int, body: bytes) -> None:
        if status == 200 and number < self.order.connections:
            said = json.loads(body)
            assert said["accepted"] == self.order.batch, f"not all was taken: {body[:500]!r}"
        if status not in (200, 503):
            raise RuntimeError(f"answered {status}: {body[:500]!r}")
        if status == 200:
            self.took.append(took)
        self.answers.append((at, status, number))

    def ended(self) -> None:
        self.open -= 1
        if not self.open:
            self.idle.set()


class _Busy(Connection):
    """The next request goes out when the answer to the last is there."""

    def __init__(self, load: Load) -> None:
        super().__init__()
        self._load = load
        self._number = -1
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._load.open += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.ended()
        if not self._load.stopping:
            raise RuntimeError(f"the server closed a connection: {exc!r}")

    def answered(self, status: int, body: bytes) -> None:
        now = time.monotonic()
        self._load.answered(now, now - self._sent, status, self._number, body)
        if self._load.stopping:
            self.transport.close()
        elif status == 503:
            asyncio.get_running_loop().call_later(_PAUSE, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._load.stopping:
            self.transport.close()
            return
        self._number, body = next(self._load.bodies)
        self._sent = time.monotonic()
        self.transport.write(b"%s%d\r\n\r\n%s" % (self._load.head, len(body), body))


def cpu(server: psutil.Process) -> float:
    """CPU seconds of a process and its children until now."""
    return sum(sum(each.cpu_times()[:2]) for each in (server, *server.children(recursive=True)))


async def run(order: Order) -> Measured:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if not failed.done():
            failed.set_exception(error if isinstance(error, Exception) else RuntimeError(str(context)))

    loop.set_exception_handler(fail)
    server = psutil.Process(order.pid)
    load = Load(order)
    for _ in range(order.connections):
        await loop.create_connection(lambda: _Busy(load), "127.0.0.1", order.port)
    await asyncio.wait((failed,), timeout=order.warm)
    before, first, start = cpu(server), len(load.took), time.monotonic()
    await asyncio.wait((failed,), timeout=order.seconds)
    wanted = first + _WAVES * order.connections
    while len(load.took) < wanted and time.monotonic() - start < _LONGEST and not failed.done():
        await asyncio.sleep(0.01)
    spent, last, end = cpu(server) - before, len(load.took), time.monotonic()
    load.stopping = True
    idle = asyncio.create_task(load.idle.wait())
    await asyncio.wait((failed, idle), timeout=_ANSWERS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    if failed.done():
        failed.result()
    assert idle.done(), f"{load.open} requests are not answered"
    if order.timeline is not None:
        Path(order.timeline).write_text("".join(f"{at} {status} {number}\n" for at, status, number in load.answers))
    assert last > first, f"no request was answered within {_LONGEST:.0f} s"
    took = sorted(load.took[first:last])
    statuses = Counter(str(status) for _, status, _ in load.answers)
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    rss = server.memory_info().rss
    return Measured(last - first, end - start, spent, rss, took[len(took) // 2], p99, dict(statuses))


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Order(**json.loads(sys.argv[1])))))))

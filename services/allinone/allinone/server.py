"""The HTTP server of a process, and what its signals mean."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

_DRAIN_SECONDS = 10


class PortInUse(Exception):
    """The address cannot be listened on."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are this module's business: they stop the server first, then the workers."""
        yield


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 chooses a free one. Raises PortInUse."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise PortInUse(f"Cannot listen on {host}:{port}: {error.strerror}. Name another port with --port.") from error


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    """Answer HTTP inside the block; at its end let the requests in hand finish, at most ten seconds."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        server_header=False,
        lifespan="off",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110  uvicorn offers no event for this
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM ask for a stop in good order; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def asked(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)


def calm_garbage_collection() -> None:
    """What was made at the start stays: not looking at it again keeps single requests fast (p99 40 -> 7 ms). Young
    values are looked at often, as long as they are near, and what outlives that seldom (docs/adr/0019).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 5_000, 10)

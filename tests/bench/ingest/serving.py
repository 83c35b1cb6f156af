"""`python -m tests.bench.ingest.serving ours|plain|bare PORT`: one contender, on the platform that the settings name.

All three run in the same server, loop and HTTP parser, with the same care for the garbage collector.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from tests.bench.ingest import bare, plain

from allinone.clustered import service_replica
from allinone.server import bound_socket, calm_garbage_collection, serving, stop_on_signals
from cskit.observability import configure_logging
from cskit.settings import Settings, read_settings

KEY = "BENCH_KEY"


@asynccontextmanager
async def contender(name: str, settings: Settings) -> AsyncIterator[Any]:
    if name == "bare":
        async with bare.clustered(settings) if settings.clustered else bare.embedded(settings) as app:
            yield app
        return
    key = os.environ[KEY]
    made = plain.clustered if settings.clustered else plain.embedded
    async with made(settings, key) as app:
        yield app


async def main(name: str, port: int) -> None:
    settings = read_settings(os.environ)
    if not settings.clustered:
        settings.data.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    stop_on_signals(stop)
    if name == "ours":
        async with service_replica(settings, "ingest", host="127.0.0.1", port=port):
            calm_garbage_collection()
            await stop.wait()
        return
    listener = bound_socket("127.0.0.1", port)
    async with contender(name, settings) as app, serving(app, listener):
        calm_garbage_collection()
        await stop.wait()


if __name__ == "__main__":
    configure_logging()
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))

"""One replica of one service, on Apache Kafka and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from allinone.composition import SERVICES, build, service_app, started
from allinone.databases import opening_database
from allinone.server import bound_socket, serving
from cskit.platform import open_platform
from cskit.settings import Settings, TestHooks


@asynccontextmanager
async def service_replica(
    settings: Settings, service_name: str, *, host: str, port: int, hooks: TestHooks | None = None
) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve one service inside the block; the yielded task ends when its workers cannot go on, and raises why."""
    listener = bound_socket(host, port)
    platform = open_platform(settings, hooks=hooks)
    try:
        if service_name in SERVICES:
            with opening_database(service_name):
                await platform.prepare(service_name)
            await platform.start()
        service = build(service_name, platform)
        async with started([service]):
            stop = asyncio.Event()
            workers = asyncio.create_task(platform.run([service], stop), name="workers")
            try:
                async with serving(service_app(service, platform), listener):
                    try:
                        yield workers
                    finally:
                        platform.closing.set()
            finally:
                stop.set()
                await asyncio.wait((workers,))
    finally:
        listener.close()
        await platform.close()

"""Which services there are, and how they are built on a platform."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final

from fastapi import FastAPI

from cskit.db.plumbing import Plumbing
from cskit.errors import Invalid
from cskit.http import BodyLimits, make_app
from cskit.platform import Platform
from cskit.service import Service

SERVICES: Final = ("ingest", "scoring", "playbook", "survey")  # each with a database of its own
CONSOLE: Final = "console"  # owns nothing; its pages come last, after the paths of the others
SERVED: Final = (*SERVICES, CONSOLE)


def build(name: str, platform: Platform) -> Service:
    """Build a service. Its package is imported only now: a replica and most commands need one of them or none."""
    module: Any = import_module(f"{name}.service")
    service: Service = module.build(platform)
    return service


def plumbing_of(name: str) -> Plumbing:
    """The plumbing tables of a service."""
    module: Any = import_module(f"{name}.tables")
    tables: Plumbing = module.PLUMBING
    return tables


def known_service(name: str, among: Sequence[str] = SERVICES) -> str:
    """The name, if there is such a service among those with a database, or those given. Raises Invalid."""
    if name not in among:
        raise Invalid("unknown_service", f"There is no service “{name}”. There are: {', '.join(among)}.")
    return name


@asynccontextmanager
async def started(services: Collection[Service]) -> AsyncIterator[None]:
    """Services that may serve inside the block; they are closed after it, also if one of them refuses to start."""
    try:
        for service in services:
            if service.start is not None:
                await service.start()
        yield
    finally:
        for service in services:
            if service.close is not None:
                await service.close()


def service_app(service: Service, platform: Platform) -> FastAPI:
    """The HTTP app of one service."""
    return make_app(
        service.name,
        service.routers,
        keys=platform.keys,
        clocks=platform.clocks,
        ready=service.ready,
        limits=BodyLimits(paths=service.body_limits),
    )


def combined_app(services: Sequence[Service], platform: Platform) -> FastAPI:
    """All services on one port: at the root, and each under /{service}/."""
    app = make_app(
        "kizashi",
        [router for service in services for router in service.routers],
        keys=platform.keys,
        clocks=platform.clocks,
        ready=_all_ready(services),
        limits=BodyLimits(paths={path: size for each in services for path, size in each.body_limits.items()}),
    )
    for service in services:
        app.mount(f"/{service.name}", service_app(service, platform))
    return app


def _all_ready(services: Sequence[Service]) -> Callable[[], Awaitable[Mapping[str, str]]]:
    async def ready() -> Mapping[str, str]:
        return {
            f"{service.name}.{component}": state
            for service in services
            for component, state in (await service.ready()).items()
        }

    return ready

"""Which services there are, and how they are built on a platform."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from fastapi import FastAPI

import ingest.service
import ingest.tables
import playbook.service
import playbook.tables
import scoring.service
import scoring.tables
import survey.service
import survey.tables
from cskit.db.plumbing import Plumbing
from cskit.errors import Invalid
from cskit.http import BodyLimits, make_app
from cskit.platform import Platform
from cskit.service import Service

Build = Callable[[Platform], Service]

BUILDERS: Final[Mapping[str, Build]] = {
    "ingest": ingest.service.build,
    "scoring": scoring.service.build,
    "playbook": playbook.service.build,
    "survey": survey.service.build,
}
PLUMBINGS: Final[Mapping[str, Plumbing]] = {
    "ingest": ingest.tables.PLUMBING,
    "scoring": scoring.tables.PLUMBING,
    "playbook": playbook.tables.PLUMBING,
    "survey": survey.tables.PLUMBING,
}
SERVICES: Final = tuple(BUILDERS)


def known_service(name: str) -> str:
    """The name, if there is such a service. Raises Invalid."""
    if name not in BUILDERS:
        raise Invalid("unknown_service", f"There is no service “{name}”. There are: {', '.join(SERVICES)}.")
    return name


def service_app(service: Service, platform: Platform) -> FastAPI:
    """The HTTP app of one service."""
    return make_app(
        service.name,
        service.routers,
        keys=platform.keys,
        clocks=platform.clocks,
        ready=service.ready,
        limits=BodyLimits(paths=service.body_limits),
        routes=service.routes,
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
        routes=[route for service in services for route in service.routes],
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

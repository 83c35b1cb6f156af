"""The one way a service's HTTP app is made."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cskit.auth import Keys
from cskit.clock import Clocks
from cskit.http.bodies import Bodies, BodyLimits
from cskit.http.docs import docs_router
from cskit.http.edge import Edge
from cskit.http.problems import handle_problems

READY_WITHIN = 5.0  # seconds, before /readyz says that a component does not answer

Ready = Callable[[], Awaitable[Mapping[str, str]]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_app(
    name: str,
    routers: Sequence[APIRouter],
    *,
    keys: Keys,
    clocks: Clocks,
    ready: Ready,
    limits: BodyLimits | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The app of service `name`, with /healthz, /readyz, /metrics, /openapi.json and /docs open to all.

    `ready` answers component -> "ok" or a sentence; anything but "ok" makes /readyz 503. Plain Starlette routes of the
    routers (`router.add_route`, for hot paths) are tried first. `app.state` holds `keys` and `clocks`.
    """
    app = FastAPI(
        title=f"Kizashi {name}",
        docs_url=None,  # docs_router: FastAPI's own page runs what a CDN sends
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.keys = keys
    app.state.clocks = clocks
    plain = [route for router in routers for route in router.routes if type(route) is Route]
    for route in plain:
        route.app = _known(route)
    app.router.routes.extend(plain)  # before the routers, which hold them too but would leave no trace in the scope
    for router in routers:
        app.include_router(router)
    app.include_router(_open_routes(ready))
    app.include_router(docs_router(app.title))
    handle_problems(app)
    app.add_middleware(Bodies, limits=limits or BodyLimits())
    app.add_middleware(Edge, service=name)  # added last, so outermost
    return app


def _known(route: Route) -> ASGIApp:
    """The app of a plain route, leaving the route in the scope as FastAPI does for its own: metrics go by it."""
    inner = route.app

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        await inner(scope, receive, send)

    return app


def _open_routes(ready: Ready) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", response_model=None)
    async def readyz() -> Response:
        """200 if every component is ok, else 503; both name each component."""
        components = await _components(ready)
        good = all(state == "ok" for state in components.values())
        content: dict[str, Any] = {"status": "ok" if good else "not ready", "components": components}
        return JSONResponse(content, status_code=200 if good else 503)

    @router.get("/metrics", response_model=None)
    async def metrics() -> Response:
        """Prometheus metrics of the process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _components(ready: Ready) -> dict[str, str]:
    try:
        async with asyncio.timeout(READY_WITHIN):
            return dict(await ready())
    except TimeoutError:
        return {"service": f"no answer within {READY_WITHIN:g} seconds"}
    except Exception as error:  # noqa: BLE001  a probe reports what is wrong, whatever it is
        return {"service": f"{type(error).__name__}: {error}"}

"""What every service is made of, seen from outside: routes for people and machines, workers that run, and a
readiness.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import APIRouter

from cskit.db import Database


class Worker(Protocol):
    """Something that runs as long as the service does: a consumer, a relay, timers, effects."""

    @property
    def name(self) -> str:
        """For logs and readiness."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is in hand and return. An exception means: it cannot go on."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is built but not started."""

    name: str
    routers: Sequence[APIRouter]
    workers: Sequence[Worker]
    database: Database | None  # None for one that owns nothing
    ready: Callable[[], Awaitable[Mapping[str, str]]]
    body_limits: Mapping[str, int] = field(default_factory=dict)  # path -> bytes, where 1 MB is not right
    # awaited once, when the schema is there and before anything is served; raises what must keep it from starting
    start: Callable[[], Awaitable[None]] | None = None
    close: Callable[[], Awaitable[None]] | None = None

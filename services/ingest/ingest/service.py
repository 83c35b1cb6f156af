"""The composition root of ingest."""

import secrets
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cskit.platform import Platform
from cskit.seed import kept_value
from cskit.service import Service
from csmodels.topics import DEAD_LETTERS
from ingest import hot, source_routes, tail_routes
from ingest.api import people, quarantine, texts
from ingest.cache import Cache
from ingest.feeds import Feeds
from ingest.flow import Flow
from ingest.imports import api as imports
from ingest.imports.taking import Imports
from ingest.intake import Intake
from ingest.settings import BODY_BYTES, MAX_EVENTS_BYTES, CacheSize
from ingest.sources import Sources
from ingest.sweep import Sweep
from ingest.tables import PLUMBING
from ingest.tails import Tails
from ingest.ticks import Ticks
from ingest.watch import Watch
from ingest.webhooks import routes as webhooks

NAME = "ingest"


def build(platform: Platform) -> Service:
    """Ingest on this platform: its routes, the relay of its outbox, and the hourly ticks. It consumes nothing."""
    database = platform.database(NAME)
    clocks = platform.clocks
    unit_of_work = platform.units_of_work(NAME, PLUMBING)
    feeds = Feeds()
    event_id_key: list[bytes] = []

    async def key() -> bytes:
        """Made at the first start of the deployment; an address in an event id cannot be guessed from its hash."""
        if not event_id_key:
            kept = await kept_value(database, PLUMBING, "event_id_key", secrets.token_hex(32))
            event_id_key.append(bytes.fromhex(kept))
        return event_id_key[0]

    async def ready() -> Mapping[str, str]:
        async with database.read() as tx:
            await tx.fetch(select(PLUMBING.deployment.c.name).limit(1))
        return {"database": "ok"}

    ticks = Ticks(unit_of_work, clocks, feeds)
    cache = Cache(clocks.wall, CacheSize())
    sources = Sources(database, clocks.wall)
    flow = Flow()
    tails = Tails(database, clocks, key)
    intake = Intake(
        log=platform.log,
        database=database,
        unit_of_work=unit_of_work,
        event_id_key=key,
        clocks=clocks,
        cache=cache,
        feeds=feeds,
        ticks=ticks,
        sources=sources,
        flow=flow,
        tails=tails,
    )
    return Service(
        name=NAME,
        routers=[
            hot.router(intake, flow, clocks.wall),
            texts.router(database, unit_of_work, clocks),
            people.router(database, unit_of_work, clocks, cache),
            quarantine.router(database, unit_of_work),
            imports.router(Imports(intake, database, unit_of_work, clocks, ZoneInfo(platform.settings.time_zone))),
            source_routes.router(database, unit_of_work, clocks, sources),
            tail_routes.router(database),
            webhooks.router(intake, sources, unit_of_work, clocks, platform.settings.public_url),
            platform.dead_letters(NAME, PLUMBING),
        ],
        workers=[
            platform.relay(NAME, PLUMBING),
            ticks,
            Sweep(database, unit_of_work, clocks),
            tails,
            Watch(database, unit_of_work, clocks, feeds),
            platform.retention(DEAD_LETTERS),  # all services produce it
        ],
        database=database,
        ready=ready,
        body_limits={
            **dict.fromkeys(hot.SDK_PATHS, BODY_BYTES),
            "/v1/events": MAX_EVENTS_BYTES,
            "/v1/imports": BODY_BYTES,
            "/v1/webhooks": webhooks.MOST_BYTES,
        },
    )

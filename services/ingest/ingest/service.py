"""The composition root of ingest."""

import secrets
from collections.abc import Mapping

from sqlalchemy import select

from cskit.platform import Platform
from cskit.seed import kept_value
from cskit.service import Service
from ingest import api, hot
from ingest.cache import Cache
from ingest.feeds import Feeds
from ingest.intake import Intake
from ingest.settings import BODY_BYTES, CacheSize
from ingest.tables import PLUMBING
from ingest.ticks import Ticks

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
    intake = Intake(
        log=platform.log,
        database=database,
        unit_of_work=unit_of_work,
        event_id_key=key,
        clocks=clocks,
        cache=Cache(clocks.wall, CacheSize()),
        feeds=feeds,
        ticks=ticks,
    )
    return Service(
        name=NAME,
        routers=[
            hot.router(intake),
            api.router(database, unit_of_work, clocks),
            platform.dead_letters(NAME, PLUMBING),
        ],
        workers=[platform.relay(NAME, PLUMBING), ticks],
        database=database,
        ready=ready,
        body_limits={"/v1/batch": BODY_BYTES, "/v1/events": BODY_BYTES},
    )

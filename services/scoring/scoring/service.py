"""The composition root of scoring."""

from collections.abc import Mapping

from cskit.http.feeds import feed_routes
from cskit.platform import Platform
from cskit.service import Service
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS
from scoring.account import Rules
from scoring.api import accounts
from scoring.handlers import ScoringHandler, check_zone, other_zone
from scoring.overrides import GROUP, Overrides
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings
from scoring.store.folding import stored_zone
from scoring.tables import PLUMBING

NAME = "scoring"
_STREAM = (
    "health.changed as server-sent events: `event` is the type, `data` the event as it is on the bus. "
    "The id of the last event that was seen, as Last-Event-ID, resumes on any replica."
)


def build(platform: Platform) -> Service:
    """Scoring on this platform: it folds cs.customer-events, and its relay sends cs.health-events."""
    settings = ScoringSettings.of(platform.settings)
    database = platform.database(NAME)
    clocks = platform.clocks
    cards = built_in()
    handler = ScoringHandler(settings=settings, cards=cards, database=database, clocks=clocks)
    runner = platform.runner(NAME, PLUMBING, group=GROUP, topics=[CUSTOMER_EVENTS], handler=handler)
    overrides = Overrides(
        log=platform.log,
        ingest=lambda actor: platform.client("ingest", actor),
        database=database,
        settings=settings,
        clocks=clocks,
    )
    feed = platform.feed(NAME, HEALTH_EVENTS)
    rules = Rules(cards[0], settings.tzinfo, settings.currency, {})

    async def start() -> None:
        await check_zone(database, settings)

    async def ready() -> Mapping[str, str]:
        async with database.read() as tx:
            zone = await stored_zone(tx, PLUMBING)
        return {"database": "ok", "time_zone": (zone and other_zone(zone, settings)) or "ok"}

    return Service(
        name=NAME,
        routers=[
            feed_routes("/v1/health/stream", feed, tag="scoring", description=_STREAM),
            accounts.router(database=database, overrides=overrides, rules=rules, clocks=clocks),
            platform.dead_letters(NAME, PLUMBING),
        ],
        workers=[runner, feed, platform.relay(NAME, PLUMBING)],
        database=database,
        ready=ready,
        start=start,
    )

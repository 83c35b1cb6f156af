"""The composition root of scoring."""

from collections.abc import Mapping
from functools import partial

from cskit.db import Tx
from cskit.http.feeds import feed_routes
from cskit.http.queries import query_of
from cskit.platform import Platform
from cskit.service import Service, Worker
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS, PLAYBOOK_EVENTS
from scoring import timeline
from scoring.acts import GROUP, Acts
from scoring.api import accounts, exports, metrics, rebuilds, segments, watch
from scoring.api import scorecards as scorecard_routes
from scoring.applying import Scorecards
from scoring.archive import retention
from scoring.archive.place import ArchiveRoot
from scoring.archive.writing import Archiver
from scoring.catalogue import Catalogue, ReadingRules
from scoring.comparing import Comparing
from scoring.domain.scorecard import Scorecard
from scoring.handlers import ScoringHandler, check_zone, other_zone
from scoring.portfolio import Portfolio
from scoring.rates import ExchangeRates
from scoring.rebuilding.job import Rebuilder
from scoring.scorecards import built_in
from scoring.segmenting import Ranks
from scoring.settings import ScoringSettings
from scoring.store.folding import stored_zone
from scoring.streaming import StreamQuery, parameters
from scoring.tables import PLUMBING
from scoring.weekly import WeekAgo

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

    async def published() -> int:
        return max((await platform.log.end_offsets(HEALTH_EVENTS)).values(), default=0)

    folding = partial(ScoringHandler, settings=settings, cards=cards, clocks=clocks)

    handler = folding(database=database, published=published)
    runner = platform.runner(NAME, PLUMBING, group=GROUP, topics=[CUSTOMER_EVENTS], handler=handler, needs_all=True)
    telling = platform.runner(
        NAME, PLUMBING, group=timeline.GROUP, topics=[PLAYBOOK_EVENTS], handler=timeline.TimelineHandler()
    )
    root = ArchiveRoot.of(platform.settings, platform.archive) if platform.archive is not None else None
    archiving: list[Worker] = []
    if root is not None:
        archiver = Archiver(log=platform.log, database=database, root=root, clocks=clocks, owner=platform.owner)
        archiving = [
            archiver,
            platform.retention(CUSTOMER_EVENTS, partial(retention.until, database, platform.log, root, [GROUP])),
        ]
    rebuilder = Rebuilder(
        database=database,
        log=platform.log,
        root=root,
        clocks=clocks,
        owner=platform.owner,
        group=GROUP,
        make_handler=lambda shadow: folding(database=shadow, recounts=True),
        open_shadow=lambda: platform.shadow_database(NAME),
        drop_shadow=lambda: platform.drop_shadow_database(NAME),
    )
    acts = Acts(
        log=platform.log,
        ingest=lambda actor: platform.client("ingest", actor),
        database=database,
        settings=settings,
        clocks=clocks,
    )
    catalogue = Catalogue(cards)
    scorecards = Scorecards(
        units=platform.units_of_work(NAME, PLUMBING),
        database=database,
        catalogue=catalogue,
        settings=settings,
        clocks=clocks,
    )
    comparing = Comparing(database=database, catalogue=catalogue, settings=settings, clocks=clocks)
    feed = platform.feed(NAME, HEALTH_EVENTS)
    rules = ReadingRules(catalogue, settings.tzinfo, settings.currency)
    week_ago = WeekAgo(rules)
    ranks = Ranks(database=database, settings=settings, clocks=clocks)

    async def card_in_force(tx: Tx) -> Scorecard:
        return (await rules.now(tx)).card

    rates = ExchangeRates(
        units=platform.units_of_work(NAME, PLUMBING), database=database, currency=settings.currency, clocks=clocks
    )
    portfolio = Portfolio(database=database, settings=settings, clocks=clocks, card_in_force=card_in_force)

    async def start() -> None:
        await check_zone(database, settings)
        await scorecards.begin()
        await portfolio.start()

    async def ready() -> Mapping[str, str]:
        async with database.read() as tx:
            zone = await stored_zone(tx, PLUMBING)
        return {"database": "ok", "time_zone": (zone and other_zone(zone, settings)) or "ok"}

    return Service(
        name=NAME,
        routers=[
            feed_routes(
                "/v1/health/stream",
                feed,
                tag="scoring",
                description=_STREAM,
                selecting=lambda request: query_of(StreamQuery, request).selection(),
                parameters=parameters(),
            ),
            watch.router(database=database),
            accounts.router(database=database, rules=rules, clocks=clocks, week_ago=week_ago, acts=acts),
            exports.router(database=database, rules=rules, clocks=clocks, week_ago=week_ago),
            segments.router(database=database, clocks=clocks, ranks=ranks, week_ago=week_ago),
            metrics.router(portfolio=portfolio, rates=rates),
            rebuilds.router(database=database, clocks=clocks),
            scorecard_routes.router(database=database, scorecards=scorecards, catalogue=catalogue, comparing=comparing),
            platform.dead_letters(NAME, PLUMBING),
        ],
        workers=[
            runner,
            ranks,
            telling,
            feed,
            *archiving,
            platform.retention(HEALTH_EVENTS),
            rebuilder,
            platform.relay(NAME, PLUMBING),
        ],
        database=database,
        ready=ready,
        start=start,
    )

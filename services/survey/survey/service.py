"""The composition root of survey."""

import secrets
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from cskit.clock import Clock
from cskit.db import Database
from cskit.platform import Platform
from cskit.seed import kept_value
from cskit.service import Service
from csmodels.ids import SurveyId
from csmodels.topics import CUSTOMER_EVENTS
from survey import store
from survey.api import OPEN_FOR, survey_routes
from survey.domain.answering import Survey
from survey.handlers import Handlers
from survey.importing import import_routes
from survey.pages import Pages
from survey.rendering import Renderer
from survey.tables import PLUMBING
from survey.words import NPS_NAME

NAME: Final = "survey"


class FirstStart:
    """What the first start of a deployment makes, once for all replicas: the key of the links and the survey `nps`.

    Called before anything that needs them; after the first call it answers from memory.
    """

    def __init__(self, database: Database, world: Clock) -> None:
        self._database = database
        self._world = world
        self._key: bytes | None = None

    async def __call__(self) -> bytes:
        """The key of the links."""
        if self._key is None:
            usual = Survey(SurveyId("nps"), "nps", NPS_NAME, None, OPEN_FOR, self._world.now())
            async with self._database.write() as tx:
                await store.add_survey(tx, usual)
            self._key = bytes.fromhex(await kept_value(self._database, PLUMBING, "link_key", secrets.token_hex(32)))
        return self._key


def build(platform: Platform) -> Service:
    """The survey service on this platform."""
    database = platform.database(NAME)
    units = platform.units_of_work(NAME, PLUMBING)
    world, settings = platform.clocks.world, platform.settings
    key = FirstStart(database, world)
    pages = Pages(
        key=key,
        database=database,
        units=units,
        world=world,
        renderer=Renderer(ZoneInfo(settings.time_zone), world.scale),
        default=settings.locale,
    )

    async def ready() -> Mapping[str, str]:
        await key()
        async with database.read() as tx:
            await store.survey(tx, "nps")
        return {"database": "ok"}

    return Service(
        name=NAME,
        routers=[
            survey_routes(key=key, database=database, units=units, world=world, public_url=settings.public_url),
            import_routes(key=key, units=units, world=world),
            pages.router(),
            platform.dead_letters(NAME, PLUMBING),
        ],
        workers=[
            platform.relay(NAME, PLUMBING),
            platform.runner(NAME, PLUMBING, group=NAME, topics=[CUSTOMER_EVENTS], handler=Handlers()),
        ],
        database=database,
        ready=ready,
    )

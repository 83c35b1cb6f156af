"""The worker that releases what waits in vain."""

import asyncio
from typing import Final

from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable
from cskit.messages import UnitOfWorks
from cskit.observability import get_logger
from csmodels.topics import CUSTOMER_EVENTS
from ingest.store import straggling

EVERY_SECONDS: Final = 30.0  # of the wall clock
_PEOPLE_AT_ONCE: Final = 200

log = get_logger()


class Sweep:
    """Publishes events that wait although their person has an account. Any number of replicas.

    None should: who links a person and who lets an event of theirs wait hold the same lock. This is for what no one
    thought of, such as a restored table, and a release by it is a warning.
    """

    name = "ingest-sweep"

    def __init__(self, database: Database, unit_of_work: UnitOfWorks, clocks: Clocks) -> None:
        self._database = database
        self._unit_of_work = unit_of_work
        self._clocks = clocks

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep now and every 30 seconds until `stop`. A database that cannot be reached is asked again then."""
        while not stop.is_set():
            try:
                await self.round()
            except DatabaseUnavailable as error:
                log.warning("sweep.waiting", reason=str(error), seconds=EVERY_SECONDS)
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def round(self) -> int:
        """Release what waits in vain, person by person, each in its order; how many events. DatabaseUnavailable."""
        async with self._database.read() as tx:
            people = await straggling.stragglers(tx, _PEOPLE_AT_ONCE)
        count = 0
        for person in people:
            async with self._unit_of_work() as uow:
                released = await straggling.release(uow, person, self._clocks.world.now())
                uow.publish(CUSTOMER_EVENTS, released)
            count += len(released)
        if count:
            log.warning("sweep.released", people=len(people), events=count)
        return count

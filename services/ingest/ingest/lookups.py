"""Asking the database who users are: one question at a time, for all requests that wait for an answer."""

import asyncio
from collections.abc import Mapping

from cskit.db import Database
from ingest.cache import Cache
from ingest.domain.identity import Known
from ingest.store import identity


class Lookups:
    """While a question is on its way the next one gathers: many small requests cost as few questions as one large."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache
        self._waiting: dict[str, tuple[set[str], asyncio.Future[Mapping[str, Known]]]] = {}
        self._asking: set[str] = set()  # sources with a question on its way
        self._tasks: set[asyncio.Task[None]] = set()

    async def known(self, source: str, users: set[str]) -> Mapping[str, Known]:
        """Those of the users, and perhaps of others, that the source has spoken of, as of now or a little later.

        Raises DatabaseUnavailable.
        """
        wanted, answer = self._waiting.setdefault(source, (set(), asyncio.get_running_loop().create_future()))
        wanted |= users
        if source not in self._asking:
            self._asking.add(source)
            task = asyncio.create_task(self._ask(source), name="ingest-lookups")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(answer)  # who gives up waiting leaves the others their answer

    async def _ask(self, source: str) -> None:
        try:
            while source in self._waiting:
                wanted, answer = self._waiting.pop(source)
                before = self._cache.writes
                try:
                    found = await identity.known(self._database, source, wanted)
                except BaseException as error:
                    answer.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                    answer.exception()  # seen here already: those who asked may all have gone
                    if not isinstance(error, Exception):
                        raise
                else:
                    if before == self._cache.writes:
                        self._cache.store(source, found)
                    answer.set_result(found)
        finally:
            self._asking.discard(source)

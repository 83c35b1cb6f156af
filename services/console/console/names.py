"""Names of accounts, kept for a minute: every open list of tasks asks for the same ones over and over."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from console.upstream import Calls, Refused
from cskit.clock import Clock

_KEPT_FOR: Final = timedelta(seconds=60)
_MOST: Final = 5_000


class AccountNames:
    """Asked for one by one, and by one page at a time, so that what it finds serves those that wait."""

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self._known: dict[str, tuple[str | None, datetime]] = {}  # the oldest first
        self._asking = asyncio.Lock()

    async def of(self, calls: Calls, accounts: Iterable[str]) -> dict[str, str]:
        """The names by id, at most a minute old. An account without a name, or that is gone, is left out."""
        wanted = list(dict.fromkeys(accounts))
        async with self._asking:
            now = self._wall.now()
            known = {id_: kept[0] for id_ in wanted if (kept := self._known.get(id_)) and now < kept[1]}
            unknown = [id_ for id_ in wanted if id_ not in known]
            found = await asyncio.gather(*(_name(calls, id_) for id_ in unknown))
            for id_, name in zip(unknown, found, strict=True):
                self._known.pop(id_, None)  # to the end
                self._known[id_] = (name, now + _KEPT_FOR)
                known[id_] = name
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
        return {id_: name for id_, name in known.items() if name}


async def _name(calls: Calls, account: str) -> str | None:
    try:
        return (await calls.account(account)).name
    except Refused as error:
        if error.status != 404:
            raise
        return None

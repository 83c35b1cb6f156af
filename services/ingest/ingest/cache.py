"""Who users are, in memory, so that the hot path asks no database."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final

from cskit.clock import Clock
from csmodels.ids import PersonId
from ingest.domain.identity import Known
from ingest.domain.wire import Home, home_of
from ingest.settings import CacheSize

_UNKNOWN: Final = (datetime.min.replace(tzinfo=UTC), None, None)
_WHEN: Final = itemgetter(0)
_NOBODY: Final = (datetime.max.replace(tzinfo=UTC), None, None)


class Cache:
    """The users that were asked for last. An entry is believed for `size.trusted_for`: another replica may have moved
    the user. So whoever is met is asked for anew soon, and is held for longer than who is not.

    `writes` counts what this process has written: a reader that finds it changed must not store what it read before.
    """

    def __init__(self, wall: Clock, size: CacheSize) -> None:
        self._wall = wall
        self._size = size
        self._entries: OrderedDict[tuple[str, str], tuple[datetime, Known, Home | None]] = OrderedDict()
        self.writes = 0

    def get(self, source: str, users: Iterable[str]) -> dict[str, Known]:
        """Those of the users that are known here."""
        oldest = self._wall.now() - self._size.trusted_for
        entries = self._entries
        found: dict[str, Known] = {}
        for user in users:
            entry = entries.get((source, user))
            if entry is not None and entry[0] > oldest:
                found[user] = entry[1]
        return found

    def homes(self, source: str, users: Sequence[str | None]) -> tuple[list[Home | None], set[str]]:
        """Where the events of each of these users go, and who has to be asked for first.

        None: nobody, or somebody whose events do not all go to one place.
        """
        oldest = self._wall.now() - self._size.trusted_for
        entries = self._entries
        found = [_NOBODY if user is None else entries.get((source, user), _UNKNOWN) for user in users]
        missing: set[str] = set()
        if min(map(_WHEN, found)) <= oldest:
            missing = {user for user, entry in zip(users, found, strict=True) if user and entry[0] <= oldest}
        return [entry[2] for entry in found], missing

    def store(self, source: str, known: Mapping[str, Known]) -> None:
        """Believe this from now on."""
        now = self._wall.now()
        for user, one in known.items():
            home = None if (account := one.only_account) is None else home_of(account, one.person)
            self._entries[(source, user)] = (now, one, home)
            self._entries.move_to_end((source, user))
        while len(self._entries) > self._size.users:
            self._entries.popitem(last=False)

    def wrote(self, source: str, known: Mapping[str, Known], *, merged: bool) -> None:
        """The same, after a write of this process. A merge concerns users nobody can name here: all are forgotten."""
        self.writes += 1
        if merged:
            self._entries.clear()
        self.store(source, known)

    def forget(self, people: Collection[PersonId]) -> None:
        """These people were erased by this process: their users are asked for again."""
        self.writes += 1
        gone = [key for key, (_, one, _) in self._entries.items() if one.person in people]
        for key in gone:
            del self._entries[key]

"""Who users are, in memory, so that the hot path asks no database."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from cskit.clock import Clock
from csmodels.ids import PersonId
from ingest.domain.identity import Known
from ingest.settings import CacheSize


class Cache:
    """The users that were asked for last. An entry is believed for `size.trusted_for`: another replica may have moved
    the user. So whoever is met is asked for anew soon, and is held for longer than who is not.

    `writes` counts what this process has written: a reader that finds it changed must not store what it read before.
    """

    def __init__(self, wall: Clock, size: CacheSize) -> None:
        self._wall = wall
        self._size = size
        self._entries: OrderedDict[tuple[str, str], tuple[datetime, Known]] = OrderedDict()
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

    def store(self, source: str, known: Mapping[str, Known]) -> None:
        """Believe this from now on."""
        now = self._wall.now()
        for user, one in known.items():
            self._entries[(source, user)] = (now, one)
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
        gone = [key for key, (_, one) in self._entries.items() if one.person in people]
        for key in gone:
            del self._entries[key]

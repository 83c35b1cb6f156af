"""Who users are, in memory, so that the hot path asks no database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

from cskit.clock import Clock
from csmodels.ids import PersonId
from ingest.domain.identity import Known
from ingest.domain.wire import Home, home_of
from ingest.settings import CacheSize

_Entry = tuple[datetime, Known, Home | None]

_NONE: Final[Mapping[str, _Entry]] = {}
_UNKNOWN: Final = (datetime.min.replace(tzinfo=UTC), None, None)
_NOBODY: Final = (datetime.max.replace(tzinfo=UTC), None, None)
_WHEN: Final = itemgetter(0)


class Cache:
    """The users that were asked for last. An entry is believed for `size.trusted_for`: another replica may have moved
    the user. So whoever is met is asked for anew soon, and is held for longer than who is not.

    `writes` counts what this process has written: a reader that finds it changed must not store what it read before.
    """

    def __init__(self, wall: Clock, size: CacheSize) -> None:
        self._wall = wall
        self._size = size
        self._of: dict[str, dict[str, _Entry]] = {}  # by source and user; who was stored last is at the end
        self._held = 0
        self.writes = 0

    def get(self, source: str, users: Iterable[str]) -> dict[str, Known]:
        """Those of the users that are known here."""
        oldest = self._wall.now() - self._size.trusted_for
        entries = self._of.get(source, _NONE)
        found: dict[str, Known] = {}
        for user in users:
            entry = entries.get(user)
            if entry is not None and entry[0] > oldest:
                found[user] = entry[1]
        return found

    def homes(self, source: str, users: Sequence[str | None]) -> tuple[list[Home | None], set[str]]:
        """Where the events of each of these users go, and who has to be asked for first.

        None: nobody, or somebody whose events do not all go to one place.
        """
        oldest = self._wall.now() - self._size.trusted_for
        entries: Mapping[Any, Any] = self._of.get(source, _NONE)
        if None in users:
            entries = {**entries, None: _NOBODY}
        found: list[Any] = list(map(entries.get, users, repeat(_UNKNOWN)))
        missing: set[str] = set()
        if min(map(_WHEN, found)) <= oldest:
            missing = {user for user, entry in zip(users, found, strict=True) if user and entry[0] <= oldest}
        return [entry[2] for entry in found], missing

    def store(self, source: str, known: Mapping[str, Known]) -> None:
        """Believe this from now on."""
        now = self._wall.now()
        entries = self._of.setdefault(source, {})
        for user, one in known.items():
            home = None if (account := one.only_account) is None else home_of(account, one.person)
            self._held -= entries.pop(user, None) is not None
            entries[user] = (now, one, home)
        self._held += len(known)
        while self._held > self._size.users:
            most = max(self._of.values(), key=len)
            del most[next(iter(most))]
            self._held -= 1

    def wrote(self, source: str, known: Mapping[str, Known], *, merged: bool) -> None:
        """The same, after a write of this process. A merge concerns users nobody can name here: all are forgotten."""
        self.writes += 1
        if merged:
            self._of.clear()
            self._held = 0
        self.store(source, known)

    def forget(self, people: Collection[PersonId]) -> None:
        """These people were erased by this process: their users are asked for again."""
        self.writes += 1
        for entries in self._of.values():
            for user in [user for user, (_, one, _) in entries.items() if one.person in people]:
                del entries[user]
                self._held -= 1

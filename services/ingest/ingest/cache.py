"""Who users are, in memory, so that the hot path asks no database."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from cskit.clock import Clock
from csmodels.ids import PersonId
from ingest.domain.identity import Known
from ingest.domain.wire import Home, home_of
from ingest.settings import CacheSize


class _Source:
    """The users of a source, with when they were stored, the last one at the end; and the homes of those that have one,
    beside them, since the hot path asks for nothing else.
    """

    __slots__ = ("homes", "known")

    def __init__(self) -> None:
        self.known: OrderedDict[str, tuple[datetime, Known]] = OrderedDict()
        self.homes: dict[str | None, Home] = {}

    def drop(self, user: str) -> int:
        """Forget a user; how many were forgotten."""
        self.homes.pop(user, None)
        return self.known.pop(user, None) is not None

    def drop_until(self, oldest: datetime) -> int:
        """Forget who was stored at that moment or before; how many were forgotten."""
        count = 0
        while self.known and self.known[user := next(iter(self.known))][0] <= oldest:
            count += self.drop(user)
        return count


class Cache:
    """The users that were asked for last. An entry is believed for `size.trusted_for`: another replica may have moved
    the user. So whoever is met is asked for anew soon.

    `writes` counts what this process has written: a reader that finds it changed must not store what it read before.
    """

    def __init__(self, wall: Clock, size: CacheSize) -> None:
        self._wall = wall
        self._size = size
        self._of: dict[str, _Source] = {}
        self._held = 0
        self._seen_at = datetime.min.replace(tzinfo=UTC)
        self.writes = 0

    def get(self, source: str, users: Iterable[str]) -> dict[str, Known]:
        """Those of the users that are known here."""
        known = self._believed(source).known
        return {user: known[user][1] for user in users if user in known}

    def homes(self, source: str, users: Sequence[str | None]) -> tuple[list[Home | None], set[str]]:
        """Where the events of each of these users go, and who has to be asked for first.

        None: nobody, or somebody whose events do not all go to one place.
        """
        believed = self._believed(source)
        found = list(map(believed.homes.get, users))
        missing: set[str] = set()
        if None in found:
            missing = {user for user in users if user is not None and user not in believed.known}
        return found, missing

    def store(self, source: str, known: Mapping[str, Known]) -> None:
        """Believe this from now on."""
        now = self._now()
        of_it = self._of.setdefault(source, _Source())
        for user, one in known.items():
            self._held -= of_it.drop(user)
            of_it.known[user] = (now, one)
            if (account := one.only_account) is not None:
                of_it.homes[user] = home_of(account, one.person)
        self._held += len(known)
        while self._held > self._size.users:
            most = max(self._of.values(), key=lambda each: len(each.known))
            self._held -= most.drop(next(iter(most.known)))

    def wrote(self, source: str, known: Mapping[str, Known], *, merged: bool) -> None:
        """The same, after a write of this process. A merge concerns users nobody can name here: all are forgotten."""
        self.writes += 1
        if merged:
            self._forget_all()
        self.store(source, known)

    def forget(self, people: Collection[PersonId]) -> None:
        """These people were erased by this process: their users are asked for again."""
        self.writes += 1
        for of_it in self._of.values():
            for user in [user for user, (_, one) in of_it.known.items() if one.person in people]:
                self._held -= of_it.drop(user)

    def _believed(self, source: str) -> _Source:
        """The users of a source, without those that were stored too long ago."""
        now = self._now()
        found = self._of.get(source)
        if found is None:
            return _Source()
        self._held -= found.drop_until(now - self._size.trusted_for)
        return found

    def _now(self) -> datetime:
        """The wall clock's time. If it was put back, nobody knows how old an entry is: all are forgotten."""
        now = self._wall.now()
        if now < self._seen_at:
            self._forget_all()
        self._seen_at = now
        return now

    def _forget_all(self) -> None:
        self._of.clear()
        self._held = 0

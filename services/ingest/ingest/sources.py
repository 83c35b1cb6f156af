"""What is told of a source, in memory for a few seconds."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cskit.clock import Clock
from cskit.db import Database
from ingest.domain.mapping import SourceMapping, parse
from ingest.store import sources as store

TRUSTED_FOR: Final = timedelta(seconds=5)
_HELD: Final = 1000  # names, also those of no source, which anybody can ask for


@dataclass(frozen=True, slots=True)
class Secret:
    """A shared secret; until None it is the present one. Not in repr."""

    secret: str = field(repr=False)
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """A source of events. mapping None: the built-in one of its kind, if there is one."""

    name: str
    kind: str
    keep: frozenset[str]
    secrets: tuple[Secret, ...]
    options: Mapping[str, Any]
    mapping: SourceMapping | None
    created_at: datetime
    changed_at: datetime

    def secrets_at(self, now: datetime) -> list[str]:
        """The secrets that are valid at this moment of the wall clock."""
        return [each.secret for each in self.secrets if each.until is None or now < each.until]


class Sources:
    """Sources by name. What another replica changed is seen five seconds later at most."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall
        self._entries: OrderedDict[str, tuple[datetime, Source | None]] = OrderedDict()

    async def get(self, name: str) -> Source | None:
        """The source; None if nothing is told of it. DatabaseUnavailable if it cannot be read."""
        now = self._wall.now()
        entry = self._entries.get(name)
        if entry is not None and now - entry[0] < TRUSTED_FOR:
            return entry[1]
        async with self._database.read() as tx:
            row = await store.one(tx, name)
        found = None if row is None else source_of(row)
        self._entries[name] = (now, found)
        self._entries.move_to_end(name)
        while len(self._entries) > _HELD:
            self._entries.popitem(last=False)
        return found

    def forget(self, name: str) -> None:
        """Read it anew: this process has changed it."""
        self._entries.pop(name, None)


def source_of(row: Any) -> Source:
    """A row of the table."""
    return Source(
        name=row.name,
        kind=row.kind,
        keep=frozenset(json.loads(row.keep)),
        secrets=tuple(secrets_of(row.secrets)),
        options=json.loads(row.options),
        mapping=None if row.mapping is None else parse(row.mapping),
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def secrets_of(text: str) -> list[Secret]:
    """Secrets as the table keeps them."""
    return [
        Secret(each["secret"], None if each["until"] is None else datetime.fromisoformat(each["until"]))
        for each in json.loads(text)
    ]


def secrets_text(secrets: list[Secret]) -> str:
    """The same, to be kept."""
    return json.dumps([
        {"secret": each.secret, "until": None if each.until is None else each.until.isoformat()} for each in secrets
    ])  # fmt: skip


def rotated(secrets: list[Secret], new: str, now: datetime, overlap: timedelta) -> list[Secret]:
    """With the new secret in front; the others end after the overlap, or earlier if they were to. Ended ones go."""
    ends = now + overlap
    others = [
        Secret(each.secret, ends if each.until is None else min(each.until, ends))
        for each in secrets
        if each.secret != new
    ]
    return [Secret(new, None), *(each for each in others if each.until is not None and now < each.until)]

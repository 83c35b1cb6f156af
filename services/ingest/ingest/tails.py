"""The live tail of each source: its last items and what became of them, and when which family of events came in.

`took` stands in the hot path and only keeps references; a worker writes what changed, now and then, a row of each
replica. No text, name, user id or property is kept: an item's id as it travels, its type, its account, and what
became of it.
"""

import asyncio
import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final

import msgspec

from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable
from cskit.observability import SOURCE_ITEMS, SOURCE_LAST_EVENT, get_logger
from csmodels.ids import wire_event_id
from ingest.domain.hours import full_hour
from ingest.domain.identity import Placed
from ingest.domain.quick import USAGE
from ingest.domain.records import FAMILY_OF
from ingest.domain.wire import Home
from ingest.store import tails as store

LENGTH: Final = 100  # items of a source
EVERY_SECONDS: Final = 0.4  # of the wall clock, between two writes: who watches sees an item within a second
KEPT_FOR: Final = timedelta(days=7)  # of the world clock: a replica's tail that has a younger one beside it
_SOURCES: Final = 1000  # held in memory
_SOURCES_AT_ONCE: Final = 100  # written at once, so that no request waits for more than some milliseconds
_LABELS: Final = 500  # sources with a metric of their own; the others are one
_OTHER: Final = "other"
_LONGEST_FIELD: Final = 128
_UNPLACED: Final = (None, None)  # neither type nor account is known of what was refused, or repeats an id
_STATUS: Final = itemgetter("status")

log = get_logger()

Item = Mapping[str, Any]
_Seen = tuple[Item, str | None, str | None, datetime]
_Usage = tuple[int, Sequence[str], Sequence[Home], datetime]  # the index of the first, ids, homes, when


@dataclass(slots=True)
class _Tail:
    items: deque[_Seen] = field(default_factory=lambda: deque(maxlen=LENGTH))
    usage: deque[_Usage] = field(default_factory=lambda: deque(maxlen=LENGTH))  # of later requests, not yet items
    count: int = 0  # of all items so far: the newest one's number
    last_at: datetime | None = None  # the newest item's
    accepted_at: datetime | None = None  # the newest accepted one's
    statuses: Counter[str] = field(default_factory=Counter)  # since the last write

    def settle(self) -> None:
        """Make items of the usage."""
        for first, ids, homes, at in self.usage:
            for index, (id_, home) in enumerate(zip(ids, homes, strict=True), first):
                self.items.append(({"index": index, "id": id_, "status": "accepted"}, USAGE, home.account, at))
        self.usage.clear()


class Tails:
    """The tails of this replica. Any number of replicas; whoever reads merges them.

    `event_id_key` is the key under which ids travel that may not travel as they are.
    """

    name = "ingest-tails"

    def __init__(
        self,
        database: Database,
        clocks: Clocks,
        event_id_key: Callable[[], Awaitable[bytes]],
        *,
        replica: str | None = None,
    ) -> None:
        self._database = database
        self._clocks = clocks
        self._event_id_key = event_id_key
        self._replica = replica or secrets.token_hex(6)
        self._tails: OrderedDict[str, _Tail] = OrderedDict()  # who was silent for longest in front
        self._changed: dict[str, None] = {}  # who waits for longest in front
        self._hours: Counter[tuple[str, datetime]] = Counter()
        self._labels: set[str] = set()
        self._woken = asyncio.Event()

    def took(self, source: str, items: Sequence[Item], placed: Sequence[Placed], at: datetime) -> None:
        """A request of that source was answered with these items at this moment of the world clock.

        placed are the drafts among them, in the order of the items, whose events the log has. The last items are held.
        """
        if not items:
            return
        last = {one.draft.index: (one.draft.type, one.account) for one in placed[-LENGTH:]}
        fresh = Counter(one.draft.type for one in placed if one.account is not None and not one.draft.backfill)
        tail = self._took(source, Counter(map(_STATUS, items)), fresh, at)
        tail.settle()
        tail.items.extend([(item, *last.get(item["index"], _UNPLACED), at) for item in items[-LENGTH:]])

    def took_usage(
        self, source: str, count: int, ids: Sequence[str], homes: Sequence[Home], fresh: int, at: datetime
    ) -> None:
        """The same of a request of `count` events of usage that was accepted as a whole; `fresh` are not of the past.

        ids and homes are those of its last LENGTH events.
        """
        tail = self._took(source, {"accepted": count}, {USAGE: fresh}, at)
        if len(ids) >= LENGTH:
            tail.usage.clear()
        tail.usage.append((count - len(ids), ids, homes, at))

    def _took(
        self,
        source: str,
        statuses: Mapping[str, int],
        fresh: Mapping[str | None, int],
        at: datetime,
    ) -> _Tail:
        tail = self._tails.get(source)
        if tail is None:
            tail = self._tails[source] = _Tail()
            while len(self._tails) > _SOURCES:
                self._changed.pop(self._tails.popitem(last=False)[0], None)
        else:
            self._tails.move_to_end(source)
        for status, number in statuses.items():  # Counter.update costs more than all else here
            tail.count += number
            tail.statuses[status] += number
        tail.last_at = at
        if "accepted" in statuses:
            tail.accepted_at = at
        self._came(fresh, full_hour(at))
        self._changed[source] = None
        self._woken.set()
        return tail

    def _came(self, types: Mapping[str | None, int], hour: datetime) -> None:
        for kind, number in types.items():
            family = None if kind is None else FAMILY_OF.get(kind)
            if family is not None:
                self._hours[family, hour] += number

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop`, then once more. A database that cannot be reached is asked again in a second."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                woken = asyncio.create_task(self._woken.wait())
                try:
                    await asyncio.wait((stopping, woken), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    woken.cancel()
                await self._try_round()
                await asyncio.wait((stopping,), timeout=EVERY_SECONDS)
        finally:
            stopping.cancel()
        await self._try_round()

    async def _try_round(self) -> None:
        try:
            await self.round()
        except DatabaseUnavailable as error:
            log.warning("tails.waiting", reason=str(error), seconds=EVERY_SECONDS)

    async def round(self) -> None:
        """Write what changed, of a hundred sources at most. DatabaseUnavailable: it is written the next time."""
        self._woken.clear()
        names = list(self._changed)[:_SOURCES_AT_ONCE]
        hours, self._hours = self._hours, Counter()
        try:
            key = await self._event_id_key()
            rows = [self._row(name, self._tails[name], key) for name in names if name in self._tails]
            for name in names:  # before the write: what comes meanwhile is written again
                self._changed.pop(name, None)
            async with self._database.write() as tx:
                store.write(tx, rows)
                await store.count(tx, hours)
        except DatabaseUnavailable:
            self._changed = dict.fromkeys(names) | self._changed
            self._hours.update(hours)
            self._woken.set()
            raise
        self._measure(names)
        if self._changed:
            self._woken.set()

    def _row(self, source: str, tail: _Tail, key: bytes) -> Mapping[str, Any]:
        tail.settle()
        first = tail.count - len(tail.items) + 1
        items = [_told(seen, number, key) for number, seen in enumerate(tail.items, first)]
        text = msgspec.json.encode(items[::-1]).decode()
        return {"source": source, "replica": self._replica, "items": text, "last_at": tail.last_at}

    def _measure(self, names: Iterable[str]) -> None:
        for name in names:
            tail = self._tails.get(name)
            if tail is None:
                continue
            if name not in self._labels and len(self._labels) < _LABELS:
                self._labels.add(name)
            label = name if name in self._labels else _OTHER
            for status, number in tail.statuses.items():
                SOURCE_ITEMS.labels(label, status).inc(number)
            tail.statuses.clear()
            if tail.accepted_at is not None:
                SOURCE_LAST_EVENT.labels(label).set(tail.accepted_at.timestamp())


def _told(seen: _Seen, number: int, key: bytes) -> dict[str, Any]:
    """What is kept of an item. What it said of itself may be personal: its id is the one that travels, a field that
    is named by an address is not named, and the sentence about it is left out.
    """
    item, kind, account, at = seen
    client_id, field_ = item.get("id"), item.get("field")
    return {
        "n": number,
        "at": at.isoformat(),
        "index": item["index"],
        "id": wire_event_id(client_id, key) if client_id else None,
        "type": kind,
        "account": account,
        "status": item["status"],
        "code": item.get("code"),
        "field": field_[:_LONGEST_FIELD] if field_ and "@" not in field_ and field_.isprintable() else None,
    }

"""Which events were taken already: 64-bit fingerprints of (source, id), kept for the append day and the three before.

The clock of a partition is the running maximum of append times, so that what counts as a duplicate depends on the
log alone and repeats are safe for 72 hours. Fingerprints are written in the transaction of their batch; the small rows
of an hour are merged at need. In memory a day is one sorted array, eight bytes an id; what a batch takes waits in a
set until there is enough of it to be sorted in.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, select

from cskit.claims import Claim
from cskit.db import Tx
from cskit.hashing import hashes_of
from cskit.log import Partition
from cskit.slices import Slices
from cskit.texts import Column

HOUR_MS = 3_600_000
DAY_HOURS = 24
_DAY_MS = HOUR_MS * DAY_HOURS
_DAYS_BEFORE = 3
_ID_BYTES = 8

Ids: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much waits to be merged."""

    rows: int = 256  # small rows of an hour: a claim reads few
    small: int = 4_096  # a row of as many ids is not small and stays as it is: no batch writes a long hour anew
    fresh: int = 4_096  # ids of a day in the set; a sixteenth of the array if that is more


def fingerprint(source: str, event_id: str, seed: int) -> int:
    """xxh3 of the identity; 0 counts as 1."""
    return xxhash.xxh3_64_intdigest(f"{source}\0{event_id}".encode(), seed) or 1


def first_day(append_clock_ms: int) -> int:
    """The first UTC day (since 1970) whose fingerprints still count: three days before the clock's."""
    return append_clock_ms // _DAY_MS - _DAYS_BEFORE


@dataclass(slots=True)
class _Day:
    """The fingerprints of one partition and UTC day."""

    kept: Ids  # sorted
    fresh: set[int] = field(default_factory=set)

    def known(self, ordered: Ids) -> set[int]:
        """Those of the values, which are sorted, that were taken on this day."""
        found = self.fresh.intersection(ordered.tolist()) if self.fresh else set()
        if len(self.kept):
            nearest = self.kept.take(self.kept.searchsorted(ordered), mode="clip")
            found.update(ordered[nearest == ordered].tolist())
        return found

    def add(self, ids: Ids, limit: int) -> None:
        """Take these, which are sorted. More than the limit come to the array at once."""
        if len(ids) > limit:
            self.kept = _sorted_together([self.kept, ids])
            return
        self.fresh.update(ids.tolist())
        if len(self.fresh) > max(limit, len(self.kept) // 16):
            self.settle()

    def settle(self) -> None:
        """Move what is in the set into the array."""
        if self.fresh:
            self.kept = _sorted_together([self.kept, np.sort(_array(self.fresh))])
            self.fresh = set()


@dataclass(slots=True)
class _Seen:
    """The fingerprints of one partition by UTC day, and how many small rows each hour has."""

    days: dict[int, _Day] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """What a batch adds by partition and hour, and the small rows of those hours after it was written: applied to
    memory only after its commit.
    """

    new: dict[Partition, dict[int, Ids]] = field(default_factory=dict)  # sorted
    rows: dict[Partition, dict[int, int]] = field(default_factory=dict)


class Dedup:
    """The fingerprints of the partitions one worker owns."""

    def __init__(self, table: Table, group: str, seed: int, limits: Limits = Limits()) -> None:
        self._table = table
        self._group = group
        self._seed = seed
        self._limits = limits
        self._small_bytes = limits.small * _ID_BYTES
        self._seen: dict[Partition, _Seen] = {}

    async def load(self, tx: Tx, clocks: Iterable[tuple[Partition, int]]) -> None:
        """Read what counts for these partitions, given their append clocks, and delete what does not any more."""
        for partition, clock_ms in clocks:
            mine = self._of(partition)
            await tx.execute(delete(self._table).where(mine, self._table.c.hour < first_day(clock_ms) * DAY_HOURS))
            rows = await tx.fetch(select(self._table.c.hour, self._table.c.ids).where(mine))
            # in a thread: what else the process does goes on while millions are sorted
            self._seen[partition] = await asyncio.to_thread(_remembered, rows, self._small_bytes)

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Free the memory of partitions that are no longer this worker's."""
        for partition in partitions:
            self._seen.pop(partition, None)

    def fingerprints(self, sources: Sequence[str], ids: Sequence[str]) -> Ids:
        """The fingerprints of events of this deployment."""
        seed = self._seed
        return np.array(
            [fingerprint(source, id_, seed) for source, id_ in zip(sources, ids, strict=True)], dtype=np.uint64
        )

    def fingerprints_of(self, sources: Column, ids: Slices) -> Ids:
        """The same of events by columns."""
        found = np.empty(len(ids), dtype=np.uint64)
        for source in np.flatnonzero(np.bincount(sources.numbers)).tolist():
            rows = np.flatnonzero(sources.numbers == source)
            some = ids if len(rows) == len(ids) else ids.at(rows)
            found[rows] = hashes_of(f"{sources.texts[source]}\0".encode(), some, self._seed)
        found[found == 0] = 1
        return found

    def are_new(self, partition: Partition, clocks: NDArray[np.int64], values: Ids, taken: Taken) -> NDArray[np.bool_]:
        """Whether each of these events was not seen within the horizon of its clock; those are noted in `taken`.

        clocks are the append clocks in milliseconds, values the fingerprints of all that a batch has of the partition,
        in the order of the log: of equal ones the first is new.
        """
        if not len(values):
            return np.zeros(0, dtype=np.bool_)
        added = taken.new.setdefault(partition, {})
        ordered = np.sort(values)
        last = self._last_days(partition, first_day(int(clocks[0])), ordered)
        for hour, ids in sorted(added.items()):
            last.update(dict.fromkeys(np.intersect1d(ids, values).tolist(), hour // DAY_HOURS))
        hours = clocks // HOUR_MS
        new = np.ones(len(values), dtype=np.bool_)
        if last or (ordered[1:] == ordered[:-1]).any():
            for place, (value, hour) in enumerate(zip(values.tolist(), hours.tolist(), strict=True)):
                day = last.get(value)
                new[place] = day is None or day < hour // DAY_HOURS - _DAYS_BEFORE
                if new[place]:
                    last[value] = hour // DAY_HOURS
        for hour in hours[np.flatnonzero(np.diff(hours, prepend=-1))].tolist():  # they ascend
            of_hour = values[new & (hours == hour)]
            of_hour = ordered if len(of_hour) == len(ordered) else np.sort(of_hour)
            if len(of_hour):
                added[hour] = _sorted_together([added[hour], of_hour]) if hour in added else of_hour
        return new

    async def write(self, tx: Tx, taken: Taken, claims: Mapping[Partition, Claim]) -> None:
        """Write what a batch took, one row per partition and hour; too many small rows of an hour become one row.

        claims are the partitions' as they will be after the batch.
        """
        rows = []
        for partition, hours in taken.new.items():
            for hour, new in hours.items():
                ids, small = new, self._seen[partition].rows.get(hour, 0)
                if small >= self._limits.rows:
                    ids, small = np.unique(np.concatenate([ids, *await self._taken_out(tx, partition, hour)])), 0
                body = ids.tobytes()
                taken.rows.setdefault(partition, {})[hour] = small + (len(body) < self._small_bytes)
                rows.append(
                    {
                        "consumer_group": self._group,
                        "topic": partition.topic,
                        "partition": partition.number,
                        "hour": hour,
                        "epoch": claims[partition].epoch,
                        "next_offset": claims[partition].next_offset,
                        "ids": body,
                    }
                )
        tx.insert(self._table, rows)

    def applied(self, taken: Taken) -> None:
        """After the commit of what was written: what was taken counts from now on."""
        for partition, hours in taken.new.items():
            if not hours:
                continue
            seen = self._seen[partition]
            for hour, ids in hours.items():
                seen.days.setdefault(hour // DAY_HOURS, _Day(_array(()))).add(ids, self._limits.fresh)
            seen.rows.update(taken.rows[partition])
            newest = max(hours) // DAY_HOURS
            oldest = newest - _DAYS_BEFORE
            seen.days = {day: ids for day, ids in seen.days.items() if day >= oldest}
            seen.rows = {hour: count for hour, count in seen.rows.items() if hour >= oldest * DAY_HOURS}
            for day, ids_of_day in seen.days.items():
                if day < newest:
                    ids_of_day.settle()  # nothing comes to it any more

    def _last_days(self, partition: Partition, oldest: int, ordered: Ids) -> dict[int, int]:
        """The last day on which each of the values, which are sorted, was taken, of those days that count."""
        last: dict[int, int] = {}
        for day, ids in sorted(self._seen[partition].days.items()):
            if day >= oldest:
                last.update(dict.fromkeys(ids.known(ordered), day))
        return last

    async def _taken_out(self, tx: Tx, partition: Partition, hour: int) -> list[Ids]:
        """The fingerprints of the small rows of an hour, which are deleted."""
        columns = self._table.c
        small = func.length(columns.ids) < self._small_bytes
        gone = delete(self._table).where(self._of(partition), columns.hour == hour, small).returning(columns.ids)
        return [np.frombuffer(row.ids, dtype=np.uint64) for row in await tx.fetch(gone)]

    def _of(self, partition: Partition) -> ColumnElement[bool]:
        columns = self._table.c
        return and_(
            columns.consumer_group == self._group,
            columns.topic == partition.topic,
            columns.partition == partition.number,
        )


def _remembered(rows: Sequence[Row[Any]], small_bytes: int) -> _Seen:
    bodies: dict[int, list[bytes]] = {}
    seen = _Seen()
    for row in rows:
        bodies.setdefault(row.hour // DAY_HOURS, []).append(row.ids)
        seen.rows[row.hour] = seen.rows.get(row.hour, 0) + (len(row.ids) < small_bytes)
    for day, ids_of_day in bodies.items():
        seen.days[day] = _Day(_sorted_together([np.frombuffer(b"".join(ids_of_day), dtype=np.uint64)]))
    return seen


def _array(ids: Iterable[int]) -> Ids:
    return np.fromiter(ids, dtype=np.uint64)


def _sorted_together(parts: Sequence[Ids]) -> Ids:
    """All of them in one sorted array; what is sorted already in long stretches costs little (timsort)."""
    together = np.concatenate(parts)
    together.sort(kind="stable")
    return together

"""Which events were taken already: 64-bit fingerprints of (source, id), kept for the append day and the three before.

The clock of a partition is the running maximum of append times, so that what counts as a duplicate depends on the
log alone and repeats are safe for 72 hours. Fingerprints are written in the transaction of their batch; one row an
hour is merged at need.
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import xxhash
from sqlalchemy import ColumnElement, Table, and_, delete, select

from cskit.claims import Claim
from cskit.db import Tx
from cskit.log import Partition

HOUR_MS = 3_600_000
DAY_HOURS = 24
_DAYS_BEFORE = 3
_ROWS_AN_HOUR = 256  # more are merged into one: a claim reads few rows


def fingerprint(source: str, event_id: str, seed: int) -> int:
    """xxh3 of the identity; 0 counts as 1."""
    return xxhash.xxh3_64_intdigest(f"{source}\0{event_id}".encode(), seed) or 1


def first_day(append_clock_ms: int) -> int:
    """The first UTC day (since 1970) whose fingerprints still count: three days before the clock's."""
    return append_clock_ms // (HOUR_MS * DAY_HOURS) - _DAYS_BEFORE


@dataclass(slots=True)
class _Seen:
    """The fingerprints of one partition by UTC day, and how many rows hold each hour."""

    days: dict[int, set[int]] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """What a batch adds by partition and hour, applied to memory only after its commit."""

    new: dict[Partition, dict[int, set[int]]] = field(default_factory=dict)


class Dedup:
    """The fingerprints of the partitions one worker owns."""

    def __init__(self, table: Table, group: str, seed: int) -> None:
        self._table = table
        self._group = group
        self._seed = seed
        self._seen: dict[Partition, _Seen] = {}

    async def load(self, tx: Tx, clocks: Iterable[tuple[Partition, int]]) -> None:
        """Read what counts for these partitions, given their append clocks, and delete what does not any more."""
        for partition, clock_ms in clocks:
            seen = self._seen[partition] = _Seen()
            mine = self._of(partition)
            await tx.execute(delete(self._table).where(mine, self._table.c.hour < first_day(clock_ms) * DAY_HOURS))
            for row in await tx.fetch(select(self._table.c.hour, self._table.c.ids).where(mine)):
                seen.days.setdefault(row.hour // DAY_HOURS, set()).update(_unpacked(row.ids))
                seen.rows[row.hour] = seen.rows.get(row.hour, 0) + 1

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Free the memory of partitions that are no longer this worker's."""
        for partition in partitions:
            self._seen.pop(partition, None)

    def is_new(self, partition: Partition, append_clock_ms: int, source: str, event_id: str, taken: Taken) -> bool:
        """Whether this event was not seen within the horizon; if so it is noted in `taken`."""
        value = fingerprint(source, event_id, self._seed)
        oldest = first_day(append_clock_ms)
        added = taken.new.setdefault(partition, {})
        if any(value in ids for day, ids in self._seen[partition].days.items() if day >= oldest):
            return False
        if any(value in ids for hour, ids in added.items() if hour // DAY_HOURS >= oldest):
            return False
        added.setdefault(append_clock_ms // HOUR_MS, set()).add(value)
        return True

    async def write(self, tx: Tx, taken: Taken, claims: Mapping[Partition, Claim]) -> None:
        """Write what a batch took, one row per partition and hour; an hour of too many rows becomes one row.

        claims are the partitions' as they will be after the batch.
        """
        rows = []
        for partition, hours in taken.new.items():
            for hour, ids in hours.items():
                if self._is_full(partition, hour):
                    gone = delete(self._table).where(self._of(partition), self._table.c.hour == hour)
                    ids = ids.union(*(_unpacked(row.ids) for row in await tx.fetch(gone.returning(self._table.c.ids))))
                rows.append(
                    {
                        "consumer_group": self._group,
                        "topic": partition.topic,
                        "partition": partition.number,
                        "hour": hour,
                        "epoch": claims[partition].epoch,
                        "next_offset": claims[partition].next_offset,
                        "ids": array("Q", sorted(ids)).tobytes(),
                    }
                )
        tx.insert(self._table, rows)

    def applied(self, taken: Taken) -> None:
        """After the commit: what was taken counts from now on."""
        for partition, hours in taken.new.items():
            seen = self._seen[partition]
            for hour, ids in hours.items():
                seen.rows[hour] = 1 if self._is_full(partition, hour) else seen.rows.get(hour, 0) + 1
                seen.days.setdefault(hour // DAY_HOURS, set()).update(ids)
            if hours:
                oldest = max(hours) // DAY_HOURS - _DAYS_BEFORE
                seen.days = {day: ids for day, ids in seen.days.items() if day >= oldest}
                seen.rows = {hour: count for hour, count in seen.rows.items() if hour >= oldest * DAY_HOURS}

    def _is_full(self, partition: Partition, hour: int) -> bool:
        return self._seen[partition].rows.get(hour, 0) >= _ROWS_AN_HOUR

    def _of(self, partition: Partition) -> ColumnElement[bool]:
        columns = self._table.c
        return and_(
            columns.consumer_group == self._group,
            columns.topic == partition.topic,
            columns.partition == partition.number,
        )


def _unpacked(ids: bytes) -> Iterable[int]:
    values = array("Q")
    values.frombytes(ids)
    return values

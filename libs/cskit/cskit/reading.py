"""From a batch of records to what a handler is given: poison and duplicates are told apart, nothing is written yet."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from typing import Final

import numpy as np

from cskit.claims import Claim, moved
from cskit.columns import UsageColumns
from cskit.dead_letters import DeadLetter
from cskit.dedup import Dedup, Taken
from cskit.log import Partition, Records
from cskit.messages import Message, Usage, Wanted, message_of
from cskit.peek import type_of
from cskit.poison import Refused, event_of
from cskit.slices import Slices
from cskit.usage_reader import UsageReader
from csmodels.catalogue import TYPES
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS

_FEWEST: Final = 64  # records of a partition from which on columns pay
_MOST_OBJECTS: Final = 64_000
_AT_ONCE: Final = 1_000  # events that are parsed before others get their turn


@dataclass(slots=True)
class Reading:
    """What reading a batch gave, before anything is written. left: the partitions of which some is left for another
    batch, since objects are made of what cannot be read by columns, and memory has an end.
    """

    messages: list[Message[Event]] = field(default_factory=list)
    usage: dict[int, Usage] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    taken: Taken = field(default_factory=Taken)
    claims: list[Claim] = field(default_factory=list)
    duplicates: int = 0
    left: set[Partition] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Whether there is anything to handle."""
        return bool(self.messages or self.usage)


class BatchReader:
    """Reads the batches of one worker. by_columns: its handler takes usage so; `fewest` records of a partition make
    it worth while. most: objects of a batch, of some three kilobytes each.
    """

    def __init__(
        self, group: str, dedup: Dedup, *, by_columns: bool, fewest: int = _FEWEST, most: int = _MOST_OBJECTS
    ) -> None:
        self._group = group
        self._dedup = dedup
        self._usage = UsageReader() if by_columns else None
        self._fewest = fewest
        self._most = most

    async def read(
        self,
        records: Records,
        claim: Claim,
        refused: Refused,
        wanted: Wanted | None,
        now: datetime,
        reading: Reading,
        share: int = 1,
    ) -> None:
        """Read what a batch has of one partition, in the order of the log. What is not wanted is passed over. Meanwhile
        others get their turn. share: how many partitions have yet to share what objects may be made, this one included.
        """
        partition = claim.partition
        room = max(1, (self._most - len(reading.messages) - len(reading.letters)) // share)
        clocks = np.maximum.accumulate(np.maximum(records.timestamps, claim.append_clock_ms))
        usage: UsageColumns | None = None
        others: Sequence[int] = range(len(records))
        many = len(records) >= self._fewest and partition.topic == CUSTOMER_EVENTS
        if self._usage and many and wanted is None:
            usage, others = await self._usage.read(records.values, records.keys)
            apart = usage.places[~self._usage.credible(usage, records)].tolist()
            if refused:
                apart += _places_of(records, partition, refused)
            if apart:
                usage, others = _without(usage, others, apart)
        if len(others) > room:
            reading.left.add(partition)
            records = records.between(0, others[room])
            usage = usage.between(0, int(usage.places.searchsorted(others[room]))) if usage is not None else None
            others = others[:room]
        places: list[int] = []
        events: list[Event] = []
        appended = records.timestamps[np.asarray(others, dtype=np.int64)].tolist()
        those = zip(others, appended, _at(records.keys, others), _at(records.values, others), strict=True)
        for number, (place, appended_ms, key, value) in enumerate(those, start=1):
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
            if wanted is not None and _passed_over(value, wanted):
                continue
            poison = refused.get((partition, int(records.offsets[place]))) if refused else None
            event = None
            if poison is None:
                event, poison = event_of(partition, appended_ms, key, value)
            if poison is not None:
                reading.letters.append(DeadLetter(self._group, records[place], *poison, at=now))
                continue
            assert event is not None
            places.append(place)
            events.append(event)
        plain = np.array(places, dtype=np.int64)
        fingerprints = self._dedup.fingerprints([event.source for event in events], [event.id for event in events])
        if usage is None:
            new = self._dedup.are_new(partition, clocks[plain], fingerprints, reading.taken)
        else:
            both = np.concatenate([plain, usage.places])
            more = self._dedup.fingerprints_of(usage.sources, usage.ids)
            order = np.argsort(both, kind="stable")  # two ascending runs: it merges them
            new = np.empty(len(both), dtype=np.bool_)
            new[order] = self._dedup.are_new(
                partition, clocks[both[order]], np.concatenate([fingerprints, more])[order], reading.taken
            )
            usage = usage.where(new[len(plain) :])
            if len(usage):
                reading.usage[partition.number] = Usage.of(records, usage)
        reading.duplicates += int(len(new) - np.count_nonzero(new))
        kept = new[: len(plain)]
        for place, event in compress(zip(places, events, strict=True), kept):
            reading.messages.append(message_of(records, place, event))
        reading.claims.append(moved(claim, int(records.offsets[-1]) + 1, int(clocks[len(records) - 1])))


def _places_of(records: Records, partition: Partition, refused: Refused) -> list[int]:
    """The places of records that were refused, rising."""
    offsets = [offset for where, offset in refused if where == partition]
    return np.flatnonzero(np.isin(records.offsets, offsets)).tolist()


def _without(usage: UsageColumns, others: Sequence[int], places: Sequence[int]) -> tuple[UsageColumns, Sequence[int]]:
    """Usage without that of some places, which are among the others then."""
    return usage.where(~np.isin(usage.places, places)), sorted({*others, *places})


def _at(values: Sequence[bytes | None], places: Sequence[int]) -> Iterable[bytes | None]:
    """The values at some places, rising; slices are made in one go."""
    if len(places) == len(values):
        return values
    if isinstance(values, Slices):
        return values.at(np.array(places, dtype=np.int64))
    return [values[place] for place in places]


def _passed_over(value: bytes | None, wanted: Wanted) -> bool:
    """Whether a record is of a type that is known and not wanted. What cannot be told is parsed, to be put aside."""
    kind = type_of(value)
    return kind in TYPES and not wanted(str(kind))

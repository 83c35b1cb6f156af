"""The pasts that the archive holds: one partition at a time, doubles dropped as live."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

import msgspec

from cskit.dedup import first_day
from cskit.log import Partition
from cskit.poison import event_of
from csmodels.catalogue import CONTROL_TYPES, CustomerEvent
from csmodels.envelope import Event
from csmodels.internal import FeedResumed, FeedStopped
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.columns import ArchivedRecord
from scoring.archive.place import ArchiveRoot
from scoring.archive.reading import archived_ends, read_events
from scoring.backtest.running import Past
from scoring.backtest.walking import living

_DAY_MS: Final = 86_400_000


class _Named(msgspec.Struct):
    name: str
    count: int = 1


class _Usage(msgspec.Struct, tag_field="type", tag="usage.tracked"):
    data: _Named


_decode_usage: Final = msgspec.json.Decoder(_Usage).decode


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is archived: records at most, and until when all partitions are; None if there is nothing.

    missing: partitions of which there is no file, though there is one of others.
    """

    records: int
    until: datetime | None
    missing: Sequence[int] = ()


def extent(root: ArchiveRoot) -> Extent:
    """What the archive holds. Raises as read_events does."""
    ends = archived_ends(root)
    last: list[int] = []
    for partition, end in ends.items():
        if end:
            last += [record.timestamp_ms for record in read_events(root, partition, from_offset=end - 1)][-1:]
    until = datetime.fromtimestamp(min(last) / 1000, UTC) if last else None
    return Extent(sum(ends.values()), until, [partition for partition, end in ends.items() if last and not end])


def counts(root: ArchiveRoot, until: datetime) -> Counter[str]:
    """How often each name of usage events had been received up to a moment. Raises as read_events does."""
    found: Counter[str] = Counter()
    for partition in range(PARTITIONS):
        for record in read_events(root, partition):
            if record.timestamp_ms > until.timestamp() * 1000:
                break
            try:
                said = _decode_usage(record.value or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue  # of another type, or poison
            found[said.data.name] += said.data.count
    return found


def pasts(root: ArchiveRoot) -> Iterator[Past]:
    """Each account's past; the outcome and the revenue are those of its contracts. Raises as read_events does.

    At hand is what one partition holds, as bytes. Poison is left out, and so is what was before an account's erasure.
    """
    for partition in range(PARTITIONS):
        records: dict[bytes, list[ArchivedRecord]] = {}
        for record in read_events(root, partition):
            if record.key is not None and record.value is not None:
                records.setdefault(record.key, []).append(record)
        feeds = tuple(
            event
            for event in _events(records.pop(CONTROL_KEY.encode(), []))
            if isinstance(event, FeedStopped | FeedResumed)
        )
        for key in sorted(records):
            read = records.pop(key)
            events = cast("list[CustomerEvent]", [e for e in _events(read) if e.type not in CONTROL_TYPES])
            if events:
                yield Past(events[0].subject, tuple(living(events)), feeds=feeds, weight=len(read))


def _events(records: list[ArchivedRecord]) -> Iterator[Event]:
    """The events of records in the log's order, without poison, and without repeats within the horizon of live."""
    clock = 0
    taken: dict[tuple[str, str], int] = {}
    for record in records:
        clock = max(clock, record.timestamp_ms)
        event, _ = event_of(Partition(CUSTOMER_EVENTS, record.partition), record.timestamp_ms, record.key, record.value)
        if event is None:
            continue
        identity = (event.source, event.id)
        day = taken.get(identity)
        if day is not None and day >= first_day(clock):
            continue
        taken[identity] = clock // _DAY_MS
        yield event

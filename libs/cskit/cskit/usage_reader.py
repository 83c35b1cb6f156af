"""How usage is read by columns: what nearly all messages of cs.customer-events are.

A message is taken by columns only where `parse` would surely give the same event of it; all others are left to `parse`.
"""

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cskit import skeletons
from cskit.columns import UsageColumns, in_order
from cskit.decoding import decoded, properties_good
from cskit.log import Records
from cskit.poison import AHEAD
from cskit.skeletons import Skeleton, skeleton_of
from cskit.slices import Ints, Slices, same, windows, words
from cskit.texts import MASKS, SHORT, Bytes, Column, Texts
from cskit.times import LONGEST, microseconds
from csmodels.ids import MAX_WIRE_ID, UUID_PATTERN, are_plain, is_account_id, is_wire_id, matches
from csmodels.partitioning import partition_of

OLD: Final = timedelta(days=300)  # usage that came later than that is left to parse: who folds it treats it with care

_AHEAD_US: Final = 300_000_000  # see envelope.FUTURE_TOLERANCE
_AHEAD_OF_LOG_US: Final = int(AHEAD.total_seconds()) * 1_000_000
_OLD_US: Final = int(OLD.total_seconds()) * 1_000_000
_MOST: Final = 2**31 - 1
_PIECE: Final = 8_192  # messages that are read at once
_SKELETONS: Final = 8  # that are remembered
_SAMPLE: Final = 16  # messages of a piece that are decoded to find another skeleton
_WORTH: Final = 8  # messages of a piece that a skeleton must read to be remembered

Flags = NDArray[np.bool_]


@dataclass(slots=True)
class _Known:
    """A skeleton, the number of the source that its messages have, and how many it read lately."""

    skeleton: Skeleton
    source: int
    read: int = 0


class UsageReader:
    """Reads messages by columns, one `read` at a time. It remembers texts that obey their rules, so that each is looked
    at once, and skeletons of messages.
    """

    def __init__(self) -> None:
        self._accounts = Texts(is_account_id)
        self._homes = array("b")  # the partitions of accounts, by their numbers
        self._names = Texts(is_wire_id)
        self._persons = Texts(lambda text: matches(UUID_PATTERN, text))
        self._sources = Texts(is_wire_id)
        self._known: list[_Known] = []

    async def read(
        self, values: Sequence[bytes | None], keys: Sequence[bytes | None]
    ) -> tuple[UsageColumns, list[int]]:
        """The usage of these messages by columns, and the places of all others. keys are the messages' keys.

        It goes in pieces, so that what is worked on stays in the CPU's cache, and others get their turn in between.
        """
        self._bound()
        bodies, of_bodies = Slices.of(values), Slices.of(keys)
        parts: list[UsageColumns] = []
        for start in range(0, max(len(bodies), 1), _PIECE):
            rows = np.arange(start, min(start + _PIECE, len(bodies)))
            for known in list(self._known):
                rows = self._like(known, bodies, of_bodies, rows, parts)
            if len(rows) >= _SAMPLE and (found := self._found(bodies, rows)):
                rows = self._like(found, bodies, of_bodies, rows, parts)
                self._remember(found)
            if len(rows) or not parts:
                parts.append(self._one_by_one(bodies, of_bodies, rows))
            self._homes.extend(map(partition_of, self._accounts.texts[len(self._homes) :]))
            await asyncio.sleep(0)
        usage = in_order([part for part in parts if len(part)] or parts[:1])
        others = np.ones(len(bodies), dtype=np.bool_)
        others[usage.places] = False
        return usage, np.flatnonzero(others).tolist()

    def credible(self, usage: UsageColumns, records: Records) -> Flags:
        """Which of the usage that was just read of these records is no poison by where and when it was appended."""
        homes = np.frombuffer(self._homes, dtype=np.int8)
        ahead = usage.received - 1_000 * records.timestamps[usage.places]
        good: Flags = (homes[usage.accounts.numbers] == records.partition) & (ahead <= _AHEAD_OF_LOG_US)
        return good

    def _bound(self) -> None:
        if self._accounts.bound():
            self._homes = array("b")
        for texts in (self._names, self._persons):
            texts.bound()
        if self._sources.bound():
            self._known = []  # they name sources by their numbers

    def _like(self, known: _Known, bodies: Slices, keys: Slices, rows: Ints, parts: list[UsageColumns]) -> Ints:
        """Read those of the rows that have a skeleton into `parts`; the rows that are left."""
        if not len(rows):
            return rows
        read = skeletons.read(known.skeleton, bodies, rows)
        known.read = len(read.rows)
        if not known.read:
            return rows
        accounts, names = self._accounts.short(*read.subjects), self._names.short(*read.names)
        persons = self._persons.short(*read.persons) if read.persons else np.zeros(known.read, dtype=np.int64)
        columns = UsageColumns(
            places=read.rows,
            accounts=Column(accounts, self._accounts.texts),
            names=Column(names, self._names.texts),
            persons=Column(persons, self._persons.texts),
            sources=Column(np.full(known.read, known.source), self._sources.texts),
            ids=Slices(bodies.buffer, *read.ids),
            counts=read.counts,
            times=read.times,
            received=read.received,
        )
        good = read.good & _are_keys(keys.at(read.rows), *read.subjects) & _obey(columns)
        parts.append(columns.where(good))
        left = np.ones(len(rows), dtype=np.bool_)
        left[np.searchsorted(rows, read.rows[good])] = False
        return rows[left]

    def _found(self, bodies: Slices, rows: Ints) -> _Known | None:
        """A skeleton that one of a few of these messages has."""
        for row in rows[:: max(1, len(rows) // _SAMPLE)].tolist():
            value = bodies[row] or b""
            _, messages = decoded([value])
            if not messages or messages[0].data.properties:
                continue  # what properties say is rarely said again
            source, skeleton = self._sources.column([messages[0].source]).numbers[0], skeleton_of(value)
            if source > 0 and skeleton is not None and skeleton not in [known.skeleton for known in self._known]:
                return _Known(skeleton, int(source))
        return None

    def _remember(self, found: _Known) -> None:
        """Those that read most come first, and are kept."""
        if found.read >= _WORTH:
            self._known = sorted([*self._known, found], key=lambda known: -known.read)[:_SKELETONS]

    def _one_by_one(self, bodies: Slices, keys: Slices, rows: Ints) -> UsageColumns:
        """Those of the rows that can be decoded and obey all rules."""
        values = list(bodies.at(rows))
        read, messages = decoded(values)
        places = rows[read]
        ids = [one.id for one in messages]
        times, times_good = _moments([one.time for one in messages])
        received, received_good = _moments([one.receivedtime for one in messages])
        counts, counts_good = _counts([one.data.count for one in messages])
        columns = UsageColumns(
            places=places,
            accounts=self._accounts.column([one.subject for one in messages]),
            names=self._names.column([one.data.name for one in messages]),
            persons=self._persons.column([one.personid for one in messages]),
            sources=self._sources.column([one.source for one in messages]),
            ids=Slices.of([id_.encode() for id_ in ids]),
            counts=counts,
            times=times,
            received=received,
        )
        good = times_good & received_good & counts_good & _obey(columns)
        mine = list(map(self._accounts.keys.__getitem__, columns.accounts.numbers.tolist()))
        good &= np.array([key == other for key, other in zip(mine, keys.at(places), strict=True)], dtype=np.bool_)
        if not _all_plain(ids):
            good &= np.array([is_wire_id(id_) for id_ in ids], dtype=np.bool_)
        good &= np.array([properties_good(one.data.properties) for one in messages], dtype=np.bool_)
        return columns.where(good)


def _obey(columns: UsageColumns) -> Flags:
    """Whether all texts obey their rules, and times go together."""
    late = columns.received - columns.times
    good: Flags = (late >= -_AHEAD_US) & (late < _OLD_US)
    for column in (columns.accounts, columns.names, columns.persons, columns.sources):
        good &= column.numbers >= 0
    return good


def _are_keys(keys: Slices, subjects: Bytes, lengths: Ints) -> Flags:
    """Whether these keys are the subjects."""
    mine = words(windows(keys.buffer, keys.starts, SHORT)) & MASKS[lengths]
    good: Flags = (keys.ends - keys.starts == lengths) & same(mine, words(subjects))
    return good


def _counts(counts: list[int]) -> tuple[Ints, Flags]:
    """Counts, and which are in their range."""
    good = np.array([1 <= count <= _MOST for count in counts], dtype=np.bool_)
    return np.array([count if fine else 1 for count, fine in zip(counts, good, strict=True)], dtype=np.int64), good


def _all_plain(ids: Sequence[str]) -> bool:
    return not ids or (min(map(len, ids)) > 0 and max(map(len, ids)) <= MAX_WIRE_ID and are_plain("".join(ids)))


def _moments(times: Sequence[str]) -> tuple[Ints, Flags]:
    """Times as microseconds since 1970, and which of them are plain."""
    letters = np.array([text.encode("ascii", "replace") for text in times], dtype=f"S{LONGEST + 1}")
    lengths = np.fromiter(map(len, times), dtype=np.int64, count=len(times))
    return microseconds(letters.view(np.uint8).reshape(len(times), LONGEST + 1), lengths)

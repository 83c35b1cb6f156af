"""A register with memory: each field is last-writer by (time, source, id), and says what it was at any moment.

A sender may repeat the same value every day, so of each value a field keeps only the first and the last entry of a UTC
month. That does not depend on the order of arrival, and the newest value and all changes survive it, but for a value
that comes back more than once within one month: its returns in between are not told apart.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

Value = str | int | float | bool | None  # times, days and money as their text on the wire


class Stamp(NamedTuple):
    """When an event happened and which one it was; the order of writers."""

    time: datetime
    source: str
    id: str


class Entry(NamedTuple):
    """A field was set to value (None: cleared) by the event of this stamp."""

    stamp: Stamp
    value: Value


Register = Mapping[str, tuple[Entry, ...]]  # field -> its entries, oldest first


def write(register: Register, stamp: Stamp, patch: Mapping[str, Value]) -> Register:
    """The register after a patch, in whatever order patches arrive; the same object if nothing changed."""
    written = {field: _insert(register.get(field, ()), Entry(stamp, value)) for field, value in patch.items()}
    changed = {field: entries for field, entries in written.items() if entries != register.get(field)}
    return {**register, **changed} if changed else register


def read(register: Register, field: str, at: datetime) -> Value:
    """The field's value at a moment; None if it was cleared or never set."""
    entry = last(register, field, at)
    return entry.value if entry else None


def last(register: Register, field: str, at: datetime) -> Entry | None:
    """The entry that holds for the field at a moment; None if it was never set until then."""
    for entry in reversed(register.get(field, ())):
        if entry.stamp.time <= at:
            return entry
    return None


def since(register: Register) -> datetime | None:
    """When the register was first heard of; None if it is empty."""
    return min((entries[0].stamp.time for entries in register.values() if entries), default=None)


def merged(registers: list[Register]) -> Register:
    """Several registers that turned out to be one."""
    union: dict[str, tuple[Entry, ...]] = {}
    for register in registers:
        for field, entries in register.items():
            union[field] = tuple(sorted({*union.get(field, ()), *entries}, key=_by_stamp))
    return union


def forget(register: Register, before: datetime) -> Register:
    """The register without what no moment from `before` on can see."""
    return {field: entries[max(_count(entries, before) - 1, 0) :] for field, entries in register.items()}


def _insert(entries: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
    position = bisect_right(entries, entry.stamp, key=_by_stamp)
    if position and entries[position - 1].stamp == entry.stamp:
        return entries  # a repeat; the first account of one event holds
    month = (entry.stamp.time.year, entry.stamp.time.month)
    kind = type(entry.value)
    same = [
        n
        for n, other in enumerate(entries)
        if (other.stamp.time.year, other.stamp.time.month) == month
        and type(other.value) is kind  # True is no 1
        and other.value == entry.value
    ]
    if len(same) < 2:
        return (*entries[:position], entry, *entries[position:])
    first, last = same[0], same[-1]
    if first < position <= last:
        return entries
    outlived = first if position <= first else last
    rest = entries[:outlived] + entries[outlived + 1 :]
    position -= position > outlived
    return (*rest[:position], entry, *rest[position:])


def _count(entries: tuple[Entry, ...], at: datetime) -> int:
    return sum(entry.stamp.time <= at for entry in entries)


def _by_stamp(entry: Entry) -> Stamp:
    return entry.stamp

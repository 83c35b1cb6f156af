"""A register with memory: each field is last-writer by (time, source, id), and says what it was on any day.

Of each day of the zone a field keeps its last entry, and its very first one for ever; so a field is exact at the end of
every day and now, and does not grow by what is said twice a day. Fields that nothing is ever computed of keep the
newest entry only. None of this depends on the order of arrival. Entries are many and never lead back to themselves: the
garbage collector need not look at them.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
from itertools import pairwise, takewhile
from typing import Final

from msgspec import Struct

from scoring.domain.calendar import local_day

Value = str | int | float | bool | None  # times, days and money as their text on the wire

WITHOUT_HISTORY: Final = frozenset({"name", "country", "time_zone", "locale", "consent", "custom"})


class Stamp(Struct, frozen=True, array_like=True, order=True, gc=False):
    """When an event happened and which one it was; the order of writers."""

    time: datetime
    source: str
    id: str


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """A field was set to value (None: cleared) by the event of this stamp."""

    stamp: Stamp
    value: Value


Register = Mapping[str, tuple[Entry, ...]]  # field -> its entries, oldest first


def write(register: Register, stamp: Stamp, patch: Mapping[str, Value], zone: tzinfo) -> Register:
    """The register after a patch, in whatever order patches arrive; the same object if nothing changed."""
    changed: dict[str, tuple[Entry, ...]] = {}
    for field, value in patch.items():
        before = register.get(field)
        if not before:
            changed[field] = (Entry(stamp, value),)
            continue
        after = _insert(before, Entry(stamp, value), zone, newest_only=field.split(".", 1)[0] in WITHOUT_HISTORY)
        if after is not before:
            changed[field] = after
    return {**register, **changed} if changed else register


def read(register: Register, field: str, at: datetime) -> Value:
    """The field's value at a moment; None if it was cleared or never set."""
    entries = register.get(field)
    if not entries:
        return None
    newest = entries[-1]
    if newest.stamp.time <= at:  # nearly always, for a moment of today
        return newest.value
    entry = last(register, field, at)
    return entry.value if entry is not None else None


def last(register: Register, field: str, at: datetime) -> Entry | None:
    """The entry that holds for the field at a moment; None if it was never set until then."""
    entries = register.get(field)
    if not entries:
        return None
    if entries[-1].stamp.time <= at:  # nearly always, for a moment of today
        return entries[-1]
    return next((entry for entry in reversed(entries) if entry.stamp.time <= at), None)


def since(register: Register) -> datetime | None:
    """When the register was first heard of; None if it is empty."""
    return min([entries[0].stamp.time for entries in register.values() if entries], default=None)


def holds_since(register: Register, field: str, at: datetime) -> datetime | None:
    """Since when the field has had, without a break, the value that it has at a moment; None if it was never set."""
    told = [entry for entry in register.get(field, ()) if entry.stamp.time <= at]
    if not told:
        return None
    run = takewhile(lambda entry: entry.value == told[-1].value, reversed(told))
    return list(run)[-1].stamp.time


def merged(registers: list[Register]) -> Register:
    """Several registers that turned out to be one."""
    if len(registers) == 1:
        return registers[0]
    union: dict[str, tuple[Entry, ...]] = {}
    for register in registers:
        for field, entries in register.items():
            union[field] = tuple(sorted({*union.get(field, ()), *entries}, key=_by_stamp))
    return union


def forget(register: Register, before: datetime, whole: Collection[str] = ()) -> Register:
    """The register without what no moment from `before` on can see; the first entries stay. The same if that is all.

    whole: fields of which every value that followed another one stays, as what came before still tells of today.
    """
    forgotten = {}
    for field, entries in register.items():
        if len(entries) > 2 and entries[2].stamp.time <= before:  # the first and the last one stay in any case
            passed = sum([entry.stamp.time <= before for entry in entries]) - 1
            turned = pairwise(entries[:passed]) if field in whole else ()
            kept = (entries[0], *[after for one, after in turned if after.value != one.value], *entries[passed:])
            if len(kept) < len(entries):
                forgotten[field] = kept
    return {**register, **forgotten} if forgotten else register


def newest(register: Register, field: str) -> Value:
    """The field's newest value, the only one kept of fields without history."""
    entries = register.get(field, ())
    return entries[-1].value if entries else None


def parts(register: Register, field: str) -> dict[str, Value]:
    """The newest values of the keys of a field that is an object, such as `custom`; None: cleared, or the whole was."""
    whole, above = register.get(field), f"{field}."
    return {
        name.removeprefix(above): None if whole and whole[-1].stamp > entries[-1].stamp else entries[-1].value
        for name, entries in register.items()
        if name.startswith(above)
    }


def _insert(entries: tuple[Entry, ...], entry: Entry, zone: tzinfo, *, newest_only: bool) -> tuple[Entry, ...]:
    """The entries with one more, or the same object if it is a repeat or of no consequence."""
    position = bisect_right(entries, entry.stamp, key=_by_stamp)
    if position and entries[position - 1].stamp == entry.stamp:
        return entries
    if newest_only:
        return (entry,) if position == len(entries) else entries

    def same_day(a: Entry, b: Entry) -> bool:
        return local_day(a.stamp.time, zone) == local_day(b.stamp.time, zone)

    if 0 < position < len(entries) and same_day(entry, entries[position]):
        return entries  # not the last of its day
    grown = [*entries[:position], entry, *entries[position:]]
    if position == 0:  # the former first stays only as the last of its day
        if len(grown) > 2 and same_day(grown[1], grown[2]):
            del grown[1]
    elif position > 1 and same_day(grown[position - 1], entry):
        del grown[position - 1]
    return tuple(grown)


def _by_stamp(entry: Entry) -> Stamp:
    return entry.stamp

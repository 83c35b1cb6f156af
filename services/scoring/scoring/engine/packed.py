"""The people and names of a month as bytes, read where somebody asks: mappings equal to plain ones.

A month has 16 bytes of each of its people, joined in the order of ids, so their numbers are in the order of ids, too.
"""

from bisect import bisect_left
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from struct import pack, unpack
from typing import Final

import msgspec
from msgspec import Struct

from scoring.engine.facts import NO_DAYS, Days, Feature, MonthFacts

ID_BYTES: Final = 16


class Part(Struct, frozen=True, array_like=True, gc=False):
    """A name of usage events: its counts until the last day that has one, and (day, number, number) as small integers
    as the number of people needs.
    """

    name: str
    counts: tuple[int, ...]
    people: bytes


_ENCODER: Final = msgspec.msgpack.Encoder()
_PARTS: Final = msgspec.msgpack.Decoder(list[Part])


class People(Mapping[str, Days]):
    """People and their days: `any` and `core` have four bytes for each of the ids, the lowest first."""

    __slots__ = ("any", "core", "ids")

    def __init__(self, ids: bytes, any_: bytes, core: bytes) -> None:
        self.ids, self.any, self.core = ids, any_, core

    @classmethod
    def of(cls, people: Mapping[str, Days]) -> "People":
        """The same people packed."""
        if isinstance(people, cls):
            return people
        ordered = sorted(people.items())
        days = [each for _, each in ordered]
        ids = bytes.fromhex("".join([person for person, _ in ordered]).replace("-", ""))
        return cls(ids, bits_to_bytes([each.any for each in days]), bits_to_bytes([each.core for each in days]))

    def __len__(self) -> int:
        return len(self.ids) // ID_BYTES

    def __iter__(self) -> Iterator[str]:
        return map(text_of, keys(self.ids))

    def __getitem__(self, person: str) -> Days:
        number = number_of(self.ids, key_of(person))
        if number < 0:
            raise KeyError(person)
        return Days(*unpack("<I", self.any[4 * number :][:4]), *unpack("<I", self.core[4 * number :][:4]))

    def items(self) -> ItemsView[str, Days]:
        """All of them at once."""
        return dict(zip(self, map(Days, bits(self.any), bits(self.core)), strict=True)).items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, People):
            return (self.ids, self.any, self.core) == (other.ids, other.any, other.core)
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class Names(Mapping[str, Feature]):
    """The names of a month whose people have these ids."""

    __slots__ = ("_parts", "_raw", "ids")

    def __init__(self, ids: bytes, raw: bytes | None, parts: Mapping[str, Part] | None = None) -> None:
        self.ids, self._raw, self._parts = ids, raw, parts

    @classmethod
    def of(cls, names: Mapping[str, Feature], ids: bytes) -> "Names":
        """The same names packed; the people of their days are among those of the ids."""
        if isinstance(names, cls):
            return names if names.ids == ids else cls(ids, None, _renumbered(names, ids))
        number = {key: n for n, key in enumerate(keys(ids))}
        parts = {}
        for name, feature in names.items():
            rows: list[int] = []
            for day, persons in sorted(feature.people.items()):
                numbers = [number[key_of(person)] for person in persons]
                rows += day, numbers[0], numbers[-1]
            parts[name] = Part(name, shortened(feature.counts), rows_to_bytes(rows, len(number)))
        return cls(ids, None, parts)

    @property
    def parts(self) -> Mapping[str, Part]:
        """The names as they are written."""
        if self._parts is None:
            self._parts = {part.name: part for part in _PARTS.decode(self._raw or b"\x90")}
        return self._parts

    @property
    def raw(self) -> bytes:
        """All of them as bytes; equal names of equal people give equal bytes."""
        if self._raw is None:
            self._raw = _ENCODER.encode([part for _, part in sorted(self.parts.items())])
        return self._raw

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def __getitem__(self, name: str) -> Feature:
        part = self.parts[name]
        return Feature(whole(part.counts), _People(part.people, self.ids))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Names) and self.ids == other.ids:
            return self.raw == other.raw
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class _People(Mapping[int, tuple[str, ...]]):
    """The two smallest people of a name's days."""

    __slots__ = ("_ids", "_packed")

    def __init__(self, packed: bytes, ids: bytes) -> None:
        self._packed, self._ids = packed, ids

    @property
    def rows(self) -> list[int]:
        """See rows_of."""
        return rows_of(self._packed, len(self._ids) // ID_BYTES)

    def persons(self, one: int, other: int) -> tuple[str, ...]:
        """The persons of a row."""
        first = text_of(self._ids[ID_BYTES * one : ID_BYTES * (one + 1)])
        return (first,) if one == other else (first, text_of(self._ids[ID_BYTES * other : ID_BYTES * (other + 1)]))

    def __len__(self) -> int:
        return len(self.rows) // 3

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows[::3])

    def __getitem__(self, day: int) -> tuple[str, ...]:
        rows = self.rows
        place = 3 * bisect_left(rows[::3], day)
        if rows[place : place + 1] != [day]:
            raise KeyError(day)
        return self.persons(rows[place + 1], rows[place + 2])

    def items(self) -> ItemsView[int, tuple[str, ...]]:
        """One after another, so that who stops early has not read the others."""
        return _Lazily(self)

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class _Lazily(ItemsView[int, tuple[str, ...]]):
    """Days and their people."""

    _mapping: _People

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        people = self._mapping
        rows = iter(people.rows)
        for day, one, other in zip(rows, rows, rows, strict=True):
            yield day, people.persons(one, other)


def packed(month: MonthFacts) -> tuple[People, Names]:
    """The people and the names of a month, packed."""
    people = People.of(month.people)
    return people, Names.of(month.names, people.ids)


def key_of(person: str) -> bytes:
    """The 16 bytes of a person's id."""
    return bytes.fromhex(person.replace("-", ""))


@lru_cache(maxsize=4096)  # the two smallest people of a name are often the same on many days
def text_of(key: bytes) -> str:
    """The id of 16 bytes."""
    digits = key.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def keys(ids: bytes) -> list[bytes]:
    """The ids one by one."""
    return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]


def number_of(ids: bytes, key: bytes) -> int:
    """The place of an id; below 0 if it is none of them."""
    place = ids.find(key)
    while place > 0 and place % ID_BYTES:
        place = ids.find(key, place + 1)
    return place // ID_BYTES


def bits(packed_bits: bytes) -> tuple[int, ...]:
    """The days of people, or how often."""
    return unpack(f"<{len(packed_bits) // 4}I", packed_bits)


def bits_to_bytes(values: Iterable[int]) -> bytes:
    """What `bits` reads."""
    given = tuple(values)
    return pack(f"<{len(given)}I", *given)


def rows_of(people: bytes, count: int) -> list[int]:
    """The people of a name's days as day, number, number, day, ...; they are numbers of `count` people."""
    return list(rows_in(people, count))


def rows_in(people: bytes, count: int) -> Sequence[int]:
    """The same to be read only."""
    width, letter = _width(count)
    return people if width == 1 else unpack(f"<{len(people) // width}{letter}", people)


def rows_to_bytes(rows: list[int], count: int) -> bytes:
    """What `rows_of` reads."""
    width, letter = _width(count)
    return bytes(rows) if width == 1 else pack(f"<{len(rows)}{letter}", *rows)


def shortened(counts: tuple[int, ...]) -> tuple[int, ...]:
    """Counts of days without the zeros at their end."""
    end = len(counts)
    while end and not counts[end - 1]:
        end -= 1
    return counts[:end]


def whole(counts: tuple[int, ...]) -> tuple[int, ...]:
    """Counts of 31 days."""
    return counts + NO_DAYS[len(counts) :]


def _renumbered(names: Names, ids: bytes) -> dict[str, Part]:
    """The parts of names, for a table of people that has all of theirs."""
    place = {key: n for n, key in enumerate(keys(ids))}
    moved = [place[key] for key in keys(names.ids)]
    renumbered = {}
    if _width(len(place))[0] == 1:  # then numbers are bytes, and all of them are moved at once
        table = bytes(moved).ljust(256, b"\0")
        people = bytearray().join([part.people for part in names.parts.values()])
        people[1::3], people[2::3] = people[1::3].translate(table), people[2::3].translate(table)
        whole_, end = bytes(people), 0
        for name, part in names.parts.items():
            start, end = end, end + len(part.people)
            renumbered[name] = Part(name, part.counts, whole_[start:end])
        return renumbered
    for name, part in names.parts.items():
        rows = rows_of(part.people, len(moved))
        rows[1::3] = [moved[number] for number in rows[1::3]]
        rows[2::3] = [moved[number] for number in rows[2::3]]
        renumbered[name] = Part(name, part.counts, rows_to_bytes(rows, len(place)))
    return renumbered


def _width(count: int) -> tuple[int, str]:
    """The bytes of a number below count, and of a day, and their letter in `struct`."""
    if count <= 1 << 8:
        return 1, "B"
    return (2, "H") if count <= 1 << 16 else (4, "I")

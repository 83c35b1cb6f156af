"""Usage of a month collected, then counted in one go."""

from bisect import bisect_left
from collections.abc import Callable, Mapping

from scoring.engine.facts import MonthFacts
from scoring.engine.packed import (
    ID_BYTES,
    Names,
    Part,
    People,
    bits,
    bits_to_bytes,
    key_of,
    keys,
    number_of,
    packed,
    rows_of,
    rows_to_bytes,
)

Counts = dict[int, int]  # day (1 to 31) -> count


class _NameDraft:
    """A name's counts, and who used it on which day."""

    __slots__ = ("counts", "people")

    def __init__(self) -> None:
        self.counts: Counts = {}
        self.people: set[tuple[int, str]] = set()


class MonthDraft:
    """Usage of a month. What it makes of a month is what folding the events one by one would have made."""

    __slots__ = ("_core", "_events", "_names", "_people")

    def __init__(self) -> None:
        self._events: Counts = {}
        self._core: Counts = {}
        self._people: dict[str, tuple[int, int]] = {}
        self._names: dict[str, _NameDraft] = {}

    def add(self, day: int, name: str, count: int, person: str | None, *, core: bool) -> None:
        """Note an event of a day (1 to 31)."""
        self.count(day, name, count, core=core)
        if person:
            self.see(day, name, person, core=core)

    def count(self, day: int, name: str, count: int, *, core: bool) -> None:
        """Note how often something was done on a day."""
        self._events[day] = self._events.get(day, 0) + count
        if core:
            self._core[day] = self._core.get(day, 0) + count
        counts = self._draft(name).counts
        counts[day] = counts.get(day, 0) + count

    def see(self, day: int, name: str, person: str, *, core: bool) -> None:
        """Note who did something on a day."""
        bit = 1 << (day - 1)
        any_, core_ = self._people.get(person, (0, 0))
        self._people[person] = any_ | bit, core_ | bit if core else core_
        self._draft(name).people.add((day, person))

    def _draft(self, name: str) -> _NameDraft:
        draft = self._names.get(name)
        if draft is None:
            draft = self._names[name] = _NameDraft()
        return draft

    def on(self, month: MonthFacts, bounded: Callable[[dict[str, Part]], dict[str, Part]]) -> MonthFacts:
        """The month with this usage, its names bounded."""
        people, names = packed(month)
        numbers: dict[str, int] = {}
        if self._people:
            known = {person: key_of(person) for person in self._people}
            newcomers = [key for key in known.values() if number_of(people.ids, key) < 0]
            if newcomers:
                people = _with(people, newcomers)
                names = Names.of(names, people.ids)
            numbers = {person: number_of(people.ids, key) for person, key in known.items()}
            people = _marked(people, [(numbers[person], days) for person, days in self._people.items()])
        return MonthFacts(
            people=people,
            events=_add(month.events, self._events),
            core=_add(month.core, self._core),
            names=Names(people.ids, None, bounded(self._counted(names, numbers))),
            signals=month.signals,
        )

    def _counted(self, names: Names, numbers: Mapping[str, int]) -> dict[str, Part]:
        parts = {**names.parts}
        count = len(names.ids) // ID_BYTES
        for name, draft in self._names.items():
            part = parts.get(name)
            counts, people = (part.counts, part.people) if part else ((), b"")
            if draft.people:
                people = _seen(people, [(day, numbers[person]) for day, person in draft.people], count)
            parts[name] = Part(name, _grown(counts, draft.counts), people)
        return parts


def _with(people: People, newcomers: list[bytes]) -> People:
    """With more people, who have no days yet."""
    before = keys(people.ids)
    after = sorted([*before, *newcomers])
    any_, core = [0] * len(after), [0] * len(after)
    for key, of_any, of_core in zip(before, bits(people.any), bits(people.core), strict=True):
        place = bisect_left(after, key)
        any_[place], core[place] = of_any, of_core
    return People(b"".join(after), bits_to_bytes(any_), bits_to_bytes(core))


def _marked(people: People, found: list[tuple[int, tuple[int, int]]]) -> People:
    """With these days of people, by their numbers."""
    any_, core = list(bits(people.any)), list(bits(people.core))
    for number, (of_any, of_core) in found:
        any_[number] |= of_any
        core[number] |= of_core
    return People(people.ids, bits_to_bytes(any_), bits_to_bytes(core))


def _seen(people: bytes, seen: list[tuple[int, int]], count: int) -> bytes:
    """The two smallest people of a name's days with those who were seen, by their numbers."""
    flat = rows_of(people, count)
    changed = False
    for day, number in seen:
        place = 3 * bisect_left(flat[::3], day)
        if flat[place : place + 1] != [day]:
            flat[place:place] = day, number, number
            changed = True
            continue
        _, one, other = flat[place : place + 3]
        if number < one:
            flat[place + 1 : place + 3] = number, one
            changed = True
        elif number > one and (number < other or one == other):
            flat[place + 2] = number
            changed = True
    return rows_to_bytes(flat, count) if changed else people


def _grown(counts: tuple[int, ...], more: Counts) -> tuple[int, ...]:
    """Shortened counts with more."""
    grown = list(counts)
    for day, count in more.items():
        if day > len(grown):
            grown += [0] * (day - len(grown))
        grown[day - 1] += count
    return tuple(grown)


def _add(counts: tuple[int, ...], more: Counts) -> tuple[int, ...]:
    if not more:
        return counts
    grown = list(counts)
    for day, count in more.items():
        grown[day - 1] += count
    return tuple(grown)

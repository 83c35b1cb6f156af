"""Usage of a month collected, then counted in one go."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from scoring.engine.facts import NO_DAYS, MonthFacts
from scoring.engine.packed import (
    Names,
    Part,
    People,
    bits,
    bits_to_bytes,
    key_of,
    keys,
    packed,
    rows_of,
    rows_to_bytes,
)
from scoring.engine.usage import NOBODY, MonthUsage, Row


class MonthDraft:
    """Usage of a month, event by event."""

    __slots__ = ("_counts", "_people", "_users")

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._people: dict[bytes, tuple[int, int]] = {}
        self._users: dict[tuple[str, int], set[bytes]] = {}

    def add(self, day: int, name: str, count: int, person: str | None, *, core: bool) -> None:
        """Note an event of a day (1 to 31)."""
        place = name, day
        self._counts[place] = self._counts.get(place, 0) + count
        if person:
            key, bit = key_of(person), 1 << (day - 1)
            any_, core_ = self._people.get(key, (0, 0))
            self._people[key] = any_ | bit, core_ | bit if core else core_
            self._users.setdefault(place, set()).add(key)

    def counted(self) -> MonthUsage:
        """All of it."""
        people = sorted(self._people.items())
        place = {key: number for number, (key, _) in enumerate(people)}
        rows: list[Row] = []
        for (name, day), count in self._counts.items():
            who = sorted([place[key] for key in self._users.get((name, day), ())]) or [NOBODY]
            rows.append((name, day, count, who[0], who[min(1, len(who) - 1)]))
        days = [each for _, each in people]
        return MonthUsage(rows, b"".join(place), [any_ for any_, _ in days], [core for _, core in days])


def with_usage(
    month: MonthFacts,
    usage: MonthUsage,
    is_core: Callable[[str], bool],
    bounded: Callable[[dict[str, Part]], dict[str, Part]],
) -> MonthFacts:
    """The month with this usage, its names bounded: what folding the events one by one would have made of it."""
    people, names = packed(month)
    numbers: Sequence[int] = ()
    if usage.ids:
        before = people.ids
        people, numbers = _seen(people, usage)
        if people.ids != before:
            names = Names.of(names, people.ids)
    events, core = list(month.events), list(month.core)
    parts, count = {**names.parts}, len(people)
    for name, day, often, one, other in usage.rows:
        events[day - 1] += often
        if is_core(name):
            core[day - 1] += often
        part = parts.get(name)
        counts, users = (part.counts, part.people) if part is not None else ((), b"")
        if one != NOBODY:
            users = _used(users, day, numbers[one], numbers[other], count)
        parts[name] = Part(name, _grown(counts, day, often), users)
    return MonthFacts(
        people=people,
        events=tuple(events),
        core=tuple(core),
        names=Names(people.ids, None, bounded(parts)),
        signals=month.signals,
    )


def _seen(people: People, usage: MonthUsage) -> tuple[People, Sequence[int]]:
    """With the days of those who were seen, and their numbers."""
    seen = keys(usage.ids)
    known = keys(people.ids)
    any_, core = bits(people.any), bits(people.core)
    place = {key: number for number, key in enumerate(known)}
    newcomers = [key for key in seen if key not in place]
    if newcomers:
        of_any, of_core = dict(zip(known, any_, strict=True)), dict(zip(known, core, strict=True))
        known = sorted([*known, *newcomers])
        any_, core = tuple([of_any.get(key, 0) for key in known]), tuple([of_core.get(key, 0) for key in known])
        place = {key: number for number, key in enumerate(known)}
    numbers = [place[key] for key in seen]
    days, core_days = list(any_), list(core)
    for number, more, more_core in zip(numbers, usage.any, usage.core, strict=True):
        days[number] |= more
        core_days[number] |= more_core
    ids = b"".join(known) if newcomers else people.ids
    return People(ids, bits_to_bytes(days), bits_to_bytes(core_days)), numbers


def _used(users: bytes, day: int, one: int, other: int, count: int) -> bytes:
    """The two smallest people of a name's days with two more of a day (or one, twice), by their numbers."""
    rows = rows_of(users, count)
    place = 3 * bisect_left(rows[::3], day)
    if rows[place : place + 1] != [day]:
        rows[place:place] = day, one, other
    else:
        two = sorted({*rows[place + 1 : place + 3], one, other})
        rows[place + 1 : place + 3] = two[0], two[min(1, len(two) - 1)]
    return rows_to_bytes(rows, count)


def _grown(counts: tuple[int, ...], day: int, often: int) -> tuple[int, ...]:
    """Shortened counts with more of a day."""
    length = len(counts)
    if day > length:
        return (*counts, *NO_DAYS[length : day - 1], often)
    return (*counts[: day - 1], counts[day - 1] + often, *counts[day:])

"""Usage of the months before that of a day, added up once: they hardly ever change, the day's own always does."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from datetime import date
from functools import lru_cache
from itertools import compress
from operator import is_, sub
from typing import Final, NamedTuple, TypeVar, cast

from scoring.domain.calendar import Month, first_day, months_back, window_masks
from scoring.engine.facts import LONGEST_USAGE, Facts, MonthFacts
from scoring.engine.packed import ID_BYTES, Part, People, bits, keys, number_of, packed, rows_in
from scoring.engine.people import active_days

T = TypeVar("T")

MONTHS_AT_HAND: Final = 5  # the newest; they cover the longest window of usage
TWO: Final = (b"", b"")  # who used a name: any two people
_FEW: Final = 16  # people: each is looked up among those of a month, more are compared with all of them

Days = tuple[int, int]  # of a month, in a row: first <= day - 1 < end
Roots = Mapping[bytes, bytes]  # for each person of a merge who it is (see people.roots)


class Gaps(NamedTuple):
    """The gaps between days with core actions in rising order, each below 256, and the last of these days."""

    days: bytes = b""
    last: int | None = None


class Past:
    """The months at hand before that of a day, and what was made of them."""

    __slots__ = ("_facts", "_made", "day", "months", "names")

    def __init__(self, facts: Facts, day: date) -> None:
        self.day, self.names = day, months_back(day, MONTHS_AT_HAND)[:-1]
        self.months = tuple(map(facts.months.get, self.names))
        self._made: dict[object, object] = {}

    def holds(self, facts: Facts, day: date) -> bool:
        """Whether it is the past of this day, and its months are these very objects."""
        return day == self.day and all(map(is_, self.months, map(facts.months.get, self.names)))

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What was made under a key before, else what is made now."""
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])

    def core_actions(self, facts: Facts, days: int, skip: int) -> int:
        """The core actions of a window as far as it lies in these months."""
        key = "core", days, skip
        found = self._made.get(key)
        if found is None:
            found = 0
            for month, mask in self._masks(days, skip):
                start, end = ends_of(mask)
                found += sum(facts.month(month).core[start:end])
            self._made[key] = found
        return cast("int", found)

    def days_before(self, facts: Facts, window: int, people: People, *, core: bool) -> tuple[list[int], list[int]]:
        """On how many days of the window each of these people was seen, and the others who were: it is one list for
        each of `people`, and one for those who are not among them.
        """
        key = ("people", window, core)
        found = cast("tuple[bytes, tuple[list[int], list[int]]] | None", self._made.get(key))
        if found is None or found[0] != people.ids:
            days: dict[bytes, int] = {}
            for month, mask in self._masks(window):
                seen = People.of(facts.month(month).people)
                counts = [(each & mask).bit_count() for each in bits(seen.core if core else seen.any)]
                before, days = days, dict(zip(keys(seen.ids), counts, strict=True))
                for one, count in before.items():
                    days[one] = days.get(one, 0) + count
            mine = [days.pop(one, 0) for one in keys(people.ids)]
            found = people.ids, (mine, [count for count in days.values() if count])
            self._made[key] = found
        return found[1]

    def counts(self, facts: Facts, window: int, wanted: Callable[[str], bool]) -> Mapping[str, int]:
        """How often the names that are wanted were used in a window."""

        def made() -> Mapping[str, int]:
            found: dict[str, int] = {}
            for month, mask in self._masks(window):
                start, end = ends_of(mask)
                for name, part in parts_of(facts.month(month))[1].items():
                    if wanted(name):
                        found[name] = found.get(name, 0) + sum(part.counts[start:end])
            return found

        return self.once(("counts", window), made)

    def users(self, facts: Facts, window: int, name: str, roots: Roots) -> tuple[bytes, ...]:
        """Who used a name in a window: nobody, one person, or TWO."""

        def months() -> list[tuple[bytes, Mapping[str, Part], Days]]:
            return [(*parts_of(facts.month(month)), ends_of(mask)) for month, mask in self._masks(window)]

        found: tuple[bytes, ...] = ()
        for ids, parts, days in self.once(("months", window), months):
            if name in parts:
                found = with_users(found, parts[name], ids, days, roots)
        return found

    def of_parts(self, window: int) -> dict[str, tuple[Part, int, tuple[bytes, ...] | None]]:
        """For names of the day's own month what was made of these very parts, of which few change at a time: how often
        they were used in the window, and who used them if that was asked.
        """
        return self.once(("parts", window), dict)

    def gaps(self, facts: Facts, window: int) -> Gaps:
        """The gaps between days with core actions in a window."""

        def made() -> Gaps:
            counts: list[int] = []
            begin = 0
            for month, mask in reversed(self._masks(window)):
                start, end = ends_of(mask)
                begin = begin or first_ordinal(month) + start
                counts += facts.month(month).core[start:end]
            days = list(compress(range(begin, begin + len(counts)), counts))
            return Gaps(bytes(sorted(map(sub, days[1:], days))), days[-1] if days else None)

        return self.once(("gaps", window), made)

    def last_active(self, facts: Facts) -> int | None:
        """The last day of the longest window on which a person had a core action, as an ordinal."""

        def made() -> int | None:
            for month, mask in self._masks(LONGEST_USAGE):
                if days := active_days(facts, month) & mask:
                    return first_ordinal(month) + days.bit_length() - 1
            return None

        return self.once("last active", made)

    def without(self, facts: Facts, people: Collection[bytes], roots: Roots) -> frozenset[bytes]:
        """Those of these people (who stay the same) who had no core action in these months, of the longest window."""

        def made() -> frozenset[bytes]:
            rest = frozenset(people)
            for month, mask in self._masks(LONGEST_USAGE):
                if rest:
                    rest = idle_of(rest, People.of(facts.month(month).people), mask, roots)
            return rest

        return self.once("without", made)

    def _masks(self, days: int, skip: int = 0) -> tuple[tuple[Month, int], ...]:
        return _masks_before(self.day, days, skip)


@lru_cache(maxsize=256)  # a batch asks the same for each of its accounts
def _masks_before(day: date, days: int, skip: int) -> tuple[tuple[Month, int], ...]:
    """What of a window lies in the months at hand before that of a day, the newest first; the days are in a row."""
    months = months_back(day, MONTHS_AT_HAND)[:-1]
    return tuple((month, mask) for month, mask in window_masks(day, days, skip).items() if month in months)


def idle_of(some: frozenset[bytes], people: People, mask: int, roots: Roots) -> frozenset[bytes]:
    """Those who had no core action on the days of a mask of a month with these people."""
    if roots or len(some) > _FEW:
        return some - active_of(people, mask, roots)
    ids, core = people.ids, people.core
    idle = []
    for key in some:
        place = 4 * number_of(ids, key)
        if place < 0 or not int.from_bytes(core[place : place + 4], "little") & mask:
            idle.append(key)
    return frozenset(idle)


def active_of(people: People, mask: int, roots: Roots) -> set[bytes]:
    """Who had a core action on the days of a mask."""
    found = set(compress(keys(people.ids), [each & mask for each in bits(people.core)]))
    return {roots.get(key, key) for key in found} if roots else found


def parts_of(month: MonthFacts) -> tuple[bytes, Mapping[str, Part]]:
    """The ids and the names of a month as they are packed."""
    people, names = packed(month)
    return people.ids, names.parts


def with_users(known: tuple[bytes, ...], part: Part, ids: bytes, days: Days, roots: Roots) -> tuple[bytes, ...]:
    """Those who used a name, and who did in a month on some of its days."""
    if known is TWO:
        return TWO
    rows, (start, end) = rows_in(part.people, len(ids) // ID_BYTES), days
    counted = rows[::3]
    first, last = 3 * bisect_right(counted, start), 3 * bisect_right(counted, end)
    ones, others = rows[first + 1 : last : 3], rows[first + 2 : last : 3]
    if ones != others and not roots:
        return TWO  # on one day
    numbers = {*ones, *others}
    if len(numbers) > 1 and not roots:
        return TWO
    users = [ids[ID_BYTES * number : ID_BYTES * (number + 1)] for number in numbers]
    found = {*known, *[roots.get(key, key) for key in users]}
    return TWO if len(found) > 1 else tuple(found)


@lru_cache(maxsize=512)
def ends_of(mask: int) -> Days:
    """Where the days of a window begin and end in a month, as a slice of its days."""
    return (mask & -mask).bit_length() - 1 if mask else 0, mask.bit_length()


@lru_cache(maxsize=512)
def first_ordinal(month: Month) -> int:
    """The ordinal of a month's first day."""
    return first_day(month).toordinal()

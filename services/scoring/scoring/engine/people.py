"""Persons that are one after merges, and who was active when."""

from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_

from scoring.domain.calendar import Month
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.packed import People, bits, key_of, keys
from scoring.engine.register import Register, merged


def roots(merges: Collection[tuple[str, str]]) -> Mapping[str, str]:
    """For each person of a merge the smallest id of all that are the same person; merges chain."""
    parent: dict[str, str] = {}
    if not merges:
        return parent

    def root(person: str) -> str:
        while (above := parent.get(person, person)) != person:
            person = above
        return person

    for pair in merges:
        a, b = sorted(map(root, pair))
        parent[b] = a
        parent.setdefault(a, a)
    return {person: root(person) for person in parent}


def united(contacts: Mapping[str, Register], same: Mapping[str, str]) -> Mapping[str, Register]:
    """The contacts by who they are, those of one person as one register; the same if nobody is two."""
    if not same:
        return contacts
    groups: dict[str, list[Register]] = {}
    for person, contact in contacts.items():
        groups.setdefault(same.get(person, person), []).append(contact)
    return {root: merged(group) for root, group in groups.items()}


def count_people(facts: Facts, masks: Mapping[Month, int], same: Mapping[str, str], *, core: bool) -> int:
    """How many persons did something (a core action) on the days of the masks."""
    found: set[bytes] = set()
    for month, mask in masks.items():
        people = People.of(facts.month(month).people)
        days = bits(people.core if core else people.any)
        found.update([key for key, each in zip(keys(people.ids), days, strict=True) if each & mask])
    return len(_united(found, same)) if same else len(found)


def core_days(facts: Facts, masks: Mapping[Month, int], same: Mapping[str, str]) -> list[int]:
    """For each person with a core action on the days of the masks on how many of them; those of one person united."""
    if len(masks) == 1 and not same:
        ((month, mask),) = masks.items()
        core = bits(People.of(facts.month(month).people).core)
        return [days for each in core if (days := (each & mask).bit_count())]
    counts: dict[bytes, int] = {}
    if not same:
        for month, mask in masks.items():
            people = People.of(facts.month(month).people)
            for key, core_ in zip(keys(people.ids), bits(people.core), strict=True):
                if days := (core_ & mask).bit_count():
                    counts[key] = counts.get(key, 0) + days
        return list(counts.values())
    roots_of = {key_of(person): key_of(root) for person, root in same.items()}
    for month, mask in masks.items():
        people = People.of(facts.month(month).people)
        days_of = {key: each & mask for key, each in zip(keys(people.ids), bits(people.core), strict=True)}
        for person in days_of.keys() & roots_of.keys():
            days = days_of.pop(person)
            root = roots_of[person]
            days_of[root] = days_of.get(root, 0) | days
        for key, days in days_of.items():
            if days:
                counts[key] = counts.get(key, 0) + days.bit_count()
    return list(counts.values())


def active_days(facts: Facts, month: Month) -> int:
    """The days of a month on which any person had a core action, as bits."""
    return reduce(or_, bits(People.of(facts.month(month).people).core), 0)


def active_people(month: MonthFacts) -> int:
    """How many ids have a core action in a month."""
    core = bits(People.of(month.people).core)
    return len(core) - core.count(0)


def _united(found: set[bytes], same: Mapping[str, str]) -> set[bytes]:
    if not same:
        return found
    roots_of = {key_of(person): key_of(root) for person, root in same.items()}
    return {roots_of.get(key, key) for key in found}

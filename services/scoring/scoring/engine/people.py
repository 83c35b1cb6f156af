"""Persons that are one after merges, and who was active when."""

from collections.abc import Iterable, Mapping

from scoring.domain.calendar import Month
from scoring.engine.facts import Facts


def roots(merges: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """For each person of a merge the smallest id of all that are the same person; merges chain."""
    parent: dict[str, str] = {}

    def root(person: str) -> str:
        while (above := parent.get(person, person)) != person:
            person = above
        return person

    for pair in merges:
        a, b = sorted(map(root, pair))
        parent[b] = a
        parent.setdefault(a, a)
    return {person: root(person) for person in parent}


def count_people(facts: Facts, masks: Mapping[Month, int], same: Mapping[str, str], *, core: bool) -> int:
    """How many persons did something (a core action) on the days of the masks."""
    found: set[str] = set()
    for month, mask in masks.items():
        people = facts.month(month).people
        if core:
            found.update(person for person, days in people.items() if days.core & mask)
        else:
            found.update(person for person, days in people.items() if days.any & mask)
    return len({same.get(person, person) for person in found}) if same else len(found)


def active_days(facts: Facts, months: Iterable[Month]) -> Mapping[Month, int]:
    """The days of each month on which any person had a core action, as bits."""
    found: dict[Month, int] = {}
    for month in months:
        bits = 0
        for days in facts.month(month).people.values():
            bits |= days.core
        found[month] = bits
    return found

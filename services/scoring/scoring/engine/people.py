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
        people = facts.month(month).people.items()
        found.update([person for person, (any_, core_) in people if (core_ if core else any_) & mask])
    return len({same.get(person, person) for person in found}) if same else len(found)


def active_days(facts: Facts, month: Month) -> int:
    """The days of a month on which any person had a core action, as bits."""
    bits = 0
    for _, core in facts.month(month).people.values():
        bits |= core
    return bits

"""What a batch of erasures and merges means in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from csmodels.envelope import Event
from csmodels.ids import AccountId, PersonId
from csmodels.internal import AccountErased, ContactMerged, PersonErased

CONCERNING: Final = frozenset({"account.erased", "person.erased", "contact.merged"})


@dataclass(frozen=True, slots=True)
class Changes:
    """Accounts and people to forget, and for each merged person whom they became."""

    accounts: frozenset[AccountId]
    erased: frozenset[PersonId]
    merged: dict[PersonId, PersonId]


def changes(events: Sequence[Event]) -> Changes:
    """The end of all chains, in the order of the events. Who became an erased person is erased as well."""
    accounts: set[AccountId] = set()
    erased: set[PersonId] = set()
    into: dict[PersonId, PersonId] = {}
    for event in events:
        match event:
            case AccountErased():
                accounts.add(event.data.account)
            case PersonErased():
                erased.add(event.data.person)
            case ContactMerged():
                into[event.data.from_] = event.data.into
            case _:
                pass
    merged: dict[PersonId, PersonId] = {}
    for person in into:
        became = chain(person, into)
        if erased.isdisjoint(became):
            merged[person] = became[-1]
        else:
            erased.update(became[: max(became.index(one) for one in became if one in erased)])
    return Changes(frozenset(accounts), frozenset(erased), {a: b for a, b in merged.items() if a != b})


def continued(
    merged: Mapping[PersonId, PersonId], ends: Mapping[PersonId, PersonId | None]
) -> tuple[set[PersonId], dict[PersonId, PersonId]]:
    """The merged people who go with an end that was erased before, and whom the others become in the end.

    ends holds, for each of those they become, whom that one became before; None if erased.
    """
    erased = {person for person, into in merged.items() if ends[into] is None}
    final = {person: end for person, into in merged.items() if (end := ends[into]) is not None and end != person}
    return erased, final


def chain(person: PersonId, into: Mapping[PersonId, PersonId]) -> list[PersonId]:
    """From a person to whom they became in the end; a circle is left where it closes."""
    found = [person]
    while (following := into.get(found[-1])) is not None and following not in found:
        found.append(following)
    return found

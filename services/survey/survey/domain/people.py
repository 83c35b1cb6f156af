"""What a batch of erasures and merges means in the end."""

from collections.abc import Sequence
from dataclasses import dataclass

from csmodels.envelope import Event
from csmodels.ids import AccountId, PersonId
from csmodels.internal import AccountErased, ContactMerged, PersonErased


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
        chain = _chain(person, into)
        if erased.isdisjoint(chain):
            merged[person] = chain[-1]
        else:
            erased.update(chain[: max(chain.index(one) for one in chain if one in erased)])
    return Changes(frozenset(accounts), frozenset(erased), {a: b for a, b in merged.items() if a != b})


def _chain(person: PersonId, into: dict[PersonId, PersonId]) -> list[PersonId]:
    """From a person to whom they became in the end; a circle is left where it closes."""
    chain = [person]
    while (following := into.get(chain[-1])) is not None and following not in chain:
        chain.append(following)
    return chain

"""Who goes with an account, and what is told of an erased person."""

from collections.abc import Iterable
from datetime import datetime

from csmodels.ids import AccountId, EventId, PersonId, derived_id
from csmodels.internal import Erasure, PersonErased
from ingest.domain.records import SOURCE


def leaves(account: AccountId, known: Iterable[AccountId | None]) -> bool:
    """Whether somebody goes with an account; known are the accounts that they belong or belonged to, or that know them.

    They go if no other account is among these.
    """
    return not {one for one in known if one is not None} - {account}


def erasure_events(known_to: Iterable[tuple[PersonId, AccountId]], now: datetime) -> list[PersonErased]:
    """One event for each id of the person and each account that knew that id; the same erasure has the same ids.

    An account may know the person by an id that was merged later on, so each of the ids is told.
    """
    return [
        PersonErased(
            id=EventId(derived_id("person.erased", person, account)),
            source=SOURCE,
            subject=account,
            time=now,
            receivedtime=now,
            data=Erasure(person=person),
        )
        for person, account in sorted(set(known_to))
    ]

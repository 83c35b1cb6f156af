"""Who is who and who belongs where, decided for the items of one request in their order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from csmodels.ids import AccountId, PersonId
from ingest.domain.drafts import Draft


@dataclass(frozen=True, slots=True)
class Known:
    """What the directory knows of a user: the person, the account they belong to since, all accounts that know them.

    nameless: nobody but an anonymousId stands for this person yet.
    """

    person: PersonId
    account: AccountId | None
    linked_at: datetime | None
    accounts: frozenset[AccountId]
    nameless: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """`gone` goes up in `into`; `accounts` know it under the old id and must be told."""

    gone: PersonId
    into: PersonId
    accounts: frozenset[AccountId]


@dataclass(frozen=True, slots=True)
class Release:
    """The person has an account now: what waited for the person so far goes there."""

    person: PersonId
    account: AccountId


@dataclass(frozen=True, slots=True)
class Placed:
    """A draft with its person, and its account if that is known: without, it waits."""

    draft: Draft
    account: AccountId | None
    person: PersonId | None


@dataclass(slots=True)
class Plan:
    """What the drafts come to. `known` is what to believe of every user afterwards.

    steps are to be done in their order to what waits already, before the drafts that wait join it.
    """

    placed: Sequence[Placed] = ()
    known: Mapping[str, Known] = field(default_factory=dict)
    links: dict[PersonId, tuple[AccountId, datetime]] = field(default_factory=dict)
    memberships: set[tuple[PersonId, AccountId]] = field(default_factory=set)
    aliases: dict[str, PersonId] = field(default_factory=dict)
    steps: list[Merge | Release] = field(default_factory=list)
    people: dict[PersonId, list[tuple[datetime, Mapping[str, object]]]] = field(default_factory=dict)

    @property
    def merges(self) -> list[Merge]:
        """The steps that are merges."""
        return [step for step in self.steps if isinstance(step, Merge)]

    @property
    def changes(self) -> bool:
        """Whether the directory has to be written: not for events of people who are known where they happen."""
        told = self.links or self.memberships or self.aliases or self.steps or self.people
        return bool(told) or any(one.draft.type is not None and one.account is None for one in self.placed)


def users_of(drafts: Iterable[Draft]) -> set[str]:
    """The users that the drafts speak of, who get a person at once."""
    return {draft.user for draft in drafts if draft.user is not None}


def others_of(drafts: Iterable[Draft]) -> set[str]:
    """The other keys that the drafts tie to their users; they get no person of their own."""
    return {key for draft in drafts for key in draft.absorbs}


def resolve(drafts: Sequence[Draft], known: Mapping[str, Known]) -> Plan:
    """Place each draft. An account becomes known for the drafts after it, and for those before it that would wait.

    A group call moves its user unless a later one (by time) did; any other account that an item names is the user's
    only if there was none. known must hold every user of the drafts.
    """
    return _Resolver(known).run(drafts)


class _Resolver:
    def __init__(self, known: Mapping[str, Known]) -> None:
        self._person_of = {user: one.person for user, one in known.items()}
        self._people = {one.person: one for one in known.values()}
        self._accounts: list[AccountId | None] = []
        self._waiting: dict[PersonId, list[int]] = {}
        self._plan = Plan()

    def run(self, drafts: Sequence[Draft]) -> Plan:
        for at, draft in enumerate(drafts):
            account = self._account_of(draft)
            self._accounts.append(account)
            if account is None and draft.user is not None:
                self._waiting.setdefault(self._person_of[draft.user], []).append(at)
        plan = self._plan
        plan.placed = [
            # a person of the end: who was merged meanwhile goes by the new id
            Placed(draft, account, None if draft.user is None else self._person_of[draft.user])
            for draft, account in zip(drafts, self._accounts, strict=True)
        ]
        plan.known = {user: self._people[person] for user, person in self._person_of.items()}
        return plan

    def _account_of(self, draft: Draft) -> AccountId | None:
        if draft.user is None:
            return draft.account
        for key in draft.absorbs:
            self._absorb(key, self._person_of[draft.user], named=draft.absorbs_named)
        person = self._person_of[draft.user]
        if draft.person:
            self._plan.people.setdefault(person, []).append((draft.time, draft.person))
        if draft.account is not None:
            self._link(person, draft.account, draft.time, moves=draft.moves)
            self._join(person, draft.account)
        return draft.account or self._people[person].account

    def _link(self, person: PersonId, account: AccountId, time: datetime, *, moves: bool) -> None:
        one = self._people[person]
        newer = one.linked_at is None or one.linked_at <= time
        if one.account == account or not (one.account is None or (moves and newer)):
            return
        self._plan.links[person] = (account, time)
        self._people[person] = replace(one, account=account, linked_at=time)
        if one.account is None:
            self._release(person, account)

    def _release(self, person: PersonId, account: AccountId) -> None:
        """What waits for the person goes to the account, here and in the database."""
        self._plan.steps.append(Release(person, account))
        for at in self._waiting.pop(person, ()):
            self._accounts[at] = account

    def _join(self, person: PersonId, account: AccountId) -> None:
        one = self._people[person]
        if account not in one.accounts:
            self._plan.memberships.add((person, account))
            self._people[person] = replace(one, accounts=one.accounts | {account})

    def _absorb(self, key: str, person: PersonId, *, named: bool) -> None:
        gone = self._person_of.get(key)
        if gone is None:
            self._plan.aliases[key] = self._person_of[key] = person
            return
        other = self._people[gone]
        if gone == person or not (named or other.nameless):
            return  # a browser that two people share: what is named already stays apart
        for user, who in self._person_of.items():
            if who == gone:
                self._person_of[user] = person
        self._plan.steps.append(Merge(gone, person, other.accounts))
        self._waiting.setdefault(person, []).extend(self._waiting.pop(gone, ()))
        said = self._plan.people.pop(gone, [])
        if said:
            self._plan.people.setdefault(person, [])[:0] = said
        self._plan.links.pop(gone, None)
        home = self._people[person].account
        if home is not None:
            self._release(person, home)
        elif other.account is not None and other.linked_at is not None:
            self._link(person, other.account, other.linked_at, moves=False)
        for account in sorted(other.accounts):
            self._join(person, account)

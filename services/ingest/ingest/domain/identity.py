"""Who is who and who belongs where, decided for the items of one request in their order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import msgspec

from csmodels.ids import AccountId, EventId, PersonId
from ingest.domain.drafts import ANONYMOUS, Draft


@dataclass(frozen=True, slots=True)
class Known:
    """What the directory knows of a user: the person, the account they belong to since, all accounts that know them.

    nameless: nobody but an anonymousId stands for this person yet. previous is the account they belonged to before
    linked_at; regrouped_at is when we last took in a move or a merge of theirs.
    """

    person: PersonId
    account: AccountId | None
    linked_at: datetime | None
    accounts: frozenset[AccountId]
    nameless: bool
    previous: AccountId | None = None
    regrouped_at: datetime | None = None

    @property
    def only_account(self) -> AccountId | None:
        """The account of every event of theirs that names none or just this one; None if there is more to ask."""
        settled = self.previous is None and self.regrouped_at is None and self.account in self.accounts
        return self.account if settled else None

    def account_at(self, time: datetime) -> AccountId | None:
        """The account of an event of that time which names none."""
        if self.previous is not None and self.linked_at is not None and time < self.linked_at:
            return self.previous
        return self.account


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


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A draft with its person, and its account if that is known: without, it waits."""

    draft: Draft
    account: AccountId | None
    person: PersonId | None


@dataclass(slots=True)
class Plan:
    """What the drafts come to. `known` is what to believe of every user afterwards.

    steps are to be done in their order to what waits already, before the drafts that wait join it. settled are the
    drafts whose account the same request would not find again, since it moved or merged their person meanwhile.
    """

    placed: Sequence[Placed] = ()
    known: Mapping[str, Known] = field(default_factory=dict)
    changed: set[PersonId] = field(default_factory=set)
    memberships: set[tuple[PersonId, AccountId]] = field(default_factory=set)
    aliases: dict[str, PersonId] = field(default_factory=dict)
    steps: list[Merge | Release] = field(default_factory=list)
    people: dict[PersonId, list[tuple[datetime, Mapping[str, object]]]] = field(default_factory=dict)
    settled: dict[EventId, AccountId | None] = field(default_factory=dict)

    @property
    def merges(self) -> list[Merge]:
        """The steps that are merges."""
        return [step for step in self.steps if isinstance(step, Merge)]

    @property
    def changes(self) -> bool:
        """Whether the directory has to be written: not for events of people who are known where they happen."""
        told = self.changed or self.memberships or self.aliases or self.steps or self.people
        return bool(told) or any(one.draft.type is not None and one.account is None for one in self.placed)


def users_of(drafts: Iterable[Draft]) -> set[str]:
    """The users that the drafts speak of, who get a person at once."""
    return {draft.user for draft in drafts if draft.user is not None}


def others_of(drafts: Iterable[Draft]) -> set[str]:
    """The other keys that the drafts tie to their users; they get no person of their own."""
    return {key for draft in drafts for key in draft.absorbs}


def resolve(
    drafts: Sequence[Draft],
    known: Mapping[str, Known],
    settled: Mapping[EventId, AccountId | None] = MappingProxyType({}),
) -> Plan:
    """Place each draft. An account becomes known for the drafts after it, and for those before it that would wait.

    A group call moves its user unless a later one (by time) did; any other account that an item names is the user's
    only if there was none. An event from before the last move goes to the account before. known must hold every user
    of the drafts. settled is what became of drafts that were here before: they go there again, and change nothing.
    """
    if not settled and (placed := _at_home(drafts, known)) is not None:
        return Plan(placed=placed, known=known)
    return _Resolver(known, settled).run(drafts)


def _at_home(drafts: Sequence[Draft], known: Mapping[str, Known]) -> list[Placed] | None:
    """The drafts placed if all are events like most: of somebody whose account is known, or of an account alone."""
    placed: list[Placed] = []
    for draft in drafts:
        if draft.absorbs or draft.person or draft.moves:
            return None
        account, user = draft.account, draft.user
        if user is None:
            if account is None:
                return None
            placed.append(Placed(draft, account, None))
            continue
        one = known[user]
        home = one.account
        if home not in one.accounts or (account is not None and account != home):
            return None
        if account is None and one.previous is not None:
            home = one.account_at(draft.time)
        placed.append(Placed(draft, home, one.person))
    return placed


class _Resolver:
    def __init__(self, known: Mapping[str, Known], settled: Mapping[EventId, AccountId | None]) -> None:
        self._person_of = {user: one.person for user, one in known.items()}
        self._people = {one.person: one for one in known.values()}
        self._settled = settled
        self._accounts: list[AccountId | None] = []
        self._waiting: dict[PersonId, list[int]] = {}
        self._regrouped: set[PersonId] = set()
        self._plan = Plan()

    def run(self, drafts: Sequence[Draft]) -> Plan:
        for at, draft in enumerate(drafts):
            if draft.id in self._settled:
                self._accounts.append(self._settled[draft.id])
                continue
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
        plan.settled = {
            one.draft.id: one.account
            for one in plan.placed
            if one.person in self._regrouped and (one.account is not None or one.draft.type is None)
        }
        return plan

    def _account_of(self, draft: Draft) -> AccountId | None:
        if draft.user is None:
            return draft.account
        for key in draft.absorbs:
            self._absorb(key, draft)
        person = self._person_of[draft.user]
        if draft.person:
            self._plan.people.setdefault(person, []).append((draft.time, draft.person))
        if draft.account is not None:
            self._link(person, draft)
            self._join(person, draft.account)
        return draft.account or self._people[person].account_at(draft.time)

    def _link(self, person: PersonId, draft: Draft) -> None:
        assert draft.account is not None, "only an item that names an account links"
        one = self._people[person]
        newer = one.linked_at is None or one.linked_at <= draft.time
        if one.account == draft.account or not (one.account is None or (draft.moves and newer)):
            return
        self._plan.changed.add(person)
        self._people[person] = replace(one, account=draft.account, linked_at=draft.time, previous=one.account)
        if one.account is None:
            self._release(person, draft.account)
        else:
            self._regroup(person, draft)

    def _name(self, person: PersonId, *, nameless: bool) -> None:
        """The person goes by one more key; by a user id among them they are named."""
        one = self._people[person]
        if one.nameless and not nameless:
            self._plan.changed.add(person)
            self._people[person] = replace(one, nameless=False)

    def _regroup(self, person: PersonId, draft: Draft) -> None:
        """What this request says of the person is to be settled: the same words would come to something else later."""
        self._regrouped.add(person)
        self._plan.changed.add(person)
        self._people[person] = replace(self._people[person], regrouped_at=draft.received)

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

    def _absorb(self, key: str, draft: Draft) -> None:
        assert draft.user is not None, "only a user absorbs"
        person = self._person_of[draft.user]
        gone = self._person_of.get(key)
        if gone is None:
            self._plan.aliases[key] = self._person_of[key] = person
            self._name(person, nameless=key.startswith(ANONYMOUS))
            return
        other = self._people[gone]
        if gone == person or not (draft.absorbs_named or other.nameless):
            return  # a browser that two people share: what is named already stays apart
        for user, who in self._person_of.items():
            if who == gone:
                self._person_of[user] = person
        self._plan.steps.append(Merge(gone, person, other.accounts))
        self._waiting.setdefault(person, []).extend(self._waiting.pop(gone, ()))
        said = self._plan.people.pop(gone, [])
        if said:
            self._plan.people.setdefault(person, [])[:0] = said
        self._plan.changed.discard(gone)
        self._name(person, nameless=other.nameless)
        one = self._people[person]
        if one.account is not None:
            self._release(person, one.account)
        elif other.account is not None:
            self._people[person] = replace(
                one, account=other.account, linked_at=other.linked_at, previous=other.previous
            )
            self._release(person, other.account)
        self._regroup(person, draft)
        for account in sorted(other.accounts):
            self._join(person, account)

"""Who is who: the laws that hold however a client cuts its events into requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from csmodels.ids import AccountId, EventId, PersonId
from ingest.domain.drafts import Draft
from ingest.domain.identity import Known, Merge, others_of, resolve, users_of

NOW = datetime(2026, 3, 10, tzinfo=UTC)
USAGE = b'{"name":"report"}'


def draft(number: int, user: str | None, **more: Any) -> Draft:
    made = Draft(number, f"e-{number}", EventId(f"e-{number}"), "usage.tracked", NOW, NOW, False, False, USAGE, user)
    return replace(made, **more)


@dataclass
class Directory:
    """What the database does with a plan, in memory."""

    users: dict[str, PersonId] = field(default_factory=dict)
    people: dict[PersonId, Known] = field(default_factory=dict)
    waiting: list[tuple[PersonId, str]] = field(default_factory=list)
    log: dict[str, AccountId] = field(default_factory=dict)
    settled: dict[EventId, AccountId | None] = field(default_factory=dict)

    def take(self, drafts: Sequence[Draft]) -> None:
        for user in users_of(drafts):
            person = PersonId(f"person of {user}")
            if self.users.setdefault(user, person) == person and person not in self.people:
                self.people[person] = Known(person, None, None, frozenset(), user.startswith("anon:"))
        named = [user for user in users_of(drafts) | others_of(drafts) if user in self.users]
        plan = resolve(drafts, {user: self.people[self.users[user]] for user in named}, self.settled)
        for step in plan.steps:
            if isinstance(step, Merge):
                self.users = {u: step.into if p == step.gone else p for u, p in self.users.items()}
                self.waiting = [(step.into if p == step.gone else p, e) for p, e in self.waiting]
            else:
                self.log |= {event: step.account for who, event in self.waiting if who == step.person}
                self.waiting = [(who, event) for who, event in self.waiting if who != step.person]
        for user, known in plan.known.items():
            self.users[user] = known.person
            self.people[known.person] = known
        self.settled |= plan.settled
        for one in plan.placed:
            if one.draft.type is None:
                continue
            if one.account is not None:
                assert self.log.get(one.draft.id, one.account) == one.account, "one event in two accounts"
                self.log[one.draft.id] = one.account
            else:
                assert one.person is not None
                self.waiting.append((one.person, one.draft.id))


USERS = st.sampled_from(["u-1", "u-2", "anon:a", "anon:b"])
ACCOUNTS = st.sampled_from(["x", "y", "z"])
TIMES = st.integers(0, 5).map(lambda days: NOW - timedelta(days=days))
KINDS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict),
    st.builds(dict, account=ACCOUNTS),
    st.builds(dict, account=ACCOUNTS, moves=st.just(True)),
    st.builds(dict, absorbs=st.sampled_from([("anon:a",), ("anon:b",)])),
    st.builds(dict, absorbs=USERS.map(lambda u: (u,)), absorbs_named=st.just(True), type=st.none(), data=st.none()),
)
Items = list[tuple[str, datetime, dict[str, Any]]]
ITEMS = st.lists(st.tuples(USERS, TIMES, KINDS), max_size=12)


@given(items=ITEMS, cuts=st.sets(st.integers(1, 11)))
def test_one_request_or_many_come_to_the_same(items: Items, cuts: set[int]) -> None:
    drafts = [draft(n, user, time=time, **more) for n, (user, time, more) in enumerate(items)]
    whole, parts = Directory(), Directory()

    whole.take(drafts)
    edges = [0, *sorted(cut for cut in cuts if cut < len(drafts)), len(drafts)]
    for start, end in pairwise(edges):
        parts.take(drafts[start:end])

    assert whole.log == parts.log
    assert sorted(event for _, event in whole.waiting) == sorted(event for _, event in parts.waiting)
    shared = whole.users.keys() & parts.users.keys()
    assert {u: whole.people[whole.users[u]].account for u in shared} == {
        u: parts.people[parts.users[u]].account for u in shared
    }


@given(items=ITEMS)
def test_every_event_is_on_one_account_or_waits_and_none_is_lost(
    items: Items,
) -> None:
    drafts = [draft(n, user, time=time, **more) for n, (user, time, more) in enumerate(items)]
    directory = Directory()

    directory.take(drafts)

    waiting = [event for _, event in directory.waiting]
    assert sorted([*directory.log, *waiting]) == sorted(one.id for one in drafts if one.type is not None)
    assert all(directory.people[person].account is None for person, _ in directory.waiting)


@given(items=ITEMS)
def test_what_is_told_again_changes_nothing_more(items: Items) -> None:
    drafts = [draft(n, user, time=time, **more) for n, (user, time, more) in enumerate(items) if not more.get("moves")]
    directory = Directory()
    directory.take(drafts)
    users, log = dict(directory.users), dict(directory.log)

    directory.take(drafts)

    assert directory.users == users
    assert directory.log.keys() == log.keys()


def test_an_event_of_somebody_known_where_it_happens_needs_no_write() -> None:
    known = Known(PersonId("p"), AccountId("x"), NOW, frozenset({AccountId("x")}), False)

    plan = resolve([draft(0, "u-1"), draft(1, "u-1", account="x"), draft(2, None, account="y")], {"u-1": known})

    assert not plan.changes
    assert [one.account for one in plan.placed] == ["x", "x", "y"]


@given(items=ITEMS, known=ITEMS, times_sent=st.integers(2, 3))
def test_a_request_sent_again_whole_puts_every_event_where_it_was(items: Items, known: Items, times_sent: int) -> None:
    directory = Directory()
    directory.take([draft(100 + n, user, time=time, **more) for n, (user, time, more) in enumerate(known)])
    drafts = [draft(n, user, time=time, **more) for n, (user, time, more) in enumerate(items)]
    directory.take(drafts)
    once, users, people = dict(directory.log), dict(directory.users), dict(directory.people)

    for again in range(1, times_sent):
        later = timedelta(minutes=again)  # a time that the client did not say, or that sentAt moves with each try
        directory.take([replace(one, time=one.time + later, received=one.received + later) for one in drafts])

    assert directory.log == once
    assert directory.users == users
    assert {person: one.account for person, one in directory.people.items()} == {
        person: one.account for person, one in people.items()
    }


def test_an_event_older_than_a_move_belongs_where_its_user_was() -> None:
    moved = Known(PersonId("p"), AccountId("new"), NOW, frozenset({AccountId("new")}), False, previous=AccountId("old"))
    before, after = draft(0, "u-1", time=NOW - timedelta(seconds=1)), draft(1, "u-1", time=NOW)

    plan = resolve([before, after], {"u-1": moved})

    assert [one.account for one in plan.placed] == ["old", "new"]

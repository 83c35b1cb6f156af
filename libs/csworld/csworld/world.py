"""A world: a company, its customers, their past and what they do from now on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from csworld import acts, history
from csworld.acts import Act
from csworld.customers import Customer, customers
from csworld.hours import after_working_time
from csworld.reactions import Reaction, reaction
from csworld.staff import STAFF, Member


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """An answer to an NPS survey, 0-10, in the past days."""

    id: str
    account: str
    user: str
    score: int
    at: datetime


@dataclass(frozen=True)
class World:
    """Everything about a company's customers. Two worlds of equal seed, now, days and size are equal in all they say.

    now is a full hour; the past is the `days` days before it, the live days come after it.
    """

    seed: int
    now: datetime
    days: int
    staff: tuple[Member, ...]
    customers: tuple[Customer, ...]

    @property
    def start(self) -> datetime:
        """Where the past begins."""
        return self.now - timedelta(days=self.days)

    def by_id(self, account: str) -> Customer:
        """The customer of that id. Raises KeyError."""
        return self._by_id[account]

    def history(self) -> Iterator[dict[str, Any]]:
        """The past as items of POST /v1/events, in order of time, all before now and marked as backfill."""
        return map(history.item, history.events(self.seed, self.customers, self.start, self.now))

    def past_answers(self) -> Iterator[PastAnswer]:
        """The NPS answers of the past in order of time; clients cannot send them."""
        for happening in history.answered(self.seed, self.customers, self.start, self.now):
            if happening.user is not None:
                yield PastAnswer(happening.id, happening.account, happening.user, happening.data["score"], happening.at)

    def acts(self, day: date) -> list[Act]:
        """What happens on a day in UTC, in order of time: on now's day only from now on, before it nothing."""
        return acts.of_day(self.seed, self.customers, self.start, self.now, day)

    def reaction(self, task_id: str, account: str) -> Reaction:
        """How the account's owner deals with a task. Raises KeyError for an account that is not of this world."""
        return reaction(self.seed, task_id, account, self.by_id(account).fate)

    def reacts_at(self, task_id: str, account: str, created: datetime) -> datetime:
        """The moment of that reaction: its working time counted in the owner's office hours."""
        owner = next(member for member in self.staff if member.id == self.by_id(account).owner)
        return after_working_time(created, self.reaction(task_id, account).after, owner.time_zone, owner.country)

    @cached_property
    def _by_id(self) -> dict[str, Customer]:
        return {customer.id: customer for customer in self.customers}


def make_world(seed: int, *, accounts: int = 200, days: int = 120, now: datetime) -> World:
    """The world of a seed. Raises ValueError unless now is an aware full hour, and for sizes that cannot be made.

    Storylines need 120 days to be seen by the default scorecard, whose trend asks for 70 days before a change.
    """
    if now.utcoffset() is None or now.minute or now.second or now.microsecond:
        raise ValueError("now should be an aware moment on a full hour")
    if days < 1:
        raise ValueError("a world has a past of at least one day")
    now = now.astimezone(UTC)
    made = customers(seed, accounts, now - timedelta(days=days), now)
    return World(seed, now, days, STAFF, made)

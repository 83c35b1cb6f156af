"""What happens on a live day, by the way it takes: an SDK in the product, the batch route, or a survey's page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from typing import Any

from csworld import answers, history, papers, tickets, touches, usage
from csworld.customers import Customer
from csworld.happenings import ANSWERED, Happening
from csworld.hours import ONE_DAY


@dataclass(frozen=True, slots=True)
class Track:
    """Someone does something in the product: a track call of Segment's SDK, without a timestamp."""

    at: datetime
    account: str
    user: str
    event: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Identify:
    """Someone new is said to be: an identify call."""

    at: datetime
    user: str
    traits: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Someone new is said to belong to an account: a group call."""

    at: datetime
    account: str
    user: str
    traits: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Send:
    """An item of POST /v1/events without a time: help desk, contracts, contacts noted by CSMs."""

    at: datetime
    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Someone answers an NPS survey on its page, 0-10."""

    at: datetime
    account: str
    user: str
    score: int


Act = Track | Identify | Group | Send | Answer


def of_day(seed: int, customers: Sequence[Customer], start: datetime, now: datetime, day: date) -> list[Act]:
    """The acts of a day in UTC from `now` on, in order of time. start: where the world's past begins."""
    begin = max(datetime.combine(day, time.min, tzinfo=UTC), now)
    end = datetime.combine(day + ONE_DAY, time.min, tzinfo=UTC)
    if begin >= end:
        return []
    found = [h for customer in customers for h in _happenings(seed, customer, start, begin, end) if begin <= h.at < end]
    found.sort(key=attrgetter("at"))
    return [act for happening in found for act in _acts(happening)]


def _happenings(seed: int, customer: Customer, start: datetime, begin: datetime, end: datetime) -> Iterator[Happening]:
    yield from papers.between(seed, customer, start, begin, end)
    yield from tickets.between(seed, customer, begin, end)
    yield from touches.between(seed, customer, begin, end)
    yield from answers.between(seed, customer, begin, end)
    for distance in (-1, 0, 1):
        yield from usage.of_day(seed, customer, begin.date() + timedelta(days=distance), begin, end)


def _acts(happening: Happening) -> Iterator[Act]:
    at, account, user = happening.at, happening.account, happening.user
    if user is None:
        yield Send(at, history.undated(happening))
    elif happening.type == "usage.tracked":
        yield Track(at, account, user, happening.data["name"], happening.data.get("properties", {}))
    elif happening.type == "contact.described":
        yield Identify(at, user, happening.data)
        yield Group(at, account, user, {})
    elif happening.type == ANSWERED:
        yield Answer(at, account, user, happening.data["score"])
    else:
        yield Send(at, history.undated(happening))

"""The past days as items of POST /v1/events."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from heapq import merge
from operator import attrgetter
from typing import Any

from csworld import answers, papers, tickets, touches, usage
from csworld.customers import Customer
from csworld.happenings import Happening, rfc3339
from csworld.hours import ONE_DAY

_EASTERNMOST = timedelta(hours=15)  # no office of the world opens earlier than so long before its day in UTC
_AT = attrgetter("at")


def events(seed: int, customers: Sequence[Customer], start: datetime, end: datetime) -> Iterator[Happening]:
    """Everything that clients send of start <= at < end, in order of time; introductions before all else."""
    papers_ = [happening for customer in customers for happening in papers.introductions(customer, start)]
    seldom = [happening for customer in customers for happening in _seldom(seed, customer, start, end)]
    slow = sorted((h for h in papers_ + seldom if start <= h.at < end), key=_AT)
    return merge(slow, _used(seed, customers, start, end), key=_AT)


def answered(seed: int, customers: Sequence[Customer], start: datetime, end: datetime) -> list[Happening]:
    """The answers of start <= at < end, in order of time."""
    found = [happening for customer in customers for happening in answers.between(seed, customer, start, end)]
    return sorted((h for h in found if start <= h.at < end), key=_AT)


def item(happening: Happening) -> dict[str, Any]:
    """An item of POST /v1/events that says when it happened, as old news."""
    moments = {name: rfc3339(at) for name, at in happening.moments.items()}
    return {**undated(happening, moments), "time": rfc3339(happening.at), "backfill": True}


def undated(happening: Happening, more: dict[str, str] | None = None) -> dict[str, Any]:
    """An item that leaves all moments to the server's clock; `more` is put to its data."""
    said: dict[str, Any] = {"id": happening.id, "type": happening.type, "account": happening.account}
    if happening.user is not None:
        said["user"] = happening.user
    said["data"] = {**happening.data, **more} if more else happening.data
    return said


def _seldom(seed: int, customer: Customer, start: datetime, end: datetime) -> Iterator[Happening]:
    yield from papers.between(seed, customer, start, start, end)
    yield from tickets.between(seed, customer, start, end)
    yield from touches.between(seed, customer, start, end)


def _used(seed: int, customers: Sequence[Customer], start: datetime, end: datetime) -> Iterator[Happening]:
    """Usage, a day at a time: a day of the zones waits until no later one can hold anything earlier."""
    waiting: list[Happening] = []
    day = start.date() - ONE_DAY
    while day <= end.date() + ONE_DAY:
        for customer in customers:
            waiting += usage.of_day(seed, customer, day, start, end)
        waiting.sort(key=_AT)
        settled = datetime.combine(day + ONE_DAY, time.min, tzinfo=UTC) - _EASTERNMOST
        ready = next((n for n, happening in enumerate(waiting) if happening.at >= settled), len(waiting))
        yield from waiting[:ready]
        del waiting[:ready]
        day += ONE_DAY
    yield from waiting

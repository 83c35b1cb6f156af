"""What people do in the product."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final

from csworld.customers import Customer
from csworld.dice import dice, shuffled
from csworld.fates import Fate
from csworld.happenings import Happening
from csworld.holidays import WEEKEND, work
from csworld.hours import midnight, office_hour
from csworld.people import Person

LOGIN: Final = "login"
# The product is one for orders and stock: its actions, and how often each one is among a hundred.
ACTIONS: Final = {
    "order.created": 18,
    "order.updated": 14,
    "order.approved": 9,
    "order.exported": 7,
    "report.created": 10,
    "report.shared": 6,
    "stock.counted": 9,
    "shipment.planned": 8,
    "invoice.matched": 6,
    "dashboard.filtered": 6,
    "comment.added": 4,
    "automation.run": 3,
}
_NAMES: Final = tuple(ACTIONS)
_TOTAL: Final = sum(ACTIONS.values())
_CUMULATED: Final = tuple(accumulate(ACTIONS.values()))
_DROPPED: Final = 0.55  # of the actions, when features are abandoned
_FADES: Final = 18  # days in which a silent decline takes usage to 1/e
_LOYAL: Final = 21  # days of a decline through which everybody still comes by now and then
_LATEST: Final = 21.0  # the last hour of work


def of_day(seed: int, customer: Customer, day: date, begin: datetime, end: datetime) -> list[Happening]:
    """What the customer's people do on a day of its zone, as far as it lies in begin <= at < end; in no order."""
    starts = midnight(customer.time_zone, day)
    if starts >= end or starts + timedelta(hours=_LATEST + 1) < begin or not _uses(customer, day):
        return []
    random = dice(seed, customer.id, day, "usage")
    share = work(customer.country, day)
    # a week of a house has its own weather, beside that of its people
    tide = _tide(seed, customer.id, day.isocalendar()[:2]) if share > WEEKEND else 1.0
    fading = math.sqrt(_volume(customer.fate, day))
    dropped = abandoned(seed, customer) if _abandons(customer.fate, day) else frozenset()
    found: list[Happening] = []
    for index, person in enumerate(customer.people):
        if random.random() < person.habit * share * tide * fading and _comes(seed, customer, person, day):
            found += _session(customer, person, day, starts, random, person.pace * fading, dropped, index)
    return [happening for happening in found if begin <= happening.at < end]


def abandoned(seed: int, customer: Customer) -> frozenset[str]:
    """The actions that the customer gives up if it abandons features: a good half of what people do."""
    return _abandoned(seed, customer.id)


@lru_cache(maxsize=1024)
def _abandoned(seed: int, account: str) -> frozenset[str]:
    random = dice(seed, account, "abandoned")
    names = shuffled(random, _NAMES)
    # of several orders the one that comes closest, so that every such story is about as strong
    best: frozenset[str] = frozenset()
    for _ in range(6):
        given_up: set[str] = set()
        for name in names:
            if sum(ACTIONS[n] for n in (*given_up, name)) <= _DROPPED * _TOTAL + 2:
                given_up.add(name)
        best = max(best, frozenset(given_up), key=lambda some: (sum(ACTIONS[n] for n in some), sorted(some)))
        names = shuffled(random, names)
    return best


@lru_cache(maxsize=4096)
def _tide(seed: int, account: str, week: tuple[int, int]) -> float:
    return 1 + dice(seed, account, week).uniform(-0.07, 0.07)


def _uses(customer: Customer, day: date) -> bool:
    first, last = customer.nature.uses_from, customer.nature.uses_until
    return customer.is_live(day) and (first is None or first <= day) and (last is None or day <= last)


def _volume(fate: Fate, day: date) -> float:
    """What is left of the usual amount of use, 0-1."""
    days = fate.days_in(day)
    if fate.storyline != "silent_decline" or days <= 0:
        return 1.0
    return max(0.04, math.exp(-days / _FADES))


def _abandons(fate: Fate, day: date) -> bool:
    return fate.storyline == "feature_abandonment" and fate.days_in(day) >= 0


def _comes(seed: int, customer: Customer, person: Person, day: date) -> bool:
    """Whether a person still uses the product at all: late in a decline one after the other stops."""
    if not person.is_there(day):
        return False
    fate = customer.fate
    if fate.storyline != "silent_decline" or fate.days_in(day) <= _LOYAL:
        return True
    return fate.days_in(day) <= _LOYAL + dice(seed, person.user, "stops").uniform(0, 22)


def _session(
    customer: Customer,
    person: Person,
    day: date,
    starts: datetime,
    random: Random,
    pace: float,
    dropped: frozenset[str],
    index: int,
) -> Iterator[Happening]:
    """One person's day: a log-in more often than not, then core actions; those given up are missing, not replaced."""
    hour = office_hour(random)
    count = int(pace + random.random())
    if random.random() < 0.5 or not count:
        yield _happening(customer, person, starts, hour, f"{customer.id}/{day}/{index + 1}", LOGIN, {})
    for number in range(count):
        name = _NAMES[bisect_right(_CUMULATED, random.random() * _TOTAL)]
        hour = min(hour + random.random() * 0.8 + 0.01, _LATEST)
        seconds = 2 + int(random.random() * 240)
        if name not in dropped:
            id_ = f"{customer.id}/{day}/{index + 1}/{number + 1}"
            yield _happening(customer, person, starts, hour, id_, name, {"seconds": seconds})


def _happening(
    customer: Customer, person: Person, starts: datetime, hour: float, id_: str, name: str, properties: dict[str, int]
) -> Happening:
    data = {"name": name, "properties": properties} if properties else {"name": name}
    return Happening(starts + timedelta(seconds=int(hour * 3600)), id_, "usage.tracked", customer.id, person.user, data)

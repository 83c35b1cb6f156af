"""Who spoke with a customer: two-way contacts in a rhythm, mails without an answer, and how the customer felt."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from csworld.dice import dice
from csworld.fates import Fate, Segment
from csworld.happenings import Happening
from csworld.holidays import is_workday, workday_from
from csworld.hours import days_between, moment, office_hour

if TYPE_CHECKING:
    from csworld.customers import Customer

CADENCE: Final[dict[str, int]] = {"enterprise": 30, "mid": 60, "smb": 90}  # days between contacts that are wanted
_LONGEST_MOVE: Final = 12  # days from a planned contact to the workday it happens on, with its wobble
_MAILS: Final = {"enterprise": 0.06, "mid": 0.03, "smb": 0.015}  # a workday
_PERIODS: Final = {  # between contacts, in cadences
    "fine": (0.6, 0.75),
    "middling": (0.6, 0.75),
    "lukewarm": (1.4, 1.9),
    "poor": (2.0, 2.6),
    "dormant": (1.2, 1.6),
}
_KINDS: Final = ("meeting", "call", "call", "meeting", "training")
_FEELINGS: Final = {"happy": (0, 1, 1, 2), "content": (-1, 0, 0, 1), "cool": (-2, -1, -1, 0)}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Contacts every `period` days from `first` on, up to `until` (not included), each late by up to `wobble` days."""

    first: date
    period: int
    wobble: int = 0
    until: date | None = None


def stretches(random: Random, fate: Fate, segment: Segment, since: date, standing: str) -> tuple[Stretch, ...]:
    """When a customer is met, from `since` on."""
    cadence = CADENCE[segment]
    period = round(cadence * random.uniform(*_PERIODS[standing]))
    wobble = period // 9
    first = since + timedelta(days=random.randint(1, period // 2))
    if fate.storyline == "neglected":
        # the story begins on the day on which the next contact is due, and missed
        last = fate.begins_on - timedelta(days=cadence)
        rounds = max((last - since).days, 0) // period
        return (Stretch(last - timedelta(days=period * rounds), period, until=last + timedelta(days=1)),)
    if fate.storyline == "well_kept":
        met = max(since + timedelta(days=random.randint(1, 3)), fate.begins_on - timedelta(days=round(2.8 * cadence)))
        once = Stretch(met, period, until=met + timedelta(days=1))
        return once, Stretch(fate.begins_on + timedelta(days=random.randint(0, 5)), period, wobble)
    return (Stretch(first, period, wobble),)


def between(seed: int, customer: "Customer", begin: datetime, end: datetime) -> Iterator[Happening]:
    """The contacts on the days of begin to end, and the voices heard in them."""
    days = days_between(customer.time_zone, begin, end)
    for met in sorted(set(_met(seed, customer, days[0], days[-1]))):  # two that are moved to one day are one
        yield from _two_way(seed, customer, met)
    for day in days:
        if customer.is_live(day) and is_workday(customer.country, day):
            yield from _mail(seed, customer, day)


def _met(seed: int, customer: "Customer", first: date, last: date) -> Iterator[date]:
    for stretch in customer.nature.stretches:
        slot = max(0, ((first - stretch.first).days - _LONGEST_MOVE) // stretch.period)
        while (planned := stretch.first + timedelta(days=slot * stretch.period)) <= last:
            if stretch.until is not None and planned >= stretch.until:
                break
            late = dice(seed, customer.id, "met", planned).randint(0, stretch.wobble)
            day = workday_from(customer.country, planned + timedelta(days=late))
            if first <= day <= last and customer.is_live(day):
                yield day
            slot += 1


def _two_way(seed: int, customer: "Customer", day: date) -> Iterator[Happening]:
    random = dice(seed, customer.id, day, "touch")
    present = [person for person in customer.people[:4] if person.is_there(day)]
    user = random.choice(present).user
    at = moment(customer.time_zone, day, office_hour(random))
    touch = {"kind": random.choice(_KINDS), "direction": "both", "outcome": "reached"}
    yield Happening(at, f"{customer.id}/{day}/touch", "touch.recorded", customer.id, user, touch)
    if random.random() < 0.4:
        voice = {"sentiment": random.choice(_FEELINGS[_mood(customer, day)]), "channel": "call"}
        at += timedelta(minutes=random.randint(20, 60))
        yield Happening(at, f"{customer.id}/{day}/voice", "voice.recorded", customer.id, user, voice)


def _mood(customer: "Customer", day: date) -> str:
    """What they feel in this story: a fall is heard, too, by who listens."""
    if customer.fate.days_in(day) >= 0 and customer.fate.direction is not None:
        return "cool" if customer.fate.direction == "fall" else "happy"
    return customer.nature.mood


def _mail(seed: int, customer: "Customer", day: date) -> Iterator[Happening]:
    random = dice(seed, customer.id, day, "mail")
    if random.random() < _MAILS[customer.segment]:
        at = moment(customer.time_zone, day, office_hour(random))
        kind = random.choice(("email", "email", "webinar"))
        touch = {"kind": kind, "direction": "out", "outcome": "sent"}
        yield Happening(at, f"{customer.id}/{day}/mail", "touch.recorded", customer.id, None, touch)

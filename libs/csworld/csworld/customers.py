"""A customer and how one is made."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, Literal

from csworld import touches
from csworld.dice import dice, shuffled
from csworld.fates import Fate, Segment, cast
from csworld.hours import ONE_DAY
from csworld.names import Firm, firms
from csworld.people import Person, people_of
from csworld.staff import serving, zone_of

Mood = Literal["happy", "content", "cool"]
Standing = Literal["fine", "middling", "lukewarm", "poor", "dormant"]  # dormant: they pay and do not use it

CURRENCY: Final = "USD"  # of every contract: a portfolio adds up only what is in its own, and this is its default
MOST: Final = 700  # customers: as many as there are names for
_SIZES: Final[tuple[tuple[Segment, float], ...]] = (("enterprise", 0.17), ("mid", 0.34))  # the rest is smb
_PEOPLE: Final = {"enterprise": (26, 44), "mid": (8, 14), "smb": (4, 6)}
_MONEY: Final = {"enterprise": (75, 130), "mid": (60, 110), "smb": (28, 60)}  # a month and seat
_PLANS: Final = {"enterprise": ("enterprise", "business"), "mid": ("business", "team"), "smb": ("team", "starter")}
_EMPLOYEES: Final = {"enterprise": (900, 9000), "mid": (110, 850), "smb": (8, 100)}
_TERMS: Final = {"enterprise": (12, 24, 36), "mid": (12, 12, 24), "smb": (12, 12, 6)}
# of those whose life is steady, up to this share; who lives a story is middling, so that it can go either way
_STANDINGS: Final[tuple[tuple[Standing, float], ...]] = (
    ("fine", 0.47), ("lukewarm", 0.77), ("poor", 0.94), ("dormant", 1.0),
)  # fmt: skip
_SHARES: Final[dict[Standing, tuple[float, float]]] = {  # of the seats that are used
    "fine": (0.74, 0.92), "middling": (0.36, 0.52), "lukewarm": (0.2, 0.34), "poor": (0.1, 0.16), "dormant": (0.4, 0.6),
}  # fmt: skip
_MOODS: Final[dict[Standing, tuple[Mood, ...]]] = {
    "fine": ("happy", "happy", "content"), "middling": ("content",), "lukewarm": ("cool", "cool", "cool", "content"),
    "poor": ("cool",), "dormant": ("cool", "content"),
}  # fmt: skip
_CARES: Final[dict[Standing, tuple[float, float]]] = {
    "fine": (0.8, 1), "middling": (0.7, 1), "lukewarm": (0.35, 0.6), "poor": (0.15, 0.3), "dormant": (0.8, 1),
}  # fmt: skip
_SETTLED: Final = 160  # days since the contract's first one, at least, of all but new customers
_LANDS: Final = ("US", "US", "US", "GB", "AU")


@dataclass(frozen=True, slots=True)
class Nature:
    """How a customer is beside its story; never sent either.

    standing: how well things go as a rule. care 0-1: how well its tickets are looked after. stretches: when it is met.
    uses_from, uses_until: the first and the last day of use, None: for long, for as long as it stays.
    """

    standing: Standing
    mood: Mood
    care: float
    stretches: tuple[touches.Stretch, ...]
    uses_from: date | None = None
    uses_until: date | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as it is at `now`. mrr is a month's price in currency; ends_on the last day of the term at hand."""

    id: str
    name: str
    plan: str
    segment: Segment
    industry: str
    employees: int
    seats: int
    mrr: Decimal
    currency: str
    owner: str
    country: str
    time_zone: str
    locale: Literal["ja", "en"]
    contract: str
    starts_on: date
    ends_on: date
    term_months: int
    people: tuple[Person, ...]
    fate: Fate
    nature: Nature

    def is_live(self, day: date) -> bool:
        """Whether it is a customer on that day."""
        return self.starts_on <= day and not self.fate.has_left(day)


def customers(seed: int, count: int, start: datetime, now: datetime) -> tuple[Customer, ...]:
    """The customers of a world whose past starts at `start`. Raises ValueError for more than there are names for."""
    if not 1 <= count <= MOST:
        raise ValueError(f"a world has 1 to {MOST} customers")
    random = dice(seed, "customers")
    segments = _segments(random, count)
    fates = cast(seed, segments, now.date())
    firms_by_kind = {kind: firms(dice(seed, "firms", kind), kind) for kind in (True, False)}
    steady = shuffled(random, [number for number, fate in enumerate(fates) if fate is None])
    novices = dict(zip(steady, _novices(random, count, now.date()), strict=False))
    settled = steady[len(novices) :]
    standings = dict(zip(settled, _standings(random, len(settled)), strict=True))
    return tuple(
        _customer(
            seed,
            number,
            segments[number],
            fates[number],
            novices.get(number),
            standings.get(number, "fine" if number in novices else "middling"),
            firms_by_kind,
            start,
            now,
        )
        for number in range(count)
    )


def _segments(random: Random, count: int) -> list[Segment]:
    sizes: list[Segment] = [segment for segment, share in _SIZES for _ in range(round(share * count))]
    return shuffled(random, sizes + ["smb"] * (count - len(sizes)))


def _novices(random: Random, count: int, today: date) -> Iterator[tuple[date, date]]:
    """(first day of the contract, first day of use) of new customers: some have not started to use anything."""
    for _ in range(round(0.03 * count)):
        yield today - timedelta(days=random.randint(2, 9)), today + timedelta(days=random.randint(3, 20))
    for _ in range(round(0.03 * count)):
        starts_on = today - timedelta(days=random.randint(30, 60))
        yield starts_on, starts_on + timedelta(days=random.randint(5, 12))


def _customer(
    seed: int,
    number: int,
    segment: Segment,
    fate: Fate | None,
    novice: tuple[date, date] | None,
    standing: Standing,
    firms_by_kind: dict[bool, Iterator[Firm]],
    start: datetime,
    now: datetime,
) -> Customer:
    random = dice(seed, number, "customer")
    japanese = number % 2 == 0
    firm = next(firms_by_kind[japanese])
    country = "JP" if japanese else random.choice(_LANDS)
    term = random.choice(_TERMS[segment])
    starts_on, ends_on = _term(random, term, fate, novice, now.date())
    told = fate or Fate("steady", None, None, starts_on)
    people, seats = _people(random, seed, number, firm.slug, segment, japanese, told, novice, standing)
    uses_until = start.date() + timedelta(days=random.randint(6, 24)) if standing == "dormant" else None
    met_from = starts_on if novice else start.date()
    return Customer(
        id=firm.slug,
        name=firm.name,
        plan=random.choice(_PLANS[segment]),
        segment=segment,
        industry=firm.industry,
        employees=random.randint(*_EMPLOYEES[segment]),
        seats=seats,
        mrr=Decimal(seats * random.randint(*_MONEY[segment])).quantize(Decimal("0.01")),
        currency=CURRENCY,
        owner=random.choice(serving(country)).id,
        country=country,
        time_zone=zone_of(country),
        locale="ja" if japanese else "en",
        contract=f"c-{number + 1:04d}",
        starts_on=starts_on,
        ends_on=ends_on,
        term_months=term,
        people=people,
        fate=told,
        nature=Nature(
            standing=standing,
            mood=_mood(random, told, standing),
            care=random.uniform(*_CARES[standing]),
            stretches=touches.stretches(random, told, segment, met_from, standing),
            uses_from=novice[1] if novice else None,
            uses_until=uses_until,
        ),
    )


def _term(
    random: Random, term: int, fate: Fate | None, novice: tuple[date, date] | None, today: date
) -> tuple[date, date]:
    """The contract's first day, and the last day of the term at hand."""
    if novice:
        return novice[0], months_after(novice[0], term) - ONE_DAY
    if fate and fate.churns_on:  # who leaves does so where a term ends
        terms = random.randint(1, 3)
        while months_after(fate.churns_on, -term * terms) > today - timedelta(days=_SETTLED):
            terms += 1
        return months_after(fate.churns_on, -term * terms), fate.churns_on - ONE_DAY
    starts_on = today - timedelta(days=random.randint(_SETTLED, 1400))
    return starts_on, term_end(starts_on, term, today)


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the month's last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def term_end(starts_on: date, term: int, day: date) -> date:
    """The last day of the term in which the day lies."""
    terms = 1
    while months_after(starts_on, term * terms) <= day:
        terms += 1
    return months_after(starts_on, term * terms) - ONE_DAY


def _people(
    random: Random,
    seed: int,
    number: int,
    slug: str,
    segment: Segment,
    japanese: bool,
    fate: Fate,
    novice: tuple[date, date] | None,
    standing: Standing,
) -> tuple[tuple[Person, ...], int]:
    """The people, the first of whom is there from the start, and the seats they share."""
    count = random.randint(*_PEOPLE[segment])
    joins: list[date | None] = [None] * count
    share = random.uniform(*_SHARES[standing])
    if novice:
        joins = [None, *(novice[1] + timedelta(days=random.randint(0, 6)) for _ in range(count - 1))]
    elif fate.storyline == "growth":  # the product spreads: from two fifths of the seats to nearly all
        share = random.uniform(0.82, 0.94)
        early = max(2, round(count * 0.42))
        joins = [None] * early + sorted(
            fate.begins_on + timedelta(days=random.randint(0, 20)) for _ in range(count - early)
        )
    return people_of(seed, number, slug, segment, japanese, joins), max(count, round(count / share))


def _standings(random: Random, count: int) -> list[Standing]:
    """How well things go for customers whose life is steady, in their shares of all of these."""
    places = ((number + 0.5) / max(count, 1) for number in range(count))
    return shuffled(random, [next(s for s, up_to in _STANDINGS if place < up_to) for place in places])


def _mood(random: Random, fate: Fate, standing: Standing) -> Mood:
    if fate.measure == "nps":  # a story of answers starts from the other end
        return "happy" if fate.direction == "fall" else "cool"
    return random.choice(_MOODS[standing])

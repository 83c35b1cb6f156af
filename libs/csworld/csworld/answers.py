"""What customers answer when they are asked how likely they are to recommend the product (NPS)."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from csworld.customers import Customer
from csworld.dice import dice
from csworld.happenings import ANSWERED, Happening
from csworld.holidays import workday_from
from csworld.hours import days_between, moment, office_hour

_QUARTER: Final = 91  # days in which everybody is asked once
_LATEST: Final = 10  # days from the planned day to the workday it becomes
_RESPONDENTS: Final = {"enterprise": 6, "mid": 4, "smb": 3}
_ANSWERING: Final = 0.55
_SCORES: Final = {"happy": (8, 9, 9, 10, 8, 9, 7), "content": (7, 8, 9, 8, 7, 6, 8), "cool": (6, 5, 7, 6, 4, 7)}
_BEFORE: Final = (-62, -48, -33)  # days of a story of answers: what was thought before it
_TURNING: Final = (0, 3, 6, 9, 13, 17, 21, 25)  # and in it
_BAD: Final = (0, 2, 3, 4, 5)
_GOOD: Final = (9, 9, 10, 10)


def between(seed: int, customer: Customer, begin: datetime, end: datetime) -> Iterator[Happening]:
    """The answers given on the days of begin to end, with their scores as data."""
    days = days_between(customer.time_zone, begin, end, before=_LATEST)
    if customer.fate.measure == "nps":
        yield from _story(seed, customer, days[0], days[-1])
    for quarter in range(_quarter(days[0]) - 1, _quarter(days[-1]) + 1):
        yield from _usual(seed, customer, quarter)


def _quarter(day: date) -> int:
    return day.toordinal() // _QUARTER


def _usual(seed: int, customer: Customer, quarter: int) -> Iterator[Happening]:
    random = dice(seed, customer.id, quarter, "poll")
    for number in range(_RESPONDENTS[customer.segment]):
        day = date.fromordinal(quarter * _QUARTER + random.randint(0, _QUARTER - 1))
        answers, hour = random.random() < _ANSWERING, office_hour(random)
        score = random.choice(_SCORES[_mood(customer, day)])
        if answers and not (customer.fate.measure == "nps" and -70 <= customer.fate.days_in(day) <= 30):
            yield from _answer(customer, number, day, hour, score, f"q{quarter}-{number + 1}")


def _mood(customer: Customer, day: date) -> str:
    fate = customer.fate
    if fate.measure == "nps" and fate.days_in(day) >= 0:
        return "cool" if fate.direction == "fall" else "happy"
    # who uses it less says so, too, but later
    return "cool" if fate.measure == "usage_trend" and fate.days_in(day) >= 25 else customer.nature.mood


def _story(seed: int, customer: Customer, first: date, last: date) -> Iterator[Happening]:
    falls = customer.fate.direction == "fall"
    for number, after in enumerate((*_BEFORE, *_TURNING)):
        day = customer.fate.begins_on + timedelta(days=after)
        if first <= day <= last:
            random = dice(seed, customer.id, "story", number)
            hour = office_hour(random)
            score = random.choice(_BAD if falls == (after >= 0) else _GOOD)
            if after < 0 and not falls:
                score = max(score, 4)  # no storm before the sun: they were merely not convinced
            yield from _answer(customer, number % _RESPONDENTS[customer.segment], day, hour, score, f"s{number + 1}")


def _answer(customer: Customer, person: int, day: date, hour: float, score: int, name: str) -> Iterator[Happening]:
    day = workday_from(customer.country, day)
    uses_from = customer.nature.uses_from
    if person < len(customer.people) and customer.is_live(day) and not (uses_from and day < uses_from):
        asked = customer.people[person]
        if asked.is_there(day):
            at = moment(customer.time_zone, day, hour)
            yield Happening(at, f"{customer.id}/nps/{name}", ANSWERED, customer.id, asked.user, {"score": score})

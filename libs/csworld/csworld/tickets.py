"""What customers need help with: now and then a ticket that is soon solved, and storms of tickets that are not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from csworld.customers import Customer
from csworld.dice import dice
from csworld.happenings import Happening
from csworld.holidays import is_workday
from csworld.hours import CLOSES, days_between, local_day, moment, office_hour

STORM_DAYS: Final = 42
_SOON_SOLVED: Final = 5  # days within which a usual ticket is solved
_LONG_OPEN: Final = 12  # the same of those that come in waves
_A_WORKDAY: Final = {"enterprise": 0.07, "mid": 0.04, "smb": 0.018}  # tickets, where all is well
_SEVERITIES: Final = ((1, 0.01), (2, 0.1), (3, 0.6), (4, 1.0))  # up to this throw
_HOURS: Final = {
    1: (0.7, 3.5),
    2: (1, 6),
    3: (1.5, 9),
    4: (2, 10),
}  # to the solution, on one day where that is possible
_CHANNELS: Final = ("email", "email", "chat", "web", "phone")
_TOPICS: Final = ("how_to", "billing", "import", "permissions", "export", "integration", "performance")
_STORM_TOPICS: Final = ("outage", "data_loss", "performance", "integration", "export")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket's life. solved_at is when it ends, whoever solves it."""

    id: str
    user: str
    severity: int
    channel: str
    topic: str
    opened_at: datetime
    replied_at: datetime
    solved_at: datetime
    csat: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Waves of tickets that are hard to solve, every so many days. worst: the chance that one is of severity 1."""

    begins_on: date
    days: int
    every: int
    tickets: int
    worst: float


def between(seed: int, customer: Customer, begin: datetime, end: datetime) -> Iterator[Happening]:
    """The changes of all tickets that were opened on the days of begin to end, or so shortly before that they may lie
    in them.
    """
    for day in days_between(customer.time_zone, begin, end, before=_SOON_SOLVED):
        if customer.is_live(day) and is_workday(customer.country, day):
            for ticket in _usual(seed, customer, day):
                yield from _changes(customer, ticket)
    trouble = _trouble(customer)
    if trouble is not None:
        for day in days_between(customer.time_zone, begin, end, before=_LONG_OPEN):
            if customer.is_live(day) and is_workday(customer.country, day):
                for ticket in _wave(seed, customer, trouble, day):
                    yield from _changes(customer, ticket)


def _trouble(customer: Customer) -> Trouble | None:
    if customer.fate.storyline == "ticket_storm":
        begins_on = customer.fate.begins_on
        return Trouble(begins_on, STORM_DAYS, every=4, tickets=2 + round(min(customer.seats / 50, 4)), worst=0.6)
    if customer.nature.standing == "poor":
        return Trouble(customer.starts_on, 10**5, every=6, tickets=1 + round(min(customer.seats / 80, 2)), worst=0.0)
    return None


def _usual(seed: int, customer: Customer, day: date) -> Iterator[Ticket]:
    random = dice(seed, customer.id, day, "ticket")
    uses_from = customer.nature.uses_from
    if random.random() >= _A_WORKDAY[customer.segment] / customer.nature.care or (uses_from and day < uses_from):
        return
    throw = random.random()
    severity = next(severity for severity, up_to in _SEVERITIES if throw < up_to)
    hour = office_hour(random, 8.5, 15)
    opened_at = moment(customer.time_zone, day, hour)
    span = random.uniform(*_HOURS[severity])
    solved_at = opened_at + timedelta(hours=span)
    if severity > 2 and random.random() > customer.nature.care + 0.3:
        solved_at += timedelta(days=random.uniform(1, 4))  # where care is low, some are left lying
    elif hour + span > CLOSES + 1 and severity > 2:
        # what is not done today waits for the morning, but not for Monday
        tomorrow = day + timedelta(days=1)
        solved_at = moment(
            customer.time_zone, *((tomorrow, 9.5) if is_workday(customer.country, tomorrow) else (day, 19.5))
        )
    yield _ticket(customer, random, f"{day:%y%m%d}-0", severity, opened_at, solved_at, random.choice(_TOPICS), (3, 5))


def _wave(seed: int, customer: Customer, trouble: Trouble, day: date) -> Iterator[Ticket]:
    """A wave every few days; what it brings stays open for a week or more, longer than until the next one."""
    since = (day - trouble.begins_on).days
    if not 0 <= since < trouble.days:
        return
    # a wave that would break on a day off does so on the next workday
    late = since % trouble.every
    if any(is_workday(customer.country, day - timedelta(days=n + 1)) for n in range(late)):
        return
    random = dice(seed, customer.id, trouble.begins_on, "wave", since // trouble.every)
    for number in range(trouble.tickets):
        opened_at = moment(customer.time_zone, day, office_hour(random, 8.5, 16))
        worst = number == 0 and random.random() < trouble.worst
        severity = 1 if worst else 2
        hours = random.uniform(18, 72) if worst else random.uniform(7, 10) * 24
        solved_at = opened_at + timedelta(hours=hours)
        topic = random.choice(_STORM_TOPICS)
        yield _ticket(customer, random, f"{day:%y%m%d}-{number + 1}", severity, opened_at, solved_at, topic, (1, 3))


def _ticket(
    customer: Customer,
    random: Random,
    number: str,
    severity: int,
    opened_at: datetime,
    solved_at: datetime,
    topic: str,
    csat: tuple[int, int],
) -> Ticket:
    there = [p for p in customer.people if p.is_there(local_day(customer.time_zone, opened_at))]
    return Ticket(
        id=f"t-{customer.contract[2:]}-{number}",
        user=random.choice(there).user,
        severity=severity,
        channel=random.choice(_CHANNELS),
        topic=topic,
        opened_at=opened_at,
        replied_at=opened_at + (solved_at - opened_at) * random.uniform(0.05, 0.3),
        solved_at=solved_at,
        csat=random.randint(*csat) if random.random() < 0.35 else None,
    )


def _changes(customer: Customer, ticket: Ticket) -> Iterator[Happening]:
    opened = {
        "ticket": ticket.id,
        "status": "open",
        "severity": ticket.severity,
        "channel": ticket.channel,
        "topic": ticket.topic,
    }
    solved: dict[str, object] = {"ticket": ticket.id, "status": "solved"}
    if ticket.csat is not None:
        solved["csat"] = ticket.csat
    for step, at, data, moment_ in (
        ("opened", ticket.opened_at, opened, "opened_at"),
        ("replied", ticket.replied_at, {"ticket": ticket.id, "status": "pending"}, "first_reply_at"),
        ("solved", ticket.solved_at, solved, "solved_at"),
    ):
        yield Happening(at, f"{ticket.id}/{step}", "ticket.changed", customer.id, ticket.user, data, {moment_: at})

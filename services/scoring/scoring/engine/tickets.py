"""The tickets that are open at a moment."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct

from scoring.domain.scorecard import Tickets
from scoring.engine.contracts import moment
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register, holds_since, last, read, since

DONE: Final = ("solved", "closed")
OF_RATINGS: Final = ("csat",)  # fields that tell since when they have had their value


class OpenTicket(Struct, frozen=True, gc=False):
    """An open ticket: its severity, 1 to 4, and its age over the SLA of that severity."""

    severity: int
    sla_ages: float


class Opened(NamedTuple):
    """A ticket that was open at a moment: since when, and the hours of its SLA."""

    severity: int
    since: datetime
    sla_hours: float


def aged(opened: Iterable[Opened], at: datetime) -> list[OpenTicket]:
    """The open tickets as of a moment."""
    return [OpenTicket(s, (at - since).total_seconds() / 3600 / sla_hours) for s, since, sla_hours in opened]


def opened(slow: SlowFacts, at: datetime, terms: Tickets) -> list[Opened]:
    """The open tickets, aged in calendar time from opened_at (else from when they were first heard of)."""
    found = []
    for ticket in slow.tickets.values():
        if is_done(ticket, at) or (first := since(ticket)) is None or first > at:
            continue
        begun = moment(read(ticket, "opened_at", at)) or first
        if begun > at:
            continue
        severity = read(ticket, "severity", at)
        severity = severity if isinstance(severity, int) else terms.default_severity
        found.append(Opened(severity, begun, terms.sla_hours[severity - 1]))
    return found


def last_change(slow: SlowFacts, at: datetime) -> datetime | None:
    """When a ticket last changed; None while no ticket was ever seen."""
    newest = max([entries[-1].stamp.time for each in slow.tickets.values() for entries in each.values()], default=None)
    if newest is None or newest <= at:  # nearly always, for a moment of today
        return newest
    return max([since for each in slow.tickets.values() if (since := changed_at(each, at))], default=None)


def changed_at(register: Register, at: datetime) -> datetime | None:
    """When a register last changed as of a moment; None if nothing was heard of it until then."""
    newest = max([entries[-1].stamp.time for entries in register.values()], default=None)
    if newest is None or newest <= at:  # nearly always, for a moment of today
        return newest
    known = [entry.stamp.time for field in register if (entry := last(register, field, at)) is not None]
    return max(known, default=None)


def ratings(slow: SlowFacts, at: datetime) -> list[tuple[datetime, int]]:
    """What customers gave for tickets, 1 to 5, and when they gave it."""
    found = [rating(ticket, at) for ticket in slow.tickets.values() if "csat" in ticket]
    return [each for each in found if each is not None]


def rating(ticket: Register, at: datetime) -> tuple[datetime, int] | None:
    """What a customer gave for a ticket, and when.

    A source that tells the whole ticket at each change tells it again: that is no new rating.
    """
    value, given = read(ticket, "csat", at), holds_since(ticket, "csat", at)
    return (given, value) if isinstance(value, int) and given is not None else None


def is_done(ticket: Register, at: datetime) -> bool:
    """Whether a ticket is done.

    By status, unless solved_at was said later: a ticket opened again may keep its old solved_at.
    """
    status, solved = last(ticket, "status", at), last(ticket, "solved_at", at)
    by_status = status is not None and status.value in DONE
    if solved is None or (status is not None and status.value is not None and status.stamp >= solved.stamp):
        return by_status
    solved_at = moment(solved.value)
    return by_status or (solved_at is not None and solved_at <= at)

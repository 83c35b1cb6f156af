"""S1, S2 and V1: open tickets, and what customers answer. Pseudo-answers are no data."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, get_args

from csmodels.fields import Role
from scoring.domain.calendar import ONE_DAY
from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import Csat, Nps, OpenTickets
from scoring.engine.facts import Answer, SlowFacts
from scoring.engine.moment import Moment, passing
from scoring.engine.register import merged, read
from scoring.engine.tickets import last_change, ratings

ROLES: Final[tuple[Role, ...]] = get_args(Role)


def open_tickets(now: Moment, id_: MeasureId, terms: OpenTickets) -> Measurement:
    """S1. Without a ticket ever: by the scorecard a true zero (tickets are a register), or not connected."""
    as_of = now.still.once(id_, lambda: last_change(now.slow, now.tickets_at))
    if as_of is None and terms.without_tickets == "not_connected":
        return Measurement(id_, "not_connected")
    load = math.fsum(
        [terms.severity_weights[t.severity - 1] * min(t.sla_ages, terms.age_cap) for t in now.open_tickets]
    )
    low, high = terms.seats_clip
    # no seats and nobody seen: an account of unknown size is taken as one of seats_unit
    units = min(max(size / terms.seats_unit, low), high) if (size := now.size_of_tickets) else 1.0
    return Measurement(id_, "fresh", load / units, as_of, frozen=now.tickets_at < now.at)


def csat_until(now: Moment, terms: Csat) -> datetime:
    """When a rating leaves the window."""
    given = [time for time, _ in ratings(now.slow, now.tickets_at)]
    given += [answer.stamp.time for answer in _answers(now, "csat")]
    return passing(now, given, terms.window_days)


def csat(now: Moment, id_: MeasureId, terms: Csat) -> Measurement:
    """S2: ratings of tickets (as of when their feed stopped, if it did) and answers to CSAT surveys, all of 1 to 5.

    Not connected without a rating, stale if all are older than the window.
    """
    rated = [(now.tickets_at, *each) for each in ratings(now.slow, now.tickets_at)]
    rated += [(now.at, a.stamp.time, a.score) for a in _answers(now, "csat") if a.score is not None]
    if not rated:
        return Measurement(id_, "not_connected")
    as_of = max(given for _, given, _ in rated)
    window = timedelta(days=terms.window_days)
    counted = [rating >= terms.satisfied_from for at, given, rating in rated if given > at - window]
    total = len(counted) + terms.pseudo_answers
    if not counted or not total:
        return Measurement(id_, "stale", as_of=as_of)
    value = (sum(counted) + terms.pseudo_answers * terms.pseudo_share) / total
    return Measurement(id_, "fresh", value, as_of, frozen=now.tickets_at < now.at)


def nps(now: Moment, id_: MeasureId, terms: Nps) -> Measurement:
    """V1. Not connected without an answer, stale if all are older than the window."""
    answers = now.still.once(id_, lambda: _told(now, terms))
    if not answers:
        return Measurement(id_, "not_connected")
    as_of = max([told for told, _, _ in answers])
    oldest = now.at - timedelta(days=terms.window_days)
    top, bottom = [terms.pseudo_answers * terms.pseudo_score], [terms.pseudo_answers]
    for told, of_role, points in answers:
        if told <= oldest:
            continue
        age = (now.at - told) / ONE_DAY
        weight = of_role * 2 ** (-age / terms.half_life_days)
        top.append(weight * points)
        bottom.append(weight)
    total = math.fsum(bottom)
    if len(bottom) == 1 or not total:
        return Measurement(id_, "stale", as_of=as_of)
    return Measurement(id_, "fresh", math.fsum(top) / total, as_of)


def _told(now: Moment, terms: Nps) -> list[tuple[datetime, float, float]]:
    """When each answer to NPS surveys was given, the weight of who gave it, and its points."""
    return [
        (a.stamp.time, terms.role_weights[role_of(now.slow, a, now.same, now.at)], _nps_points(a.score))
        for a in _answers(now, "nps")
        if a.score is not None
    ]


def role_of(slow: SlowFacts, answer: Answer, same: Mapping[str, str], at: datetime) -> Role:
    """The role the answer carries, else the person's as described, else other."""
    if answer.role is not None:
        return answer.role
    if answer.person is None:
        return "other"
    root = same.get(answer.person)
    persons = [answer.person] if root is None else [person for person in same if same[person] == root]
    known = [slow.contacts[person] for person in persons if person in slow.contacts]
    role = read(merged(known), "role", at)
    return role if role in ROLES else "other"


def _answers(now: Moment, kind: str) -> list[Answer]:
    return [answer for answer in now.still.lull.answers if answer.kind == kind]


def _nps_points(answer: int) -> float:
    return 100.0 if answer >= 9 else 0.0 if answer >= 7 else -100.0

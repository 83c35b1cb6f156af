"""features: what the facts say at a moment, by the definitions of the scorecard."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from itertools import compress
from types import MappingProxyType
from typing import Final, get_args

from csmodels.fields import Family, Role
from scoring.domain.calendar import ONE_DAY, Month, business_days_between, local_day, months_back, window_masks
from scoring.domain.measures import ActiveOverride, CapId, Features, Measurement
from scoring.domain.score import Score, score
from scoring.domain.scorecard import Scorecard
from scoring.engine import contracts
from scoring.engine.facts import Answer, Facts, SlowFacts
from scoring.engine.feeds import Stopped
from scoring.engine.people import active_days, count_people, roots
from scoring.engine.register import merged, read
from scoring.engine.tickets import OpenTicket, last_change, open_tickets

NONE_STOPPED: Final[Mapping[Family, datetime]] = MappingProxyType({})
MONTHS_AT_HAND: Final = 4  # the newest; they cover the 90 days of known people and the 84 of the trend
ROLES: Final[tuple[Role, ...]] = get_args(Role)


def months_needed(at: datetime, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> frozenset[Month]:
    """The months that features need at a moment: the newest four as of it, or as of when the usage feed stopped."""
    return frozenset(months_back(local_day(_seen("usage", at, stopped), zone), MONTHS_AT_HAND))


def features(facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> Features:
    """What is known at a moment. Usage has a resolution of a day: `at` stands for its whole day in the zone.

    The measures and the cap of a stopped feed are those of the moment in which it stopped. Raises MonthNotLoaded if a
    month is missing that it reads; months_needed(at, zone, stopped) are enough.
    """
    usage_at, tickets_at = _seen("usage", at, stopped), _seen("tickets", at, stopped)
    usage = _Usage.of(facts, usage_at, card, zone)
    seats = contracts.seats(facts.slow, contracts.living(facts.slow, at, zone), at)
    # without seats the people known in these days stand in
    size = seats or count_people(facts, window_masks(usage.day, card.active_share.known_days), usage.same, core=False)
    tickets = open_tickets(facts.slow, tickets_at, card.open_tickets)
    found = {
        "active_share": _active_share(usage, size, estimate=not seats, frozen=usage_at < at),
        "usage_trend": _usage_trend(usage, card, frozen=usage_at < at),
        "open_tickets": _open_tickets(facts.slow, tickets, tickets_at, size, card, tickets_at < at),
        "nps": _nps(facts.slow, usage.same, at, card),
        "contact": _contact(facts.slow, at, card),
    }
    caps: list[CapId] = []
    if any(t.severity == 1 and t.sla_ages > card.caps.sla_times for t in tickets):
        caps.append("severity_1_overdue")
    if usage.idle_business_days >= card.caps.business_days:
        caps.append("no_active_person")
    measurements = tuple(found[measure] for measure in card.weights)
    return Features(at, measurements, tuple(caps), contracts.stage(facts.slow, at, zone))


def override_at(slow: SlowFacts, at: datetime) -> ActiveOverride | None:
    """The override in force: of those set, not expired and not ended the one set last."""
    in_force = [
        (override.stamp, id_, override.points)
        for id_, override in slow.overrides.items()
        if override.stamp.time <= at < override.expires_at and not (id_ in slow.ended and slow.ended[id_].time <= at)
    ]
    if not in_force:
        return None
    _, id_, points = max(in_force)
    return ActiveOverride(id_, points)


def assess(facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> Score:
    """The score at a moment: features, stage and override in one call."""
    found = features(facts, at, card, zone, stopped)
    return score(found, card, found.stage, override_at(facts.slow, at))


def _seen(family: Family, at: datetime, stopped: Stopped) -> datetime:
    """The moment as which a family's measures are computed."""
    return min(at, stopped.get(family, at))


@dataclass(frozen=True, slots=True)
class _Usage:
    """What the months say as of a day. None: no usage (of a known person) was seen until then."""

    day: date
    connected: bool
    same: Mapping[str, str]
    history_days: int | None  # since the first core action
    active: int | None
    recent: int
    baseline: int
    idle_business_days: int
    as_of: datetime | None

    @classmethod
    def of(cls, facts: Facts, at: datetime, card: Scorecard, zone: tzinfo) -> "_Usage":
        slow, today = facts.slow, local_day(at, zone)
        months = months_back(today, MONTHS_AT_HAND)
        same = roots(slow.merges)
        share, trend = card.active_share, card.usage_trend
        with_people = slow.first_person is not None and slow.first_person <= today
        active_masks = window_masks(today, share.window_days)
        last_core = _last_day(facts, window_masks(today, 89))
        return cls(
            day=today,
            connected=slow.first_usage is not None and slow.first_usage <= today,
            same=same,
            history_days=(today - slow.first_core).days if slow.first_core and slow.first_core <= today else None,
            active=count_people(facts, active_masks, same, core=True) if with_people else None,
            recent=_count(facts, window_masks(today, trend.window_days)),
            baseline=_count(facts, window_masks(today, trend.baseline_days, skip=trend.window_days)),
            idle_business_days=_idle(facts, months, today) if with_people else 0,
            as_of=_end_of(last_core, at, zone),
        )


def _count(facts: Facts, masks: Mapping[Month, int]) -> int:
    return sum(sum(compress(facts.month(month).core, _in_mask(mask))) for month, mask in masks.items())


@cache
def _in_mask(mask: int) -> tuple[bool, ...]:
    """For each day of a month whether the mask has it; windows have few different masks."""
    return tuple(bool(mask >> day & 1) for day in range(31))


def _last_day(facts: Facts, masks: Mapping[Month, int]) -> date | None:
    """The last day of the masks with a core action of anybody."""
    for month in sorted(masks, reverse=True):
        counts = facts.month(month).core
        for day in range(30, -1, -1):
            if counts[day] and masks[month] >> day & 1:
                return _date(month, day)
    return None


def _idle(facts: Facts, months: tuple[Month, ...], today: date) -> int:
    """Whole business days since a person was last active, or was first seen if none ever was."""
    masks = window_masks(today, 124)
    for month in reversed(months):
        until_today = active_days(facts, month) & masks.get(month, 0)
        if until_today:
            return business_days_between(_date(month, until_today.bit_length() - 1) + ONE_DAY, today)
    first = facts.slow.first_person or today
    return business_days_between(max(first, _date(months[0], 0)), today)


def _date(month: Month, day: int) -> date:
    return date(int(month[:4]), int(month[5:]), day + 1)


def _end_of(day: date | None, at: datetime, zone: tzinfo) -> datetime | None:
    if day is None:
        return None
    return min(at, datetime.combine(day + ONE_DAY, time.min, tzinfo=zone).astimezone(UTC))


def _active_share(usage: _Usage, size: int, *, estimate: bool, frozen: bool) -> Measurement:
    """U1. Not connected until the first usage of a person with an id: people without one count as nobody."""
    if usage.active is None:
        return Measurement("active_share", "not_connected")
    if not size:
        # without seats, and nobody seen in 90 days: nobody is active, of however many
        return Measurement("active_share", "fresh", 0.0, usage.as_of, estimate=True, frozen=frozen)
    return Measurement("active_share", "fresh", usage.active / size, usage.as_of, estimate=estimate, frozen=frozen)


def _usage_trend(usage: _Usage, card: Scorecard, *, frozen: bool) -> Measurement:
    """U2: R = 2(a + .5) / (b + .5) for windows of 28 and 56 days, ln R shrunk by z² / (z² + 4)."""
    terms = card.usage_trend
    if not usage.connected:
        return Measurement("usage_trend", "not_connected")
    if usage.history_days is None or usage.history_days < terms.history_days:
        return Measurement("usage_trend", "not_applicable")
    a, b = usage.recent + 0.5, usage.baseline + 0.5
    log = math.log(terms.baseline_days / terms.window_days * a / b)
    z2 = log * log / (1 / a + 1 / b)
    value = math.exp(log * z2 / (z2 + terms.shrinkage)) if z2 else 1.0
    return Measurement("usage_trend", "fresh", value, usage.as_of, frozen=frozen)


def _open_tickets(
    slow: SlowFacts, tickets: list[OpenTicket], at: datetime, size: int, card: Scorecard, frozen: bool
) -> Measurement:
    """S1. Without a ticket ever: by the scorecard a true zero (tickets are a register), or not connected."""
    terms = card.open_tickets
    as_of = last_change(slow, at)
    if as_of is None and terms.without_tickets == "not_connected":
        return Measurement("open_tickets", "not_connected")
    load = math.fsum(terms.severity_weights[t.severity - 1] * min(t.sla_ages, terms.age_cap) for t in tickets)
    low, high = terms.seats_clip
    # no seats and nobody seen: an account of unknown size is taken as one of seats_unit
    units = min(max(size / terms.seats_unit, low), high) if size else 1.0
    return Measurement("open_tickets", "fresh", load / units, as_of, frozen=frozen)


def _nps(slow: SlowFacts, same: Mapping[str, str], at: datetime, card: Scorecard) -> Measurement:
    """V1. Not connected without an answer, stale if all are older than the window; pseudo-answers are no data."""
    terms = card.nps
    answers = [a for a in answers_at(slow, at) if a.kind == "nps" and a.score is not None]
    if not answers:
        return Measurement("nps", "not_connected")
    as_of = max(a.stamp.time for a in answers)
    oldest = at - timedelta(days=terms.window_days)
    top, bottom = [terms.pseudo_answers * terms.pseudo_score], [terms.pseudo_answers]
    for answer in answers:
        if answer.stamp.time <= oldest:
            continue
        age = (at - answer.stamp.time) / ONE_DAY
        weight = terms.role_weights[_role(slow, answer, same, at)] * 2 ** (-age / terms.half_life_days)
        top.append(weight * _nps_points(answer.score or 0))
        bottom.append(weight)
    total = math.fsum(bottom)
    if len(bottom) == 1 or not total:
        return Measurement("nps", "stale", as_of=as_of)
    return Measurement("nps", "fresh", math.fsum(top) / total, as_of)


def answers_at(slow: SlowFacts, at: datetime) -> Iterator[Answer]:
    """The answers that count at a moment: of each response the highest revision given until then."""
    for revisions in slow.answers.values():
        given = [answer for answer in revisions if answer.stamp.time <= at]
        if given:
            yield given[-1]


def _nps_points(answer: int) -> float:
    return 100.0 if answer >= 9 else 0.0 if answer >= 7 else -100.0


def _role(slow: SlowFacts, answer: Answer, same: Mapping[str, str], at: datetime) -> Role:
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


def _contact(slow: SlowFacts, at: datetime, card: Scorecard) -> Measurement:
    """R1. Not connected without a touch; with one-way touches only, silence counts from the first of them."""
    terms = card.contact
    touches = [touch for touch in slow.touches.values() if touch.stamp.time <= at]
    if not touches:
        return Measurement("contact", "not_connected")
    two_way = [touch.stamp.time for touch in touches if touch.direction in terms.directions]
    since = max(two_way) if two_way else min(touch.stamp.time for touch in touches)
    segment = read(slow.account, "segment", at)
    cadence = terms.cadence(segment if isinstance(segment, str) else None)
    return Measurement("contact", "fresh", (at - since) / ONE_DAY / cadence, since)

"""U1 to U5: who works with the product, how often, how widely, how regularly. People without an id count as nobody."""

import math
from bisect import insort
from collections.abc import Collection
from datetime import date
from operator import sub
from typing import cast

from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import ActiveShare, Breadth, Depth, Silence, UsageTrend
from scoring.engine.moment import LONGEST_USAGE, Moment
from scoring.engine.packed import Part
from scoring.engine.past import TWO, Days, ends_of, parts_of, with_users


def active_share(now: Moment, id_: MeasureId, terms: ActiveShare) -> Measurement:
    """U1. Not connected until the first usage of a person with an id."""
    if not now.with_people:
        return Measurement(id_, "not_connected")
    return _of_seats(now, id_, len(now.core_days(terms.window_days)))


def depth(now: Moment, id_: MeasureId, terms: Depth) -> Measurement:
    """U4. Not connected until the first usage of a person with an id."""
    if not now.with_people:
        return Measurement(id_, "not_connected")
    return _of_seats(now, id_, sum([days >= terms.core_days for days in now.core_days(terms.window_days)]))


def _of_seats(now: Moment, id_: MeasureId, people: int) -> Measurement:
    """Without seats the people known stand in; if nobody was seen, nobody is active, of however many."""
    value = people / now.size if now.size else 0.0
    frozen = now.usage_at < now.at
    return Measurement(id_, "fresh", value, now.usage_as_of, estimate=not now.still.of_usage.seats, frozen=frozen)


def usage_trend(now: Moment, id_: MeasureId, terms: UsageTrend) -> Measurement:
    """U2: R = 2(a + .5) / (b + .5) for windows of 28 and 56 days, ln R shrunk by z² / (z² + 4).

    Not applicable before history_days since the first core action.
    """
    if not now.connected:
        return Measurement(id_, "not_connected")
    first = now.slow.first_core
    if first is None or (now.day - first).days < terms.history_days:
        return Measurement(id_, "not_applicable")
    a = now.core_actions(terms.window_days) + 0.5
    b = now.core_actions(terms.baseline_days, skip=terms.window_days) + 0.5
    log = math.log(terms.baseline_days / terms.window_days * a / b)
    z2 = log * log / (1 / a + 1 / b)
    value = math.exp(log * z2 / (z2 + terms.shrinkage)) if z2 else 1.0
    return Measurement(id_, "fresh", value, now.usage_as_of, frozen=now.usage_at < now.at)


def breadth(now: Moment, id_: MeasureId, terms: Breadth) -> Measurement:
    """U3: key features in use / those of the account's plan. Not connected until a known person's usage.

    Until key features are named, the names of core actions that the account used most in the window stand in, and count
    against key_feature_count: an estimate. Not applicable for a plan that includes none.
    """
    if not now.with_people:
        return Measurement(id_, "not_connected")
    actions = now.card.actions
    estimate = not actions.key_features
    names = _most_used(now, terms) if estimate else actions.entitled_to(now.text("plan", now.usage_at))
    entitled = actions.key_feature_count if estimate else len(names)
    if not entitled:
        return Measurement(id_, "not_applicable")
    count = _used_by(now, terms, names)
    frozen = now.usage_at < now.at
    return Measurement(id_, "fresh", count / entitled, now.usage_as_of, estimate=estimate, frozen=frozen)


def _most_used(now: Moment, terms: Breadth) -> list[str]:
    """The names of core actions used most in the window, of those kept."""
    actions = now.card.actions
    is_core = actions.tells
    counts = {**now.past.counts(now.facts, terms.window_days, is_core)}
    made = now.past.of_parts(terms.window_days)
    start, end = ends_of(now.mask(terms.window_days))
    for name, part in parts_of(now.newest)[1].items():
        if name in counts or is_core(name):
            known = made.get(name)
            if known is None or known[0] is not part:
                known = made[name] = part, sum(part.counts[start:end]), None
            counts[name] = counts.get(name, 0) + known[1]
    if len(counts) <= actions.key_feature_count:
        return list(counts)  # what is not used in the window is used by nobody
    most = sorted([(-count, name) for name, count in counts.items()])  # the same counts by name
    return [name for _, name in most[: actions.key_feature_count]]


def _used_by(now: Moment, terms: Breadth, names: Collection[str]) -> int:
    """How many of these names enough people used in the window."""
    (ids, parts), made = parts_of(now.newest), now.past.of_parts(terms.window_days)
    days = ends_of(now.mask(terms.window_days))
    found = 0
    for name in names:
        part, known = parts.get(name), made.get(name)
        if part is None:
            users = now.past.users(now.facts, terms.window_days, name, now.still.roots)
        elif known is not None and known[0] is part and known[2] is not None:
            users = known[2]
        else:
            users = _users(now, terms, part, ids, days)
            made[name] = part, known[1] if known is not None and known[0] is part else 0, users
        found += len(users) >= terms.people
    return found


def _users(now: Moment, terms: Breadth, part: Part, ids: bytes, days: Days) -> tuple[bytes, ...]:
    """Who used a name in the window: nobody, one person, or TWO. Often the day's month alone tells of two."""
    roots = now.still.roots
    users = with_users((), part, ids, days, roots)
    if users is TWO:
        return TWO
    before = now.past.users(now.facts, terms.window_days, part.name, roots)
    return users if before in ((), users) else TWO if users else before


def silence(now: Moment, id_: MeasureId, terms: Silence) -> Measurement:
    """U5. Not connected until the first usage; before a first core action silence counts from that usage.

    Gaps are days between days with core actions of the window, quantiles are interpolated. A last core action that lies
    120 days back or more counts as 120.
    """
    first_usage = now.slow.first_usage
    if not now.connected or first_usage is None:
        return Measurement(id_, "not_connected")
    today = now.day.toordinal()
    past, days = now.past.gaps(now.facts, terms.window_days), now.core_ordinals(terms.window_days)
    gaps = [*past.days, *map(sub, days[1:], days)]
    if past.last is not None and days:
        gaps.append(days[0] - past.last)
    gaps.sort()
    rising = cast("list[float]", gaps)
    for gap in terms.pseudo_gaps:  # numbers of one kind are sorted faster, and these are few
        insort(rising, gap)
    usual = _quantile(rising, terms.quantile)
    if now.last_core is not None:
        quiet = today - now.last_core
    else:
        first_core = now.slow.first_core or date.max
        quiet = min(today - first_usage.toordinal() if first_core > now.day else LONGEST_USAGE, LONGEST_USAGE)
    return Measurement(id_, "fresh", quiet / usual, now.usage_as_of, frozen=now.usage_at < now.at)


def _quantile(rising: list[float], quantile: float) -> float:
    place = quantile * (len(rising) - 1)
    below = int(place)
    above = min(below + 1, len(rising) - 1)
    return rising[below] + (rising[above] - rising[below]) * (place - below)

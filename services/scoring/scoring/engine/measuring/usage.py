"""U1 to U5: who works with the product, how often, how widely, how regularly. People without an id count as nobody."""

import math
from collections.abc import Collection, Mapping
from datetime import date
from itertools import compress
from operator import sub

from scoring.domain.calendar import Month, window_masks
from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import ActiveShare, Breadth, Depth, Silence, UsageTrend
from scoring.engine.facts import Feature
from scoring.engine.moment import LONGEST_USAGE, Moment, in_mask


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
    return Measurement(id_, "fresh", value, now.usage_as_of, estimate=not now.seats, frozen=frozen)


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
    masks = window_masks(now.day, terms.window_days)
    estimate = not actions.key_features
    used = _most_used(now, masks) if estimate else _uses(now, masks, actions.entitled_to(now.text("plan")))
    entitled = actions.key_feature_count if estimate else len(used)
    if not entitled:
        return Measurement(id_, "not_applicable")
    count = sum([_by_enough(uses, terms.people, now.same) for uses in used])
    frozen = now.usage_at < now.at
    return Measurement(id_, "fresh", count / entitled, now.usage_as_of, estimate=estimate, frozen=frozen)


_Uses = list[tuple[Feature, int]]  # of a name: what each month of a window holds, and which of its days count


def _uses(now: Moment, masks: Mapping[Month, int], names: Collection[str]) -> list[_Uses]:
    """The uses of each name, of the newest month first."""
    parts = [(now.facts.month(month).names, mask) for month, mask in masks.items()]
    return [[(part[name], mask) for part, mask in parts if name in part] for name in names]


def _most_used(now: Moment, masks: Mapping[Month, int]) -> list[_Uses]:
    """The uses of the names of core actions used most in the window, of those kept."""
    actions = now.card.actions
    found = sorted({name for month in masks for name in now.facts.month(month).names if actions.is_core(name)})
    uses = _uses(now, masks, found)
    if len(uses) <= actions.key_feature_count:
        return uses  # what is not used in the window is used by nobody
    counts = [sum([sum(compress(feature.counts, in_mask(mask))) for feature, mask in each]) for each in uses]
    order = sorted(range(len(uses)), key=lambda n: -counts[n])  # the same counts by name
    return [uses[n] for n in order[: actions.key_feature_count]]


def _by_enough(uses: _Uses, people: int, same: Mapping[str, str]) -> bool:
    """Whether at least so many people (1 or 2) used a feature on the days that count."""
    first: str | None = None
    for feature, mask in uses:
        for day, persons in feature.people.items():
            if mask >> (day - 1) & 1:
                for person in persons:
                    root = same.get(person, person) if same else person
                    if people == 1 or (first is not None and root != first):
                        return True
                    first = root
    return False


def silence(now: Moment, id_: MeasureId, terms: Silence) -> Measurement:
    """U5. Not connected until the first usage; before a first core action silence counts from that usage.

    Gaps are days between days with core actions of the window, quantiles are interpolated. A last core action that lies
    120 days back or more counts as 120.
    """
    first_usage = now.slow.first_usage
    if not now.connected or first_usage is None:
        return Measurement(id_, "not_connected")
    today = now.day.toordinal()
    days = now.core_ordinals
    if terms.window_days < LONGEST_USAGE:
        days = [day for day in days if day > today - terms.window_days]
    gaps = sorted([*terms.pseudo_gaps, *map(sub, days[1:], days)])
    usual = _quantile(gaps, terms.quantile)
    if now.core_ordinals:
        quiet = today - now.core_ordinals[-1]
    else:
        first_core = now.slow.first_core or date.max
        quiet = min(today - first_usage.toordinal() if first_core > now.day else LONGEST_USAGE, LONGEST_USAGE)
    return Measurement(id_, "fresh", quiet / usual, now.usage_as_of, frozen=now.usage_at < now.at)


def _quantile(rising: list[float], quantile: float) -> float:
    place = quantile * (len(rising) - 1)
    below = int(place)
    above = min(below + 1, len(rising) - 1)
    return rising[below] + (rising[above] - rising[below]) * (place - below)

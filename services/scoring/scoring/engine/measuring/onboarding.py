"""O1 to O3, and C3: what was reached on the way to the first value, and on the way to the renewal.

Steps are events milestone.reached; which names count is the scorecard's: stages.onboarding.milestones (O1),
stages.onboarding.first_value.milestone (O2), items of renewal_checklist (C3). Days count from the start of the first
contract. Without any contract none of them applies.
"""

from datetime import datetime

from scoring.domain.calendar import local_day
from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import Activation, FirstValue, Milestones, RenewalChecklist
from scoring.engine.milestones import connected, first_reached, last_reached
from scoring.engine.moment import LONGEST_USAGE, Moment
from scoring.engine.past import idle_of
from scoring.engine.stages import midnight, renewal_ahead


def milestones(now: Moment, id_: MeasureId, terms: Milestones) -> Measurement:
    """O1: weights of the milestones that are done / of those that are done or due.

    Not applicable while none is done or due; not connected if no milestone was ever reached (or zero, if the scorecard
    says so).
    """
    onboarding = now.card.stages.onboarding
    began = now.still.onboarding
    if began is None or not onboarding.milestones:
        return Measurement(id_, "not_applicable")
    if not connected(now.slow, now.at, onboarding):
        return Measurement(id_, "not_connected")
    days = (now.today - began.began).days
    done = due = 0.0
    as_of: datetime | None = None
    for milestone in onboarding.milestones:
        reached = first_reached(now.slow, milestone.name, now.at)
        if reached is not None:
            done += milestone.weight
            as_of = reached if as_of is None else max(as_of, reached)
        if reached is not None or days >= milestone.due_day:
            due += milestone.weight
    return Measurement(id_, "fresh", done / due, as_of) if due else Measurement(id_, "not_applicable")


def first_value(now: Moment, id_: MeasureId, terms: FirstValue) -> Measurement:
    """O2: days from the start until first value (until now while it is not reached) / target_day.

    Reached within the target it is in_time_points. Not connected if no milestone was ever reached, as O1.
    """
    onboarding = now.card.stages.onboarding
    began = now.still.onboarding
    if began is None or onboarding.first_value is None:
        return Measurement(id_, "not_applicable")
    if not connected(now.slow, now.at, onboarding):
        return Measurement(id_, "not_connected")
    reached = first_reached(now.slow, onboarding.first_value, now.at)
    days = max((local_day(reached or now.at, now.zone) - began.began).days, 0)
    value = days / onboarding.target_day
    points = terms.in_time_points if reached is not None and value <= 1 else None
    return Measurement(id_, "fresh", value, reached, points=points)


def activation(now: Moment, id_: MeasureId, terms: Activation) -> Measurement:
    """O3: of the contacts described and not left, the share with a core action in the last 120 days.

    Not connected until a contact was described and a known person's usage was seen.
    """
    if not now.with_people:
        return Measurement(id_, "not_connected")
    invited = now.still.of_usage.invited
    if not invited:
        return Measurement(id_, "not_connected")
    rest = now.past.without(now.facts, now.still.invited, now.still.roots)
    if rest:
        rest = idle_of(rest, now.people, now.mask(LONGEST_USAGE), now.still.roots)
    share = (len(invited) - len(rest)) / len(invited)
    return Measurement(id_, "fresh", share, max(invited.values()), frozen=now.usage_at < now.at)


def renewal_checklist(now: Moment, id_: MeasureId, terms: RenewalChecklist) -> Measurement:
    """C3: share of the items reached since the renewal that is ahead began.

    Not applicable without a renewal ahead or without items; not connected if none of them was ever reached.
    """
    ahead = renewal_ahead(now.running, now.at, now.today, now.card.stages)
    if ahead is None or not terms.items:
        return Measurement(id_, "not_applicable")
    latest = [time for item in terms.items if (time := last_reached(now.slow, item, now.at)) is not None]
    if not latest:
        return Measurement(id_, "not_connected")
    begins = midnight(ahead.begins, now.zone)
    return Measurement(id_, "fresh", sum(time >= begins for time in latest) / len(terms.items), max(latest))

"""What each kind of measure measures: (moment, id, terms) -> Measurement. Kinds and terms: domain.kinds.

onboarding   milestones, first_value, activation, renewal_checklist
usage        active_share, usage_trend, breadth, depth, silence
voices       open_tickets, csat, nps
relations    contact, sponsor
billing      overdue, mrr_change
expressions  cel
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.scorecard import Measure
from scoring.engine.measuring import billing, expressions, onboarding, relations, usage, voices
from scoring.engine.moment import Moment, until_turn

MEASURES: Final[Mapping[str, Callable[[Moment, MeasureId, Any], Measurement]]] = {
    "milestones": onboarding.milestones,
    "first_value": onboarding.first_value,
    "activation": onboarding.activation,
    "active_share": usage.active_share,
    "usage_trend": usage.usage_trend,
    "breadth": usage.breadth,
    "depth": usage.depth,
    "silence": usage.silence,
    "open_tickets": voices.open_tickets,
    "csat": voices.csat,
    "nps": voices.nps,
    "contact": relations.contact,
    "sponsor": relations.sponsor,
    "overdue": billing.overdue,
    "mrr_change": billing.mrr_change,
    "renewal_checklist": onboarding.renewal_checklist,
    "cel": expressions.cel,
}


# The kinds that slow facts alone tell, and whose measurement stays as it is until something turns or leaves a window:
# (moment, terms) -> when that is.
LASTING: Final[Mapping[str, Callable[[Moment, Any], datetime]]] = {
    "milestones": until_turn,
    "first_value": until_turn,
    "csat": voices.csat_until,
    "sponsor": relations.sponsor_until,
    "overdue": until_turn,
    "mrr_change": billing.mrr_change_until,
    "renewal_checklist": until_turn,
}


def measured(now: Moment, measure: Measure) -> Measurement:
    """A measure of a scorecard at a moment."""
    until = LASTING.get(measure.kind)
    if until is None:
        return MEASURES[measure.kind](now, measure.id, measure.terms)
    found = now.still.measurements.get(measure.id)
    if found is not None and found[0] < now.at and found[1] is None:
        then = Moment(now.facts, found[0], now.card, now.zone, now.still.stopped)
        found = now.still.measurements[measure.id] = found[0], until(then, measure.terms), found[2]
    if found is None or not (found[0] == now.at or (found[1] is not None and found[0] < now.at < found[1])):
        found = now.at, None, MEASURES[measure.kind](now, measure.id, measure.terms)
        now.still.measurements[measure.id] = found
    return found[2]

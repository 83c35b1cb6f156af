"""Measures in CEL: numbers over the account's features."""

from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import Cel
from scoring.engine.moment import Moment
from scoring.engine.values import feature_values


def cel(now: Moment, id_: MeasureId, terms: Cel) -> Measurement:
    """What the expression gives. Not connected if it needs a feature that is not known."""
    value = terms.evaluate(feature_values(now))
    return Measurement(id_, "not_connected") if value is None else Measurement(id_, "fresh", float(value), now.at)

"""R1 and R2: when we last spoke with them, and whether somebody there stands for us."""

from datetime import datetime, timedelta

from scoring.domain.calendar import ONE_DAY
from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import Contact, Sponsor
from scoring.engine.moment import Moment, passing

MET, KNOWN, GONE = 2.0, 1.0, 0.0


def contact(now: Moment, id_: MeasureId, terms: Contact) -> Measurement:
    """R1. Not connected without a touch; with one-way touches only, silence counts from the first of them."""
    since = now.still.once(id_, lambda: _last(now, terms))
    if since is None:
        return Measurement(id_, "not_connected")
    cadence = terms.cadence_days[now.touch_class]
    return Measurement(id_, "fresh", (now.at - since) / ONE_DAY / cadence, since)


def _last(now: Moment, terms: Contact) -> datetime | None:
    """The last touch of one of the directions, else the first of all."""
    touches = [touch for touch in now.slow.touches.values() if touch.stamp.time <= now.at]
    two_way = [touch.stamp.time for touch in touches if touch.direction in terms.directions]
    return max(two_way) if two_way else min([touch.stamp.time for touch in touches], default=None)


def sponsor_until(now: Moment, terms: Sponsor) -> datetime:
    """When a touch leaves the window."""
    return passing(now, [touch.stamp.time for touch in now.slow.touches.values()], terms.met_days)


def sponsor(now: Moment, id_: MeasureId, terms: Sponsor) -> Measurement:
    """R2: met is a touch of one of the directions with a sponsor. Not connected until a sponsor was known."""
    found = now.sponsors
    if found.gone:
        return Measurement(id_, "fresh", GONE, found.gone_at)
    if not found.present:
        return Measurement(id_, "not_connected")
    oldest = now.at - timedelta(days=terms.met_days)
    met = [
        touch.stamp.time
        for touch in now.slow.touches.values()
        if touch.person is not None and oldest < touch.stamp.time <= now.at
        if touch.direction in terms.directions and now.same.get(touch.person, touch.person) in found.present
    ]
    return Measurement(id_, "fresh", MET, max(met)) if met else Measurement(id_, "fresh", KNOWN, found.since)

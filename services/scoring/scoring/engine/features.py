"""features: what the facts say at a moment, by the definitions of the scorecard."""

from datetime import datetime, tzinfo
from operator import attrgetter
from typing import Final

from scoring.domain.calendar import Month, day_of, months_back
from scoring.domain.kinds import CATALOGUE
from scoring.domain.measures import ActiveOverride, CapId, Features, MeasureId, Measurement
from scoring.domain.score import Score, adoption_level, score
from scoring.domain.scorecard import Scorecard
from scoring.domain.steps import Steps, finished
from scoring.engine.facts import Facts, SlowFacts
from scoring.engine.feeds import Stopped
from scoring.engine.measuring import measured
from scoring.engine.moment import MONTHS_AT_HAND, NONE_STOPPED, Moment
from scoring.engine.still import seen

# what measures, mix and caps share, each a step of its own
_SHARED: Final = tuple(map(attrgetter, ("still.lull.contracts", "still.stage", "sponsors", "open_tickets")))

__all__ = ["MONTHS_AT_HAND", "NONE_STOPPED", "assess", "features", "months_needed", "override_at"]


def months_needed(at: datetime, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> frozenset[Month]:
    """The months that features need at a moment: the newest five as of it, or as of when the usage feed stopped."""
    return frozenset(months_back(day_of(seen("usage", at, stopped), zone), MONTHS_AT_HAND))


def features(facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED) -> Features:
    """What is known at a moment. Usage has a resolution of a day: `at` stands for its whole day in the zone.

    The measures and the cap of a stopped feed are those of the moment in which it stopped. Measured is what has a place
    in the stage's column of weights. Raises MonthNotLoaded if a month is missing that it reads; months_needed(at, zone,
    stopped) are enough.
    """
    return finished(_features(Moment(facts, at, card, zone, stopped)))


def _features(now: Moment) -> Steps[Features]:
    """See features."""
    at, card, still = now.at, now.card, now.still
    for shared in _SHARED:
        shared(now)
        yield
    mix = still.mix(at)
    yield
    measures = card.measures
    found: dict[MeasureId, Measurement] = {}
    for id_ in card.weights(mix):
        found[id_] = measured(now, measures[id_])
        yield
    active = len(now.core_days(card.adoption.window_days)) if now.with_people else 0
    levels = card.adoption.names if active else ()
    values = {id_: (found.get(id_) or measured(now, measures[id_])).value for id_ in levels}
    caps = _caps(now)
    yield
    return Features(
        at=at,
        measurements=tuple(found.values()),
        caps=caps,
        stage=still.stage,
        mix=mix,
        in_use=now.connected or any([_tells_of_use(m, card) for m in found.values()]),
        adoption_level=adoption_level(values, active, card),
    )


def override_at(slow: SlowFacts, at: datetime) -> ActiveOverride | None:
    """The override in force: of those set, not expired and not ended the one set last."""
    if not slow.overrides:
        return None
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
    return finished(assessing(facts, at, card, zone, stopped))


def assessing(
    facts: Facts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped = NONE_STOPPED
) -> Steps[Score]:
    """The same in steps."""
    now = Moment(facts, at, card, zone, stopped)
    yield
    found = yield from _features(now)
    override = override_at(facts.slow, at)
    yield
    return score(found, card, found.stage, override)


def _caps(now: Moment) -> tuple[CapId, ...]:
    terms = now.card.caps
    caps: list[CapId] = []
    if any([t.severity == 1 and t.sla_ages > terms.sla_times for t in now.open_tickets]):
        caps.append("severity_1_overdue")
    if now.idle_business_days() >= terms.business_days:
        caps.append("no_active_person")
    sponsors = now.sponsors
    if sponsors.gone and sponsors.gone_at is not None and (now.at - sponsors.gone_at).days < terms.sponsor_days:
        caps.append("sponsor_gone")
    return tuple(caps)


def _tells_of_use(measurement: Measurement, card: Scorecard) -> bool:
    kind = CATALOGUE.get(card.measures[measurement.measure].kind)
    return kind is not None and kind.of_use and measurement.status in ("fresh", "stale")

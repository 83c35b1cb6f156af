"""When milestones were reached, as far as they were told of at a moment."""

from datetime import datetime

from scoring.domain.scorecard import Onboarding
from scoring.engine.facts import SlowFacts
from scoring.engine.register import last


def connected(slow: SlowFacts, at: datetime, terms: Onboarding) -> bool:
    """Whether any milestone was ever reached, or none means that nothing is done."""
    if terms.without_milestones == "zero":
        return True
    return any(stamp.time <= at for stamp in slow.milestones.values())


def first_reached(slow: SlowFacts, name: str, at: datetime) -> datetime | None:
    """When a milestone was first reached."""
    stamp = slow.milestones.get(name)
    return stamp.time if stamp is not None and stamp.time <= at else None


def last_reached(slow: SlowFacts, name: str, at: datetime) -> datetime | None:
    """When a milestone was reached last."""
    again = last(slow.again, name, at)
    return again.stamp.time if again is not None else first_reached(slow, name, at)

"""What is known of an account at a moment, before any points are given."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from csmodels.fields import Stage

MeasureId = Literal["active_share", "usage_trend", "open_tickets", "nps", "contact"]
CapId = Literal["severity_1_overdue", "no_active_person"]
USAGE_MEASURES: Final = ("active_share", "usage_trend")  # without any of them connected an account stays grey
Status = Literal["fresh", "stale", "not_connected", "not_applicable"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The raw value of a measure, or why there is none.

    fresh: value is a number (a true zero is fresh). not_connected: nothing of the kind was ever seen. stale: seen, but
    too long ago to count. not_applicable: the measure means nothing for this account yet. as_of is when the newest
    data behind it happened, as far as known. estimate: seats were not known and people stood in. frozen: the
    feed is stopped and this is the value of the moment in which it stopped.
    """

    measure: MeasureId
    status: Status
    value: float | None = None
    as_of: datetime | None = None
    estimate: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """Everything that `score` needs: measurements in the scorecard's order, caps in force, the stage."""

    at: datetime
    measurements: tuple[Measurement, ...]
    caps: tuple[CapId, ...]
    stage: Stage


@dataclass(frozen=True, slots=True)
class ActiveOverride:
    """The override in force: its id and its points, -10 to 10."""

    override: str
    points: float

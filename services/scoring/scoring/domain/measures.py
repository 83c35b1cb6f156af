"""What is known of an account at a moment, before any points are given."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from csmodels.fields import AdoptionLevel, Stage

MeasureId = str  # a code: the scorecard names its measures
Column = Literal["onboarding", "adoption", "renewal"]  # of weights
CapId = Literal["severity_1_overdue", "no_active_person", "sponsor_gone"]
Status = Literal["fresh", "stale", "not_connected", "not_applicable"]

COLUMN_OF: Final[Mapping[Stage, Column]] = {
    "onboarding": "onboarding",
    "adoption": "adoption",
    "renewal": "renewal",
    # after a notice what counts is what would win the renewal
    "churning": "renewal",
    "churned": "renewal",
}


class Measurement(Struct, frozen=True, gc=False):
    """The raw value of a measure, or why there is none.

    fresh: value is a number (a true zero is fresh). not_connected: nothing of the kind was ever seen. stale: seen, but
    too long ago to count. not_applicable: the measure means nothing for this account yet. as_of is when the newest
    data behind it happened, as far as known. estimate: seats or key features were not known and others stood in.
    frozen: the feed is stopped and this is the value of the moment in which it stopped. points: given outright, where
    a value has no place on the curve.
    """

    measure: MeasureId
    status: Status
    value: float | None = None
    as_of: datetime | None = None
    estimate: bool = False
    frozen: bool = False
    points: float | None = None


class Features(Struct, frozen=True, gc=False):
    """Everything that `score` needs: measurements in the scorecard's order, caps in force, the stage.

    mix is the share of each column of weights, adding up to 1: of the last days (blend_days) those spent in its stages;
    empty: the stage's own column alone. in_use: whether anything tells of use (O2, O3 or U1 to U5 is connected).
    """

    at: datetime
    measurements: tuple[Measurement, ...]
    caps: tuple[CapId, ...]
    stage: Stage
    mix: Mapping[Column, float] = {}
    in_use: bool = True
    adoption_level: AdoptionLevel = "none"

    @property
    def columns(self) -> Mapping[Column, float]:
        """The columns of weights that count, each with its share."""
        return self.mix or {COLUMN_OF[self.stage]: 1.0}


class ActiveOverride(Struct, frozen=True, gc=False):
    """The override in force: its id and its points, -10 to 10."""

    override: str
    points: float

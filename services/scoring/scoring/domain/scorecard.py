"""A scorecard: every number of scoring, as data. It is immutable, versioned, and known by the hash of its content."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, Literal

from csmodels.fields import Role
from scoring.domain.actions import CoreActions
from scoring.domain.curve import Curve
from scoring.domain.measures import CapId, MeasureId

TouchClass = Literal["high", "mid", "low"]
SEVERITIES: Final = (1, 2, 3, 4)
LONGEST_NPS_WINDOW: Final = 400  # days that a scorecard may look back on answers: so long they are kept for it


@dataclass(frozen=True)
class ActiveShare:
    """U1: people with a core action in window_days / seats; without seats the people seen in known_days stand in."""

    window_days: int
    known_days: int


@dataclass(frozen=True)
class UsageTrend:
    """U2: core actions of window_days against those of the baseline_days before, shrunk by z² / (z² + shrinkage)."""

    window_days: int
    baseline_days: int
    history_days: int
    shrinkage: float


@dataclass(frozen=True)
class OpenTickets:
    """S1: sum of severity weight * min(age / SLA, age_cap) / clip(seats / seats_unit, *seats_clip)."""

    severity_weights: tuple[float, ...]
    sla_hours: tuple[float, ...]
    default_severity: int
    age_cap: float
    seats_unit: float
    seats_clip: tuple[float, ...]
    without_tickets: str


@dataclass(frozen=True)
class Nps:
    """V1: net promoter score of window_days, weights by role and half-life, pseudo_answers at pseudo_score."""

    window_days: int
    half_life_days: float
    role_weights: Mapping[Role, float]
    pseudo_answers: float
    pseudo_score: float


@dataclass(frozen=True)
class Contact:
    """R1: days since the last contact in one of the directions / the cadence of the account's touch class."""

    directions: tuple[str, ...]
    cadence_days: Mapping[TouchClass, float]
    touch_classes: Mapping[str, TouchClass]
    default_class: TouchClass

    def cadence(self, segment: str | None) -> float:
        """Days between contacts for accounts of a segment."""
        return self.cadence_days[self.touch_classes.get(segment or "", self.default_class)]


@dataclass(frozen=True)
class Caps:
    """What a score is at most while a severity 1 ticket is beyond sla_times its SLA, or nobody was active."""

    severity_1_at_most: float
    sla_times: float
    no_active_person_at_most: float
    business_days: int

    def at_most(self, cap: CapId) -> float:
        """The highest score under a cap."""
        return self.severity_1_at_most if cap == "severity_1_overdue" else self.no_active_person_at_most


@dataclass(frozen=True)
class Dwell:
    """When a band changes: at once if at_once points beyond the boundary, else margin beyond at `closings` in a row."""

    at_once: float
    margin: float
    closings: int


@dataclass(frozen=True)
class Scorecard:
    """All terms of a score. weights and curves hold the same measures, in the order in which they are shown."""

    id: str
    version: int
    reference: float
    actions: CoreActions
    weights: Mapping[MeasureId, float]
    curves: Mapping[MeasureId, Curve]
    active_share: ActiveShare
    usage_trend: UsageTrend
    open_tickets: OpenTickets
    nps: Nps
    contact: Contact
    caps: Caps
    green: float
    yellow: float
    dwell: Dwell
    publish_threshold: float
    grey_below: float
    coverage_classes: tuple[float, ...]
    medium_adoption: float
    high_adoption: float

    @property
    def name(self) -> str:
        """The version's name, as scores carry it: `foundation@1`."""
        return f"{self.id}@{self.version}"

    @cached_property
    def sha256(self) -> str:
        """The hash of the canonical content, in hex."""
        return hashlib.sha256(canonical_text(self).encode()).hexdigest()


def canonical_text(card: Scorecard) -> str:
    """The scorecard as one line of JSON: equal for equal content, however the document was laid out."""
    content: dict[str, Any] = asdict(card)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

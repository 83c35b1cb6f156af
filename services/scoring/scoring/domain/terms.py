"""The terms of each kind of measure, as a scorecard states them. What a kind measures is told in engine/measuring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from csmodels.fields import Role

TouchClass = Literal["high", "mid", "low"]
FeatureValue = str | float | bool | Mapping[str, str | float | bool]
Evaluate = Callable[[Mapping[str, FeatureValue]], float | None]


class Compile(Protocol):
    """Makes an expression over the account's features (engine/values) ready to be asked.

    It raises ValueError for an expression that cannot be used; what it gives never raises, and gives None where a
    feature that it needs is not known.
    """

    def __call__(self, expression: str, /) -> Evaluate: ...


@dataclass(frozen=True)
class Milestones:
    """O1: weights of the milestones done / those due. Names and days are the onboarding's."""


@dataclass(frozen=True)
class FirstValue:
    """O2: days until first value (so far) / the onboarding's target; in_time_points once it was reached in time."""

    in_time_points: float


@dataclass(frozen=True)
class Activation:
    """O3: invited people with a core action / invited people."""


@dataclass(frozen=True)
class ActiveShare:
    """U1: people with a core action in window_days / seats."""

    window_days: int


@dataclass(frozen=True)
class UsageTrend:
    """U2: core actions of window_days against those of the baseline_days before, shrunk by z² / (z² + shrinkage)."""

    window_days: int
    baseline_days: int
    history_days: int
    shrinkage: float


@dataclass(frozen=True)
class Breadth:
    """U3: key features that at least `people` people used in window_days / those the account is entitled to."""

    window_days: int
    people: int


@dataclass(frozen=True)
class Depth:
    """U4: people with core actions on at least core_days days of window_days / seats."""

    window_days: int
    core_days: int


@dataclass(frozen=True)
class Silence:
    """U5: days since the last core action / the account's usual gap.

    That is the `quantile` of the gaps between the days with core actions in window_days, and of pseudo_gaps.
    """

    window_days: int
    quantile: float
    pseudo_gaps: tuple[float, ...]


@dataclass(frozen=True)
class OpenTickets:
    """S1: sum of severity weight * min(age / SLA, age_cap) / clip(seats / seats_unit, *seats_clip)."""

    severity_weights: tuple[float, ...]
    age_cap: float
    seats_unit: float
    seats_clip: tuple[float, ...]
    without_tickets: str


@dataclass(frozen=True)
class Csat:
    """S2: share of ratings of at least satisfied_from (of 1 to 5) in window_days, pseudo_answers at pseudo_share."""

    window_days: int
    satisfied_from: int
    pseudo_answers: float
    pseudo_share: float


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


@dataclass(frozen=True)
class Sponsor:
    """R2: 2 if a sponsor was met (directions) within met_days, 1 if one is known, 0 if the last one is gone."""

    met_days: int
    directions: tuple[str, ...]


@dataclass(frozen=True)
class Overdue:
    """C1: days that the invoice overdue the longest is beyond its due day."""


@dataclass(frozen=True)
class MrrChange:
    """C2: change of the monthly price over window_days, as a share of what it was."""

    window_days: int


@dataclass(frozen=True)
class RenewalChecklist:
    """C3: share of the items (names of milestones) reached since the renewal began."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Cel:
    """An expression over the account's features; the same text is the same measure."""

    expression: str
    evaluate: Evaluate = field(compare=False, repr=False)


Terms = (
    Milestones | FirstValue | Activation | ActiveShare | UsageTrend | Breadth | Depth | Silence | OpenTickets
    | Csat | Nps | Contact | Sponsor | Overdue | MrrChange | RenewalChecklist | Cel
)  # fmt: skip

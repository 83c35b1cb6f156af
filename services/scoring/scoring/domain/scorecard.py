"""A scorecard: every number of scoring, as data. It is immutable, versioned, and known by the hash of its content."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

from scoring.domain.actions import CoreActions
from scoring.domain.curve import Curve
from scoring.domain.measures import CapId, Column, MeasureId
from scoring.domain.terms import Terms, TouchClass
from scoring.domain.watch import TERMS, WatchTerms

SEVERITIES: Final = (1, 2, 3, 4)
# How many days a scorecard may look back: so much longer than their 400 days these facts are kept.
LONGEST_NPS_WINDOW: Final = 400  # answers
LONGEST_LOOK_BACK: Final = 180  # ratings of tickets, touches, prices, sponsors


@dataclass(frozen=True)
class Text:
    """A text for people, in English and Japanese."""

    en: str
    ja: str


@dataclass(frozen=True)
class Measure:
    """A measure of a scorecard: its terms, its curve, its weight in each column that it belongs to, its words."""

    id: MeasureId
    kind: str
    terms: Terms
    curve: Curve
    weights: Mapping[Column, float]
    label: Text
    about: Text | None
    unit: Text | None


@dataclass(frozen=True)
class Tickets:
    """The SLA of each severity, 1 to 4, and the severity of a ticket that tells none."""

    sla_hours: tuple[float, ...]
    default_severity: int


@dataclass(frozen=True)
class Touch:
    """The touch class of each segment; `default` for all others."""

    segments: Mapping[str, TouchClass]
    default: TouchClass

    def of(self, segment: str | None) -> TouchClass:
        """The touch class of accounts of a segment."""
        return self.segments.get(segment or "", self.default)


@dataclass(frozen=True)
class MilestoneTerms:
    """A milestone of the onboarding: what it weighs, and by which day after the start it is due."""

    name: str
    weight: float
    due_day: int


@dataclass(frozen=True)
class Onboarding:
    """The onboarding: at most `days` long; done once all milestones and first value are reached.

    first_value is the name of a milestone, due on target_day; None: there is none. Without milestones and first value
    there is no onboarding. without_milestones says what it means that none was ever reached: "not_connected" or "zero".
    """

    days: int
    milestones: tuple[MilestoneTerms, ...]
    first_value: str | None
    target_day: int
    without_milestones: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All that must be reached, each once."""
        listed = [milestone.name for milestone in self.milestones]
        return tuple(dict.fromkeys([*listed, self.first_value] if self.first_value else listed))


@dataclass(frozen=True)
class Stages:
    """When stages begin and end. Renewal: min(renewal_days, renewal_share of the term) before the term ends.

    Terms of fewer months than shortest_renewal_months have no renewal. Weights blend over blend_days.
    """

    blend_days: float
    onboarding: Onboarding
    renewal_days: int
    renewal_share: float
    shortest_renewal_months: int

    @cached_property
    def renewal_terms(self) -> tuple[int, float, int]:
        """The numbers that tell when a renewal begins."""
        return self.renewal_days, self.renewal_share, self.shortest_renewal_months


@dataclass(frozen=True)
class Caps:
    """What a score is at most while a severity 1 ticket is beyond sla_times its SLA, nobody was active for
    business_days, or the sponsor is gone and not replaced, for sponsor_days.
    """

    severity_1_at_most: float
    sla_times: float
    no_active_person_at_most: float
    business_days: int
    sponsor_at_most: float
    sponsor_days: int

    def at_most(self, cap: CapId) -> float:
        """The highest score under a cap."""
        match cap:
            case "severity_1_overdue":
                return self.severity_1_at_most
            case "no_active_person":
                return self.no_active_person_at_most
            case "sponsor_gone":
                return self.sponsor_at_most


@dataclass(frozen=True)
class Dwell:
    """When a band changes: at once if at_once points beyond the boundary, else margin beyond at `closings` in a row."""

    at_once: float
    margin: float
    closings: int


@dataclass(frozen=True)
class AdoptionLevels:
    """none: nobody active in window_days. medium, high: every measure named reaches its value; else low."""

    window_days: int
    medium: Mapping[MeasureId, float]
    high: Mapping[MeasureId, float]

    @cached_property
    def names(self) -> tuple[MeasureId, ...]:
        """The measures that are named."""
        return tuple(dict.fromkeys([*self.medium, *self.high]))


@dataclass(frozen=True)
class Scorecard:
    """All terms of a score. measures are in the order in which they are shown; document is what all was read from.

    known_days: without seats the people seen in these days stand in. applies_to is the condition of the accounts that
    it is for, precedence its rank among others (see domain.precedence).
    """

    id: str
    version: int
    label: Text
    reference: float
    actions: CoreActions
    known_days: int
    tickets: Tickets
    touch: Touch
    stages: Stages
    measures: Mapping[MeasureId, Measure]
    caps: Caps
    green: float
    yellow: float
    dwell: Dwell
    publish_threshold: float
    grey_below: float
    coverage_classes: tuple[float, ...]
    adoption: AdoptionLevels
    document: Mapping[str, Any] = field(repr=False)
    applies_to: str | None = None
    precedence: int = 0
    watch: WatchTerms = TERMS

    @property
    def name(self) -> str:
        """The version's name, as scores carry it: `default@1`."""
        return self._name

    @cached_property
    def _name(self) -> str:
        return f"{self.id}@{self.version}"

    @cached_property
    def sha256(self) -> str:
        """The hash of the canonical document, in hex: what the code makes of it has no part in it."""
        return hashlib.sha256(canonical_text(self.document).encode()).hexdigest()

    @cached_property
    def curves(self) -> Mapping[MeasureId, Curve]:
        """The curve of each measure."""
        return {id_: measure.curve for id_, measure in self.measures.items()}

    @cached_property
    def columns(self) -> Mapping[Column, Mapping[MeasureId, float]]:
        """The weights of each column, adding up to 1, of the measures that belong to it (a weight of 0 does)."""
        columns: dict[Column, dict[MeasureId, float]] = {"onboarding": {}, "adoption": {}, "renewal": {}}
        for column, weights in columns.items():
            given = {m.id: m.weights[column] for m in self.measures.values() if column in m.weights}
            total = sum(given.values())
            weights.update({id_: weight / total for id_, weight in given.items()})
        return columns

    def weights(self, mix: Mapping[Column, float]) -> Mapping[MeasureId, float]:
        """The weights of the measures that count for a mix of columns, in the scorecard's order."""
        if len(mix) == 1:
            return self.columns[next(iter(mix))]
        return self._mixed(tuple(mix.items()))

    @cached_property
    def _mixed(self) -> Callable[[tuple[tuple[Column, float], ...]], Mapping[MeasureId, float]]:
        def mixed(mix: tuple[tuple[Column, float], ...]) -> Mapping[MeasureId, float]:
            columns, shares = zip(*mix, strict=True)
            weights = self._side_by_side(columns)
            if len(mix) == 2:
                one, other = shares
                return {id_: first * one + second * other for id_, (first, second) in weights}
            return {id_: sum([w * share for w, share in zip(each, shares, strict=True)]) for id_, each in weights}

        return lru_cache(maxsize=64)(mixed)  # an evaluation asks more than once

    @cached_property
    def _side_by_side(self) -> Callable[[tuple[Column, ...]], Sequence[tuple[MeasureId, tuple[float, ...]]]]:
        """Of the measures that belong to any of some columns the weight in each."""

        def side_by_side(columns: tuple[Column, ...]) -> Sequence[tuple[MeasureId, tuple[float, ...]]]:
            given = [self.columns[column] for column in columns]
            ids = [id_ for id_ in self.measures if any([id_ in each for each in given])]
            return [(id_, tuple([each.get(id_, 0.0) for each in given])) for id_ in ids]

        return lru_cache(maxsize=16)(side_by_side)


def canonical(value: Any) -> Any:
    """A document as plain JSON values, in its order: whole numbers without a fraction, lists as lists."""
    match value:
        case Mapping():
            return {name: canonical(each) for name, each in value.items()}
        case list() | tuple():
            return [canonical(each) for each in value]
        case float() if value.is_integer():
            return int(value)
    return value


def canonical_text(document: Mapping[str, Any]) -> str:
    """A document as one line of JSON: equal for equal content, however it was laid out."""
    return json.dumps(canonical(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

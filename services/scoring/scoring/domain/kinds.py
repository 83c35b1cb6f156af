"""The kinds of measures and how their terms are read. A new kind is one entry here and one in engine/measuring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from csmodels.fields import Direction, Role
from scoring.domain.document import InvalidDocument, Section
from scoring.domain.scorecard import LONGEST_LOOK_BACK, LONGEST_NPS_WINDOW
from scoring.domain.terms import (
    Activation,
    ActiveShare,
    Breadth,
    Cel,
    Compile,
    Contact,
    Csat,
    Depth,
    FirstValue,
    Milestones,
    MrrChange,
    Nps,
    OpenTickets,
    Overdue,
    RenewalChecklist,
    Silence,
    Sponsor,
    Terms,
    TouchClass,
    UsageTrend,
)

MOST_DAYS: Final = 120  # windows of usage lie within the five months that are held at hand
CLASSES: Final[tuple[TouchClass, ...]] = get_args(TouchClass)
CEL: Final = "cel"
_LONGEST_EXPRESSION: Final = 2000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of measure: its terms, how they are read, and whether it tells of use (without any: grey)."""

    terms: type[Any]
    read: Callable[[Section], Terms]
    of_use: bool = False


def read_terms(kind: str, section: Section, compile_: Compile | None) -> Terms:
    """The terms of a measure of a kind of the catalogue or of "cel", from its section."""
    if kind == CEL:
        return _cel(section, compile_)
    return CATALOGUE[kind].read(section)


def _cel(section: Section, compile_: Compile | None) -> Cel:
    text, where = section.text("expression"), section.where("expression")
    if len(text) > _LONGEST_EXPRESSION:
        raise InvalidDocument(where, "it is too long", f"Keep it within {_LONGEST_EXPRESSION} characters.")
    if compile_ is None:
        raise InvalidDocument(where, "expressions cannot be used here", "Use a measure of the catalogue.")
    try:
        return Cel(text, compile_(text))
    except ValueError as error:
        raise InvalidDocument(where, f"{error}".rstrip("."), "Correct the expression.") from error


def _usage_trend(section: Section) -> UsageTrend:
    trend = UsageTrend(
        window_days=section.whole("window_days", 1, MOST_DAYS - 1),
        baseline_days=section.whole("baseline_days", 1, MOST_DAYS - 1),
        history_days=section.whole("history_days", 0, 400),
        shrinkage=section.number("shrinkage", 0),
    )
    if trend.window_days + trend.baseline_days > MOST_DAYS:
        raise InvalidDocument(
            section.where("baseline_days"), f"with window_days it exceeds {MOST_DAYS}", "Shorten one of them."
        )
    return trend


def _depth(section: Section) -> Depth:
    depth = Depth(section.whole("window_days", 1, MOST_DAYS), section.whole("core_days", 1, MOST_DAYS))
    if depth.core_days > depth.window_days:
        raise InvalidDocument(section.where("core_days"), "it exceeds window_days", "Write a smaller number.")
    return depth


def _silence(section: Section) -> Silence:
    silence = Silence(
        window_days=section.whole("window_days", 1, MOST_DAYS),
        quantile=section.number("quantile", 0, 1),
        pseudo_gaps=section.numbers("pseudo_gaps"),
    )
    if not silence.pseudo_gaps or min(silence.pseudo_gaps) <= 0:
        raise InvalidDocument(section.where("pseudo_gaps"), "it holds no gaps above 0", "Write days above 0.")
    return silence


def _open_tickets(section: Section) -> OpenTickets:
    tickets = OpenTickets(
        severity_weights=section.numbers("severity_weights", 4),
        age_cap=section.number("age_cap", 0, above=0),
        seats_unit=section.number("seats_unit", 0, above=0),
        seats_clip=section.numbers("seats_clip", 2),
        without_tickets=section.choice("without_tickets", ("zero", "not_connected")),
    )
    if min(tickets.severity_weights) < 0:
        raise InvalidDocument(section.where("severity_weights"), "a weight is below 0", "Write weights of 0 or more.")
    if not 0 < tickets.seats_clip[0] <= tickets.seats_clip[1]:
        raise InvalidDocument(section.where("seats_clip"), "it is no range above 0", "Write [low, high], low above 0.")
    return tickets


def _csat(section: Section) -> Csat:
    return Csat(
        window_days=section.whole("window_days", 1, LONGEST_LOOK_BACK),
        satisfied_from=section.whole("satisfied_from", 1, 5),
        pseudo_answers=section.number("pseudo_answers", 0),
        pseudo_share=section.number("pseudo_share", 0, 1),
    )


def _nps(section: Section) -> Nps:
    roles: tuple[Role, ...] = get_args(Role)
    weights = section.section("role_weights")
    nps = Nps(
        window_days=section.whole("window_days", 1, LONGEST_NPS_WINDOW),
        half_life_days=section.number("half_life_days", 0, above=0),
        role_weights={role: weights.number(role, 0, 1000) for role in roles},
        pseudo_answers=section.number("pseudo_answers", 0),
        pseudo_score=section.number("pseudo_score", -100, 100),
    )
    weights.done()
    return nps


def _directions(section: Section) -> tuple[str, ...]:
    directions = section.texts("directions")
    unknown = sorted(set(directions) - set(get_args(Direction)))
    if unknown or not directions:
        known = ", ".join(get_args(Direction))
        raise InvalidDocument(section.where("directions"), f"{unknown} is no direction", f"Choose some of {known}.")
    return directions


def _contact(section: Section) -> Contact:
    cadence = section.section("cadence_days")
    contact = Contact(
        directions=_directions(section),
        cadence_days={name: cadence.number(name, 0, above=0) for name in CLASSES},
    )
    cadence.done()
    return contact


def _first_value(section: Section) -> FirstValue:
    return FirstValue(section.number("in_time_points", 0, 100))


CATALOGUE: Final[Mapping[str, Kind]] = {
    "milestones": Kind(Milestones, lambda _: Milestones()),
    "first_value": Kind(FirstValue, _first_value, of_use=True),
    "activation": Kind(Activation, lambda _: Activation(), of_use=True),
    "active_share": Kind(
        ActiveShare, lambda section: ActiveShare(section.whole("window_days", 1, MOST_DAYS)), of_use=True
    ),
    "usage_trend": Kind(UsageTrend, _usage_trend, of_use=True),
    "breadth": Kind(
        Breadth,
        lambda section: Breadth(section.whole("window_days", 1, MOST_DAYS), section.whole("people", 1, 2)),
        of_use=True,
    ),
    "depth": Kind(Depth, _depth, of_use=True),
    "silence": Kind(Silence, _silence, of_use=True),
    "open_tickets": Kind(OpenTickets, _open_tickets),
    "csat": Kind(Csat, _csat),
    "nps": Kind(Nps, _nps),
    "contact": Kind(Contact, _contact),
    "sponsor": Kind(
        Sponsor,
        lambda section: Sponsor(section.whole("met_days", 1, LONGEST_LOOK_BACK), directions=_directions(section)),
    ),
    "overdue": Kind(Overdue, lambda _: Overdue()),
    "mrr_change": Kind(MrrChange, lambda section: MrrChange(section.whole("window_days", 1, LONGEST_LOOK_BACK))),
    "renewal_checklist": Kind(RenewalChecklist, lambda section: RenewalChecklist(section.texts("items"))),
}

"""From a document (as YAML or JSON gives it) to a Scorecard."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, cast, get_args

from csmodels.fields import Direction, Role
from csmodels.ids import is_code
from scoring.domain.actions import CoreActions
from scoring.domain.curve import Curve
from scoring.domain.document import InvalidDocument, Section
from scoring.domain.measures import MeasureId
from scoring.domain.scorecard import (
    LONGEST_NPS_WINDOW,
    ActiveShare,
    Caps,
    Contact,
    Dwell,
    Nps,
    OpenTickets,
    Scorecard,
    TouchClass,
    UsageTrend,
)

MEASURES: Final[tuple[MeasureId, ...]] = get_args(MeasureId)
_MAX_DAYS: Final = 84  # windows of usage lie within the four months that are held at hand
_CLASSES: Final[tuple[TouchClass, ...]] = get_args(TouchClass)


def parse_scorecard(document: Mapping[str, object]) -> Scorecard:
    """The scorecard that a document describes. Raises InvalidDocument: where, what is wrong, what to do."""
    top = Section(document)
    measures = top.section("measures")
    for name in measures.names():
        if name not in MEASURES:
            raise InvalidDocument(measures.where(name), "there is no such measure", f"Known are {', '.join(MEASURES)}.")
    usage = top.section("usage")
    bands, publish = top.section("bands"), top.section("publish")
    coverage, levels = top.section("coverage"), top.section("adoption_levels")
    parts = {name: measures.section(name) for name in MEASURES}
    order = cast("list[MeasureId]", measures.names())
    card = Scorecard(
        id=_code(top, "scorecard"),
        version=top.whole("version", 1, 2**31 - 1),
        reference=top.number("reference", 0, 100),
        actions=CoreActions(usage.texts("not_core"), usage.texts("core"), usage.texts("key_features")),
        weights={name: parts[name].number("weight", 0, 1000) for name in order},
        curves={name: _curve(parts[name]) for name in order},
        active_share=_active_share(parts["active_share"]),
        usage_trend=_usage_trend(parts["usage_trend"]),
        open_tickets=_open_tickets(parts["open_tickets"]),
        nps=_nps(parts["nps"]),
        contact=_contact(parts["contact"]),
        caps=_caps(top.section("caps")),
        green=bands.number("green", 0, 100),
        yellow=bands.number("yellow", 0, 100),
        dwell=_dwell(top.section("dwell")),
        publish_threshold=publish.number("threshold", 0, 100, above=0),
        grey_below=coverage.number("grey_below", 0, 1),
        coverage_classes=coverage.numbers("classes"),
        medium_adoption=levels.number("medium", 0, 1),
        high_adoption=levels.number("high", 0, 1),
    )
    _check(card, top, measures)
    for section in (top, usage, bands, publish, coverage, levels, *parts.values()):
        section.done()
    return card


def _check(card: Scorecard, top: Section, measures: Section) -> None:
    if card.yellow >= card.green:
        raise InvalidDocument("bands.yellow", f"{card.yellow:g} is not below green", "Write a number below green.")
    if not sum(card.weights.values()) > 0:
        raise InvalidDocument(measures.where("*.weight"), "all weights are 0", "Give at least one measure a weight.")
    if list(card.coverage_classes) != sorted(set(card.coverage_classes)):
        raise InvalidDocument("coverage.classes", "the values do not rise", "Write them in rising order.")
    if card.high_adoption <= card.medium_adoption:
        raise InvalidDocument("adoption_levels.high", "it is not above medium", "Write a number above medium.")


def _code(section: Section, name: str) -> str:
    text = section.text(name)
    if not is_code(text):
        raise InvalidDocument(section.where(name), f"{text!r} is no code", "Use 1 to 64 of a-z, 0-9, _, . and -.")
    return text


def _curve(section: Section) -> Curve:
    knots = section.points("curve")
    where = section.where("curve")
    if len(knots) < 2:
        raise InvalidDocument(where, "a curve has at least two points", "Write [[input, points], [input, points]].")
    if any(a[0] >= b[0] for a, b in pairwise(knots)):
        raise InvalidDocument(where, "the inputs do not rise", "Order the pairs by their input, each input once.")
    if any(not 0 <= points <= 100 for _, points in knots):
        raise InvalidDocument(where, "points lie outside 0 to 100", "Keep the second number of each pair in 0 to 100.")
    return Curve(knots)


def _active_share(section: Section) -> ActiveShare:
    return ActiveShare(section.whole("window_days", 1, _MAX_DAYS), section.whole("known_days", 1, 90))


def _usage_trend(section: Section) -> UsageTrend:
    trend = UsageTrend(
        window_days=section.whole("window_days", 1, _MAX_DAYS - 1),
        baseline_days=section.whole("baseline_days", 1, _MAX_DAYS - 1),
        history_days=section.whole("history_days", 0, 400),
        shrinkage=section.number("shrinkage", 0),
    )
    if trend.window_days + trend.baseline_days > _MAX_DAYS:
        raise InvalidDocument(
            section.where("baseline_days"), f"with window_days it exceeds {_MAX_DAYS}", "Shorten one of them."
        )
    return trend


def _open_tickets(section: Section) -> OpenTickets:
    tickets = OpenTickets(
        severity_weights=section.numbers("severity_weights", 4),
        sla_hours=section.numbers("sla_hours", 4),
        default_severity=section.whole("default_severity", 1, 4),
        age_cap=section.number("age_cap", 0, above=0),
        seats_unit=section.number("seats_unit", 0, above=0),
        seats_clip=section.numbers("seats_clip", 2),
        without_tickets=section.choice("without_tickets", ("zero", "not_connected")),
    )
    if min(tickets.sla_hours) <= 0:
        raise InvalidDocument(section.where("sla_hours"), "an SLA is not above 0", "Write hours above 0.")
    if min(tickets.severity_weights) < 0:
        raise InvalidDocument(section.where("severity_weights"), "a weight is below 0", "Write weights of 0 or more.")
    if not 0 < tickets.seats_clip[0] <= tickets.seats_clip[1]:
        raise InvalidDocument(section.where("seats_clip"), "it is no range above 0", "Write [low, high], low above 0.")
    return tickets


def _nps(section: Section) -> Nps:
    roles: tuple[Role, ...] = get_args(Role)
    weights = section.section("role_weights")
    nps = Nps(
        window_days=section.whole("window_days", 1, LONGEST_NPS_WINDOW),
        half_life_days=section.number("half_life_days", 0, above=0),
        role_weights={role: weights.number(role, 0) for role in roles},
        pseudo_answers=section.number("pseudo_answers", 0),
        pseudo_score=section.number("pseudo_score", -100, 100),
    )
    weights.done()
    return nps


def _contact(section: Section) -> Contact:
    cadence, classes = section.section("cadence_days"), section.section("touch_classes")
    directions = section.texts("directions")
    unknown = sorted(set(directions) - set(get_args(Direction)))
    if unknown or not directions:
        known = ", ".join(get_args(Direction))
        raise InvalidDocument(section.where("directions"), f"{unknown} is no direction", f"Choose some of {known}.")
    contact = Contact(
        directions=directions,
        cadence_days={name: cadence.number(name, 0, above=0) for name in _CLASSES},
        touch_classes={name: cast("TouchClass", classes.choice(name, _CLASSES)) for name in classes.names()},
        default_class=cast("TouchClass", section.choice("default_class", _CLASSES)),
    )
    cadence.done()
    return contact


def _caps(section: Section) -> Caps:
    severity, silence = section.section("severity_1_overdue"), section.section("no_active_person")
    caps = Caps(
        severity_1_at_most=severity.number("at_most", 0, 100),
        sla_times=severity.number("sla_times", 0),
        no_active_person_at_most=silence.number("at_most", 0, 100),
        business_days=silence.whole("business_days", 1, 60),  # within the four months at hand
    )
    for part in (section, severity, silence):
        part.done()
    return caps


def _dwell(section: Section) -> Dwell:
    dwell = Dwell(section.number("at_once", 0), section.number("margin", 0), section.whole("closings", 1, 30))
    section.done()
    if dwell.margin > dwell.at_once:
        raise InvalidDocument(section.where("margin"), "it exceeds at_once", "Write a number of at most at_once.")
    return dwell

"""From a document (as YAML or JSON gives it) to a Scorecard."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, cast, get_args

from csmodels.ids import is_code
from scoring.domain.actions import CoreActions
from scoring.domain.curve import Curve
from scoring.domain.document import InvalidDocument, Section
from scoring.domain.kinds import CATALOGUE, CEL, CLASSES, MOST_DAYS, read_terms
from scoring.domain.measures import Column, MeasureId
from scoring.domain.scorecard import (
    LONGEST_LOOK_BACK,
    AdoptionLevels,
    Caps,
    Dwell,
    Measure,
    MilestoneTerms,
    Onboarding,
    Scorecard,
    Stages,
    Text,
    Tickets,
    Touch,
    canonical,
)
from scoring.domain.terms import Compile, TouchClass
from scoring.domain.watching import watch_terms

COLUMNS: Final[tuple[Column, ...]] = get_args(Column)
_MOST_MEASURES: Final = 64


def parse_scorecard(document: Mapping[str, object], compile_: Compile | None = None) -> Scorecard:
    """The scorecard that a document describes. Raises InvalidDocument: where, what is wrong, what to do.

    compile_ makes the expressions of "cel" measures ready; without it they are refused.
    """
    top = Section(document)
    bands, publish, coverage = top.section("bands"), top.section("publish"), top.section("coverage")
    seats = top.section("seats")
    measures = _measures(top.section("measures"), compile_)
    card = Scorecard(
        id=_code(top, "scorecard"),
        version=top.whole("version", 1, 2**31 - 1),
        label=_words(top, "label"),
        reference=top.number("reference", 0, 100),
        actions=_actions(top.section("usage")),
        known_days=seats.whole("known_days", 1, MOST_DAYS),
        tickets=_tickets(top.section("tickets")),
        touch=_touch(top.section("touch")),
        stages=_stages(top.section("stages")),
        measures=measures,
        caps=_caps(top.section("caps")),
        green=bands.number("green", 0, 100),
        yellow=bands.number("yellow", 0, 100),
        dwell=_dwell(top.section("dwell")),
        publish_threshold=publish.number("threshold", 0, 100, above=0),
        grey_below=coverage.number("grey_below", 0, 1),
        coverage_classes=coverage.numbers("classes"),
        adoption=_adoption(top.section("adoption_levels"), measures),
        document=canonical(document),
        applies_to=top.text("applies_to") if top.has("applies_to") else None,
        precedence=top.whole("precedence", 0, 1_000_000) if top.has("precedence") else 0,
        watch=watch_terms(top.section("watch") if top.has("watch") else None),
    )
    _check(card)
    for section in (top, bands, publish, coverage, seats):
        section.done()
    return card


def _check(card: Scorecard) -> None:
    if card.yellow >= card.green:
        raise InvalidDocument("bands.yellow", f"{card.yellow:g} is not below green", "Write a number below green.")
    for column in COLUMNS:
        if not sum(measure.weights.get(column, 0.0) for measure in card.measures.values()) > 0:
            raise InvalidDocument("measures", f"all weights of {column} are 0", "Give at least one measure a weight.")
    if list(card.coverage_classes) != sorted(set(card.coverage_classes)):
        raise InvalidDocument("coverage.classes", "the values do not rise", "Write them in rising order.")


def _measures(section: Section, compile_: Compile | None) -> Mapping[MeasureId, Measure]:
    names = section.names()
    if len(names) > _MOST_MEASURES:
        raise InvalidDocument("measures", f"there are {len(names)}", f"Keep at most {_MOST_MEASURES}.")
    return {name: _measure(section.section(_named(section, name)), name, compile_) for name in names}


def _measure(section: Section, name: str, compile_: Compile | None) -> Measure:
    kind = section.choice("kind", [*CATALOGUE, CEL]) if section.has("kind") else name
    if kind not in CATALOGUE and kind != CEL:
        known = ", ".join(CATALOGUE)
        raise InvalidDocument(
            section.where("kind") if section.has("kind") else section.path,
            "there is no such measure",
            f"Known are {known}; a measure of another name states its `kind`, one of these or {CEL}.",
        )
    measure = Measure(
        id=name,
        kind=kind,
        terms=read_terms(kind, section, compile_),
        curve=_curve(section),
        weights=_weights(section),
        label=_words(section, "label"),
        about=_words(section, "about") if section.has("about") else None,
        unit=_words(section, "unit") if section.has("unit") else None,
    )
    section.done()
    return measure


def _weights(section: Section) -> Mapping[Column, float]:
    """A number counts in every column; else a measure belongs to the columns that are named."""
    if not section.is_section("weights"):
        weight = section.number("weights", 0, 1000)
        return dict.fromkeys(COLUMNS, weight)
    columns = section.section("weights")
    weights = {column: columns.number(column, 0, 1000) for column in COLUMNS if columns.has(column)}
    columns.done()
    return weights


def _named(section: Section, name: str) -> str:
    if not is_code(name):
        raise InvalidDocument(section.where(name), f"{name!r} is no code", "Use 1 to 64 of a-z, 0-9, _, . and -.")
    return name


def _code(section: Section, name: str) -> str:
    text = section.text(name)
    if not is_code(text):
        raise InvalidDocument(section.where(name), f"{text!r} is no code", "Use 1 to 64 of a-z, 0-9, _, . and -.")
    return text


def _words(section: Section, name: str) -> Text:
    """A text in both languages; where one is missing the other stands in."""
    words = section.section(name)
    en, ja = (words.text(language) if words.has(language) else None for language in ("en", "ja"))
    words.done()
    if en is None and ja is None:
        raise InvalidDocument(section.where(name), "there is no text", "Write {en: ..., ja: ...}.")
    return Text(en or ja or "", ja or en or "")


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


def _actions(section: Section) -> CoreActions:
    entitled = section.section("entitled")
    actions = CoreActions(
        not_core=section.texts("not_core"),
        core=section.texts("core"),
        key_features=section.texts("key_features"),
        key_feature_count=section.whole("key_feature_count", 1, 64),
        entitled={plan: entitled.texts(plan) for plan in entitled.names()},
    )
    for plan, names in actions.entitled.items():
        unknown = sorted(set(names) - set(actions.key_features))
        if unknown:
            raise InvalidDocument(entitled.where(plan), f"{unknown[0]!r} is no key feature", "Name it there first.")
    section.done()
    return actions


def _tickets(section: Section) -> Tickets:
    tickets = Tickets(section.numbers("sla_hours", 4), section.whole("default_severity", 1, 4))
    if min(tickets.sla_hours) <= 0:
        raise InvalidDocument(section.where("sla_hours"), "an SLA is not above 0", "Write hours above 0.")
    section.done()
    return tickets


def _touch(section: Section) -> Touch:
    segments = section.section("segments")
    touch = Touch(
        segments={name: cast("TouchClass", segments.choice(name, CLASSES)) for name in segments.names()},
        default=cast("TouchClass", section.choice("default", CLASSES)),
    )
    section.done()
    return touch


def _stages(section: Section) -> Stages:
    renewal = section.section("renewal")
    stages = Stages(
        blend_days=section.number("blend_days", 0, 60),
        onboarding=_onboarding(section.section("onboarding")),
        renewal_days=renewal.whole("days", 0, 365),
        renewal_share=renewal.number("share_of_term", 0, 1),
        shortest_renewal_months=renewal.whole("shortest_months", 1, 120),
    )
    section.done()
    renewal.done()
    return stages


def _onboarding(section: Section) -> Onboarding:
    first = section.section("first_value") if section.has("first_value") else None
    section.any("first_value")
    onboarding = Onboarding(
        # activation looks for core actions of the whole onboarding
        days=section.whole("days", 1, MOST_DAYS),
        milestones=tuple(_milestone(part) for part in section.sections("milestones")),
        first_value=_code(first, "milestone") if first else None,
        target_day=first.whole("target_day", 1, MOST_DAYS) if first else 1,
        without_milestones=section.choice("without_milestones", ("not_connected", "zero")),
    )
    names = [milestone.name for milestone in onboarding.milestones]
    if len(set(names)) < len(names):
        raise InvalidDocument(section.where("milestones"), "a milestone is there twice", "Write each once.")
    if first:
        first.done()
    section.done()
    return onboarding


def _milestone(section: Section) -> MilestoneTerms:
    milestone = MilestoneTerms(
        name=_code(section, "name"),
        weight=section.number("weight", 0, 1000, above=0),
        due_day=section.whole("due_day", 0, MOST_DAYS),
    )
    section.done()
    return milestone


def _caps(section: Section) -> Caps:
    severity, silence = section.section("severity_1_overdue"), section.section("no_active_person")
    sponsor = section.section("sponsor_gone")
    caps = Caps(
        severity_1_at_most=severity.number("at_most", 0, 100),
        sla_times=severity.number("sla_times", 0),
        no_active_person_at_most=silence.number("at_most", 0, 100),
        business_days=silence.whole("business_days", 1, 60),  # within the months at hand
        sponsor_at_most=sponsor.number("at_most", 0, 100),
        sponsor_days=sponsor.whole("days", 0, LONGEST_LOOK_BACK),
    )
    for part in (section, severity, silence, sponsor):
        part.done()
    return caps


def _dwell(section: Section) -> Dwell:
    dwell = Dwell(section.number("at_once", 0), section.number("margin", 0), section.whole("closings", 1, 30))
    section.done()
    if dwell.margin > dwell.at_once:
        raise InvalidDocument(section.where("margin"), "it exceeds at_once", "Write a number of at most at_once.")
    return dwell


def _adoption(section: Section, measures: Mapping[MeasureId, Measure]) -> AdoptionLevels:
    levels = {name: section.section(name) for name in ("medium", "high")}
    for level in levels.values():
        for name in level.names():
            if name not in measures:
                raise InvalidDocument(level.where(name), "the scorecard has no such measure", "Name one it has.")
    medium, high = ({name: level.number(name) for name in level.names()} for level in levels.values())
    if any(name in medium and high[name] < medium[name] for name in high):
        raise InvalidDocument("adoption_levels.high", "a value is below that of medium", "Write a higher one.")
    adoption = AdoptionLevels(section.whole("window_days", 1, MOST_DAYS), medium, high)
    section.done()
    return adoption

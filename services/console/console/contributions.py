"""The sum behind a score, as a table: reference, measures in order of effect, what was left out, adjustments, score."""

from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from console.charts.waterfall import waterfall
from console.formats import Formats, rounded
from console.reasons import about, cap_cause, measure_name, value_of
from console.sums import shares_of
from console.words import say
from csmodels.api import Contribution, Health
from csmodels.fields import Band


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table. kind is end (reference, score), measure, or quiet (adds nothing); texts are finished."""

    kind: str
    name: str
    value: str
    about: str
    points: str
    weight: str
    bar: Markup
    amount: str
    band: Band | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    quiet: bool
    name: str
    value: str
    about: str
    points: str
    weight: str
    amount: float


def lines_of(formats: Formats, health: Health) -> list[Line]:
    """The rows from the reference to the score; the shown amounts add up to the shown score."""
    parts = [*_measures(formats, health), *_adjustments(formats, health)]
    total = rounded(health.score, 1) - rounded(health.reference, 1)
    shown = shares_of([part.amount for part in parts], total)
    bars = waterfall(health.reference, [part.amount for part in parts], health.band)
    first = Line(
        "end", _say(formats, "reference"), "", "", "", "", bars[0], formats.exact(health.reference)
    )  # fmt: skip
    middle = [_line(formats, part, bar, amount) for part, bar, amount in zip(parts, bars[1:-1], shown, strict=True)]
    last = Line(
        "end", _say(formats, "score"), "", "", "", "", bars[-1], formats.exact(health.score), health.band
    )  # fmt: skip
    return [first, *middle, last]


def _line(formats: Formats, part: _Part, bar: Markup, amount: Decimal) -> Line:
    kind = "quiet" if part.quiet else "measure"
    return Line(
        kind, part.name, part.value, part.about, part.points, part.weight, bar, formats.signed(amount)
    )  # fmt: skip


def _measures(formats: Formats, health: Health) -> list[_Part]:
    """First falls, then rises, each with the largest in front; then those that were left out."""
    fresh = [each for each in health.contributions if each.status == "fresh"]
    falls = sorted((each for each in fresh if each.contribution < 0), key=lambda each: each.contribution)
    rises = sorted((each for each in fresh if each.contribution >= 0), key=lambda each: -each.contribution)
    left_out = [each for each in health.contributions if each.status != "fresh"]
    return [_measure(formats, each) for each in (*falls, *rises, *left_out)]


def _measure(formats: Formats, one: Contribution) -> _Part:
    quiet = one.status != "fresh"
    return _Part(
        quiet=quiet,
        name=measure_name(formats, one.measure),
        value=value_of(formats, one),
        about=about(formats, one),
        points=_say(formats, "none") if one.points is None else formats.exact(one.points),
        weight=formats.percent(one.weight, 1),
        amount=one.contribution,
    )


def _adjustments(formats: Formats, health: Health) -> list[_Part]:
    if not health.adjustments:
        return [_quiet(_say(formats, "no_adjustments"), _say(formats, "no_adjustments_about"), 0.0)]
    return [_adjustment(formats, health, index) for index in range(len(health.adjustments))]


def _adjustment(formats: Formats, health: Health, index: int) -> _Part:
    one = health.adjustments[index]
    name = _say(formats, one.kind)
    if one.kind != "cap":
        words = _say(formats, f"{one.kind}_about")
    else:
        at = formats.score(health.score - sum(each.points for each in health.adjustments[index + 1 :]))
        key = "cap_reached" if one.points else "cap_idle"
        words = _say(formats, key, cause=cap_cause(formats, one.reason), at=at)
    if not rounded(one.points, 1):
        return _quiet(name, words, one.points)
    return _Part(False, name, "", words, "", "", one.points)


def _quiet(name: str, words: str, amount: float) -> _Part:
    return _Part(True, name, "", words, "", "", amount)


def _say(formats: Formats, key: str, **values: object) -> str:
    return say(formats.language, f"reasons.{key}", **values)

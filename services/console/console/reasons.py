"""Scores in words: what each measure says, and the largest causes in one line."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from console.formats import Formats, rounded
from console.words import TEXTS, say
from csmodels.api import Adjustment, Contribution
from csmodels.fields import Band

_CAUSES: Final = 2  # in a line
_WEIGHTY: Final = 0.5  # points below which a measure is no cause
_STEADY: Final = 0.02  # a trend within this of 1 is none
_SAYS_THE_SAME: Final = {  # as the cap does
    "no_active_person": "active_share", "severity_1_overdue": "open_tickets", "sponsor_gone": "sponsor"
}  # fmt: skip
# measures whose value is a share, shown as percent
_SHARES: Final = frozenset({"milestones", "activation", "breadth", "depth", "csat", "renewal_checklist"})
_TIMES: Final = frozenset({"first_value", "silence"})  # of a target or a habit
_SPONSOR: Final = ("gone", "known", "met")  # by the value 0, 1, 2


def measure_name(formats: Formats, measure: str) -> str:
    """The measure's name; its id if a scorecard has one of its own."""
    key = f"reasons.{measure}"
    return say(formats.language, key) if key in TEXTS else measure


def value_of(formats: Formats, one: Contribution) -> str:
    """The measure's value, short: "down 45 %". Empty for a measure that is not known here, or has no value."""
    value = one.value
    if value is None:
        return ""
    match one.measure:
        case "active_share":
            return _say(formats, "active_share_value", percent=formats.percent(value))
        case "usage_trend":
            kind, percent = _trend(formats, value)
            return _say(formats, f"usage_trend_{kind}", percent=percent)
        case "open_tickets":
            if value == 0:
                return _say(formats, "open_tickets_none")
            return _say(formats, "open_tickets_value", value=formats.exact(value))
        case "nps":
            return _say(formats, "nps_value", value=formats.signed(value, 0))
        case "contact":
            return _contact(formats, one.as_of, value)
        case "sponsor":
            return _say(formats, f"sponsor_{_standing(value)}")
        case "overdue":
            return _say(formats, "overdue_days", n=round(value)) if value else _say(formats, "overdue_none")
        case "mrr_change":
            kind, percent = _trend(formats, 1 + value)
            return _say(formats, f"mrr_change_{kind}", percent=percent)
        case measure if measure in _SHARES:
            return _say(formats, f"{measure}_value", percent=formats.percent(value))
        case measure if measure in _TIMES:
            return _say(formats, f"{measure}_value", value=formats.exact(value))
    return formats.exact(value)


def about(formats: Formats, one: Contribution) -> str:
    """The line under a measure: what it compares, or why it was left out."""
    if one.status == "stale" and one.as_of is not None:
        return _say(formats, "stale_since", day=formats.day(one.as_of))
    if one.status != "fresh":
        return _say(formats, one.status)
    key = f"reasons.{one.measure}_about"
    return say(formats.language, key) if key in TEXTS else ""


def cause(formats: Formats, one: Contribution) -> str:
    """What a fresh measure says, as a part of a sentence."""
    low, value = one.contribution < 0, one.value or 0.0
    match one.measure:
        case "active_share":
            kind = "none" if not value else "low" if low else "high"
            return _say(formats, f"say_active_share_{kind}", percent=formats.percent(value))
        case "usage_trend":
            kind, percent = _trend(formats, value)
            return _say(formats, f"say_usage_trend_{kind}", percent=percent)
        case "open_tickets":
            if value == 0:
                return _say(formats, "say_open_tickets_none")
            return _say(formats, "say_open_tickets", value=formats.exact(value))
        case "nps":
            return _say(formats, "say_nps", value=formats.signed(value, 0))
        case "contact":
            return _said_contact(formats, one.as_of, value, low=low)
        case "sponsor":
            return _say(formats, f"say_sponsor_{_standing(value)}")
        case "overdue":
            return _say(formats, "say_overdue", n=round(value)) if value else _say(formats, "say_overdue_none")
        case "mrr_change":
            kind, percent = _trend(formats, 1 + value)
            return _say(formats, f"say_mrr_change_{kind}", percent=percent)
        case measure if measure in _SHARES | _TIMES:
            key = f"say_{measure}_{'low' if low else 'high'}"
            return _say(formats, key, percent=formats.percent(value), value=formats.exact(value))
    points = formats.exact(abs(rounded(one.contribution, 1)))
    return _say(
        formats,
        f"say_other_{'down' if low else 'up'}",
        measure=measure_name(formats, one.measure),
        points=points,
    )


def reason(
    formats: Formats,
    *,
    score: float | None,
    band: Band,
    coverage: float,
    contributions: Sequence[Contribution],
    adjustments: Sequence[Adjustment],
) -> str:
    """The one or two largest causes of a score, in a line: a cap first, then what weighs most.

    Of a healthy account what holds it up. Of a grey one what is missing.
    """
    if band == "grey":
        return _unknown(formats, coverage, contributions)
    told = [text for text in (_adjusted(formats, each, score, adjustments) for each in adjustments) if text]
    said = {_SAYS_THE_SAME.get(each.reason) for each in adjustments if each.kind == "cap" and each.points}
    fresh = [each for each in contributions if each.status == "fresh" and each.measure not in said]
    falls = sorted((e for e in fresh if e.contribution <= -_WEIGHTY), key=lambda e: e.contribution)
    rises = sorted((e for e in fresh if e.contribution >= _WEIGHTY), key=lambda e: -e.contribution)
    chosen = falls if (falls and band != "green") or told else rises or falls
    told += [cause(formats, each) for each in chosen]
    if not told:
        return _say(formats, "say_nothing")
    first, *then = told[:_CAUSES]
    return _say(formats, "and", first=first, then=_lower(formats, then[0])) if then else first


def missing_names(formats: Formats, contributions: Sequence[Contribution]) -> str:
    """What is not connected, as a list within a sentence."""
    names = [measure_name(formats, each.measure) for each in contributions if each.status == "not_connected"]
    return ("、" if formats.language == "ja" else ", ").join(_lower(formats, name) for name in names)


def cap_cause(formats: Formats, cap: str) -> str:
    """What is behind a cap; its id if a scorecard has one of its own."""
    key = f"reasons.say_{cap}"
    return say(formats.language, key) if key in TEXTS else cap


def _adjusted(formats: Formats, one: Adjustment, score: float | None, adjustments: Sequence[Adjustment]) -> str | None:
    """A cap in force, or an override. None for a line that moved nothing, and for the clamp."""
    if one.kind == "cap" and one.points < 0 and score is not None:
        after = adjustments[adjustments.index(one) + 1 :]
        at = score - sum(each.points for each in after)
        otherwise = at - one.points
        return _say(
            formats,
            "say_capped",
            cause=cap_cause(formats, one.reason),
            at=formats.score(at),
            otherwise=formats.score(otherwise),
        )
    if one.kind == "override" and rounded(one.points, 1):
        key = "say_override_up" if one.points > 0 else "say_override_down"
        return _say(formats, key, points=formats.exact(abs(one.points)))
    return None


def _unknown(formats: Formats, coverage: float, contributions: Sequence[Contribution]) -> str:
    names, percent = missing_names(formats, contributions), formats.percent(coverage)
    if not names:
        return _say(formats, "say_grey_plain", percent=percent)
    return _say(formats, "say_grey", percent=percent, measures=names)


def _trend(formats: Formats, value: float) -> tuple[str, str]:
    if abs(value - 1) < _STEADY:
        return "same", ""
    return ("down", formats.percent(1 - value)) if value < 1 else ("up", formats.percent(value - 1))


def _standing(value: float) -> str:
    return _SPONSOR[min(max(round(value), 0), 2)]


def _contact(formats: Formats, as_of: datetime | None, value: float) -> str:
    if as_of is None:
        return _say(formats, "contact_ratio", value=formats.exact(value))
    days = -formats.days_from_now(as_of)
    return _say(formats, "contact_days", n=days) if days > 0 else _say(formats, "contact_today")


def _said_contact(formats: Formats, as_of: datetime | None, value: float, *, low: bool) -> str:
    if as_of is None:
        return _say(formats, "say_contact_ratio", value=formats.exact(value))
    days = -formats.days_from_now(as_of)
    if days <= 0:
        return _say(formats, "say_contact_today")
    return _say(formats, "say_contact_late" if low else "say_contact_recent", n=days)


def _say(formats: Formats, key: str, **values: object) -> str:
    return say(formats.language, f"reasons.{key}", **values)


def _lower(formats: Formats, text: str) -> str:
    """A cause after a semicolon begins small, unless it begins with a name such as NPS."""
    if formats.language == "ja" or len(text) < 2 or text[1].isupper():
        return text
    return text[0].lower() + text[1:]

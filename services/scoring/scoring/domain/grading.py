"""Overrides are graded once it is known what became of the account: by what people were told with them and without.

An override is in force from when it was set until it expires or is taken back. What counts is what the account comes
to from then until 60 days after its end: the first of
  left      the last contract ended                                     bad
  leaving   every contract is under notice                              bad
  renewed   a contract's term ended and the account still has one       good
else, after those 60 days,
  kept      it still has a contract                                     good
  unknown   no contract of it was ever heard of                         nothing can be said

The score of the moment in which it was set is computed twice, with the override and without (today's facts and
scorecard, the other lines unchanged), and so are the bands, by the plain boundaries: the band is what people and
playbooks act by. If both are the same, or the outcome is unknown, the override was neutral. Else it moved the band
towards what came (up where it was good, down where it was bad): helpful, or away from it: harmful.

So adding ten points to every account earns nothing: where the score alone said the same, the override is neutral, and
where the customer left, it is harmful.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from csmodels.fields import Band

Grade = Literal["helpful", "neutral", "harmful"]
OutcomeKind = Literal["left", "leaving", "renewed", "kept", "unknown"]

BEYOND: Final = timedelta(days=60)  # after the end of an override its outcome is awaited
_GOOD: Final = frozenset({"renewed", "kept"})
_RANK: Final[dict[Band, int]] = {"red": 0, "yellow": 1, "green": 2}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an account, and when that was known."""

    kind: OutcomeKind
    at: datetime

    @property
    def good(self) -> bool:
        """Whether the customer stays."""
        return self.kind in _GOOD


def over_at(expires_at: datetime, ended_at: datetime | None) -> datetime:
    """When an override is no longer in force."""
    return expires_at if ended_at is None else min(ended_at, expires_at)


def due_at(over: datetime) -> datetime:
    """When an override is graded at the latest."""
    try:
        return over + BEYOND
    except OverflowError:  # it never expires
        return over


def plain_band(score: float, green: float, yellow: float) -> Band:
    """The band of a score by the boundaries alone."""
    return "green" if score >= green else "yellow" if score >= yellow else "red"


def grade(without: Band, with_it: Band, outcome: Outcome) -> Grade:
    """How an override did that showed one band where the score alone would have shown another."""
    shift = _RANK[with_it] - _RANK[without]
    if not shift or outcome.kind == "unknown":
        return "neutral"
    return "helpful" if (shift > 0) is outcome.good else "harmful"

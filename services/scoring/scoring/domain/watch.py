"""The watch list: accounts to look at though they are not red. Usage declines, or it falls while the relation is good.

declining: a one-sided CUSUM over the weekly counts of core actions (E. S. Page, Continuous inspection schemes, 1954). A
week's count x is told as ln(x + 0.5), so that accounts of all sizes compare. The account's own earlier weeks are the
standard: the centre is the median of `baseline_weeks`, the spread their median absolute deviation (times 1.4826),
shrunk towards `noise` as if `noise_weeks` more had been seen, and at least `least_noise`. Over the `watched_weeks`
after them z = (centre - ln(x + 0.5)) / spread, at most `most`, so that a week of holidays alone raises nothing, and
S = max(0, S + z - k) from S = 0. The account declines from the week in which S reaches h, until a week is at its usual
level again (z <= 0), which sets S back to 0. As weeks pass they become part of the baseline: a new level that lasts
is the usual one in the end. A red account is not on the list, it is past it; neither is one whose contracts are over.

Simulated (tests/unit/scoring/test_watch.py; 20 to 1,000 core actions a week, a week's level varies by 15 to 30 %
beside the Poisson noise): 0.19 false alarms an account-year, 98 % of halvings found, the median after 28 days.

divergent: of the measures of the relation (`relations`) that are known, at least `fewest_relations`, all have `good`
points or more, while usage_trend has less than `weak`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import Struct

from csmodels.fields import Band, Stage, Watch

_MAD: Final = 1.4826  # times the median absolute deviation is the standard deviation of normal noise
_HALF: Final = 0.5  # a count of zero has a logarithm, too
USAGE: Final = "usage_trend"


@dataclass(frozen=True, slots=True)
class WatchTerms:
    """The numbers of the rules above. fewest: core actions a week below which a decline is not told from noise."""

    k: float = 0.5
    h: float = 5.0
    baseline_weeks: int = 10
    watched_weeks: int = 6
    most: float = 2.0
    noise: float = 0.3
    noise_weeks: float = 6.0
    least_noise: float = 0.15
    fewest: float = 5.0
    relations: tuple[str, ...] = ("contact", "sponsor", "nps")
    fewest_relations: int = 2
    good: float = 75.0
    weak: float = 50.0

    @property
    def weeks(self) -> int:
        """How many whole weeks a decline is told by."""
        return self.baseline_weeks + self.watched_weeks


TERMS: Final = WatchTerms()


@dataclass(frozen=True, slots=True)
class Decline:
    """What the weeks tell: the usual count of a week, the last one's, the CUSUM, in how many weeks it has risen.

    declining: it has reached h, and no week since was at the usual level.
    """

    usual: float
    last: int
    cusum: float
    weeks: int
    declining: bool


class Sign(Struct, frozen=True, gc=False):
    """Why an account is watched, since when, and the numbers behind it as they are now."""

    watch: Watch
    since: datetime
    numbers: Mapping[str, float] = {}


def decline(counts: Sequence[int], terms: WatchTerms = TERMS) -> Decline | None:
    """What weekly counts tell, the oldest first; None if they are fewer than terms.weeks, or too small to tell."""
    if len(counts) < terms.weeks:
        return None
    levels = [math.log(count + _HALF) for count in counts[-terms.weeks :]]
    baseline, watched = levels[: terms.baseline_weeks], levels[terms.baseline_weeks :]
    centre = _median(baseline)
    usual = math.exp(centre) - _HALF
    if usual < terms.fewest:
        return None
    spread = _spread(baseline, centre, terms)
    total, weeks, declining = 0.0, 0, False
    for level in watched:
        z = min((centre - level) / spread, terms.most)
        if declining and z <= 0:
            total, declining = 0.0, False
        total = max(0.0, total + z - terms.k)
        weeks = weeks + 1 if total else 0
        declining = declining or total >= terms.h
    return Decline(usual, counts[-1], total, weeks, declining)


def signs(
    before: Sequence[Sign],
    found: Decline | None,
    points: Mapping[str, float],
    *,
    band: Band,
    stage: Stage,
    moment: datetime,
    terms: WatchTerms = TERMS,
) -> tuple[Sign, ...]:
    """What an account is watched for as of a moment. points are those of the fresh measures; since stays as it was."""
    if band == "red" or stage == "churned":
        return ()
    numbers: dict[Watch, Mapping[str, float]] = {}
    if found is not None and found.declining:
        numbers["declining"] = {
            "usual": found.usual, "last": found.last, "cusum": found.cusum, "weeks": found.weeks,
        }  # fmt: skip
    usage = points.get(USAGE)
    if usage is not None and usage < terms.weak:
        relation = {name: points[name] for name in terms.relations if name in points}
        if len(relation) >= terms.fewest_relations and all([each >= terms.good for each in relation.values()]):
            numbers["divergent"] = {USAGE: usage, **relation}
    if not numbers:
        return ()
    known = {sign.watch: sign.since for sign in before}
    return tuple([Sign(watch, known.get(watch, moment), told) for watch, told in numbers.items()])


def _spread(baseline: Sequence[float], centre: float, terms: WatchTerms) -> float:
    """The spread of the weeks, shrunk towards the usual noise: ten weeks alone may look calm by chance."""
    own = _MAD * _median([abs(level - centre) for level in baseline])
    weight = terms.noise_weeks + len(baseline)
    return max(math.sqrt((terms.noise_weeks * terms.noise**2 + len(baseline) * own**2) / weight), terms.least_noise)


def _median(values: Sequence[float]) -> float:
    """The middle one, or the mean of both."""
    rising, half = sorted(values), len(values) // 2
    return rising[half] if len(rising) % 2 else (rising[half - 1] + rising[half]) / 2

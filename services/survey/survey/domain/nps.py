"""The Net Promoter Score and how far it may be off."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Group = Literal["promoter", "passive", "detractor"]

_Z: Final = 1.959963984540054  # of a 95 % interval
_PSEUDO: Final = (0.75, 1.5, 0.75)  # promoters, passives, detractors


def group_of(score: int) -> Group:
    """0-6 detractor, 7-8 passive, 9-10 promoter."""
    if score >= 9:
        return "promoter"
    return "passive" if score >= 7 else "detractor"


@dataclass(frozen=True, slots=True)
class Nps:
    """Counts, and the score -100 to 100 with its 95 % interval; None without an answer.

    nps is the plain share of promoters minus that of detractors, times 100. The interval is not centred on it: low and
    high lie `margin` below and above the score that pseudo-answers pull towards 0, and are cut off at -100 and 100.
    """

    count: int
    promoters: int
    passives: int
    detractors: int
    nps: float | None
    margin: float | None
    low: float | None
    high: float | None


def nps(counts: Mapping[int, int]) -> Nps:
    """NPS from how often each score was given.

    Adjusted Wald interval with 3 pseudo-answers, ¾ promoters, 1½ passives and ¾ detractors: B. Rocks, "Interval
    Estimation for the Net Promoter Score", The American Statistician 70 (2016). A plain Wald interval covers 55-91 % at
    5 to 10 answers.
    """
    by_group = {"promoter": 0, "passive": 0, "detractor": 0}
    for score, count in counts.items():
        by_group[group_of(score)] += count
    promoters, passives, detractors = by_group.values()
    total = promoters + passives + detractors
    if not total:
        return Nps(0, 0, 0, 0, None, None, None, None)
    size = total + sum(_PSEUDO)
    up, down = (promoters + _PSEUDO[0]) / size, (detractors + _PSEUDO[2]) / size
    centre = up - down
    half = _Z * math.sqrt((up + down - centre**2) / size)
    return Nps(
        count=total,
        promoters=promoters,
        passives=passives,
        detractors=detractors,
        nps=(promoters - detractors) / total * 100,
        margin=half * 100,
        low=max(-100.0, (centre - half) * 100),
        high=min(100.0, (centre + half) * 100),
    )

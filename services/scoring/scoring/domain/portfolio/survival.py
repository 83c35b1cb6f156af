"""How long it takes until something happens, when of some it is only known that it has not happened yet.

Kaplan and Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958): S(t) is the product over the
times up to t of 1 - (happened at that time / under observation just before it). Who is lost at a time when it happens
to others counts as under observation there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_ROUNDING: Final = 1e-12  # of a product of doubles: a half is reached where arithmetic without rounding reaches it


class Observation(NamedTuple):
    """How long someone was observed, and whether it happened then (else observation ended)."""

    time: float
    happened: bool


def survival(observations: Iterable[Observation]) -> Sequence[tuple[float, float]]:
    """The share to whom it has not happened yet after each time at which it happened, times ascending."""
    given = list(observations)
    happened = Counter(each.time for each in given if each.happened)
    lost = Counter(each.time for each in given if not each.happened)
    watched, share = len(given), 1.0
    curve = []
    for time in sorted(happened.keys() | lost.keys()):
        if happened[time]:
            share *= 1 - happened[time] / watched
            curve.append((time, share))
        watched -= happened[time] + lost[time]
    return curve


def median(observations: Iterable[Observation]) -> float | None:
    """The first time by which it has happened to half of them; None if that is not known yet."""
    return next((time for time, share in survival(observations) if share <= 0.5 + _ROUNDING), None)

"""Of those who left: how early the score warned, and whose revenue was green to the end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from csmodels.fields import Band
from scoring.backtest.resampling import Estimate, interval
from scoring.backtest.sample import BANDS, Floats, Ints, Sample

Basis = Literal["mrr", "accounts"]
_CELLS: Final = 2_000_000  # numbers drawn at once


@dataclass(frozen=True, slots=True)
class Lead:
    """How early a warning came to those who left.

    left: how many did; warned: the share of them that stood in the warning at the last moment before; days: the median
    of the days from the first moment of that unbroken warning to the churn, of the warned; `all`: these days, rising.
    """

    left: int
    warned: Estimate
    days: Estimate
    all: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """Revenue of those who left that was green at the last moment before, over all of it.

    by: "mrr", or "accounts" where no revenue is known and each counts as 1. without: left accounts of unknown revenue,
    left out where others' is known.
    """

    share: Estimate
    by: Basis
    left: int
    without: int


def lead(sample: Sample, bands: frozenset[Band], *, resamples: int, seed: int) -> Lead:
    """The lead time of a warning that stands while the band is one of these."""
    warned = np.isin(sample.band, [BANDS.index(band) for band in bands])
    days = []
    for rows in departures(sample):
        standing = 0
        for row in reversed(rows):
            if not warned[row]:
                break
            standing = int(sample.leaves_in[row])
        days.append(standing)
    lengths = np.array(days, dtype=np.float64)
    told = len(days) if _any_told(sample) else 0

    def medians(lines: Ints) -> Floats:
        drawn = (lengths[line] for line in lines)
        return np.array([np.median(line[line > 0]) if (line > 0).any() else np.nan for line in drawn])

    def shares(lines: Ints) -> Floats:
        return np.asarray((lengths[lines] > 0).mean(axis=1), dtype=np.float64)

    return Lead(
        left=len(days),
        warned=_estimate(shares, told, resamples, seed),
        days=_estimate(medians, told, resamples, seed),
        all=tuple(sorted(day for day in days if day)),
    )


def unseen(sample: Sample, *, resamples: int, seed: int) -> Unseen:
    """The share of churned revenue that was green at the last moment before it was gone."""
    last = np.array([rows[-1] for rows in departures(sample)], dtype=np.int64)
    revenue = sample.revenue[last]
    by: Basis = "mrr" if np.nansum(revenue) > 0 else "accounts"
    if by == "mrr":
        last = last[~np.isnan(revenue)]
    weight = sample.revenue[last] if by == "mrr" else np.ones(len(last))
    green = weight * (sample.band[last] == BANDS.index("green"))

    def shares(lines: Ints) -> Floats:
        total = weight[lines].sum(axis=1)
        found: Floats = np.divide(green[lines].sum(axis=1), total, out=np.full(len(total), np.nan), where=total != 0)
        return found

    told = len(last) if _any_told(sample) else 0
    return Unseen(_estimate(shares, told, resamples, seed), by, len(revenue), len(revenue) - len(last))


def _any_told(sample: Sample) -> bool:
    """Whether any row has a band: where all are grey, none warned and none was green, but nothing follows from it."""
    return bool((sample.band != BANDS.index("grey")).any())


def departures(sample: Sample) -> list[list[int]]:
    """For each time that an account left within the horizon of one of its rows: its rows before, in order of time."""
    found: dict[tuple[int, int], list[int]] = {}
    left_on = (sample.day + sample.leaves_in).tolist()
    for row in np.flatnonzero(sample.leaves_in > 0).tolist():
        found.setdefault((int(sample.account[row]), left_on[row]), []).append(row)
    return [rows for rows in found.values() if sample.positive[rows].any()]


def _estimate(statistic: Callable[[Ints], Floats], count: int, resamples: int, seed: int) -> Estimate:
    """A figure of `count` departures: the statistic of lines of their numbers, drawn with replacement."""
    if not count:
        return Estimate(None)
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS // count)
    drawn = [
        statistic(random.integers(0, count, size=(min(at_once, resamples - start), count)))
        for start in range(0, resamples, at_once)
    ]
    return interval(float(statistic(np.arange(count)[np.newaxis])[0]), np.concatenate(drawn))

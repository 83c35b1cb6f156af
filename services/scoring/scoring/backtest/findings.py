"""All figures of a sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from csmodels.fields import Band
from scoring.backtest import calibration
from scoring.backtest.calibration import Bin
from scoring.backtest.departures import Lead, Unseen, departures, lead, unseen
from scoring.backtest.ranking import Ranking
from scoring.backtest.resampling import SEED, Estimate, Statistic, enough, estimates
from scoring.backtest.sample import BANDS, Bools, Floats, Sample

Judge = Literal["score", "recency", "volume"]
JUDGES: Final[tuple[Judge, ...]] = ("score", "recency", "volume")
RIVALS: Final[tuple[Judge, ...]] = ("recency", "volume")
WARNINGS: Final[Mapping[str, frozenset[Band]]] = {"yellow": frozenset({"yellow", "red"}), "red": frozenset({"red"})}
FEW: Final = 20  # departures: with fewer the intervals themselves are not to be trusted


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A bin of scores, and the rate of leaving in it."""

    bin: Bin
    rate: Estimate


@dataclass(frozen=True, slots=True)
class InBand:
    """The rows of a band, and the rate of leaving among them (None without a row)."""

    rows: int
    positives: int
    rate: Estimate


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a backtest says of a sample.

    Figures by judge are of the score and of its rivals; gain: AUC of the score less that of a rival, over the same
    draws. base_rate: the share of rows whose account left within the horizon; departures: how often one did. brier:
    mean squared error of the probabilities, of the score and of the base rate alone. lead: by the warning.
    """

    auc: Mapping[Judge, Estimate]
    gain: Mapping[Judge, Estimate]
    pr_auc: Mapping[Judge, Estimate]
    lift: Mapping[Judge, Estimate]
    base_rate: Estimate
    brier: Mapping[str, Estimate]
    bins: tuple[Calibrated, ...]
    bands: Mapping[Band, InBand]
    lead: Mapping[str, Lead]
    unseen: Unseen
    roc: Mapping[Judge, tuple[Floats, Floats]]
    precision: tuple[Floats, Floats]
    rows: int
    positives: int
    accounts: int
    departures: int
    resamples: int
    seed: int


def risks(sample: Sample) -> Mapping[Judge, Floats]:
    """Each row's risk in each judge's eyes: a low score, a long silence, a small volume."""
    return {"score": -sample.score, "recency": sample.recency, "volume": -sample.volume}


def judged(sample: Sample, *, resamples: int | None = None, seed: int = SEED) -> Findings:
    """The figures of a sample, the same for the same seed; resamples None: as many as are enough.

    Lead and unseen are of all rows of those who left, everything else is of the complete rows. ValueError without any
    of these.
    """
    leaving, sample = sample, sample.completed()
    resamples = enough(len(sample)) if resamples is None else resamples
    rankings = {judge: Ranking.of(risk, sample.positive) for judge, risk in risks(sample).items()}
    probability = calibration.probabilities(sample.score, sample.positive, sample.account, seed)
    base = calibration.base_rates(sample.positive, sample.account, seed)
    bins, bin_of = calibration.bins(sample.score, sample.positive, probability)
    statistics: dict[str, Statistic] = {"base_rate": _rate(sample.positive, np.ones(len(sample), dtype=np.bool_))}
    for judge, ranking in rankings.items():
        statistics[f"auc.{judge}"] = ranking.auc
        statistics[f"pr_auc.{judge}"] = ranking.average_precision
        statistics[f"lift.{judge}"] = ranking.lift
    for rival in RIVALS:
        statistics[f"gain.{rival}"] = _gain(rankings["score"], rankings[rival])
    for name, guess in (("score", probability), ("base_rate", base)):
        statistics[f"brier.{name}"] = _mean((guess - sample.positive) ** 2)
    for number in range(len(bins)):
        statistics[f"bin.{number}"] = _rate(sample.positive, bin_of == number)
    of_band = {band: sample.band == place for place, band in enumerate(BANDS)}
    for band, here in of_band.items():
        statistics[f"band.{band}"] = _rate(sample.positive, here)
    found = estimates(statistics, sample.account, resamples=resamples, seed=seed)
    leads = {name: lead(leaving, bands, resamples=resamples, seed=seed) for name, bands in WARNINGS.items()}
    _, true, precision = rankings["score"].curves()
    return Findings(
        auc={judge: found[f"auc.{judge}"] for judge in JUDGES},
        gain={rival: found[f"gain.{rival}"] for rival in RIVALS},
        pr_auc={judge: found[f"pr_auc.{judge}"] for judge in JUDGES},
        lift={judge: found[f"lift.{judge}"] for judge in JUDGES},
        base_rate=found["base_rate"],
        brier={name: found[f"brier.{name}"] for name in ("score", "base_rate")},
        bins=tuple(Calibrated(one, found[f"bin.{number}"]) for number, one in enumerate(bins)),
        bands={
            band: InBand(int(here.sum()), int(sample.positive[here].sum()), found[f"band.{band}"])
            for band, here in of_band.items()
        },
        lead=leads,
        unseen=unseen(leaving, resamples=resamples, seed=seed),
        roc={judge: rankings[judge].curves()[:2] for judge in JUDGES},
        precision=(true[1:], precision),
        rows=len(sample),
        positives=int(sample.positive.sum()),
        accounts=len(np.unique(sample.account)),
        departures=len(departures(sample)),
        resamples=resamples,
        seed=seed,
    )


def _gain(one: Ranking, other: Ranking) -> Statistic:
    return lambda weights: one.auc(weights) - other.auc(weights)


def _mean(values: Floats) -> Statistic:
    return lambda weights: np.asarray(weights @ values / weights.sum(axis=1), dtype=np.float64)


def _rate(positive: Bools, here: Bools) -> Statistic:
    def rate(weights: Floats) -> Floats:
        total = weights @ here
        found: Floats = np.divide(weights @ (here & positive), total, out=np.full(len(total), np.nan), where=total != 0)
        return found

    return rate

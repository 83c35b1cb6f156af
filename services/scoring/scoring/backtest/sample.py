"""Rows (account, moment) as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from csmodels.fields import Band

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BANDS: Final[tuple[Band, ...]] = ("red", "yellow", "green", "grey")  # a row's band is a place in here
STAYS: Final = -1  # as days to churn


@dataclass(frozen=True, slots=True)
class Row:
    """An account at a moment.

    day: of the calendar, as an ordinal. recency: days since its last usage, infinite if there is none; volume: usage
    events in 28 days; leaves_in: days until it left, however many, STAYS if it did not; revenue: its monthly revenue,
    None if unknown. complete: who left was observed to the end of the horizon; else the row is there because it is
    known that the account left.
    """

    account: int
    day: int
    score: float
    band: Band
    recency: float
    volume: float
    leaves_in: int
    revenue: float | None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows in order of account, then day. positive: it left within the horizon; revenue NaN if unknown."""

    account: Ints
    day: Ints
    score: Floats
    band: Ints
    recency: Floats
    volume: Floats
    leaves_in: Ints
    positive: Bools
    revenue: Floats
    complete: Bools

    @classmethod
    def of(cls, rows: Sequence[Row], horizon: int) -> "Sample":
        """The rows as columns."""
        leaves_in = np.array([row.leaves_in for row in rows], dtype=np.int64)
        return cls(
            account=np.array([row.account for row in rows], dtype=np.int64),
            day=np.array([row.day for row in rows], dtype=np.int64),
            score=np.array([row.score for row in rows], dtype=np.float64),
            band=np.array([BANDS.index(row.band) for row in rows], dtype=np.int64),
            recency=np.array([row.recency for row in rows], dtype=np.float64),
            volume=np.array([row.volume for row in rows], dtype=np.float64),
            leaves_in=leaves_in,
            positive=(leaves_in >= 1) & (leaves_in <= horizon),
            revenue=np.array([np.nan if row.revenue is None else row.revenue for row in rows], dtype=np.float64),
            complete=np.array([row.complete for row in rows], dtype=np.bool_),
        )

    @classmethod
    def joined(cls, parts: Sequence["Sample"]) -> "Sample":
        """The rows of all parts, in their order. There is at least one part."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def completed(self) -> "Sample":
        """The complete rows: without them it cannot be told how often accounts leave."""
        return Sample(*(getattr(self, one.name)[self.complete] for one in fields(self)))

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why accounts were not in the sample at moments: how many pairs of the two each reason kept out."""

    unknown: int = 0
    young: int = 0
    gone: int = 0

    def __add__(self, other: "LeftOut") -> "LeftOut":
        return LeftOut(self.unknown + other.unknown, self.young + other.young, self.gone + other.gone)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample and how it was drawn. left_out: at the moments. censored: other moments that were asked for, of whose
    horizon nobody has seen the end (or at which nothing was observed any more): the sample has only who left after.
    """

    sample: Sample
    moments: tuple[date, ...]
    censored: tuple[date, ...]
    left_out: LeftOut
    accounts: int

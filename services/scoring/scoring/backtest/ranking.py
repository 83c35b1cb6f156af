"""How well one order of rows tells who leaves: AUC, average precision and lift, for many weightings at once."""

from dataclasses import dataclass

import numpy as np

from scoring.backtest.sample import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows in order of falling risk; rows of equal risk are a group and are never told apart."""

    order: Ints
    starts: Ints
    positive: Bools

    @classmethod
    def of(cls, risk: Floats, positive: Bools) -> "Ranking":
        """The highest risk comes first, infinite ones too. ValueError without rows, and for a risk of NaN."""
        if not len(risk) or np.isnan(risk).any():
            raise ValueError("a ranking needs rows, each with a risk")
        order = np.argsort(-risk, kind="stable")
        ranked = risk[order]
        starts = np.concatenate(([0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1))
        return cls(order, starts, positive[order])

    def auc(self, weights: Floats) -> Floats:
        """For each line of weights (lines x rows) the area under the ROC curve, ties counted half.

        That is the chance that of a leaving and a staying row the leaving one has the higher risk. NaN where a line has
        no weight on one of the two kinds.
        """
        leaving, staying = self._groups(weights)
        riskier = np.cumsum(leaving, axis=1) - leaving / 2
        return _ratio((staying * riskier).sum(axis=1), leaving.sum(axis=1) * staying.sum(axis=1))

    def average_precision(self, weights: Floats) -> Floats:
        """For each line the area under the steps of the precision-recall curve. NaN without a leaving row."""
        leaving, staying = self._groups(weights)
        found = np.cumsum(leaving, axis=1)
        precision = _ratio(found, np.cumsum(leaving + staying, axis=1))
        return _ratio((leaving * np.nan_to_num(precision)).sum(axis=1), leaving.sum(axis=1))

    def lift(self, weights: Floats, share: float = 0.1) -> Floats:
        """For each line the rate of leaving among the riskiest share of rows, over that of all.

        A group that only in part belongs to the share counts with its mean. NaN without a leaving row.
        """
        leaving, staying = self._groups(weights)
        sizes = leaving + staying
        total = sizes.sum(axis=1, keepdims=True)
        before = np.cumsum(sizes, axis=1) - sizes
        taken = np.clip(share * total - before, 0, sizes)
        found = (taken * np.nan_to_num(_ratio(leaving, sizes))).sum(axis=1)
        return _ratio(found, share * leaving.sum(axis=1))

    def curves(self) -> tuple[Floats, Floats, Floats]:
        """After each group: the shares of staying rows and of leaving rows passed so far, and the precision.

        The first two begin at 0 and are the ROC curve. NaN where there are none of a kind.
        """
        leaving, staying = (line[0] for line in self._groups(np.ones((1, len(self.order)))))
        found, wrong = np.cumsum(leaving), np.cumsum(staying)
        with_origin = (np.concatenate(([0.0], passed)) for passed in (wrong, found))
        false, true = (_ratio(passed, passed[-1:]) for passed in with_origin)
        return false, true, _ratio(found, found + wrong)

    def _groups(self, weights: Floats) -> tuple[Floats, Floats]:
        """For each line and group the weight of its leaving and of its staying rows."""
        ordered = weights[:, self.order]
        leaving = np.add.reduceat(ordered * self.positive, self.starts, axis=1)
        staying = np.add.reduceat(ordered * ~self.positive, self.starts, axis=1)
        return leaving, staying


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, NaN where bottom is 0."""
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    quotient: Floats = np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom != 0)
    return quotient

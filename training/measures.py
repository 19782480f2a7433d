"""Measures of predictions: each of n rows, or of all of them under many weights at once.

Weights have shape (n, draws), so that one call tells a figure of every draw of the accounts (see
`training.evaluate`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import xlogy

Array = NDArray[np.float64]

BINS = 10
TOP = 0.1


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in falling order of probability, ranked once for however many draws.

    Parameters
    ----------
    churned, all : csr_array, shape (g, n)
        Which of n rows are the churned ones, and which are all, in each group of `RankedRows`.
    """

    churned: csr_array
    all: csr_array

    @classmethod
    def of(cls, probability: Array, churned: Array) -> "Ranking":
        """Rank n rows; `churned` is 1 or 0."""
        order = np.argsort(-probability, kind="stable")
        left = churned[order]
        starts = np.flatnonzero(np.diff(probability[order], prepend=np.inf))
        some_left = np.add.reduceat(left, starts) > 0
        # a run of groups in which nobody left is one: no figure tells them apart
        ends = np.append(starts[some_left | np.append(True, some_left)[:-1]], len(order))
        shape = (len(ends) - 1, len(order))
        there = csr_array((np.ones(len(order)), order, ends), shape)
        gone = csr_array((left, order, ends), shape, copy=True)
        gone.eliminate_zeros()
        return cls(gone, there)

    def under(self, weights: Array) -> "RankedRows":
        """The weights, shape (n, draws), by group."""
        return RankedRows(self.churned @ weights, self.all @ weights)


@dataclass(frozen=True)
class RankedRows:
    """Weights of rows in falling order of probability, ties together.

    Parameters
    ----------
    churned, all : ndarray, shape (g, draws)
        Weight of the churned rows and of all rows in each of g groups: of equal probability, or
        between two such groups that hold churned rows.
    """

    churned: Array
    all: Array

    @classmethod
    def of(cls, probability: Array, churned: Array, weights: Array) -> "RankedRows":
        """Rank n rows for draws that come at once; `weights` has shape (n, draws)."""
        return Ranking.of(probability, churned).under(weights)

    def auc(self) -> Array:
        """Chance that a churned row ranks above one that stayed; ties count half."""
        stayed = self.all - self.churned
        above = np.cumsum(stayed, axis=0) - stayed / 2
        lost = (self.churned * above).sum(axis=0)
        return 1 - _ratio(lost, self.churned.sum(axis=0) * stayed.sum(axis=0))

    def pr_auc(self) -> Array:
        """Average precision: precision at each churned row, averaged."""
        precision = _ratio(np.cumsum(self.churned, axis=0), np.cumsum(self.all, axis=0))
        hits = (self.churned * np.nan_to_num(precision)).sum(axis=0)
        return _ratio(hits, self.churned.sum(axis=0))

    def lift_top_tenth(self) -> Array:
        """Churn rate among the riskiest tenth of the rows, as a multiple of everybody's."""
        total = self.all.sum(axis=0)
        before = np.cumsum(self.all, axis=0) - self.all
        taken = np.clip(TOP * total - before, 0, self.all)
        caught = (taken * np.nan_to_num(_ratio(self.churned, self.all))).sum(axis=0)
        return _ratio(caught / TOP, self.churned.sum(axis=0))


def auc(probability: ArrayLike, churned: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Chance that a churned row ranks above one that stayed; ties count half.

    Examples
    --------
    >>> auc([0.1, 0.2, 0.2, 0.9], [False, False, True, True])
    0.875
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(churned, dtype=np.float64)
    if weight is None:
        return _plain_auc(p[y > 0], p[y == 0])
    return float(RankedRows.of(p, y, np.asarray(weight, dtype=np.float64)[:, None]).auc()[0])


def _plain_auc(left: Array, stayed: Array) -> float:
    """AUC of rows that weigh the same: only those that stayed, the many, need to be in order."""
    if not len(left) or not len(stayed):
        return np.nan
    ordered, sought = np.sort(stayed), np.sort(left)
    below = sum(np.searchsorted(ordered, sought, side).sum() for side in ("left", "right"))
    return float(below / (2 * len(left) * len(stayed)))


def calibration_error(probability: Array, churned: Array, weight: Array, weights: Array) -> Array:
    """Mean gap between said and seen: over ten bins, |mean probability - churn rate|.

    The bins are cut by probability so that each holds a tenth of `weight`, shape (n,), and stay
    the same in all draws; what they hold there, `weights` of shape (n, draws), weighs their gaps.
    """
    return mean_gap(gaps(probability, churned, weight), weights)


def gaps(probability: Array, churned: Array, weight: Array) -> csr_array:
    """What each of n rows adds to the gap of its bin, shape (bins, n)."""
    order = np.argsort(probability, kind="stable")
    ordered = weight[order]
    middle = np.cumsum(ordered) - ordered / 2
    bins = np.minimum((BINS * middle / ordered.sum()).astype(int), BINS - 1)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    gap = (probability - churned)[order]
    return csr_array((gap, order, np.append(starts, len(order))), (len(starts), len(order)))


def mean_gap(gaps: csr_array, weights: Array) -> Array:
    """Mean over the bins of `gaps`, for weights of shape (n, draws)."""
    return _ratio(np.abs(gaps @ weights).sum(axis=0), weights.sum(axis=0))


def paired(gained: Array, weight: Array, account: NDArray[np.intp]) -> tuple[float, float]:
    """Weighted mean of n differences, and its standard error with the rows of an account as one."""
    total = weight.sum()
    mean = float(weight @ gained / total)
    by_account = np.bincount(account, weight * (gained - mean))
    return mean, float(np.sqrt(by_account @ by_account) / total)


def log_losses(probability: Array, churned: Array) -> Array:
    """Log-loss of each row, shape (n,); the certain and wrong is cut at 1e-15."""
    p = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.asarray(-xlogy(churned, p) - xlogy(1 - churned, 1 - p), dtype=np.float64)


def _ratio(part: Array, whole: Array) -> Array:
    """Divide, NaN where there is nothing to divide by."""
    nothing = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0), dtype=np.float64)


def mean(values: Array, weights: Array) -> Array:
    """Weighted mean of n values in each draw; NaN where a draw has no weight."""
    return _ratio(values @ weights, weights.sum(axis=0))

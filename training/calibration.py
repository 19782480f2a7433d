"""From log-odds to calibrated probability, and how steeply one follows the other."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit


@dataclass(frozen=True)
class Calibration:
    """From the trees' log-odds s to calibrated log-odds ``slope * s + offset`` (Platt).

    A straight line on the log-odds scale: ranks stay, and each feature's contribution is simply
    scaled. The slope is above 0.
    """

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def fit(
        cls, scores: ArrayLike, churned: ArrayLike, weight: ArrayLike, pull: float = 1.0
    ) -> Self:
        """Maximum likelihood, pulled weakly towards "the trees are right".

        Parameters
        ----------
        scores : array-like, shape (n,)
            Log-odds of rows that the trees did not learn from; n may be 0.
        churned : array-like of bool, shape (n,)
        weight : array-like, shape (n,)
        pull : float
            Half the penalty on (slope - 1)^2 + offset^2, in units of log-likelihood: 1 is the
            weight of a few rows, 0 is plain Platt.

        References
        ----------
        Platt, J. (1999). Probabilistic outputs for support vector machines.
        """
        s, y, w = (np.asarray(values, dtype=np.float64) for values in (scores, churned, weight))

        def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            z = line[0] * s + line[1]
            # probability and loss from one exponential: large backtests ask for both many times
            small = np.exp(-np.abs(z))
            gap = w * (np.where(z < 0, small, 1.0) / (1.0 + small) - y)
            shift = line - (1.0, 0.0)
            value = w @ (np.maximum(z, 0.0) + np.log1p(small) - y * z) + pull / 2 * shift @ shift
            return float(value), np.array([gap @ s, gap.sum()]) + pull * shift

        best = minimize(
            loss,
            x0=np.array([1.0, 0.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.01, None), (None, None)],
            options={"ftol": 1e-15, "gtol": 1e-9},
        )
        return cls(float(best.x[0]), float(best.x[1]))

    def probability(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probability from the trees' log-odds, of the same shape."""
        return logistic(self.slope * scores + self.offset)


def steepness(base: ArrayLike, distance: ArrayLike) -> NDArray[np.float64]:
    """Mean slope of the logistic curve p between the log-odds z0 and z0 + S.

    That is (p(z0 + S) - p(z0)) / S, and p'(z0) at S = 0; written as
    p(z0 + S) (1 - p(z0)) (1 - exp(-S)) / S it loses no digits near 0.

    Parameters
    ----------
    base : float or array-like, shape (n,)
        z0.
    distance : array-like, shape (n,)
        S.

    Examples
    --------
    >>> steepness(0.0, [0.0, 1e-12]).round(6).tolist()
    [0.25, 0.25]
    """
    z0, S = np.asarray(base, dtype=np.float64), np.asarray(distance, dtype=np.float64)
    safe = np.where(S == 0, 1.0, S)
    # a path downhill is the same path uphill, seen from its end: exp never overflows
    low, up = np.where(S < 0, z0 + S, z0), np.abs(safe)
    shrink = np.where(S == 0, 1.0, -np.expm1(-up) / up)
    return logistic(low + np.abs(S)) * logistic(-low) * shrink


def logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of log-odds, of the same shape."""
    return np.asarray(expit(log_odds), dtype=np.float64)

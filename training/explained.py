"""Explained: what a model says of some rows, and what that is made of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from training.calibration import logistic, steepness


@dataclass(frozen=True, eq=False)
class Explained:
    """What a model says of n rows, and what that is made of.

    Parameters
    ----------
    log_odds : ndarray of shape (n,)
        Calibrated log-odds of churn.
    low, high : ndarray of shape (n,)
        Ends of the 90 % interval of the probability.
    shap : ndarray of shape (n, p)
        SHAP values on the scale of calibrated log-odds.
    base : float
        Log-odds from which the SHAP values start.
    names : tuple of p str
        The features.
    index : Index, optional
        Of the rows.
    """

    log_odds: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    shap: NDArray[np.float64]
    base: float
    names: tuple[str, ...]
    index: pd.Index | None = None

    @property
    def contributions(self) -> pd.DataFrame:
        """SHAP values as a table, shape (n, p)."""
        return pd.DataFrame(self.shap, index=self.index, columns=list(self.names))

    @property
    def probability(self) -> NDArray[np.float64]:
        """Calibrated probability of churn, shape (n,)."""
        return logistic(self.log_odds)

    @cached_property
    def point_matrix(self) -> NDArray[np.float64]:
        """Shares of probability, shape (n, p); see `ChurnModel.points`."""
        steep = steepness(self.base, self.log_odds - self.base)
        return np.asarray(self.shap * steep[:, None])

    @property
    def points(self) -> pd.DataFrame:
        """Shares of probability as a table, shape (n, p)."""
        return pd.DataFrame(self.point_matrix, index=self.index, columns=list(self.names))

    @property
    def base_probability(self) -> float:
        """base_probability + the sum of a row's points = its probability, to 1e-12."""
        return float(expit(self.base))

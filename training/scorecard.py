"""What a health score consists of: goals, weights, context, and how they read a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from features.errors import TenureError
from training.cells import Floats, Ints

PORTFOLIO = "all"
"""In place of a segment: all accounts together."""

BACKGROUND: Mapping[str, bool] = {
    "tenure_days": True,
    "days_to_renewal": False,
    "term_days": True,
    "arr": True,
}
"""Context that the risk allows for without it being a matter of health; True: its logarithm."""

Learned = Literal["nothing", "dimensions", "metrics"]


@dataclass(frozen=True)
class Goal:
    """From where on a metric is healthy, and what stands behind that.

    Parameters
    ----------
    segment : str
        `PORTFOLIO` for all accounts together.
    goal, red, green : float
        In the metric's unit. The goal lies half way between red, where no points are left, and
        green, where all are there; where low is healthy, red lies above green.
    low, high : float, optional
        90 % interval of the goal; None where it was not learned.
    accounts_below, churned_below, accounts_above, churned_above : int
        Accounts as they stood at their last look before a renewal: below is the unhealthy side.
    lead_days : float, optional
        Of those that churned from below, days before the renewal since which they had stayed
        there (median).
    enough : bool
        Whether the goal is borne out by this segment; else it is the portfolio's, at the same
        place in this segment's distribution.
    """

    segment: str
    goal: float
    red: float
    green: float
    low: float | None = None
    high: float | None = None
    accounts_below: int = 0
    churned_below: int = 0
    accounts_above: int = 0
    churned_above: int = 0
    lead_days: float | None = None
    enough: bool = False


@dataclass(frozen=True)
class MetricWeight:
    """What one metric counts for.

    Parameters
    ----------
    name, dimension : str
    weight : float
        Share of the health score; all sum to 100.
    low, high : float, optional
        90 % interval of the weight; None where nothing was learned.
    log_odds, log_odds_missing : float
        What red adds to the log-odds of churn over green, and what a missing value adds.
    portfolio : Goal
    segments : tuple of Goal
        In the order of the score's segments.
    """

    name: str
    dimension: str
    weight: float
    low: float | None
    high: float | None
    log_odds: float
    log_odds_missing: float
    portfolio: Goal
    segments: tuple[Goal, ...]


@dataclass(frozen=True)
class DimensionWeight:
    """What one dimension counts for: the sum of its metrics."""

    name: str
    weight: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Background:
    """One column of context: ``log_odds * (value - centre) / spread``, 0 where it is missing."""

    name: str
    logarithm: bool
    centre: float
    spread: float
    log_odds: float = 0.0

    def standard(self, table: pd.DataFrame) -> Floats:
        """The column on a common scale, shape (n,)."""
        if self.name not in table:
            return np.zeros(len(table))
        values = numbers(table, self.name)
        if self.logarithm:
            values = np.log1p(np.maximum(values, 0.0))
        return np.nan_to_num((values - self.centre) / self.spread)


def numbers(table: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, NaN where missing."""
    column = table[name]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = column[np.isnan(numbers) & column.notna().to_numpy()]
    if len(wrong):
        raise TenureError(
            f"Metric '{name}' must be numbers; {len(wrong)} of {len(column)} values are not: "
            f"{', '.join(repr(value) for value in wrong.unique()[:3])}.",
            "Give numbers, or leave the value empty where it is not known.",
        )
    return np.asarray(numbers, dtype=np.float64)


def segment_codes(table: pd.DataFrame, segments: Sequence[str]) -> Ints:
    """Position of each row's segment; past the end for any other, shape (n,)."""
    if "segment" not in table:
        return np.full(len(table), len(segments))
    position = {segment: number for number, segment in enumerate(segments)}
    codes = table["segment"].map(position).fillna(len(segments))
    return np.asarray(codes.to_numpy(dtype=np.intp))


# How a score is learned

"""What a health score consists of: goals, weights, context, and how they read a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
class Grouping:
    """Which accounts have goals of their own: by the values of a column, or by bands of it.

    Examples
    --------
    >>> table = pd.DataFrame({"arr": [900.0, 5000.0, None]})
    >>> Grouping("arr", (1000.0,)).names_of(table["arr"]).tolist()
    ['below 1000', '1000 and more', None]
    """

    column: str = "segment"
    edges: tuple[float, ...] = ()

    def names_of(self, column: pd.Series) -> pd.Series:
        """Name of each row's group, None where the column is missing."""
        if not self.edges:
            return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")
        values = pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
        band = pd.Series(np.searchsorted(self.edges, values, side="right"), column.index)
        names = band.map(dict(enumerate(self._bands))).astype(object)
        return names.where(~np.isnan(values), None)

    @property
    def _bands(self) -> list[str]:
        told = [f"{edge:g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(told)]
        return [f"below {told[0]}", *between, f"{told[-1]} and more"]

    def codes(self, table: pd.DataFrame, groups: Sequence[str] | None = None) -> Ints:
        """Position of each row's group, past the end for any other, shape (n,)."""
        if self.column not in table:
            return np.full(len(table), len(groups or ()))
        names = self.names_of(table[self.column])
        order = self._bands if self.edges else sorted(names.dropna().unique())
        groups = order if groups is None else groups
        position = {name: number for number, name in enumerate(groups)}
        codes = names.map(position).astype(np.float64).fillna(len(groups))
        return np.asarray(codes.to_numpy(dtype=np.intp))


BY_SEGMENT = Grouping()
"""Groups as the column ``segment`` names them."""

EVERYONE = Grouping("")
"""No groups: one set of goals."""


@dataclass(frozen=True)
class Goal:
    """From where on a metric is healthy, and what stands behind that.

    Parameters
    ----------
    segment : str
        `PORTFOLIO` for all accounts together.
    goal, red, green : float
        In the metric's unit. The goal lies half way between red, where no points are left, and
        green, where all are there; where low is healthy, red lies above green. Of a metric that
        comes in whole numbers it is the next whole number on the healthy side.
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
        absent = self.name not in table
        return np.zeros(len(table)) if absent else self.on_scale(numbers(table, self.name))

    def on_scale(self, values: Floats) -> Floats:
        """Values on the common scale, shape (n,)."""
        told = np.log1p(np.maximum(values, 0.0)) if self.logarithm else values
        scaled = (told - self.centre) / self.spread
        return np.where(np.isnan(scaled), 0.0, scaled)


@dataclass(frozen=True, eq=False)
class LogOdds:
    """What a scorecard adds to the log-odds of churn, as arrays over p metrics and s groups.

    Parameters
    ----------
    red, green : ndarray of shape (p, s)
        Ends of the ramps in the metrics' units; the last group is any other.
    metric, missing : ndarray of shape (p,)
        Log-odds from green to red, and of a missing value.
    group : ndarray of shape (s,)
        Log-odds with all metrics green.
    context : ndarray of shape (len(BACKGROUND),)
        Log-odds for one unit of each `Background.standard`.
    """

    red: Floats
    green: Floats
    metric: Floats
    missing: Floats
    group: Floats
    context: Floats


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

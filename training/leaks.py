"""Signals too good to be true, sought in the rows that are learned from.

A leak is a column that knows the outcome: written after it, or filled because of it. Each check is
cheap, looks only at rows with a renewal due (so that knowing who is due is no suspicion), and says
what it saw. That nothing is found proves only that these checks found nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.metric import Metric
from training.evaluate import auc

SINGLE_AUC = 0.90
MISSING_AUC = 0.75
FEWEST = 20
"""Churned rows, and rows of a category, below which a check says nothing."""


@dataclass(frozen=True)
class Leak:
    """A suspicion about one metric.

    Parameters
    ----------
    metric, check : str
    figure : float
        What the check measured, an AUC.
    message : str
        For people, with what to do.
    """

    metric: str
    check: str
    figure: float
    message: str


def single_feature(column: pd.Series, churned: pd.Series, metric: Metric) -> Leak | None:
    """One metric alone separates leavers from stayers better than any honest one."""
    values = _as_risk(column, churned) if metric.kind == "category" else column
    known = values.notna()
    figure = _separation(values[known], churned[known])
    if figure <= SINGLE_AUC:
        return None
    return Leak(
        metric.name,
        "single_feature",
        figure,
        f"{metric.name} alone tells who leaves with AUC {figure:.3f}. Find out when it is written: "
        "if it is set or changed because an account leaves, leave it out or map its known_at.",
    )


def missingness(column: pd.Series, churned: pd.Series, metric: Metric) -> Leak | None:
    """Whether a value is there at all tells who leaves."""
    figure = _separation(column.isna().astype(float), churned)
    if figure <= MISSING_AUC:
        return None
    return Leak(
        metric.name,
        "missingness",
        figure,
        f"Whether {metric.name} is filled tells who leaves with AUC {figure:.3f}. Find out when it "
        "is filled or cleared: if that happens because an account leaves, leave it out.",
    )


CHECKS: dict[str, Callable[[pd.Series, pd.Series, Metric], Leak | None]] = {
    "single_feature": single_feature,
    "missingness": missingness,
}


def find(table: pd.DataFrame, metrics: Sequence[Metric]) -> list[Leak]:
    """Run every check on every metric, on the rows of a training table that are due."""
    due = table[table["due"]]
    found = (
        check(due[metric.name], due["churned"], metric)
        for metric in metrics
        for check in CHECKS.values()
    )
    return [leak for leak in found if leak is not None]


def _separation(values: pd.Series, churned: pd.Series) -> float:
    """AUC of a column in its better direction; 0.5 where too few rows speak."""
    if min(churned.sum(), (~churned).sum()) < FEWEST:
        return 0.5
    figure = auc(values, churned)
    return max(figure, 1 - figure)


def _as_risk(column: pd.Series, churned: pd.Series) -> pd.Series:
    """Put the churn rate of its category in place of each value; rare ones say nothing."""
    groups = churned.groupby(column, observed=True)
    return groups.transform("mean").where(groups.transform("size") >= FEWEST).astype(np.float64)

"""HealthScore: weights and goals learned from what really happened, with the evidence for each.

A promise to people rather than the best possible prediction: points that add up, never fall when
something gets better, and stand on goals that a person can read and doubt. Each metric is a ramp
from red (no points) to green (all of them); `training.ramp` learns all ramps and weights at once.

How much is learned depends on how many accounts have left:

    below 60      nothing: a neutral recipe, equal dimensions and goals at quantiles
    below 200     weights of dimensions; the metrics of one share equally, goals stay at quantiles
    from there on weights of metrics, and goals; per segment where the segment bears it out

Needs no LightGBM.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from features.errors import TenureError
from features.metric import Metric
from training.cells import Floats
from training.health_fit import CHURNS_FOR_DIMENSIONS, learn
from training.present import Goals, check
from training.scorecard import (
    BY_SEGMENT,
    EVERYONE,
    Background,
    DimensionWeight,
    Goal,
    Grouping,
    Learned,
    LogOdds,
    MetricWeight,
    numbers,
)

REFITS = 40
"""Refits from which intervals are read."""


@dataclass(frozen=True)
class HealthScore:
    """Health from 0 to 100, the points lost, and the risk of the same scorecard.

    Parameters
    ----------
    learned : {"nothing", "dimensions", "metrics"}
        How far the evidence reached. "nothing": a neutral recipe, offered as such.
    accounts, churned : int
        Accounts with a renewal that was seen through; those of them that left.
    metrics : tuple of MetricWeight
    dimensions : tuple of DimensionWeight
    segments : tuple of str
        Segments with goals of their own; any other has the portfolio's.
    left_out : dict of str to str
        Metrics that were in the table and could not be used, with the reason.
    intercepts : tuple of float
        Log-odds with all metrics green: per segment, and last for any other.
    background : tuple of Background
    grouping : Grouping
        What sets segments apart: the column ``segment``, or what `training.grouping` found.
    drawn : tuple of LogOdds
        What each refit says of the log-odds; not written down.
    """

    learned: Learned
    accounts: int
    churned: int
    metrics: tuple[MetricWeight, ...]
    dimensions: tuple[DimensionWeight, ...]
    segments: tuple[str, ...]
    left_out: dict[str, str]
    intercepts: tuple[float, ...]
    background: tuple[Background, ...]
    grouping: Grouping = BY_SEGMENT
    drawn: tuple[LogOdds, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        churned: pd.Series,
        weight: pd.Series,
        metrics: Mapping[str, Metric],
        refits: int = REFITS,
        seed: int = 0,
        *,
        present_weights: Mapping[str, float] | None = None,
        present_goals: Goals | None = None,
        grouping: Grouping | None = BY_SEGMENT,
        quick: bool = False,
    ) -> Self:
        """Learn as much as the number of churned accounts bears.

        Parameters
        ----------
        table : DataFrame, shape (n, ...)
            Feature table with account_id; as_of, renewal_date and segment where there are any.
            Rows that are not `due` only tell since when an account had been below a goal.
        churned : Series of bool, shape (n,)
        weight : Series of float, shape (n,)
            How the looks at one renewal share its weight; each renewal counts as 1 in all.
        metrics : mapping of name to Metric
            Those with a healthy direction that are in the table are learned from.
        refits : int
            Refits from which the intervals are read.
        seed : int
        present_weights : mapping of metric or dimension to number, optional
            Weights in use today, in any unit: what the learned ones are held to as firmly as the
            data show that metrics are alike. A metric that is not named counts nothing today.
        present_goals : mapping of metric to number or to numbers by segment, optional
            Goals in use today, in the metric's unit.
        grouping : Grouping, optional
            Which accounts have goals of their own; None: one set of goals for all.
        quick : bool
            Whether fewer looks do: for a score that only judges, and is not kept.

        Raises
        ------
        TenureError
            If there is no metric to learn from, or what is in use today names no known metric.
        """
        weights, goals = present_weights or {}, present_goals or {}
        check(weights, goals, metrics)
        groups = grouping or EVERYONE
        # matrices are small: more threads of BLAS wait for each other, and round differently
        with threadpool_limits(1, user_api="blas"):
            return cls(
                **learn(
                    table, churned, weight, metrics, refits, seed, weights, goals, groups, quick
                )
            )

    @property
    def weights_(self) -> dict[str, Any]:
        """Weights and goals of dimensions and metrics, as ``tenure weights --json`` tells them."""
        told = {
            m.name: {
                "dimension": m.dimension,
                "weight": m.weight,
                "low": m.low,
                "high": m.high,
                "goals": [asdict(goal) for goal in (*m.segments, m.portfolio)],
            }
            for m in self.metrics
        }
        dimensions = {
            d.name: {"weight": d.weight, "low": d.low, "high": d.high} for d in self.dimensions
        }
        return {"dimensions": dimensions, "metrics": told}

    @property
    def goals_(self) -> pd.DataFrame:
        """One row per metric and segment, and one for the portfolio: `Goal`, and churn rates."""
        rows = [
            {"metric": m.name, **asdict(goal)}
            for m in self.metrics
            for goal in (*m.segments, m.portfolio)
        ]
        told = pd.DataFrame(rows)
        for side in ("below", "above"):
            accounts = told[f"accounts_{side}"]
            told[f"churn_rate_{side}"] = told[f"churned_{side}"] / accounts.where(accounts > 0)
        return told

    def score(self, table: pd.DataFrame) -> pd.DataFrame:
        """Health of each row, and the share of the weight that is known of it.

        Returns
        -------
        DataFrame, indexed as `table`
            health (0-100, null where nothing is known) and coverage (0-1).
        """
        lost, seen = self._lost(*self._read(table))
        health = self._health(lost, seen)
        return pd.DataFrame({"health": health, "coverage": self._coverage(seen)}, index=table.index)

    def judge(self, X: Floats, code: NDArray[np.intp]) -> Floats:
        """Health of n rows that come as a matrix: as `score` tells it, shape (n,).

        Parameters
        ----------
        X : ndarray of shape (n, metrics)
            NaN where nothing is known.
        code : ndarray of shape (n,)
            Each row's group: its place among `segments`, past their end for any other.
        """
        return self._health(*self._lost(X, code))

    def goals(self, code: NDArray[np.intp]) -> Floats:
        """Goal of every metric for rows of some groups (see `judge`), shape (n, metrics)."""
        return np.asarray(self._goals[0][code])

    def contributions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Points lost by each metric, shape (n, p): a row sums to 100 - health.

        A metric that is not known of an account loses none; where none is known, all are null.
        """
        lost, seen = self._lost(*self._read(table))
        points = _points(lost, seen, self._weights)
        points[self._coverage(seen) == 0] = np.nan
        return pd.DataFrame(points, index=table.index, columns=[m.name for m in self.metrics])

    def risk(self, table: pd.DataFrame) -> Floats:
        """Probability of churn that the scorecard itself gives to a row that is due, shape (n,).

        Raises
        ------
        TenureError
            Where nothing was learned.
        """
        if self.learned == "nothing":
            raise TenureError(
                f"Nothing could be learned from {self.churned} churned of {self.accounts} "
                "accounts: this health score is the neutral recipe, which tells no risk.",
                f"Learn again once {CHURNS_FOR_DIMENSIONS} have churned; if they have, no metric "
                "runs the way it should: check what the columns mean.",
            )
        odds = self.log_odds
        lost, seen = self._lost(*self._read(table))
        z = odds.group[self.grouping.codes(table, self.segments)]
        for each, slope in zip(self.background, odds.context, strict=True):
            z = z + slope * each.standard(table)
        return np.asarray(expit(z + np.where(seen, odds.metric * lost, odds.missing).sum(axis=1)))

    @cached_property
    def log_odds(self) -> LogOdds:
        """What the scorecard adds to the log-odds of churn of a row that is due."""
        _, red, green = self._goals
        return LogOdds(
            red=red.T,
            green=green.T,
            metric=np.array([m.log_odds for m in self.metrics]),
            missing=np.array([m.log_odds_missing for m in self.metrics]),
            group=np.array(self.intercepts),
            context=np.array([each.log_odds for each in self.background]),
        )

    def to_json(self) -> str:
        """Everything that was learned, as text."""
        told = asdict(replace(self, drawn=()))
        told.pop("drawn")
        return json.dumps({"format": 1, **told}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; it scores the same to the bit."""
        told = json.loads(text)
        told.pop("format")
        return cls(**{
            **told,
            "metrics": tuple(_read_metric(each) for each in told["metrics"]),
            "dimensions": tuple(DimensionWeight(**each) for each in told["dimensions"]),
            "segments": tuple(told["segments"]),
            "intercepts": tuple(told["intercepts"]),
            "background": tuple(Background(**each) for each in told["background"]),
            "grouping": Grouping(told["grouping"]["column"], tuple(told["grouping"]["edges"])),
        })  # fmt: skip

    @cached_property
    def _weights(self) -> Floats:
        return np.array([m.weight for m in self.metrics])

    def _coverage(self, seen: NDArray[np.bool_]) -> Floats:
        weights = self._weights
        return np.asarray(np.where(seen, weights, 0.0).sum(axis=1) / weights.sum())

    @cached_property
    def _goals(self) -> tuple[Floats, Floats, Floats]:
        """Goals, and where ramps are red and green, by group and metric."""
        goals = [(*m.segments, m.portfolio) for m in self.metrics]
        told = [[(goal.goal, goal.red, goal.green) for goal in each] for each in goals]
        goal, red, green = np.array(told).T
        return goal, red, green

    def _health(self, lost: Floats, seen: NDArray[np.bool_]) -> Floats:
        points = _points(lost, seen, self._weights)
        health = np.maximum(100.0 - points.sum(axis=1), 0.0)
        return np.where((seen & (self._weights > 0)).any(axis=1), health, np.nan)

    def _read(self, table: pd.DataFrame) -> tuple[Floats, NDArray[np.intp]]:
        """The metrics, shape (n, p), and each row's group."""
        names = [m.name for m in self.metrics]
        missing = [name for name in names if name not in table]
        if missing:
            raise TenureError(
                f"The health score needs {len(missing)} of its {len(names)} metrics that are not "
                f"in the table: {', '.join(missing[:5])}.",
                "Bring the tables they are made from, or learn anew on what there is.",
            )
        X = np.column_stack([numbers(table, name) for name in names])
        return X, self.grouping.codes(table, self.segments)

    def _lost(self, X: Floats, code: NDArray[np.intp]) -> tuple[Floats, NDArray[np.bool_]]:
        """Part of each ramp that is lost, 0 green to 1 red, and whether it is known; (n, p)."""
        _, red, green = (each[code] for each in self._goals)
        seen = ~np.isnan(X)
        lost = 1.0 - np.clip((np.where(seen, X, green) - red) / (green - red), 0.0, 1.0)
        return lost, seen


def _points(lost: Floats, seen: NDArray[np.bool_], weights: Floats) -> Floats:
    """Points lost per metric, out of 100 for those that are known, shape (n, p)."""
    known = np.where(seen, weights, 0.0)
    total = known.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * known, total, out=np.zeros_like(known), where=total > 0)
    return np.asarray(share * lost)


def _read_metric(told: dict[str, Any]) -> MetricWeight:
    goals = tuple(Goal(**each) for each in told["segments"])
    return MetricWeight(**{**told, "portfolio": Goal(**told["portfolio"]), "segments": goals})

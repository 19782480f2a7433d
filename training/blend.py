"""Blend: trees and health scorecard together, for renewals that are due.

Trees see what works together, but need many churns to tell a slope from chance. The scorecard only
adds points up, each metric in its healthy direction. Their mistakes differ, so that a mean of both
log-odds is better than either. The scorecard is learned among renewals due and says nothing of
others: there the trees stand alone.

References
----------
Bates and Granger (1969). The Combination of Forecasts. Genest and Zidek (1986). Combining
Probability Distributions: A Critique and an Annotated Bibliography, on the mean of log-odds.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training import memory
from training.cells import Floats, Ints
from training.encoding import Feature, encode
from training.health_score import HealthScore
from training.scorecard import Background, Grouping, LogOdds

NUMBERS_AT_ONCE = 1_000_000
"""Numbers that are looked at in one step."""

ARRAYS = tuple(each.name for each in fields(LogOdds))


@dataclass(frozen=True, eq=False)
class Blend:
    """The health scorecard as it stands beside a model's trees; it reads the same matrix.

    Parameters
    ----------
    columns : tuple of p int
        Where the scorecard's metrics stand in the matrix.
    days : int
        Where the days to the renewal stand.
    window : (int, int)
        Those from which a renewal is due, and from which it no longer is.
    context : tuple of (int, Background)
        Where each column of context stands, and how it is read.
    group : int, optional
        Column that sets groups apart; None where there is one group.
    edges : tuple of float
        Where bands begin, if bands of the column set groups apart.
    places : tuple of int
        Which of the scorecard's groups each level or band of the column is.
    told : tuple of LogOdds
        The scorecard's, then those of its refits.
    share : float
        Of the log-odds, that are the scorecard's; the rest are the trees'.
    means : tuple of float
        What each column of the matrix adds in the mean of the renewals due that were learned from.
    """

    columns: tuple[int, ...]
    days: int
    window: tuple[int, int]
    context: tuple[tuple[int, Background], ...]
    group: int | None
    edges: tuple[float, ...]
    places: tuple[int, ...]
    told: tuple[LogOdds, ...]
    share: float
    means: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        score: HealthScore,
        features: Sequence[Feature],
        table: pd.DataFrame,
        window: tuple[int, int],
        share: float,
        refits: int = 0,
    ) -> Self | None:
        """Make a scorecard read a model's matrix.

        Parameters
        ----------
        score : HealthScore
        features : sequence of Feature
            The columns of the matrix.
        table : DataFrame
            The rows learned from, with `due` and `weight`.
        window : (int, int)
        share : float
        refits : int
            How many of the scorecard's refits to keep, for intervals.

        Returns
        -------
        Blend or None
            None where the scorecard learned nothing, or the matrix lacks what it reads.
        """
        at = {feature.name: place for place, feature in enumerate(features)}
        context = [each for each in score.background if each.log_odds]
        grouped = score.grouping.column if score.segments else None
        needed = {m.name for m in score.metrics} | {each.name for each in context}
        if score.learned == "nothing" or not {*needed, "days_to_renewal"} <= at.keys():
            return None
        if grouped is not None and grouped not in at:
            return None
        group = None if grouped is None else at[grouped]
        plain = cls(
            columns=tuple(at[m.name] for m in score.metrics),
            days=at["days_to_renewal"],
            window=window,
            context=tuple((at[each.name], each) for each in context),
            group=group,
            edges=score.grouping.edges,
            places=()
            if group is None
            else _places(score.grouping, score.segments, features[group]),
            told=tuple(
                replace(odds, context=odds.context[[each in context for each in score.background]])
                for odds in (score.log_odds, *score.drawn[:refits])
            ),
            share=share,
        )
        return replace(plain, means=plain._mean_terms(features, table))

    def due(self, X: Floats) -> NDArray[np.bool_]:
        """Whether each row of a matrix has its renewal in the outcome window, shape (n,)."""
        days = X[:, self.days]
        return np.asarray((days >= self.window[0]) & (days < self.window[1]))

    def scores(self, trees: Floats, X: Floats) -> Floats:
        """Log-odds of both together, shape (n,), from those of the trees."""
        return self._mixed(trees[:, None], X, slice(0, 1))[:, 0]

    def bag_scores(self, trees: Floats, X: Floats) -> Floats:
        """Log-odds of refits of both, shape (n, bags), from those of the trees' refits."""
        return self._mixed(trees, X, slice(1, 1 + trees.shape[1]))

    def shap(self, trees: Floats, base: float, X: Floats) -> Floats:
        """SHAP values of both together, shape (n, columns), from those of the trees.

        Of a row that is due each is the mean, by share, of the trees' SHAP value and that of the
        scorecard: of a sum, the term less its mean over the renewals due (see `Linear.predict`).
        What sets these apart from all rows is owed to the days to renewal.

        Parameters
        ----------
        trees : ndarray of shape (n, columns)
        base : float
            Where the trees' SHAP values start; those of both start there as well.
        X : ndarray of shape (n, columns)
        """
        due = np.flatnonzero(self.due(X))
        if not len(due):
            return trees
        both = trees.copy()
        both[due] += self.share * (self._terms(X[due]) - np.array(self.means) - trees[due])
        both[due, self.days] += self.share * (sum(self.means) - base)
        return both

    def to_json(self) -> str:
        """Everything as text."""
        told = [{name: vars(odds)[name].tolist() for name in ARRAYS} for odds in self.told]
        return json.dumps({**asdict(self), "told": told}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; it says the same to the bit."""
        told: dict[str, Any] = json.loads(text)
        arrays = [{name: np.array(each) for name, each in one.items()} for one in told["told"]]
        context = tuple((place, Background(**each)) for place, each in told["context"])
        lists = {name: tuple(v) for name, v in told.items() if isinstance(v, list)}
        return cls(**{
            **told,
            **lists,
            "context": context,
            "told": tuple(LogOdds(**each) for each in arrays),
        })  # fmt: skip

    def _mixed(self, trees: Floats, X: Floats, which: slice) -> Floats:
        due = np.flatnonzero(self.due(X))
        if not len(due):
            return trees
        both = trees.copy()
        both[due] = mixed(trees[due], self._log_odds(X[due], which), self.share)
        return both

    def _log_odds(self, X: Floats, which: slice) -> Floats:
        """The scorecard's log-odds of rows due, by itself and its refits as asked, shape (n, d)."""
        told = self._stacked
        red, green = told["red"][:, which], told["green"][:, which]
        metric, missing, group, context = (
            told[name][which] for name in ("metric", "missing", "group", "context")
        )
        code = self._code(X)
        added = np.empty((len(X), len(metric)))
        step = max(1, NUMBERS_AT_ONCE // metric.size)
        for one in np.unique(code):
            mine = np.flatnonzero(code == one)
            for rows in (mine[a : a + step] for a in range(0, len(mine), step)):
                x = np.take(X[rows], self.columns, axis=1)[:, None, :]
                terms = _ramps(x, red[one], green[one], metric, missing)
                added[rows] = group[:, one] + terms.sum(axis=2)
        for place, (column, each) in enumerate(self.context):
            added += context[:, place] * each.on_scale(X[:, column])[:, None]
        return added

    def _terms(self, X: Floats) -> Floats:
        """What each column adds to the scorecard's log-odds, shape (n, columns)."""
        odds, code = self.told[0], self._code(X)
        x = np.take(X, self.columns, axis=1)
        red, green = odds.red.T[code], odds.green.T[code]
        terms = np.zeros(X.shape)
        terms[:, self.columns] = _ramps(x, red, green, odds.metric, odds.missing)
        terms[:, self.days if self.group is None else self.group] += odds.group[code]
        for slope, (column, each) in zip(odds.context, self.context, strict=True):
            terms[:, column] += slope * each.on_scale(X[:, column])
        return terms

    def _code(self, X: Floats) -> Ints:
        """Group of each row, shape (n,)."""
        other = len(self.told[0].group) - 1
        if self.group is None:
            return np.full(len(X), other)
        column = X[:, self.group]
        known = ~np.isnan(column)
        level = np.where(known, column, 0.0)
        band = np.searchsorted(self.edges, level, side="right") if self.edges else level.astype(int)
        return np.where(known, np.append(self.places, other)[band], other)

    @cached_property
    def _stacked(self) -> dict[str, Floats]:
        """The log-odds' arrays with a first axis for scorecard and refits; groups before it."""
        told = {name: np.stack([vars(odds)[name] for odds in self.told]) for name in ARRAYS}
        ends = {name: np.moveaxis(told[name], 2, 0).copy() for name in ("red", "green")}
        return told | ends

    def _mean_terms(self, features: Sequence[Feature], table: pd.DataFrame) -> tuple[float, ...]:
        """Mean of the terms over rows that are due; part by part, to hold no second table."""
        due = np.flatnonzero(table["due"].to_numpy(bool))
        total, weight = np.zeros(len(features)), 0.0
        for part in memory.chunks(len(due)):
            rows = table.iloc[due[part]]
            w = rows["weight"].to_numpy(np.float64)
            total += w @ self._terms(encode(features, rows))
            weight += w.sum()
        return tuple((total / weight).tolist())


def mixed(trees: Floats, scorecard: Floats, share: float) -> Floats:
    """Mean of two log-odds, the second with a share of the weight."""
    return np.asarray(trees + share * (scorecard - trees))


def _ramps(x: Floats, red: Floats, green: Floats, metric: Floats, missing: Floats) -> Floats:
    """What values of metrics add to the log-odds: nothing at green, all at red."""
    lost = np.clip((green - x) / (green - red), 0.0, 1.0)
    return np.where(np.isnan(x), missing, metric * lost)


def _places(grouping: Grouping, segments: Sequence[str], feature: Feature) -> tuple[int, ...]:
    """Which group of the scorecard each level of a category, or each band of a number, is."""
    names = [*feature.levels]
    if grouping.edges:
        middles = [grouping.edges[0] - 1, *grouping.edges]
        names = grouping.names_of(pd.Series(middles)).tolist()
    known = {name: place for place, name in enumerate(segments)}
    return tuple(known.get(name, len(segments)) for name in names)

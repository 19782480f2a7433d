"""Linear: log-odds as a sum with one term for each feature, learned from few churns.

It stands in `ChurnModel` where LightGBM's booster stands, and answers to the same two methods, so
that calibration, intervals, reasons and files are the same for both. A term may only run in its
feature's healthy direction, and adds nothing beyond the values that were seen. Where the risk
leaps, at the ends of the outcome window, a number is told in steps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from training.encoding import Feature

Floats = NDArray[np.float64]

STEP_RIDGE = 0.1
"""Penalty on steps: who is due is a leap, and is to be learned before anything else."""

SIDES: dict[int, tuple[float | None, float | None]] = {
    -1: (None, 0.0),
    0: (None, None),
    1: (0.0, None),
}
"""Bounds of a slope by its feature's direction."""

EDGE = 0.02
"""Share of the values at each end that are cut to the value where the rest begins."""


@dataclass(frozen=True)
class Term:
    """What one feature adds to the log-odds.

    Parameters
    ----------
    low, high : float
        Values below and above are read as these.
    centre, spread : float
        Mean and standard deviation of what was seen.
    slope : float
        Log-odds for one spread.
    missing : float
        Log-odds where there is no value.
    levels : tuple of float
        Log-odds of each category, or of each step; empty for a slope.
    edges : tuple of float
        Where a next step begins, one fewer than steps; empty for categories and slopes.
    mean : float
        Of the term over the rows learned from: where its contributions start.
    seen : tuple of (least, most, all whole), optional
        Of the values of a number; None where there was none.
    """

    low: float = 0.0
    high: float = 0.0
    centre: float = 0.0
    spread: float = 1.0
    slope: float = 0.0
    missing: float = 0.0
    levels: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    mean: float = 0.0
    seen: tuple[float, float, bool] | None = None

    def added(self, x: Floats) -> Floats:
        """Log-odds that n values add, shape (n,)."""
        unknown = np.isnan(x)
        if self.levels:
            told = np.asarray(self.levels)[self.places(x)]
        else:
            told = self.slope * (np.clip(x, self.low, self.high) - self.centre) / self.spread
        return np.where(unknown, self.missing, told)

    def places(self, x: Floats) -> NDArray[np.intp]:
        """Category or step of n values, 0 where there is no value; shape (n,)."""
        known = np.nan_to_num(x)
        if self.edges:
            return np.searchsorted(self.edges, known, side="right")
        return np.zeros(len(x), np.intp) if len(self.levels) == 1 else known.astype(np.intp)


@dataclass(frozen=True)
class Linear:
    """A penalised logistic model.

    Parameters
    ----------
    ridge : float
        Half the penalty on each squared coefficient, in units of log-likelihood.
    intercept : float
    terms : tuple of Term
        One for each feature.
    """

    ridge: float
    intercept: float
    terms: tuple[Term, ...]

    @classmethod
    def fit(
        cls,
        features: Sequence[Feature],
        X: Floats,
        churned: pd.Series,
        weight: pd.Series,
        ridge: float,
        steps: Mapping[str, tuple[float, ...]],
    ) -> Self:
        """Maximum likelihood with a ridge penalty, each slope kept on its feature's side of 0.

        Parameters
        ----------
        features : sequence of p Feature
        X : ndarray of shape (n, p)
            As `training.encoding.encode` makes it.
        churned : Series of bool, shape (n,)
        weight : Series of float, shape (n,)
        ridge : float
            Above 0.
        steps : mapping of str to tuple of float
            Where the steps of a feature begin that is told in such.
        """
        y, w = churned.to_numpy(np.float64), weight.to_numpy(np.float64)
        scales = [
            _scale(feature, X[:, j], w, steps.get(feature.name, ()))
            for j, feature in enumerate(features)
        ]
        blocks = [_columns(scale, X[:, j]) for j, scale in enumerate(scales)]
        Z = np.column_stack([np.ones(len(X)), *blocks])
        held = [STEP_RIDGE if scale.edges else ridge for scale in scales]
        widths = [block.shape[1] for block in blocks]
        penalty = np.append(0.0, np.repeat(held, widths))
        bounds = [SIDES[0]]
        for feature, block in zip(features, blocks, strict=True):
            sided = SIDES[feature.direction]
            free = [SIDES[0]] * (block.shape[1] - 1)
            bounds += [sided, *free]

        def loss(beta: Floats) -> tuple[float, Floats]:
            z = Z @ beta
            gap = w * (expit(z) - y)
            value = w @ (np.logaddexp(0, z) - y * z) + penalty @ beta**2 / 2
            return float(value), Z.T @ gap + penalty * beta

        start = np.zeros(Z.shape[1])
        rate = np.clip(np.average(y, weights=w), 1e-6, 1 - 1e-6)
        start[0] = np.log(rate / (1 - rate))
        options = {"maxiter": 500, "ftol": 1e-10, "gtol": 1e-6}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        beta = np.asarray(found.x, dtype=np.float64)
        ends = np.cumsum([1, *widths])
        terms = [
            _term(scale, beta[a:b], X[:, j], w)
            for j, (scale, a, b) in enumerate(zip(scales, ends[:-1], ends[1:], strict=True))
        ]
        return cls(ridge, float(beta[0]), tuple(terms))

    def steps(self, features: Sequence[Feature]) -> dict[str, tuple[float, ...]]:
        """Where the steps begin, by feature, to learn once more with the same."""
        return {f.name: t.edges for f, t in zip(features, self.terms, strict=True) if t.edges}

    def predict(self, X: Floats, *, pred_contrib: bool = False, **_: Any) -> Floats:
        """Log-odds of n rows, as LightGBM's booster gives them with ``raw_score``.

        Parameters
        ----------
        X : ndarray of shape (n, p)
        pred_contrib : bool
            Give what each feature contributes instead, shape (n, p + 1), last where they start:
            of a sum, the term less its mean is the exact SHAP value.
        """
        added = np.empty((len(X), len(self.terms)))
        for j, term in enumerate(self.terms):
            added[:, j] = term.added(X[:, j])
        if not pred_contrib:
            return np.asarray(self.intercept + added.sum(axis=1))
        means = np.array([term.mean for term in self.terms])
        base = np.full((len(X), 1), self.intercept + means.sum())
        return np.hstack([added - means, base])

    def model_to_string(self) -> str:
        """Everything as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read what `model_to_string` wrote; it predicts the same to the bit."""
        told = json.loads(text)
        terms = tuple(
            Term(**{name: _frozen(value) for name, value in each.items()}) for each in told["terms"]
        )
        return cls(told["ridge"], told["intercept"], terms)


def _frozen(value: Any) -> Any:
    """A list, as JSON has it, as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value


def _scale(feature: Feature, x: Floats, w: Floats, edges: tuple[float, ...]) -> Term:
    """Learn how a column is read, before anything is learned from it."""
    if feature.kind == "category":
        return Term(levels=(0.0,) * max(len(feature.levels), 1))
    known = ~np.isnan(x) & (w > 0)
    if not known.any():
        return Term()
    values = x[known]
    whole = bool((values % 1 == 0).all())
    seen = (float(values.min()), float(values.max()), whole)
    if edges:
        return Term(levels=(0.0,) * (len(edges) + 1), edges=edges, seen=seen)
    low, high = np.quantile(values, [EDGE, 1 - EDGE])
    cut = np.clip(values, low, high)
    centre = np.average(cut, weights=w[known])
    spread = np.sqrt(np.average((cut - centre) ** 2, weights=w[known]))
    if spread <= 1e-12 * max(abs(centre), 1.0):
        low = high = centre  # one value tells nothing
        spread = 1.0
    return Term(float(low), float(high), float(centre), float(spread), seen=seen)


def _columns(scale: Term, x: Floats) -> Floats:
    """Standardised values, or a column for each category; last, whether there is none."""
    unknown = np.isnan(x)
    if scale.levels:
        told = np.eye(len(scale.levels))[scale.places(x)]
    else:
        told = ((np.clip(x, scale.low, scale.high) - scale.centre) / scale.spread)[:, None]
    return np.column_stack([np.where(unknown[:, None], 0.0, told), unknown])


def _term(scale: Term, beta: Floats, x: Floats, w: Floats) -> Term:
    *values, missing = (float(each) for each in beta)
    told = {"levels": tuple(values)} if scale.levels else {"slope": values[0]}
    term = Term(**{**asdict(scale), **told, "missing": missing})
    return Term(**{**asdict(term), "mean": float(np.average(term.added(x), weights=w))})

"""How unlike metrics and dimensions are, learned from the company's own data.

How firmly betas are held to one another decides what a scorecard finds: held too loosely, luck is
told as weight; too firmly, everything comes out equal. Nobody can know it beforehand, so the
spreads are those under which the data are most probable (empirical Bayes): with ramps as found,
the likelihood is close to a normal one in the betas and in what missing values tell, and the
marginal likelihood of the three spreads has a closed form.

References
----------
MacKay (1992). Bayesian interpolation. Neural Computation 4.
Efron and Morris (1975). Data analysis using Stein's estimator and its generalizations. JASA 70.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import expit

from training import memory, ramp, ramp_fit
from training.cells import Floats
from training.ramp import Penalties, Problem, Ramps

METRIC = (0.03, 0.05, 0.08, 0.12, 0.17, 0.24, 0.34, 0.5, 0.7)
DIMENSION = (0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.5)
MISSING = (0.02, 0.07, 0.14, 0.25, 0.45, 0.8)
"""Spreads that are compared, as standard deviations in log-odds."""

BOUNDED = 1.4
"""Betas cannot be negative, which their likelihood's normal form does not know: those that count
for nothing stand at 0 rather than around it, and the rest spread by so much more."""

ROUNDS = 2
"""Ramps and spreads depend on one another; after two rounds they hardly move."""


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood near the most probable scorecard, as ``h'x - x'Ax / 2``.

    x are the free betas, then what the missing values of those metrics tell that have any;
    intercept and context are at their best for each x.
    """

    A: Floats
    h: Floats
    betas: int


def learned(problem: Problem) -> tuple[Problem, Ramps]:
    """The problem with the spreads under which the data are most probable, and its scorecard."""
    found = ramp_fit.fit(problem)
    for _ in range(ROUNDS):
        problem = replace(problem, penalties=best(problem, near(problem, found)))
        found = ramp_fit.fit(problem, found)
    return problem, found


def near(problem: Problem, found: Ramps) -> Likelihood:
    """Gradient and curvature of the log-likelihood at a scorecard."""
    cells, loading = problem.cells, problem.loading()
    lost = 1 - ramp.parts(cells, found, ramp.HARD if problem.tied else ramp.SOFT)
    some = cells.missing().any(axis=0)
    free = np.linalg.pinv(loading) @ found.beta
    there = np.append(free, found.missing[some])
    rest = np.append(found.linear, found.intercept)
    size, context = len(there), problem.linear.shape[1]
    XX, XZ = np.zeros((size, size)), np.zeros((size, context + 1))
    ZZ = np.diag(np.append(np.full(context, problem.penalties.context), 1e-6))
    uphill = np.zeros(size)
    for rows in memory.chunks(len(problem.y)):
        X = np.column_stack([cells.to_rows(lost, rows) @ loading, cells.missing(rows)[:, some]])
        Z = np.column_stack([problem.linear[rows], np.ones(len(X))])
        p = expit(X @ there + Z @ rest)
        curve = problem.weight[rows] * p * (1 - p)
        steep = X.T * curve
        XX += steep @ X
        XZ += steep @ Z
        ZZ += (Z.T * curve) @ Z
        uphill += X.T @ (problem.weight[rows] * (problem.y[rows] - p))
    A = XX - XZ @ np.linalg.solve(ZZ, XZ.T)
    return Likelihood(A, A @ there + uphill, len(free))


def best(problem: Problem, likelihood: Likelihood) -> Penalties:
    """Spreads of highest marginal likelihood."""
    evidence = compared(problem, likelihood)
    return max(evidence, key=lambda held: evidence[held])


def drawn(problem: Problem, found: Ramps, rng: np.random.Generator, size: int) -> list[Penalties]:
    """Spreads drawn in proportion to their marginal likelihood: nobody knows them exactly."""
    evidence = compared(problem, near(problem, found))
    told = np.array(list(evidence.values()))
    share = np.exp(told - told.max())
    choices = rng.choice(len(told), size=size, p=share / share.sum())
    return [list(evidence)[choice] for choice in choices]


def compared(problem: Problem, likelihood: Likelihood) -> dict[Penalties, float]:
    """Logarithm of the marginal likelihood of all spreads, up to a constant."""
    evidence = {}
    for metric, dimension in product(METRIC, DIMENSION):
        if problem.tied and dimension:
            continue
        held = replace(problem.penalties, metric=metric, dimension=dimension)
        precision = np.asarray(np.linalg.inv(replace(problem, penalties=held).variance()))
        for missing in MISSING:
            told = replace(
                held,
                metric=BOUNDED * metric,
                dimension=BOUNDED * dimension,
                missing=1 / missing**2,
            )
            evidence[told] = _evidence(likelihood, precision, told.missing)
    return evidence


def _evidence(likelihood: Likelihood, precision: Floats, missing: float) -> float:
    """Logarithm of the marginal likelihood, up to a constant; `precision` is that of the betas."""
    A, h, betas = likelihood.A, likelihood.h, likelihood.betas
    prior = missing * np.eye(len(h))
    prior[:betas, :betas] = precision
    root = np.linalg.cholesky(A + prior)
    fit = solve_triangular(root, h, lower=True)
    of_betas = np.log(np.diag(np.linalg.cholesky(precision))).sum()
    before = of_betas + (len(h) - betas) / 2 * np.log(missing)
    return float(before - np.log(np.diag(root)).sum() + fit @ fit / 2)

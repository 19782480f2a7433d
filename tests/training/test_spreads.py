"""How alike metrics are, read off the data: against an integral by hand, and planted truth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from training import ramp, ramp_fit, spreads
from training.cells import Cells
from training.ramp import Penalties, Problem
from training.spreads import Likelihood


def problem(spread: float, rows: int = 6000, metrics: int = 12, seed: int = 0) -> Problem:
    """Metrics from 0 to 1, each alone in its dimension; their betas spread around 0.8."""
    rng = np.random.default_rng(seed)
    X = rng.random((rows, metrics))
    beta = np.maximum(0.8 + spread * rng.standard_normal(metrics), 0)
    odds = (1 - X) @ beta
    odds -= odds.mean() + 1
    return Problem(
        cells=Cells.of(X, np.zeros(rows, dtype=np.intp)),
        linear=np.ones((rows, 1)),
        y=(rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float),
        weight=np.ones(rows),
        dimension=np.arange(metrics),
        segments=1,
        expected=np.ones(metrics),
        goals=np.full((metrics, 1), np.nan),
    )


def test_the_marginal_likelihood_is_the_integral() -> None:
    small = replace(problem(0.1, rows=50, metrics=2), dimension=np.zeros(2, dtype=np.intp))
    A, h = np.array([[4.0, 1.5], [1.5, 3.0]]), np.array([2.0, -0.5])

    grid = np.stack(np.meshgrid(*2 * [np.linspace(-8, 8, 801)]), axis=-1).reshape(-1, 2)
    likely = np.exp(grid @ h - np.einsum("ni,ij,nj->n", grid, A, grid) / 2)

    def by_hand(held: Penalties) -> float:
        before = multivariate_normal(np.zeros(2), replace(small, penalties=held).variance())
        return float(np.log((likely * before.pdf(grid)).sum()))

    def closed(held: Penalties) -> float:
        precision = np.linalg.inv(replace(small, penalties=held).variance())
        return spreads._evidence(Likelihood(A, h, 2), precision, held.missing)

    one, other = Penalties(metric=0.3, dimension=0.1), Penalties(metric=0.7, dimension=0.5)
    assert closed(one) - closed(other) == pytest.approx(by_hand(one) - by_hand(other), abs=1e-4)


def test_unlike_metrics_are_seen_to_be_unlike() -> None:
    def found(spread: float) -> float:
        given = problem(spread)
        ramps = replace(ramp.Assumed.before(given).ramps, green=np.ones(12), log_width=np.zeros(12))
        at = spreads.near(given, ramp_fit.fit_weights(given, ramps))
        return spreads.best(given, at).metric / spreads.BOUNDED

    assert found(0.0) < 0.2
    assert 0.3 <= found(0.6) <= 0.8


def test_spreads_are_drawn_around_the_best() -> None:
    given = problem(0.5, rows=2000)
    ramps = ramp_fit.fit_weights(given, ramp.Assumed.before(given).ramps)
    drawn = spreads.drawn(given, ramps, np.random.default_rng(0), 200)
    best = spreads.best(given, spreads.near(given, ramps))
    told = np.array([each.metric for each in drawn])
    assert len(set(told)) > 1
    assert np.quantile(told, 0.1) <= best.metric <= np.quantile(told, 0.9)

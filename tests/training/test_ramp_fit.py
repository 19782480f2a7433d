"""Cells and the slope of the loss, against what they stand for."""

import numpy as np

from training import ramp, ramp_fit
from training.cells import Cells


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    X[rng.random(X.shape) < 0.2] = np.nan
    segment = rng.integers(0, 2, 200)
    linear = (segment[:, None] == np.arange(2)).astype(float)
    problem = ramp.Problem(
        Cells.of(X, segment, most=20),
        linear,
        rng.integers(0, 2, 200).astype(float),
        rng.random(200),
        np.array([0, 0, 1]),
        segments=2,
        expected=np.array([1.0, 2.0, 1.0]),
        goals=np.full((3, 2), np.nan),
    )
    assumed = ramp.Assumed.before(problem).drawn(problem, rng)
    precision = problem.root() @ problem.root().T
    start = assumed.ramps.vector() + 0.1 * rng.random(assumed.ramps.vector().size)

    def value(vector: np.ndarray) -> float:
        return ramp_fit.loss(problem, assumed, precision, assumed.ramps.like(vector), ramp.SOFT)[0]

    slope = ramp_fit.loss(problem, assumed, precision, assumed.ramps.like(start), ramp.SOFT)[1]
    step = 1e-6 * np.eye(len(start))
    measured = [(value(start + e) - value(start - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(slope.vector(), measured, rtol=1e-4, atol=1e-5)


def test_cells_hold_every_row_once_per_metric() -> None:
    X = np.array([[1.0, np.nan], [2.0, 5.0], [1.0, 5.0]])
    cells = Cells.of(X, np.array([0, 0, 1]))
    member = cells.member.toarray()
    assert (member.sum(axis=1) == 2).all()
    assert cells.x.tolist() == [1.0, 2.0, 1.0, 5.0, 5.0]
    assert member[0, -1] == 1

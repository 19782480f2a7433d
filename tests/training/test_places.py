"""Where ramps lie, averaged: against sums over rows by hand, and planted ramps and steps."""

import numpy as np
import pytest
from scipy.special import expit

from training import places, ramp_fit
from training.cells import Cells, Floats
from training.ramp import SOFT, Assumed, Problem, Ramps, parts

SEGMENTS = 2


def problem(width: float, goals: Floats, rows: int = 4000, seed: int = 0) -> Problem:
    """Metrics alone in their dimension, each 1.2 in log-odds, over ramps or steps at goals."""
    rng = np.random.default_rng(seed)
    metrics = len(goals)
    X = rng.standard_normal((rows, metrics)).round(2)
    segment = rng.integers(0, SEGMENTS, rows)
    X[rng.random(X.shape) < 0.1] = np.nan
    climbed = np.clip((X - goals) / width + 0.5, 0, 1)
    odds = 1.2 * np.where(np.isnan(X), 0, 1 - climbed).sum(axis=1)
    return Problem(
        cells=Cells.of(X, segment, most=1000),
        linear=(segment[:, None] == np.arange(SEGMENTS)).astype(float),
        y=(rng.random(rows) < expit(odds - odds.mean() - 1)).astype(float),
        weight=rng.uniform(0.5, 1, rows),
        dimension=np.arange(metrics),
        segments=SEGMENTS,
        expected=np.ones(metrics),
        goals=np.full((metrics, SEGMENTS), np.nan),
    )


def test_likelihood_of_a_place_is_the_sum_over_rows() -> None:
    """Second order in what moves, each segment's intercept at its best for it."""
    given = problem(1.0, np.array([-0.3, 0.2]), rows=300)
    found = ramp_fit.fit(given)
    assumed = Assumed.before(given)
    likely = places._likely(given, found, assumed, np.eye(len(places.PLACES)))[1]

    cells = given.cells
    x = cells.to_rows(cells.x)[:, 1]
    known = ~cells.missing()[:, 1]
    lost = 1 - cells.to_rows(parts(cells, found, SOFT))
    odds = found.intercept + given.linear @ found.linear
    odds = odds + np.where(cells.missing(), found.missing, found.beta * lost).sum(axis=1)
    p = expit(odds)
    segment = given.linear.argmax(axis=1)
    width = np.exp(assumed.ramps.log_width[1] + places.WIDTHS)

    def by_hand(beta: float, s: int, w: int, m: int) -> float:
        rows = known & (segment == s)
        middle = assumed.ramps.middle[1] + places._unit(assumed)[1] * places.PLACES[m]
        now = beta * (1 - np.clip((x[rows] - middle) / width[w] + 0.5, 0, 1))
        moved = now - found.beta[1] * lost[rows, 1]
        curve = given.weight[rows] * p[rows] * (1 - p[rows])
        moved = moved - np.average(moved, weights=curve)
        slope = given.weight[rows] * (given.y[rows] - p[rows])
        return float(slope @ moved - curve @ moved**2 / 2)

    expected = found.beta[1] - _held(given)[1] @ found.beta / _held(given)[1, 1]
    betas = np.sqrt(-2 * likely.beta / _held(given)[1, 1]) + 0.0
    betas = expected + np.where(np.arange(len(betas)) < betas.argmin(), -betas, betas)
    some = [(3, 0, 2, 40), (9, 0, 8, 50), (9, 1, 5, 60), (13, 1, 0, 30)]
    zero = [by_hand(0.0, s, 0, 0) for s in range(SEGMENTS)]
    for b, s, w, m in some:
        told = likely.own[b, s, w, m] - likely.own[0, s, w, m]
        assert told == pytest.approx(by_hand(betas[b], s, w, m) - zero[s], abs=1e-8)


def _held(given: Problem) -> Floats:
    return given.root() @ given.root().T


GOALS = np.array([-0.8, -0.5, -0.3, -0.1, 0.1, -0.6])


def off(found: Ramps) -> float:
    return float(np.abs(found.middle[:, None] + found.shift - GOALS[:, None]).mean())


def test_steps_are_seen_to_be_steps_and_lie_where_they_were_planted() -> None:
    given = problem(0.01, GOALS)
    best = ramp_fit.fit(given)
    found = places.settled(given, best)
    assert np.median(found.width) < 0.5
    assert off(found) < min(0.12, off(best))


def test_wide_ramps_stay_wide() -> None:
    given = problem(2.0, GOALS)
    found = places.settled(given, ramp_fit.fit(given))
    assert np.median(found.width) > 1.2
    assert off(found) < 0.3

"""The joint ramp scorecard: how much each metric counts and from where to where, learned at once.

    logit p = a_segment + c . context + sum_j [ observed: beta_j (1 - h_j) ; missing: theta_j ]
    h_j     = clip((x_j - red_js) / (green_js - red_js), 0, 1),   beta_j >= 0

x_j is the metric on a common scale on which higher is healthier. Arrays only: tables, units and
evidence are the business of `training.health_score`.

Betas are held to what is expected of them before, with a spread per metric and per dimension that
`training.spreads` learns from the company's own data.
"""

from dataclasses import astuple, dataclass, fields, replace
from typing import Self

import numpy as np

from training.cells import Cells, Floats, Ints

SOFT, HARD = 0.4, 1e-9
"""Part of the ramp's width over which its corners are rounded: while ramps are learned, as sharp
corners stick, and once they stand."""

RED, GREEN = 0.15, 0.62
"""Shares of observations below the ends of the ramp before anything is learned."""

NARROWEST, WIDEST = 0.1, 8.0
"""Limits of a ramp's width, in half 16-84 % spreads."""

COLLAPSED = 0.2
"""Width below which `RED` and `GREEN` quantiles are one value that most accounts share."""

COMMON = 1.0
"""Spread of the betas' common level, in log-odds: hardly held."""


@dataclass(frozen=True)
class Penalties:
    """How firmly each part is held to what one would assume without data.

    Parameters
    ----------
    metric, dimension : float
        Standard deviations, in log-odds, of what a metric and what a dimension's metrics together
        count above or below what is expected of them.
    green : float
        Green ends towards the `GREEN` quantile, in quarters of the metric's range. This and what
        follows are precisions: half lambda squared.
    width : float
        Logarithms of ramps' widths towards the span from `RED` to `GREEN`.
    shift : float
        A segment's ramp towards the portfolio's.
    missing : float
        What a missing value says, towards nothing.
    context : float
        Coefficients of context, and what sets a segment apart.
    """

    metric: float = 0.3
    dimension: float = 0.1
    green: float = 8.0
    width: float = 20.0
    shift: float = 80.0
    missing: float = 10.0
    context: float = 1.0

    def loose(self) -> Self:
        """Penalties for a refit: what is best for one answer makes intervals too narrow."""
        apart = {"metric": 3 * self.metric, "dimension": 3 * self.dimension}
        return replace(self, green=3.0, width=3.0, shift=20.0, **apart)


@dataclass(frozen=True)
class Ramps:
    """A joint ramp scorecard on the common scale.

    Parameters
    ----------
    beta : ndarray of shape (p,)
        Log-odds between green and red.
    missing : ndarray of shape (p,)
        Log-odds of a missing value.
    green, log_width : ndarray of shape (p,)
        The portfolio's green end, and the natural logarithm of the ramp's width.
    shift : ndarray of shape (p, segments)
        Added to both ends in a segment.
    intercept : ndarray of shape (1,)
    linear : ndarray of shape (segments + context,)
        What sets each segment apart, and the coefficients of context.
    """

    beta: Floats
    missing: Floats
    green: Floats
    log_width: Floats
    shift: Floats
    intercept: Floats
    linear: Floats

    @property
    def width(self) -> Floats:
        """From red to green, shape (p,)."""
        return np.asarray(np.exp(self.log_width))

    @property
    def middle(self) -> Floats:
        """The portfolio's goals, shape (p,)."""
        return np.asarray(self.green - self.width / 2)

    def vector(self) -> Floats:
        """All numbers in one row, as an optimiser wants them."""
        return np.concatenate([part.ravel() for part in astuple(self)])

    def like(self, vector: Floats) -> Self:
        """Read a row of numbers as a scorecard of this one's shape; the inverse of `vector`."""
        parts, at = {}, 0
        for field in fields(self):
            mine: Floats = getattr(self, field.name)
            parts[field.name] = vector[at : at + mine.size].reshape(mine.shape)
            at += mine.size
        return replace(self, **parts)


@dataclass(frozen=True)
class Problem:
    """What a scorecard is learned from.

    Parameters
    ----------
    cells : Cells
    linear : ndarray of shape (n, segments + context)
        Membership in each segment, then context on a common scale.
    y, weight : ndarray of shape (n,)
        1 where the account churned; how much a row counts.
    dimension : ndarray of int, shape (p,)
    segments : int
    expected : ndarray of shape (p,)
        What the betas are expected to be, up to a common factor: equal ones, or weights of today.
    goals : ndarray of shape (p, segments)
        Middles of the ramps in use today, NaN where there are none.
    tied : bool
        Whether the metrics of a dimension share its weight as expected of them.
    penalties : Penalties
    """

    cells: Cells
    linear: Floats
    y: Floats
    weight: Floats
    dimension: Ints
    segments: int
    expected: Floats
    goals: Floats
    tied: bool = False
    penalties: Penalties = Penalties()

    def loading(self) -> Floats:
        """From the betas that are free to those of the metrics, shape (p, p or dimensions)."""
        if not self.tied:
            return np.eye(len(self.dimension))
        member = (self.dimension[:, None] == np.unique(self.dimension)[None, :]).astype(np.float64)
        known = self.expected @ member > 0
        share = np.where(known, member * self.expected[:, None], member)
        return np.asarray(share / share.sum(axis=0))

    def variance(self) -> Floats:
        """Covariance of the free betas before anything is learned."""
        k = self.penalties
        expected = self.expected / self.expected.mean()
        if self.tied:
            expected = np.linalg.pinv(self.loading()) @ expected
            spread = (k.metric**2 + k.dimension**2) * np.eye(len(expected))
        else:
            same = self.dimension[:, None] == self.dimension[None, :]
            spread = k.metric**2 * np.eye(len(expected)) + k.dimension**2 * same
        return np.asarray(spread + COMMON**2 * np.outer(expected, expected))

    def root(self) -> Floats:
        """R of shape (p, free): the penalty on the betas is half the square of R' beta."""
        free = np.linalg.cholesky(np.linalg.inv(self.variance()))
        return np.asarray(np.linalg.pinv(self.loading()).T @ free)


@dataclass(frozen=True)
class Assumed:
    """What holds before anything is learned, or a draw from it: the centre of the penalties.

    Parameters
    ----------
    ramps : Ramps
        Its betas are not read.
    pull : ndarray of shape (p,)
        Draws betas away from equality.
    quarter : ndarray of shape (p,)
        A quarter of each metric's range, the unit in which green ends are held.
    """

    ramps: Ramps
    pull: Floats
    quarter: Floats

    @classmethod
    def before(cls, problem: Problem) -> Self:
        """Ramps from the `RED` to the `GREEN` quantile, alike in all segments; or today's goals."""
        p, cells = len(problem.dimension), problem.cells
        low, red, green, high = np.array([_ends(cells, j) for j in range(p)]).reshape(p, 4).T
        rate = float(np.clip(np.average(problem.y, weights=problem.weight), 1e-6, 1 - 1e-6))
        ramps = Ramps(
            beta=np.full(p, 0.1),
            missing=np.zeros(p),
            green=green,
            log_width=np.log(np.clip(green - red, NARROWEST, WIDEST)),
            shift=np.zeros((p, problem.segments)),
            intercept=np.array([np.log(rate / (1 - rate))]),
            linear=np.zeros(problem.linear.shape[1]),
        )
        given = ~np.isnan(problem.goals[:, -1])
        ramps.green[given] = problem.goals[given, -1] + ramps.width[given] / 2
        ramps.shift[given] = problem.goals[given] - problem.goals[given, -1:]
        return cls(ramps, np.zeros(p), np.maximum((high - low) / 4, 0.05))

    def drawn(self, problem: Problem, rng: np.random.Generator) -> Self:
        """Draw everything from what the penalties say of it."""
        k, ramps = problem.penalties, self.ramps
        root = problem.root()

        def around(centre: Floats, penalty: float, unit: Floats | float = 1.0) -> Floats:
            return np.asarray(centre + unit * rng.standard_normal(centre.shape) / np.sqrt(penalty))

        ramps = replace(
            ramps,
            missing=around(ramps.missing, k.missing),
            green=around(ramps.green, k.green, self.quarter),
            log_width=around(ramps.log_width, k.width),
            shift=around(ramps.shift, k.shift),
            linear=around(ramps.linear, k.context),
        )
        return replace(self, ramps=ramps, pull=root @ rng.standard_normal(root.shape[1]))


def _ends(cells: Cells, metric: int) -> tuple[float, float, float, float]:
    """Low end of a metric's range, red and green as assumed, and high end."""
    mine = np.flatnonzero(cells.metric == metric)
    order = mine[np.argsort(cells.x[mine], kind="stable")]
    x, rank = cells.x[order], np.cumsum(cells.count[order])
    places = np.searchsorted(rank, np.array([0.02, RED, GREEN, 0.98]) * rank[-1])
    low, red, green, high = x[places].tolist()
    if green - red < COLLAPSED:
        # most accounts have one value: the ramp leads from it to the middle of the others
        below, above = rank[places[1]] - cells.count[order[places[1]]], rank[-1] - rank[places[2]]
        if above > below:
            green = x[np.searchsorted(rank, rank[-1] - above / 2)]
        else:
            red = x[np.searchsorted(rank, below / 2)]
    return low, red, green, high


def soft_clip(t: Floats, softness: float) -> tuple[Floats, Floats]:
    """Clip to 0..1 with corners rounded by parabolas; also its slope.

    Examples
    --------
    >>> soft_clip(np.array([-1.0, 0.0, 0.5, 2.0]), 0.4)[0].round(6).tolist()
    [0.0, 0.05, 0.5, 1.0]
    """
    low, low_slope = _hinge(t, softness)
    high, high_slope = _hinge(t - 1, softness)
    return low - high, low_slope - high_slope


def _hinge(t: Floats, softness: float) -> tuple[Floats, Floats]:
    slope = np.clip(t / softness + 0.5, 0.0, 1.0)
    return np.asarray(slope**2 * softness / 2 + np.maximum(t - softness / 2, 0.0)), slope


def parts(cells: Cells, ramps: Ramps, softness: float) -> Floats:
    """Part of the ramp that each known cell has climbed, 0 to 1."""
    return soft_clip(from_green(cells, ramps) + 1, softness)[0]


def from_green(cells: Cells, ramps: Ramps) -> Floats:
    """Distance of each known cell from its green end, in widths of the ramp."""
    j = cells.metric
    return np.asarray((cells.x - ramps.green[j] - ramps.shift[j, cells.segment]) / ramps.width[j])

"""Where ramps lie, averaged over all places that the data leave open.

The most probable place of a ramp is one peak of many, the more so the steeper the ramp. What errs
least on average is the median of all places, each weighed by how probable it makes the data. Metric
by metric, the others as found, the log-likelihood is expanded to second order in the metric's part
of the log-odds; then it depends on the metric's cells alone, and all widths, places and betas of a
grid are gone through. Segments have places of their own around the portfolio's. How steep ramps
are altogether, from ramps to steps, is read off all metrics of the company.

References
----------
Efron and Morris (1975). Data analysis using Stein's estimator and its generalizations. JASA 70.
Bishop (2006). Pattern Recognition and Machine Learning, 10.1: one factor at a time.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logsumexp

from training.cells import Floats
from training.ramp import NARROWEST, SOFT, WIDEST, Assumed, Problem, Ramps, parts

PLACES = np.linspace(-2.4, 2.4, 97)
"""Middles that are gone through, in units of `_unit` from the assumed one."""

MIDDLE, SHIFT = 0.4, 0.15
"""Spread of middles around the assumed ones, and of a segment's around the portfolio's, in units of
`_unit`."""

WIDTHS = np.array([-2.4, -1.7, -1.1, -0.7, -0.4, -0.15, 0.1, 0.35, 0.6])
"""Widths that are gone through: logarithms of the share of the assumed one."""

STEEPNESS, UNLIKE = 1.0, 0.3
"""Spread of the company's mean over `WIDTHS`, and of a metric's around it."""

BETAS = 14
"""Betas that are gone through, per metric."""


@dataclass(frozen=True)
class Likely:
    """Log-likelihood of one metric's ramp, up to a constant.

    Parameters
    ----------
    own : ndarray of shape (betas, segments, widths, places)
        Of the places in each segment.
    shared : ndarray of shape (betas, segments, widths, places)
        Of the portfolio's places, with each segment's around them.
    beta : ndarray of shape (betas,)
        What is held of the betas before the data: log-density.
    """

    own: Floats
    shared: Floats
    beta: Floats

    def together(self) -> Floats:
        """Of beta, width and the portfolio's place, shape (betas, widths, places)."""
        return np.asarray(self.shared.sum(axis=1) + self.beta[:, None, None])


def settled(problem: Problem, found: Ramps) -> Ramps:
    """The ramps at the median of their places, as wide as their widths are on average.

    Parameters
    ----------
    problem : Problem
    found : Ramps
        The most probable scorecard, with soft corners.
    """
    assumed = Assumed.before(problem)
    around = _around(problem.segments)
    each = _likely(problem, found, assumed, around)
    before = _log_normal(PLACES, MIDDLE) + _widths(each)[:, None]
    middle, width = np.zeros((2, len(each)))
    shift = np.zeros((len(each), problem.segments))
    for j, likely in enumerate(each):
        together = likely.together() + before
        share = _normal(together)
        middle[j] = _median(share.sum(axis=(0, 1)))
        width[j] = share.sum(axis=(0, 2)) @ WIDTHS
        for s in range(problem.segments):
            others = _normal(together - likely.shared[:, s]) @ around
            here = others * np.exp(likely.own[:, s] - likely.own[:, s].max())
            shift[j, s] = _median(here.sum(axis=(0, 1))) - middle[j]
    start, unit = assumed.ramps, _unit(assumed)
    log_width = np.clip(start.log_width + width, np.log(NARROWEST), np.log(WIDEST))
    return replace(
        found,
        log_width=log_width,
        green=start.middle + unit * middle + np.exp(log_width) / 2,
        shift=start.shift + unit[:, None] * shift,
    )


def _unit(assumed: Assumed) -> Floats:
    """A quarter of each metric's range; half its 16-84 % spread where long tails make more."""
    return np.minimum(assumed.quarter, 1.0)


def _likely(problem: Problem, found: Ramps, assumed: Assumed, around: Floats) -> list[Likely]:
    """What the data say of each metric's ramp, the other metrics as found."""
    cells, start, unit = problem.cells, assumed.ramps, _unit(assumed)
    known = len(cells.metric)
    lost = found.beta[cells.metric] * (1 - parts(cells, found, SOFT))
    odds = cells.member @ np.concatenate([lost, found.missing])
    p = expit(found.intercept + problem.linear @ found.linear + odds)
    slope = (cells.member.T @ (problem.weight * (p - problem.y)))[:known]
    curve = (cells.member.T @ (problem.weight * p * (1 - p)))[:known]
    root = problem.root()
    held = root @ root.T
    told = []
    for j in range(len(problem.dimension)):
        mine = np.flatnonzero(cells.metric == j)
        segment = cells.segment[mine]
        x = (cells.x[mine] - start.middle[j] - start.shift[j, segment]) / unit[j]
        width = np.clip(start.width[j] * np.exp(WIDTHS), NARROWEST, WIDEST) / unit[j]
        climbed = np.clip((x[:, None, None] - PLACES) / width[:, None] + 0.5, 0, 1)
        linear, square = np.zeros((2, problem.segments, len(WIDTHS), len(PLACES)))
        for s in range(problem.segments):
            here = segment == s
            linear[s], square[s] = _sums(
                1 - climbed[here], lost[mine][here], slope[mine][here], curve[mine][here]
            )
        # the beta as the other metrics' betas let one expect it
        expected = found.beta[j] - held[j] @ found.beta / held[j, j]
        reach = 3.5 / np.sqrt(square.sum(axis=0).max() + held[j, j])
        beta = np.linspace(0, max(found.beta[j], expected) + reach, BETAS)
        each = beta[:, None, None, None]
        own = each * linear - each**2 / 2 * square
        top = own.max(axis=-1, keepdims=True)
        shared = np.log(np.maximum(np.exp(own - top) @ around.T, 1e-300)) + top
        told.append(Likely(own, shared, -held[j, j] / 2 * (beta - expected) ** 2))
    return told


def _sums(lost: Floats, found: Floats, slope: Floats, curve: Floats) -> tuple[Floats, Floats]:
    """Linear and squared term of the log-likelihood in beta, shape (widths, places).

    Parts lost (cells, widths, places) in place of what was found (cells,); the segment's
    intercept gives way.
    """
    weight = curve / max(curve.sum(), 1e-12)
    lost = lost - np.tensordot(weight, lost, 1)
    found = found - weight @ found
    return np.tensordot(curve * found - slope, lost, 1), np.tensordot(curve, lost**2, 1)


def _widths(each: list[Likely]) -> Floats:
    """Log-density of the widths before a metric is looked at, from all metrics: shape (widths,)."""
    of_metric = np.array([
        logsumexp(likely.together() + _log_normal(PLACES, MIDDLE), axis=(0, 2)) for likely in each
    ])  # fmt: skip
    level = np.linspace(WIDTHS[0], WIDTHS[-1], 31)
    given = np.array([_log_normal(WIDTHS - mean, UNLIKE) for mean in level])
    evidence = logsumexp(of_metric[:, None, :] + given, axis=2).sum(axis=0)
    evidence += _log_normal(level, STEEPNESS)
    return np.asarray(np.log(_normal(evidence) @ np.exp(given)))


def _around(segments: int) -> Floats:
    """Share of each place of the portfolio (rows) that has its segment at each place (columns)."""
    if segments == 1:
        return np.eye(len(PLACES))
    near = np.exp(-0.5 * ((PLACES[:, None] - PLACES) / SHIFT) ** 2)
    return np.asarray(near / near.sum(axis=1, keepdims=True))


def _log_normal(x: Floats, spread: float) -> Floats:
    """Log-density of a normal one on a grid of any spacing, so that its shares sum to 1."""
    told = -0.5 * (x / spread) ** 2 + np.log(np.gradient(x))
    return np.asarray(told - logsumexp(told))


def _normal(log: Floats) -> Floats:
    share = np.exp(log - log.max())
    return np.asarray(share / share.sum())


def _median(share: Floats) -> float:
    """Median place of unnormalised shares of `PLACES`, interpolated."""
    below = np.cumsum(share) - share / 2
    return float(np.interp(share.sum() / 2, below, PLACES))

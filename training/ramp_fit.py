"""Learning a joint ramp scorecard: the most probable one, and draws around it."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from training.cells import Floats, Ints
from training.ramp import (
    HARD,
    NARROWEST,
    SOFT,
    WIDEST,
    Assumed,
    Problem,
    Ramps,
    from_green,
    soft_clip,
)

STEPS, STEPS_OF_REFIT = 200, 100
"""Most steps of the optimiser. What is left of a refit after so many is small beside its luck."""


def fit(problem: Problem, start: Ramps | None = None) -> Ramps:
    """Learn weights, ramps, intercepts and context at once: the most probable scorecard.

    Where metrics are tied, ramps stay as assumed. `start`, if given, is that of much the same
    problem, from where it is not far.
    """
    assumed = Assumed.before(problem)
    if problem.tied:
        return fit_weights(problem, assumed.ramps)
    return _minimise(problem, assumed, start or assumed.ramps, SOFT)


def fit_weights(problem: Problem, ramps: Ramps) -> Ramps:
    """Learn everything but the ramps, which stay as they are, with sharp corners."""
    return _minimise(problem, Assumed.before(problem), ramps, HARD)


def refit(
    problem: Problem, best: Ramps, account: Ints, rng: np.random.Generator, *, ramps: bool = True
) -> Ramps:
    """Learn once more under random weights of accounts and randomly drawn assumptions.

    The spread of many refits is close to that of the posterior (randomised MAP).

    Parameters
    ----------
    best : Ramps
        Where to start: the most probable scorecard.
    account : ndarray of int, shape (n,)
        Number of each row's account: its rows share one luck.
    ramps : bool
        Whether ramps are learned as well, or only weights.

    References
    ----------
    Newton and Raftery (1994). Approximate Bayesian inference with the weighted likelihood
    bootstrap. Bardsley et al. (2014). Randomize-then-optimize.
    """
    luck = rng.exponential(size=int(account.max()) + 1)[account]
    loose = replace(problem, weight=problem.weight * luck, penalties=problem.penalties.loose())
    assumed = Assumed.before(loose).drawn(loose, rng)
    softness = SOFT if ramps else HARD
    return _minimise(loose, assumed, best, softness, STEPS_OF_REFIT, tolerance=1e-6)


def loss(
    problem: Problem, assumed: Assumed, precision: Floats, ramps: Ramps, softness: float
) -> tuple[float, Ramps]:
    """Penalised negative log-likelihood, and its gradient in the shape of a scorecard."""
    cells, k, centre = problem.cells, problem.penalties, assumed.ramps
    j, s, p = cells.metric, cells.segment, len(problem.dimension)
    width = ramps.width[j]
    distance = from_green(cells, ramps)
    h, slope = soft_clip(distance + 1, softness)
    eta = (
        ramps.intercept
        + problem.linear @ ramps.linear
        + cells.member @ np.concatenate([ramps.beta[j] * (1 - h), ramps.missing])
    )
    gap = problem.weight * (expit(eta) - problem.y)
    of_cell = cells.member.T @ gap
    seen, unseen = of_cell[: len(j)], of_cell[len(j) :]
    uphill = seen * ramps.beta[j] * slope

    of_beta = precision @ ramps.beta
    off = {
        "green": (ramps.green - centre.green) / assumed.quarter,
        "width": ramps.log_width - centre.log_width,
        "shift": ramps.shift - centre.shift,
        "missing": ramps.missing - centre.missing,
        "context": ramps.linear - centre.linear,
    }
    likely = problem.weight @ (np.logaddexp(0, eta) - problem.y * eta)
    penalty = ramps.beta @ (of_beta / 2 - assumed.pull)
    penalty += sum(getattr(k, name) / 2 * np.sum(part**2) for name, part in off.items())
    moved = np.bincount(j * problem.segments + s, uphill / width, minlength=p * problem.segments)
    moved = moved.reshape(p, problem.segments)
    gradient = Ramps(
        beta=np.bincount(j, seen * (1 - h), minlength=p) + of_beta - assumed.pull,
        missing=unseen + k.missing * off["missing"],
        green=moved.sum(axis=1) + k.green * off["green"] / assumed.quarter,
        log_width=np.bincount(j, uphill * distance, minlength=p) + k.width * off["width"],
        shift=moved + k.shift * off["shift"],
        intercept=np.array([gap.sum()]),
        linear=problem.linear.T @ gap + k.context * off["context"],
    )
    return float(likely + penalty), gradient


def _minimise(
    problem: Problem,
    assumed: Assumed,
    start: Ramps,
    softness: float,
    steps: int = STEPS,
    tolerance: float = 1e-8,
) -> Ramps:
    """L-BFGS-B; ramps with hard corners are not moved."""
    root, loading = problem.root(), problem.loading()
    precision = root @ root.T
    free = np.linalg.lstsq(loading, start.beta, rcond=None)[0]
    begin = replace(start, beta=np.clip(free, 0.01, None))

    def step(vector: Floats) -> tuple[float, Floats]:
        tied = begin.like(vector)
        ramps = replace(tied, beta=loading @ tied.beta)
        value, gradient = loss(problem, assumed, precision, ramps, softness)
        return value, replace(gradient, beta=loading.T @ gradient.beta).vector()

    low, high = (begin.like(np.full(begin.vector().size, end)) for end in (-np.inf, np.inf))
    narrow, wide = (np.full_like(start.log_width, np.log(end)) for end in (NARROWEST, WIDEST))
    low = replace(low, beta=np.zeros(len(free)), log_width=narrow)
    high = replace(high, log_width=wide)
    if softness == HARD:
        stay = {"green": start.green, "log_width": start.log_width, "shift": start.shift}
        low, high = replace(low, **stay), replace(high, **stay)
    best = minimize(
        step,
        begin.vector(),
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([low.vector(), high.vector()]),
        options={"maxiter": steps, "maxfun": 2 * steps, "ftol": tolerance, "maxcor": 20},
    )
    found = begin.like(best.x)
    return replace(found, beta=loading @ found.beta)

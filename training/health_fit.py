"""Learning a health score: from a feature table with outcomes to weights and goals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from features.metric import Metric
from training import places, ramp, ramp_fit, spreads
from training.cells import Floats, Ints
from training.health_evidence import dimension_weights, goals_of, intervals, with_lead
from training.health_rows import Rows, rows_of, usable
from training.present import Goals, expected, middles
from training.ramp import Problem, Ramps
from training.scorecard import Grouping, Learned, LogOdds, MetricWeight
from training.split import of_some_accounts

LOOKS, QUICK_LOOKS = 100_000, 40_000
"""Looks at renewals beyond which accounts are drawn at random: of a score that is kept, and of one
that only judges a block or a grouping. Goals gain from every look, and every look costs;
`benchmarks.caps` measures both."""

CHURNS_FOR_DIMENSIONS = 60
CHURNS_FOR_METRICS = 200
"""Churned accounts from which weights of dimensions, then of metrics and goals are learned."""


def learn(
    table: pd.DataFrame,
    churned: pd.Series,
    weight: pd.Series,
    metrics: Mapping[str, Metric],
    refits: int,
    seed: int,
    present_weights: Mapping[str, float],
    present_goals: Goals,
    grouping: Grouping,
    quick: bool,
) -> dict[str, Any]:
    """The fields of a `HealthScore`: the story in order."""
    is_due = table["due"].to_numpy(bool) if "due" in table else np.ones(len(table), dtype=bool)
    most = QUICK_LOOKS if quick else LOOKS
    is_due = of_some_accounts(table["account_id"], is_due, most, seed)
    used, left_out = usable(table, is_due, metrics)
    fates, shares = churned[is_due].to_numpy(bool), weight[is_due].to_numpy(np.float64)
    data = rows_of(table, is_due, fates, shares, used, grouping)
    left = len(np.unique(data.account[fates]))
    learned: Learned = (
        "nothing"
        if left < CHURNS_FOR_DIMENSIONS or fates.all()
        else "dimensions"
        if left < CHURNS_FOR_METRICS
        else "metrics"
    )
    problem = _with_present(data, used, learned, present_weights, present_goals)
    best = None
    if learned != "nothing":
        problem, best = spreads.learned(problem)
    found, draws = _ramps(problem, best, data.account, refits, seed)
    goals, found = goals_of(data, problem, found, draws if learned == "metrics" else None)
    if learned != "nothing":
        found = ramp_fit.fit_weights(problem, found)
    if not found.beta.any():
        # every metric runs against its healthy direction: there is nothing to stand on
        learned = "nothing"
        found, draws = _ramps(problem, None, data.account, refits, seed)
        goals, found = goals_of(data, problem, found, None)
    goals = with_lead(goals, table, is_due, data, churned.to_numpy(bool))

    share = _shares(found)
    drawn = np.array([_shares(each) for each in draws]).reshape(-1, len(used))
    low, high = intervals(drawn, share)
    per_metric = tuple(
        MetricWeight(
            name=metric.name,
            dimension=metric.dimension,
            weight=float(share[j]),
            low=low[j],
            high=high[j],
            log_odds=float(found.beta[j]) if learned != "nothing" else 0.0,
            log_odds_missing=float(found.missing[j]),
            portfolio=goals[j][-1],
            segments=tuple(goals[j][:-1]),
        )
        for j, metric in enumerate(used)
    )
    odds = _log_odds(data, found)
    return {
        "learned": learned,
        "accounts": len(np.unique(data.account)),
        "churned": left,
        "metrics": per_metric,
        "dimensions": dimension_weights(data.dimension, share, drawn),
        "segments": data.segments,
        "grouping": grouping,
        "left_out": left_out,
        "intercepts": tuple(odds.group.tolist()),
        "background": tuple(
            replace(each, log_odds=float(c))
            for each, c in zip(data.background, odds.context, strict=True)
        ),
        "drawn": tuple(_log_odds(data, each) for each in draws),
    }


def _log_odds(data: Rows, ramps: Ramps) -> LogOdds:
    """Ramps in the metrics' units."""
    apart = len(data.segments) + 1
    sign, centre, spread = data.scale.sign[:, None], data.scale.centre, data.scale.spread
    green = ramps.green[:, None] + ramps.shift
    return LogOdds(
        red=sign * (centre + spread * (green - ramps.width[:, None])),
        green=sign * (centre + spread * green),
        metric=ramps.beta,
        missing=ramps.missing,
        group=ramps.intercept[0] + ramps.linear[:apart],
        context=ramps.linear[apart:],
    )


def _with_present(
    data: Rows, used: list[Metric], learned: Learned, weights: Mapping[str, float], goals: Goals
) -> Problem:
    """The problem, held to weights and goals of today, or else to equality.

    Dimensions are equal where only they are learned; else metrics are, so that a dimension counts
    for more with every metric that tells something of its own.
    """
    problem = replace(data.problem, tied=learned != "metrics")
    today = expected(weights, used)
    if today is None:
        today = problem.loading().sum(axis=1) if problem.tied else np.ones(len(used))
    units = middles(goals, used, data.segments)
    places = (units * data.scale.sign[:, None] - data.scale.centre) / data.scale.spread
    return replace(problem, expected=today, goals=places)


def _shares(ramps: Ramps) -> Floats:
    """Weights that sum to 100; equal ones where a refit found none."""
    beta = ramps.beta if ramps.beta.any() else np.ones_like(ramps.beta)
    return np.asarray(100 * beta / beta.sum())


def _ramps(
    problem: Problem, best: Ramps | None, account: Ints, refits: int, seed: int
) -> tuple[Ramps, list[Ramps]]:
    """The scorecard with its ramps where they lie on average, and draws around it.

    Without a most probable one, the neutral recipe.
    """
    if best is None:
        today = problem.expected / problem.expected.sum()
        return replace(ramp.Assumed.before(problem).ramps, beta=today), []
    rng, free = np.random.default_rng(seed), not problem.tied
    return places.settled(problem, best) if free else best, [
        ramp_fit.refit(replace(problem, penalties=held), best, account, rng, ramps=free)
        for held in spreads.drawn(problem, best, rng, refits)
    ]

"""Learned against present: what each change would have meant for last year's leavers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from features.metric import Metric
from training import bands, decisions
from training.health import Health
from training.health_score import HealthScore
from training.present import Goals, expected

YEAR_DAYS = 365


def today(
    score: HealthScore, weights: Mapping[str, float], metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """Weights in use today, out of 100, by metric; empty where none are in use."""
    told = expected(weights, [metrics[each.name] for each in score.metrics if each.name in metrics])
    if not weights or told is None:
        return {}
    names = [each.name for each in score.metrics if each.name in metrics]
    return {name: float(100 * w / told.sum()) for name, w in zip(names, told, strict=True)}


def changes(
    table: pd.DataFrame, health: Health, weights: Mapping[str, float], goals: Goals
) -> dict[str, Any]:
    """Count whom health flags, as learned and with single weights and goals as they are today.

    Flagged is who stands below healthy at the last look 60 to 90 days before a renewal of the last
    year in the table. These renewals also taught the score: the counts compare settings, they do
    not judge the score.

    Parameters
    ----------
    table : DataFrame
        Training table.
    health : Health
    weights : mapping
        Of today, by metric, out of 100 (see `today`).
    goals : mapping
        Of today.

    Returns
    -------
    dict
        leavers, stayers; learned (leavers and stayers flagged); metrics: per metric
        present_weight, present_goals and, with each of them alone, the leavers and stayers flagged.
    """
    told = bands.renewals(table)
    told = told[told["renewal_date"] > told["renewal_date"].max() - pd.Timedelta(days=YEAR_DAYS)]
    left = told["churned"].to_numpy(bool)

    def flagged(score: HealthScore) -> dict[str, int]:
        low = (score.score(told)["health"] < health.bands.cuts.healthy_from).to_numpy()
        return {"leavers": int((low & left).sum()), "stayers": int((low & ~left).sum())}

    score = health.score
    per_metric: dict[str, Any] = {}
    for each in score.metrics:
        entry: dict[str, Any] = {}
        if each.name in weights and weights[each.name] < 100:
            changed = decisions.with_weights(score, {each.name: weights[each.name]})
            entry |= {"present_weight": weights[each.name], "with_weight": flagged(changed)}
        if each.name in goals:
            own = decisions.goals_of_today(score, each.name, goals)
            changed = decisions.with_goals(score, each.name, own)
            entry |= {"present_goals": goals[each.name], "with_goals": flagged(changed)}
        if entry:
            per_metric[each.name] = entry
    return {
        "leavers": int(left.sum()),
        "stayers": int((~left).sum()),
        "learned": flagged(score),
        "metrics": per_metric,
    }

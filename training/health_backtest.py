"""The health score out of time: what it told before, beside what LightGBM told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError
from features.metric import Metric
from training import bands, evaluate, grouping, measures, memory, simplicity
from training.health import Health
from training.health_score import HealthScore
from training.split import Fold

Array = NDArray[np.float64]


def learned_before(
    table: pd.DataFrame,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    embargo_days: int,
    **today: Any,
) -> list[HealthScore | None]:
    """The health score as it could be learned before each block; None where too little was known.

    So is the choice of groups with goals of their own.

    Parameters
    ----------
    table : DataFrame
        Training table.
    folds : sequence of Fold
    metrics : mapping of name to Metric
    embargo_days : int
    **today
        `present_weights`, `present_goals` and `seed` of `HealthScore.fit`, where there are any.
    """
    return [_learned(fold.parts(table)[0], metrics, embargo_days, today) for fold in folds]


def told_before(
    table: pd.DataFrame, folds: Sequence[Fold], scores: Sequence[HealthScore | None]
) -> pd.DataFrame:
    """Health of the judged rows, each by the score that knew only what came before.

    Parameters
    ----------
    table : DataFrame
        Training table.
    folds : sequence of Fold
        All of the backtest; the first only warms up.
    scores : sequence of HealthScore or None
        As `learned_before` gives them.

    Returns
    -------
    DataFrame
        account_id, as_of, health, and scorecard_probability: churn among those due, null where too
        few had churned to learn it.
    """
    told = []
    for fold, score in zip(folds[1:], scores[1:], strict=True):
        block = fold.parts(table)[1]
        told += [_told(block.iloc[rows], score) for rows in memory.chunks(len(block))]
    return pd.concat(told, ignore_index=True)


def interactions(
    told: Mapping[str, Any],
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    embargo_days: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Metrics that work together, where more than `simplicity.MATTERS` is lost by adding points.

    Parameters
    ----------
    told : mapping
        What `summary` says.
    """
    if told["auc_lost"] is None or told["auc_lost"] <= simplicity.MATTERS:
        return []
    try:
        found = simplicity.compare(table, metrics, embargo_days, seed=seed)
    except TenureError:
        return []
    return [asdict(each) for each in found.interactions]


def _learned(
    before: pd.DataFrame,
    metrics: Mapping[str, Metric],
    embargo_days: int,
    today: Mapping[str, Any],
) -> HealthScore | None:
    present_goals, seed = today.get("present_goals", {}), today.get("seed", 0)
    groups, _ = grouping.chosen(before, metrics, embargo_days, present_goals, seed)
    try:
        return HealthScore.fit(
            before,
            before["churned"],
            before["weight"],
            metrics,
            refits=0,
            grouping=groups,
            quick=True,
            **today,
        )
    except TenureError:
        # too little was known so early; later blocks are judged
        return None


def _told(block: pd.DataFrame, score: HealthScore | None) -> pd.DataFrame:
    keys = block[["account_id", "as_of"]]
    if score is None:
        return keys.assign(health=np.nan, scorecard_probability=np.nan)
    risk = np.nan if score.learned == "nothing" else score.risk(block)
    return keys.assign(health=score.score(block)["health"], scorecard_probability=risk)


def summary(backtest: pd.DataFrame, health: Health, seed: int) -> dict[str, Any]:
    """What the health score is worth beside LightGBM, among renewals due; ready for JSON.

    Parameters
    ----------
    backtest : DataFrame
        With health, scorecard_probability and trees_probability.
    health : Health
    seed : int

    Returns
    -------
    dict
        learned, accounts, churned; `scorecard` and `trees`, each with auc, calibration_error and
        log_loss; auc_lost (the trees' less the scorecard's) with auc_lost_low and auc_lost_high,
        95 %; observations; bands; audit (records).
    """
    known = backtest[backtest["health"].notna()]
    labelled = bands.out_of_fold(known, health.bands.cuts)
    return {
        "learned": health.score.learned,
        "accounts": health.score.accounts,
        "churned": health.score.churned,
        **_beside(backtest, seed),
        "bands": health.bands.as_dict(),
        "audit": bands.audit(labelled).to_dict("records"),
    }


def _beside(backtest: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Scorecard and trees on the same rows: due, and judged by both."""
    rows = backtest[backtest["due"] & backtest["scorecard_probability"].notna()]
    nothing = {"observations": len(rows), "scorecard": None, "trees": None}
    if rows["churned"].nunique() < 2:
        return {**nothing, "auc_lost": None, "auc_lost_low": None, "auc_lost_high": None}
    weight = rows["weight"].to_numpy(np.float64)
    churned = rows["churned"].to_numpy(np.float64)
    simple, trees = (
        measures.Ranking.of(rows[name].to_numpy(np.float64), churned)
        for name in ("scorecard_probability", "trees_probability")
    )

    def lost(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {"auc_lost": trees.under(weights).auc() - simple.under(weights).auc()}

    drawn = evaluate.draw_figures(rows, lost, seed=seed)["auc_lost"]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {
        **nothing,
        "scorecard": _figures(rows, "scorecard_probability", weight),
        "trees": _figures(rows, "trees_probability", weight),
        "auc_lost": float(lost(rows, weight[:, None])["auc_lost"][0]),
        "auc_lost_low": float(low),
        "auc_lost_high": float(high),
    }


def _figures(rows: pd.DataFrame, name: str, weight: Array) -> dict[str, float]:
    p, y = rows[name].to_numpy(np.float64), rows["churned"].to_numpy(np.float64)
    error = measures.calibration_error(p, y, weight, weight[:, None])[0]
    sure = np.clip(p, 1e-12, 1 - 1e-12)
    loss = -np.average(y * np.log(sure) + (1 - y) * np.log1p(-sure), weights=weight)
    return {
        "auc": measures.auc(p, y, weight),
        "calibration_error": float(error),
        "log_loss": float(loss),
    }

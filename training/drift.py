"""Adversarial validation: whether the latest rows can be told from those learned from.

If they can, the world or the source has changed between them, and what was learned may hold less
now. That is no error: it is told, with the metrics that tell most, and stops nothing.

Much tells the day without any change: contracts grow older, windows over a year fill up only after
a year, an outage hits all accounts at once. So the context and the metrics that follow the calendar
among the rows learned from are left out. What changes in those alone is not seen.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from features.metric import CONTEXT, Metric
from training.churn_model import ChurnModel
from training.encoding import Feature
from training.evaluate import draw_figures, interval
from training.measures import Array, RankedRows, auc
from training.split import Fold, by_account, of_some_accounts

ROWS, TREES = 4000, 30
"""Rows of each kind, and trees, that bound what it costs."""
FEWEST = 100
"""Rows of each kind below which nothing is said."""
DRIFTED = 0.75
"""AUC from which on, surely, the latest rows are told apart."""
NAMED = 5
"""Metrics that are named, at most."""
TELLING = 0.6
"""AUC from which on a metric is named."""
CALENDAR = 0.05
"""Share of a metric's variance that may lie between days; beyond it tells the calendar."""
STEADY_ROWS = 100_000
"""Rows that tell this share, of accounts drawn at random where there are more."""
DRAWS = 200


def find(
    table: pd.DataFrame, fold: Fold, metrics: Mapping[str, Metric], seed: int = 0
) -> dict[str, Any] | None:
    """Learn to tell the last block's rows from earlier ones, on half of the accounts.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    fold : Fold
        The last of that table.
    metrics : mapping of name to Metric
    seed : int

    Returns
    -------
    dict or None
        auc (low, high) on the other half of the accounts; rows, latest and accounts judged;
        compared (metrics); drifted; `metrics`, those that tell alone, {metric, auc}; verdict. None
        of few rows.
    """
    told = {
        # trees are held to no direction here: both ways are drift
        name: replace(metric, healthy=None)
        for name, metric in metrics.items()
        if metric.dimension != CONTEXT and name in table
    }
    known = of_some_accounts(table["account_id"], fold.train_mask, STEADY_ROWS, seed)
    learned_from = table[["as_of", *told]][known]
    told = {name: metric for name, metric in told.items() if _steady(learned_from, metric)}
    rng = np.random.default_rng(seed)
    parts = []
    for mask, latest in ((fold.train_mask, False), (fold.test_mask, True)):
        place = rng.permutation(np.flatnonzero(mask))[:ROWS]
        parts.append(table.iloc[np.sort(place)][["account_id", *told]].assign(latest=latest))
    rows = pd.concat(parts, ignore_index=True)
    learned, _ = by_account(rows["account_id"], 2, seed)
    judged = rows[~learned].assign(weight=1.0)
    counts = [*rows.loc[learned, "latest"].value_counts(), *judged["latest"].value_counts()]
    if not told or len(counts) < 4 or min(counts) < FEWEST:
        return None
    even = pd.Series(1.0, rows.index)
    model = ChurnModel.fit(rows[learned], rows["latest"][learned], even[learned], told, TREES, seed)
    score, latest = model.scores(judged[[*told]]), judged["latest"].to_numpy(np.float64)

    def ranked(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {"auc": RankedRows.of(score, latest, weights).auc()}

    point = auc(score, latest)
    low, high = interval("auc", point, draw_figures(judged, ranked, DRAWS, seed)["auc"])
    drifted = low > DRIFTED
    alone = {feature.name: _alone(rows, feature) for feature in model.features}
    most = sorted(alone, key=lambda name: -alone[name])[:NAMED]
    tell = [{"metric": name, "auc": alone[name]} for name in most if alone[name] > TELLING]
    return {
        "auc": point,
        "auc_low": low,
        "auc_high": high,
        "rows": len(judged),
        "latest": int(latest.sum()),
        "accounts": int(judged["account_id"].nunique()),
        "compared": len(model.features),
        "first_day": f"{fold.test_from:%Y-%m-%d}",
        "drifted": drifted,
        "metrics": tell,
        "verdict": _verdict(point, low, high, fold, len(model.features), tell, drifted),
    }


def _steady(learned: pd.DataFrame, metric: Metric) -> bool:
    """Whether a metric, and whether it is there, told little of the day among the rows learned."""
    days, column = learned["as_of"], learned[metric.name]
    shapes = [column.notna().astype(np.float64)]
    if metric.kind != "category":
        shapes.append(column.rank(pct=True))
    return all(
        each.groupby(days).transform("mean").var() <= CALENDAR * each.var() or each.nunique() < 2
        for each in shapes
    )


def _alone(rows: pd.DataFrame, feature: Feature) -> float:
    """AUC by which a metric alone, or whether it is there, tells the latest rows; either way."""
    column, latest = rows[feature.name], rows["latest"]
    figures = [auc(column.isna().astype(float), latest)]
    known = column.notna()
    if feature.kind != "category" and latest[known].nunique() == 2:
        figures.append(auc(column[known], latest[known]))
    return max(max(figure, 1 - figure) for figure in figures)


def _verdict(
    point: float,
    low: float,
    high: float,
    fold: Fold,
    compared: int,
    tell: list[dict[str, Any]],
    drifted: bool,
) -> str:
    seen = (
        f"Rows from {fold.test_from:%Y-%m-%d} on can be told from those learned from by "
        f"{compared} metrics with AUC {point:.3f} ({low:.3f}-{high:.3f}; 0.5 is chance)"
    )
    if not drifted:
        return f"{seen}: no drift to speak of."
    names = ", ".join(f"{each['metric']} {each['auc']:.2f}" for each in tell) or "none alone"
    return (
        f"Drift: {seen}. Metrics that tell most alone: {names}. If the source was changed, mend "
        "it; if the world was, let newer rows in soon."
    )

"""What the curve of time to churn told before its time, and how good that was at each horizon."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import Metric
from training.calibration import Calibration
from training.churn_model import choose_trees
from training.evaluate import draw_figures, interval
from training.hazard import (
    AHEAD,
    HORIZONS,
    Hazard,
    Periods,
    days_followed,
    days_to_churn,
    learnable,
)
from training.measures import Ranking, log_losses
from training.split import Fold

Floats = NDArray[np.float64]

DRAWS = 200
"""Draws of accounts for the figures of each horizon."""

RANGED = ("left", "auc", "log_loss")
"""Figures with an interval."""

FIGURES = (
    *("said", "log_loss_base"),
    *(f"{name}{end}" for name in RANGED for end in ("", "_low", "_high")),
)
"""Of each horizon."""

FEWEST = 10
"""Rows that left, and rows that stayed, from which a horizon is judged."""


def told_before(
    table: pd.DataFrame,
    backtest: pd.DataFrame,
    folds: list[Fold],
    metrics: Mapping[str, Metric],
    periods: Periods,
    grace_days: int,
    most: int,
    seed: int = 0,
) -> tuple[pd.DataFrame, int, Calibration]:
    """What the curve would have told of each judged row before its time.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    backtest : DataFrame
        Judged rows with their calibrated `probability`.
    folds : list of Fold
        Of the table; the first warms up.
    metrics : mapping of name to Metric
    periods : Periods
    grace_days : int
        Days after an end until it is known that nobody followed on.
    most : int
        The most trees.
    seed : int

    Returns
    -------
    backtest : DataFrame
        With the columns of `hazard.NAMES`; `base_30d` and so on, the share that had left within so
        many days as known before; `curve_alone` (the window's probability by the hazards alone),
        `churn_days` (until the account left; empty where it has not) and `followed_days`.
    trees : int
        Their number, settled on the warm-up.
    calibration : Calibration
        Of the hazards, from all that was told before its time.
    """
    trees = 0
    past: list[pd.DataFrame] = []
    parts = []
    grace = pd.Timedelta(days=grace_days)
    dated = table[["as_of", "churn_date", "followed_days", "weight"]]
    for number, fold in enumerate(folds):
        before, block = fold.parts(table)
        known_until = fold.test_from - grace
        if number == 0:
            followed = days_followed(before, known_until)
            later = days_followed(block, folds[1].test_from - grace)
            known, known_later = (
                learnable(part, metrics, periods, days, seed)
                for part, days in ((before, followed), (block, later))
            )
            settled, trees = choose_trees(known, known_later, {**metrics, **AHEAD}, most, seed)
            model = Hazard.around(settled, before, periods, followed)
        else:
            model = Hazard.fit(before, metrics, periods, trees, seed, known_until)
        scores = model.scores(block)
        if number:
            known_rows = pd.concat(past)
            known_rows = known_rows[known_rows["known_at"] <= fold.test_from]
            model = model.calibrated(known_rows)
            served = block[["account_id", "as_of"]].merge(
                backtest[["account_id", "as_of", "probability"]], how="left"
            )
            curve = model.curve(block, served["probability"].to_numpy(np.float64), scores)
            told = pd.concat([block[["account_id", "as_of", "followed_days"]], curve], axis=1)
            parts.append(
                told.assign(
                    churn_days=days_to_churn(block),
                    curve_alone=model.window_probability(scores),
                    **_base_rates(dated[dated["as_of"] < known_until], known_until),
                )
            )
        rows = periods.persons(block, days_followed(block))
        closes = pd.to_timedelta(periods.bounds[1:][rows["period"]], unit="D") + grace
        past.append(
            rows.assign(
                score=scores[rows["place"], rows["period"]],
                weight=block["weight"].to_numpy(np.float64)[rows["place"]],
                known_at=block["as_of"].to_numpy()[rows["place"]] + closes.to_numpy(),
            )
        )
    told = backtest.merge(pd.concat(parts), on=["account_id", "as_of"], validate="1:1")
    everything = pd.concat(past)
    calibration = Calibration.fit(everything["score"], everything["churned"], everything["weight"])
    return told, trees, calibration


def judged(backtest: pd.DataFrame, periods: Periods, seed: int = 0) -> dict[str, Any]:
    """Compare the curve's own answer for the window with the plain model's, row by row.

    Returns
    -------
    dict
        Counts; `log_loss_curve`, `log_loss_plain`, their `difference` with `low` and `high` (95 %,
        by account), `as_good` (the interval does not lie above 0) and `verdict`.
    """
    y = backtest["churned"].to_numpy(np.float64)
    own, plain = (
        log_losses(backtest[name].to_numpy(np.float64), y)
        for name in ("curve_alone", "probability")
    )

    def means(_: pd.DataFrame, weights: Floats) -> dict[str, Floats]:
        total = weights.sum(axis=0)
        return {"own": own @ weights / total, "plain": plain @ weights / total}

    point = means(backtest, backtest["weight"].to_numpy(np.float64)[:, None])
    drawn = draw_figures(backtest, means, seed=seed)
    low, high = np.quantile(drawn["own"] - drawn["plain"], [0.025, 0.975])
    curve, served = float(point["own"][0]), float(point["plain"][0])
    as_good = bool(low <= 0)
    counts = _counts(backtest, y)
    lead = f", from {periods.lead_days} days on" if periods.lead_days else ""
    verdict = (
        f"Time to churn: within {periods.horizon_days} days{lead} the curve alone has a log-loss "
        f"of {curve:.4f}, the plain model {served:.4f} (difference {curve - served:+.4f}, 95 % "
        f"{low:+.4f} to {high:+.4f}, on {counts['observations']:,} later observations of "
        f"{counts['accounts']:,} accounts, {counts['churned']:,} of which left): "
        + (
            "as good, so the curve is told, and passes through the plain model's probability."
            if as_good
            else "worse, so the plain model's answer stays, and other horizons are not told."
        )
    )
    return {
        **counts,
        "log_loss_curve": curve,
        "log_loss_plain": served,
        "difference": curve - served,
        "low": float(low),
        "high": float(high),
        "as_good": as_good,
        "verdict": verdict,
    }


def by_horizon(backtest: pd.DataFrame, seed: int = 0) -> list[dict[str, Any]]:
    """How good the curve was at each horizon, on rows that were followed for so long.

    Parameters
    ----------
    backtest : DataFrame
        As `told_before` gives it.

    Returns
    -------
    list of dict
        `days`; `observations`, `accounts`, `churned`; `said` (mean probability), `left` (share),
        `auc`, `log_loss` and `log_loss_base`; `left`, `auc` and `log_loss` with `_low` and `_high`
        (95 %, by account). Figures are None where fewer than `FEWEST` rows left or stayed, and
        `log_loss_base` where no earlier row had been followed for so long.
    """
    return [_at(days, backtest, seed) for days in HORIZONS]


def remarks(horizons: list[dict[str, Any]]) -> str:
    """Name horizons at which what came lies beyond chance of what was said, or was not seen.

    Parameters
    ----------
    horizons : list of dict
        As `by_horizon` gives them.

    Returns
    -------
    str
        Sentences, each after a blank; empty where there is nothing to name.
    """
    judged_ones = [each for each in horizons if each["left"] is not None]
    off = [
        f"within {each['days']} days it said {each['said']:.1%} and {each['left']:.1%} left "
        f"(95 % {each['left_low']:.1%} to {each['left_high']:.1%})"
        for each in judged_ones
        if not each["left_low"] <= each["said"] <= each["left_high"]
    ]
    blind = [str(each["days"]) for each in horizons if each["left"] is None]
    told = f" Off by more than chance: {'; '.join(off)}." if off else ""
    if blind:
        told += (
            f" Not judged, for of those followed for so long fewer than {FEWEST} left: "
            f"{' and '.join(blind)} days."
        )
    return told


def _at(days: int, backtest: pd.DataFrame, seed: int) -> dict[str, Any]:
    p = backtest[f"churn_{days}d"]
    rows = backtest[(backtest["followed_days"] >= days) & p.notna()]
    y = (rows["churn_days"] <= days).to_numpy(np.float64)
    told: dict[str, Any] = {"days": days, **_counts(rows, y)}
    if min(y.sum(), len(y) - y.sum()) < FEWEST:
        return {**told, **dict.fromkeys(FIGURES)}
    said, base = (rows[f"{name}_{days}d"].to_numpy(np.float64) for name in ("churn", "base"))
    losses, base_losses = log_losses(said, y), log_losses(base, y)
    ranking = Ranking.of(said, y)

    def figures(_: pd.DataFrame, weights: Floats) -> dict[str, Floats]:
        total = weights.sum(axis=0)
        return {
            "said": said @ weights / total,
            "left": y @ weights / total,
            "auc": ranking.under(weights).auc(),
            "log_loss": losses @ weights / total,
            "log_loss_base": base_losses @ weights / total,
        }

    point = figures(rows, rows["weight"].to_numpy(np.float64)[:, None])
    drawn = draw_figures(rows, figures, DRAWS, seed)
    for name, value in point.items():
        told[name] = float(value[0]) if np.isfinite(value[0]) else None
        if name in RANGED:
            low, high = interval(name, float(value[0]), drawn[name])
            told |= {f"{name}_low": low, f"{name}_high": high}
    return told


def _base_rates(before: pd.DataFrame, known_until: pd.Timestamp) -> dict[str, float]:
    """Share of earlier rows that had left within each horizon, of those followed for so long.

    NaN where none was.
    """
    followed, left = days_followed(before, known_until), days_to_churn(before)
    weight = before["weight"].to_numpy(np.float64)
    told = {}
    for days in HORIZONS:
        known = followed >= days
        rate = np.average(left[known] <= days, weights=weight[known]) if known.any() else np.nan
        told[f"base_{days}d"] = float(rate)
    return told


def _counts(rows: pd.DataFrame, y: Floats) -> dict[str, int]:
    return {
        "observations": len(rows),
        "accounts": int(rows["account_id"].nunique()),
        "churned": int(y.sum()),
    }

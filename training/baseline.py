"""Tenure against the company's own score in use today, on the same later observations.

The own score is a number, not a probability. For log-loss and Brier score it is turned into one as
the model's is: by a logistic curve learned from earlier blocks of time alone, once among all rows
and once among the due. Where there is no past to learn from, it says the base rate.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from features.baseline import NAME
from training.calibration import Calibration
from training.evaluate import draw_figures, interval
from training.measures import Array, RankedRows, log_losses
from training.split import Fold, known_before

FIGURES = {
    "auc": "AUC",
    "lift_top_tenth": "Lift in the riskiest tenth",
    "log_loss": "Log-loss",
    "brier": "Brier score",
}
"""What is compared, each among all and (with `_due` behind its name) among the due."""

USAGE = "active_days_28d"
"""By which people without a model would rank: lowest first."""

LOSSES = ("log_loss", "brier")
FEWEST = 10
"""Churned rows due, and rows that stayed, below which nothing is compared."""


def calibrated_in_time(
    out_of_time: pd.DataFrame, folds: list[Fold], embargo_days: int
) -> pd.DataFrame:
    """Turn the own score of each block into probabilities, by what was known before it.

    Parameters
    ----------
    out_of_time : DataFrame
        With `fold`, `as_of`, `churned`, `due`, `weight`, `base_rate`, `base_rate_due`, and the own
        score, higher is riskier; the warm-up among the rows.
    folds : list of Fold
    embargo_days : int

    Returns
    -------
    DataFrame
        The rows, with `baseline_probability` and
        `baseline_probability_due`; NaN where there is no score, or the row is not due.
    """
    everybody = np.ones(len(out_of_time), dtype=bool)
    due = out_of_time["due"].to_numpy(bool)
    score = out_of_time[NAME]
    return out_of_time.assign(
        baseline_probability=in_time(
            out_of_time, score, everybody, "base_rate", folds, embargo_days
        ),
        baseline_probability_due=in_time(
            out_of_time, score, due, "base_rate_due", folds, embargo_days
        ),
    )


def without_model(
    out_of_time: pd.DataFrame, folds: list[Fold], embargo_days: int
) -> dict[str, Array]:
    """What renewals due are told by rules that people have without a model, as probabilities."""
    rules = {"contract_probability": out_of_time["contract_score"]}
    if USAGE in out_of_time:
        rules["usage_probability"] = -out_of_time[USAGE].fillna(0.0)
    due = out_of_time["due"].to_numpy(bool)
    return {
        name: in_time(out_of_time, score, due, "base_rate_due", folds, embargo_days)
        for name, score in rules.items()
    }


def in_time(
    out_of_time: pd.DataFrame,
    score: pd.Series,
    among: NDArray[np.bool_],
    base_rate: str,
    folds: list[Fold],
    embargo_days: int,
) -> Array:
    """Turn a score into probabilities, in each block by what was known before it.

    Parameters
    ----------
    out_of_time : DataFrame, shape (n, ...)
    score : Series, shape (n,)
        Higher is riskier; NaN where there is none.
    among : ndarray of bool, shape (n,)
        The rows that are learned from and told.
    base_rate : str
        Column with the churn rate of such rows, as it was known before the block.
    folds : list of Fold
    embargo_days : int

    Returns
    -------
    ndarray, shape (n,)
        NaN where there is no score, and outside `among`.
    """
    columns = ["as_of", "fold", "churned", "weight", base_rate]
    rows = out_of_time.loc[among, columns].assign(score=score[among])
    told = np.empty(len(rows))
    for number, fold in enumerate(folds):
        block = (rows["fold"] == number).to_numpy()
        past = known_before(rows, number, fold, embargo_days)
        told[block] = _probability(past, rows[block], base_rate)
    every = np.full(len(out_of_time), np.nan)
    every[among] = told
    return every


def _probability(past: pd.DataFrame, block: pd.DataFrame, base_rate: str) -> Array:
    past = past[past["score"].notna()]
    score = block["score"].to_numpy(np.float64)
    rate = np.clip(block[base_rate].to_numpy(np.float64), 1e-6, 1 - 1e-6)
    if not len(block) or not 0 < past["churned"].sum() < len(past):
        return np.where(np.isnan(score), np.nan, rate)
    middle, spread = past["score"].mean(), past["score"].std() or 1.0
    known = logit(rate[0]) + (past["score"] - middle) / spread
    curve = Calibration.fit(known, past["churned"], past["weight"])
    return curve.probability(logit(rate) + (score - middle) / spread)


def summary(backtest: pd.DataFrame, draws: int = 500, seed: int = 0) -> dict[str, Any]:
    """Compare on the judged rows that have an own score; intervals from drawing accounts in pairs.

    Parameters
    ----------
    backtest : DataFrame
        Judged rows, with the model's `probability` and what `calibrated_in_time` adds.

    Returns
    -------
    dict
        observations, due, accounts, churned (accounts among the due) compared; accounts_without and
        observations_without a score; `figures`, a list of {figure, due, model, baseline, gain, each
        with _low and _high}, where gain is above 0 if the model is better; `verdict`.
    """
    rows = backtest[backtest[NAME].notna()]
    due = rows[rows["due"]]
    left = int(due.loc[due["churned"], "account_id"].nunique())
    told: dict[str, Any] = {
        "observations": len(rows),
        "due": len(due),
        "accounts": int(rows["account_id"].nunique()),
        "churned": left,
        "accounts_without": int(backtest["account_id"].nunique() - rows["account_id"].nunique()),
        "observations_without": len(backtest) - len(rows),
    }
    if min(due["churned"].sum(), (~due["churned"]).sum()) < FEWEST:
        verdict = (
            f"Against your present score: {left} accounts with a score left among {len(due):,} "
            f"later observations that were due, too few to compare.{_without(told)}"
        )
        return {**told, "figures": [], "verdict": verdict}
    whole = _figures(rows, rows["weight"].to_numpy(np.float64)[:, None])
    drawn = draw_figures(rows, _figures, draws, seed)
    figures = []
    for name in (f"{each}{among}" for each in FIGURES for among in ("", "_due")):
        row: dict[str, Any] = {"figure": name.removesuffix("_due"), "due": name.endswith("_due")}
        for side in ("model", "baseline", "gain"):
            point = float(whole[f"{side} {name}"][0])
            low, high = interval(name, point, drawn[f"{side} {name}"])
            row |= {side: point, f"{side}_low": low, f"{side}_high": high}
        figures.append(row)
    return {**told, "figures": figures, "verdict": _verdict(told, figures)}


def _figures(rows: pd.DataFrame, weights: Array) -> dict[str, Array]:
    due = rows["due"].to_numpy(bool)
    parts = {"": (rows, weights, ""), "_due": (rows[due], weights[due], "_due")}
    told: dict[str, Array] = {}
    for among, (part, w, calibrated) in parts.items():
        y = part["churned"].to_numpy(np.float64)
        for side, score, probability in (
            ("model", "probability", "probability"),
            ("baseline", NAME, f"baseline_probability{calibrated}"),
        ):
            ranked = RankedRows.of(part[score].to_numpy(np.float64), y, w)
            p = part[probability].to_numpy(np.float64)
            told |= {
                f"{side} auc{among}": ranked.auc(),
                f"{side} lift_top_tenth{among}": ranked.lift_top_tenth(),
                f"{side} log_loss{among}": log_losses(p, y) @ w / w.sum(axis=0),
                f"{side} brier{among}": (p - y) ** 2 @ w / w.sum(axis=0),
            }
        for each in FIGURES:
            gain = told[f"model {each}{among}"] - told[f"baseline {each}{among}"]
            told[f"gain {each}{among}"] = -gain if each in LOSSES else gain
    return told


def _verdict(told: Mapping[str, Any], figures: list[dict[str, Any]]) -> str:
    ranking, loss = (
        next(row for row in figures if row["figure"] == name and row["due"])
        for name in ("auc", "log_loss")
    )
    return (
        f"Against your present score, on the same {told['due']:,} later observations with a "
        f"renewal due of {told['accounts']:,} accounts: AUC {ranking['model']:.3f} against "
        f"{ranking['baseline']:.3f}, {_better(ranking)}; log-loss {loss['model']:.4f} against "
        f"{loss['baseline']:.4f}, {_better(loss)}.{_without(told)}"
    )


def _better(row: Mapping[str, Any]) -> str:
    by = f"by {row['gain']:+.3f}, 95 % {row['gain_low']:+.3f} to {row['gain_high']:+.3f}"
    if row["gain_low"] > 0:
        return f"the model is better ({by})"
    return f"the model is worse ({by})" if row["gain_high"] < 0 else f"not told apart ({by})"


def _without(told: Mapping[str, Any]) -> str:
    if not told["observations_without"]:
        return ""
    return (
        f" {told['observations_without']:,} observations had no such score then, "
        f"{told['accounts_without']:,} accounts never had one: they are left out here."
    )

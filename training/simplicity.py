"""What a scorecard of added points loses to the churn model, and which metrics work together.

A health score cannot know that one metric matters only where another is low, or only in one
segment. Where LightGBM ranks later renewals better by more than `MATTERS`, such interactions are
looked for and named.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.metric import Metric
from training.cells import Floats
from training.churn_model import ChurnModel
from training.health_score import HealthScore
from training.measures import auc, calibration_error
from training.split import rolling_origin

MATTERS = 0.01
"""Difference in AUC above which interactions are worth a sentence."""

TREES = 150
LOOKED_AT = 8
"""Features with the most gain, whose pairs are looked at."""

NAMED = 3
FEWEST = 0.1
"""Most pairs named, and the share of a pair's joint effect below which it is not named."""

POINTS = 40
"""Rows at which effects are compared, and rows over which the other features are averaged."""


@dataclass(frozen=True)
class Interaction:
    """Two features whose joint effect is not the sum of theirs.

    Parameters
    ----------
    first, second : str
    strength : float
        Friedman's H squared: share of the joint effect's variance that neither explains, 0 to 1.
    log_odds : float
        Root mean square of that part.
    """

    first: str
    second: str
    strength: float
    log_odds: float


@dataclass(frozen=True)
class Simplicity:
    """The scorecard beside the churn model, both learned from the past, judged on later renewals.

    Parameters
    ----------
    renewals, churned : float, int
        Judged: renewals, and accounts that left.
    auc_scorecard, auc_model : float
    calibration_error_scorecard, calibration_error_model : float
        Mean distance of said and seen churn rates over tenths; the model is not yet calibrated.
    lost : float
        AUC of the model less that of the scorecard: what simplicity costs.
    interactions : tuple of Interaction
        Looked for where more than `MATTERS` is lost; strongest first.
    """

    renewals: float
    churned: int
    auc_scorecard: float
    auc_model: float
    calibration_error_scorecard: float
    calibration_error_model: float
    lost: float
    interactions: tuple[Interaction, ...]

    def told(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def compare(
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    embargo_days: int,
    trees: int = TREES,
    seed: int = 0,
) -> Simplicity:
    """Learn both from what was known before the later renewals, and judge them there.

    Parameters
    ----------
    table : DataFrame
        Feature table with account_id, as_of, churned and weight; due where it is known.
    metrics : mapping of name to Metric
    embargo_days : int
        Days from an `as_of` until its outcome is known.
    trees, seed : int

    Raises
    ------
    TenureError
        If the history is too short, or too few had churned before the later renewals.
    """
    fold = rolling_origin(table["as_of"], 2, embargo_days)[-1]
    due = table["due"].to_numpy(bool) if "due" in table else np.ones(len(table), dtype=bool)
    before, after = table[fold.train_mask & due], table[fold.test_mask & due]
    score = HealthScore.fit(
        before, before["churned"], before["weight"], metrics, 0, seed, quick=True
    )
    model = ChurnModel.fit(before, before["churned"], before["weight"], metrics, trees, seed)
    y, weight = after["churned"].to_numpy(bool), after["weight"].to_numpy(np.float64)
    names = ["account_id", "as_of", *(feature.name for feature in model.features)]
    told = {"scorecard": score.risk(after), "model": model.predict_proba(after[names])}
    auc_of = {name: auc(p, y, weight) for name, p in told.items()}
    error = {
        name: float(calibration_error(p, y.astype(float), weight, np.ones((len(y), 1)))[0])
        for name, p in told.items()
    }
    lost = auc_of["model"] - auc_of["scorecard"]
    return Simplicity(
        renewals=float(weight.sum()),
        churned=int(after.loc[y, "account_id"].nunique()),
        auc_scorecard=auc_of["scorecard"],
        auc_model=auc_of["model"],
        calibration_error_scorecard=error["scorecard"],
        calibration_error_model=error["model"],
        lost=lost,
        interactions=interactions(model, before, seed) if lost > MATTERS else (),
    )


def interactions(model: ChurnModel, table: pd.DataFrame, seed: int = 0) -> tuple[Interaction, ...]:
    """Pairs of the model's features whose joint effect is least the sum of theirs.

    References
    ----------
    Friedman and Popescu (2008). Predictive learning via rule ensembles. Annals of Applied
    Statistics 2, section 8.1.
    """
    booster = model.booster
    assert isinstance(booster, lgb.Booster)
    X = model.encode(table)
    rows = X[np.random.default_rng(seed).permutation(len(X))[:POINTS]]
    gain = booster.feature_importance("gain")
    looked_at = np.argsort(-gain, kind="stable")[:LOOKED_AT]
    looked_at = looked_at[gain[looked_at] > 0]

    def log_odds(X: Floats) -> Floats:
        return np.asarray(booster.predict(X, raw_score=True), dtype=np.float64)

    alone = {j: _effect(log_odds, rows, [j]) for j in looked_at}
    told = []
    for j, k in combinations(looked_at, 2):
        joint = _effect(log_odds, rows, [j, k])
        rest = joint - alone[j] - alone[k]
        spread = float(joint @ joint)
        told.append(
            Interaction(
                first=model.features[j].name,
                second=model.features[k].name,
                strength=float(rest @ rest) / spread if spread else 0.0,
                log_odds=float(np.sqrt(np.mean(rest**2))),
            )
        )
    named = [each for each in told if each.strength >= FEWEST]
    return tuple(sorted(named, key=lambda each: -each.log_odds)[:NAMED])


def _effect(log_odds: Callable[[Floats], Floats], rows: Floats, features: list[int]) -> Floats:
    """Partial dependence at each row's values of some features, centred; shape (rows,)."""
    n = len(rows)
    mixed = np.tile(rows, (n, 1))
    mixed[:, features] = np.repeat(rows[:, features], n, axis=0)
    mean = log_odds(mixed).reshape(n, n).mean(axis=1)
    return np.asarray(mean - mean.mean())

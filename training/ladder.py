"""The ladder: which kind of model serves.

LightGBM needs churns. Below `FEW` churned accounts a penalised logistic model goes through the same
backtest beside it. From where a health scorecard can be learned (`CHURNS_FOR_DIMENSIONS` churned
accounts in `health_fit`) so does LightGBM together with that, in each of `SHARES`; the last of them
is the scorecard alone, for the renewals due of which it says anything. Each block of time is judged
by whichever had the lowest log-loss on earlier blocks, as far as their outcomes were known by then.
So the figures are those of the choice itself. What serves is chosen in the same way, on all blocks.

One exception: two that err differently are mostly better together than the better one is, so that
the trees stand alone only where their log-loss was lower than a blend's by more than chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.metric import Metric
from training.churn_model import ChurnModel, choose_trees
from training.encoding import encode, learn_features
from training.evaluate import draw_figures
from training.health_score import HealthScore
from training.linear import Linear
from training.measures import Array, log_losses, paired
from training.split import Fold

FEW = 50
"""Churned accounts below which the logistic model is tried as well."""

RIDGES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

SURE = 1.645
"""Standard errors (90 %, two-sided) by which two models must differ to be told apart."""

HOPELESS = 20
"""Times as many churns, from which on two models are called equal."""

SHARES: Mapping[str, float] = {
    "blend 1/4": 0.25,
    "blend 1/2": 0.5,
    "blend 3/4": 0.75,
    "blend 1/1": 1.0,
}
"""Blends of trees and scorecard, with the scorecard's share of the log-odds of renewals due."""

NAMES = {
    "trees": "LightGBM",
    "logistic": "the logistic model",
    "blend": "LightGBM with the health scorecard",
}


class Recipe(Protocol):
    """All that is settled on the warm-up, so that a model can be learned from other rows."""

    def fit(self, rows: pd.DataFrame, metrics: Mapping[str, Metric], seed: int) -> ChurnModel:
        """Learn from rows with `churned` and `weight`."""


class Settle(Protocol):
    """Settles on later rows how to learn."""

    def __call__(
        self, before: pd.DataFrame, later: pd.DataFrame, metrics: Mapping[str, Metric], /
    ) -> tuple[ChurnModel, Recipe]:
        """Give the model learned from `before`, and the recipe it was learned by."""


@dataclass(frozen=True)
class Trees:
    """LightGBM: how many trees, of what shape."""

    trees: int
    shape: Mapping[str, Any] = field(default_factory=dict)

    def fit(self, rows: pd.DataFrame, metrics: Mapping[str, Metric], seed: int) -> ChurnModel:
        """Learn from rows with `churned` and `weight`."""
        return ChurnModel.fit(
            rows, rows["churned"], rows["weight"], metrics, self.trees, seed, self.shape
        )


@dataclass(frozen=True)
class Logistic:
    """The logistic model: how strongly it is held back, and from which days on one is due."""

    ridge: float
    window: tuple[float, ...]

    def fit(self, rows: pd.DataFrame, metrics: Mapping[str, Metric], _seed: int) -> ChurnModel:
        """Learn from rows with `churned` and `weight`."""
        features = learn_features(rows, metrics)
        X = encode(features, rows)
        steps = {"days_to_renewal": self.window}
        grown = Linear.fit(features, X, rows["churned"], rows["weight"], self.ridge, steps)
        return ChurnModel(features, frozenset(metrics.keys() - rows.columns), grown)


@dataclass(frozen=True)
class Blended:
    """LightGBM and the health scorecard together, among renewals whose days lie in `window`.

    `today` is what `HealthScore.fit` wants beside rows and metrics.
    """

    trees: Recipe
    window: tuple[int, int]
    share: float
    today: Mapping[str, Any]

    def fit(self, rows: pd.DataFrame, metrics: Mapping[str, Metric], seed: int) -> ChurnModel:
        """Learn both from rows with `due`, `churned` and `weight`."""
        model = self.trees.fit(rows, metrics, seed)
        try:
            score = HealthScore.fit(
                rows, rows["churned"], rows["weight"], metrics, 0, quick=True, **self.today
            )
        except TenureError:
            return model
        return model.beside(score, rows, self.window, self.share)


def settle_trees(
    before: pd.DataFrame,
    later: pd.DataFrame,
    metrics: Mapping[str, Metric],
    most: int,
    seed: int,
    shape: Mapping[str, Any],
) -> tuple[ChurnModel, Recipe]:
    """Choose the number of trees on later rows; see `choose_trees`."""
    model, trees = choose_trees(before, later, metrics, most, seed, shape)
    return model, Trees(trees, shape)


def settle_logistic(
    before: pd.DataFrame,
    later: pd.DataFrame,
    metrics: Mapping[str, Metric],
    window: tuple[float, ...],
) -> tuple[ChurnModel, Recipe]:
    """Choose the penalty on later rows; `window` has the days to a renewal that is due."""
    recipes = [Logistic(ridge, window) for ridge in RIDGES]
    models = [recipe.fit(before, metrics, 0) for recipe in recipes]
    told = [later.assign(probability=model.predict_proba(later)) for model in models]
    best = int(np.argmin([mean_loss(each) for each in told]))
    return models[best], recipes[best]


def mean_loss(rows: pd.DataFrame) -> float:
    """Weighted log-loss of rows with `churned`, `weight` and `probability`."""
    probability = rows["probability"].to_numpy(np.float64)
    losses = log_losses(probability, rows["churned"].to_numpy(np.float64))
    return float(np.average(losses, weights=rows["weight"]))


def is_short(table: pd.DataFrame) -> bool:
    """Whether so few left that the logistic model is tried."""
    return int(table.loc[table["churned"] & table["due"], "account_id"].nunique()) < FEW


def choose(
    told: Mapping[str, pd.DataFrame], folds: Sequence[Fold], embargo_days: int
) -> tuple[str, pd.DataFrame]:
    """Choose between models, for each block by what was known before it, and for service by all.

    Parameters
    ----------
    told : mapping of name to DataFrame
        What each said out of time, calibrated in time: fold, as_of, churned, weight, probability;
        the same rows in the same order.
    folds : sequence of Fold
    embargo_days : int

    Returns
    -------
    name : str
        Of the one that serves.
    DataFrame
        The judged blocks, each as the one told it that had been better until then.
    """
    parts = []
    for number, fold in enumerate(folds[1:], start=1):
        parts.append(_block(told, _best(told, number, fold.test_from, embargo_days), number))
    return _best(told, len(folds), pd.Timestamp.max, embargo_days), pd.concat(
        parts, ignore_index=True
    )


def _block(told: Mapping[str, pd.DataFrame], name: str, number: int) -> pd.DataFrame:
    return told[name][told[name]["fold"] == number]


def _best(
    told: Mapping[str, pd.DataFrame], number: int, day: pd.Timestamp, embargo_days: int
) -> str:
    """Lowest log-loss on the blocks before `number`, of rows whose outcome was known on `day`.

    Trees that lead the best blend by chance only give way to it.
    """
    rows = next(iter(told.values()))
    known = rows["as_of"] <= day - pd.Timedelta(days=embargo_days)
    past = known & (rows["fold"] < number)

    def loss(name: str) -> float:
        return mean_loss(told[name][past])

    best = min(told, key=loss)
    both = min((name for name in told if name in SHARES), key=loss, default=None)
    if best != "trees" or both is None or _surely(told[best][past], told[both][past]):
        return best
    return both


def kind(name: str) -> str:
    """Kind of model: trees, logistic or blend, of whatever share."""
    return name.split()[0]


def _surely(better: pd.DataFrame, worse: pd.DataFrame) -> bool:
    """Whether one's log-loss on the same rows is lower by more than chance."""
    y = better["churned"].to_numpy(np.float64)
    ours, theirs = (log_losses(each["probability"].to_numpy(), y) for each in (better, worse))
    account = pd.factorize(better["account_id"])[0].astype(np.intp)
    gain, error = paired(theirs - ours, better["weight"].to_numpy(np.float64), account)
    return gain > SURE * error


def verdict(told: Mapping[str, pd.DataFrame], chosen: str, seed: int) -> dict[str, Any]:
    """Say which model serves, how sure that is, and what would settle it.

    The difference d of two mean log-losses has a standard error s from drawing whole accounts, and
    s falls with the square root of the churns that are seen. At c churned accounts the two are told
    apart once |d| > 1.645 s, so about c ((1.645 s / d)^2 - 1) more are needed, if d stays.

    Returns
    -------
    dict
        chosen; log_loss by name; difference (the next best kind's less its own), low, high
        (90 %); churned (accounts judged); more_churned (None where it is settled or hopeless);
        verdict
    """
    rows = told[chosen]
    losses = {name: mean_loss(rows) for name, rows in told.items()}
    other = min((name for name in told if kind(name) != kind(chosen)), key=lambda n: losses[n])
    kinds = len({kind(name) for name in told})
    y = rows["churned"].to_numpy(np.float64)
    theirs, ours = (
        log_losses(told[name]["probability"].to_numpy(np.float64), y) for name in (other, chosen)
    )

    def mean(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {"difference": (theirs - ours) @ weights / weights.sum(axis=0)}

    point = float(mean(rows, rows["weight"].to_numpy(np.float64)[:, None])["difference"][0])
    error = float(np.std(draw_figures(rows, mean, seed=seed)["difference"]))
    churned = int(rows.loc[rows["churned"], "account_id"].nunique())
    more = more_churned(point, error, churned)
    tried = f"{('two', 'three')[kinds - 2]} kinds of model were tried"
    tried = f"With so few churns {tried}" if "logistic" in told else tried.capitalize()
    said = (
        f"{tried}, and {_named(chosen)} serves: log-loss {losses[chosen]:.4f} out of time against "
        f"{losses[other]:.4f} of {_named(other)}. "
    )
    if more == 0:
        said += f"{churned} churned accounts settle that."
    elif more is None:
        said += (
            f"After {churned} churned accounts they are as good as equal: even {HOPELESS} times as "
            "many would hardly tell them apart."
        )
    else:
        said += f"That is not settled by {churned} churned accounts: about {more:,} more would."
    return {
        "chosen": chosen,
        "log_loss": losses,
        "difference": point,
        "low": point - SURE * error,
        "high": point + SURE * error,
        "churned": churned,
        "more_churned": more or None,
        "verdict": said,
    }


def _named(name: str) -> str:
    if SHARES.get(name) == 1.0:
        return "the health scorecard alone (LightGBM where no renewal is due)"
    share = f" ({name.split()[1]} of the log-odds of renewals due)" if name in SHARES else ""
    return NAMES[kind(name)] + share


def more_churned(difference: float, error: float, churned: int) -> int | None:
    """How many more churned accounts would tell two models apart; see `verdict`.

    Returns
    -------
    int or None
        In two digits; 0 where they are told apart already, None beyond `HOPELESS` times as many.

    Examples
    --------
    >>> more_churned(0.01, 0.01, 60)  # (1.645^2 - 1) 60 = 102
    100
    """
    if abs(difference) > SURE * error:
        return 0
    if abs(difference) * np.sqrt(HOPELESS) <= SURE * error:
        return None
    needed = churned * ((SURE * error / difference) ** 2 - 1)
    return max(int(float(f"{needed:.1e}")), 1)

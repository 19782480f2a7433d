"""The whole story of a training run: from a table with outcomes to a model and its evidence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.baseline import NAME as BASELINE
from features.errors import TenureError
from features.metric import CONTEXT, Metric
from features.settings import ObservationSettings, Settings
from training import (
    baseline,
    comparison,
    drift,
    evaluate,
    grouping,
    health_backtest,
    ladder,
    leaks,
    learning,
    outlook,
    search,
)
from training.bands import Bands
from training.calibration import Calibration
from training.churn_model import ChurnModel, Track, quiet
from training.health import Health
from training.health_score import HealthScore
from training.outlook import Outlook
from training.split import Fold, known_before, rolling_origin, within

FEWEST_CHURNED = 30
"""Churned accounts among those due, below which nothing is learned."""

FEWEST_CHURNED_ROWS = 10
"""Churned rows in the smallest training part."""

TOLD = (
    "segment",
    "industry",
    "region",
    "touch_model",
    "arr",
    "tenure_days",
    "active_days_28d",
    BASELINE,
)
"""Of each judged row, kept for the report: who is who, how long, how large, how active, and the
company's own score."""

EXAMPLE_ROWS = 5

EXPLAINED_ROWS = 1000
"""Latest rows whose points are averaged into the importance of a metric."""


@dataclass(frozen=True)
class Trained:
    """What a training run leaves.

    Parameters
    ----------
    model : ChurnModel
        Learned from every row with an outcome, calibrated on the backtest.
    health : Health
        Learned from the same rows, its bands cut on the backtest.
    backtest : DataFrame
        One row per observation that was predicted before its time; see `evaluate`.
    summary : dict
        The figures, ready for JSON.
    importance : DataFrame
        `metric`, `dimension`, `mean_points` (mean absolute points, as fractions), largest first.
    example : DataFrame
        A few rows as the model reads them.
    trials : DataFrame, optional
        Of the search; see `search.Found`.
    outlook : Outlook, optional
        Time to churn and outcomes, from the same rows; None where the table does not tell when
        accounts left.
    """

    model: ChurnModel
    health: Health
    backtest: pd.DataFrame
    summary: dict[str, Any]
    importance: pd.DataFrame
    example: pd.DataFrame
    trials: pd.DataFrame | None = None
    outlook: Outlook | None = None


def train(
    table: pd.DataFrame,
    settings: Settings,
    metrics: Mapping[str, Metric],
    track: Track = quiet,
    searches: Path | None = None,
) -> Trained:
    """Backtest, learn, calibrate, and say how good it is.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`: features, and `churned`, `due`, `renewal_date`, `weight`.
    settings : Settings
    metrics : mapping of name to Metric
        `features.catalog.metrics()`.
    track : callable
        Shows progress through the long loops, as `rich.progress.track` does.
    searches : Path, optional
        Folder in which trials of a search are written down, so that it can go on after a kill.

    Raises
    ------
    TenureError
        If there is too little to learn from; it says how much would do.
    """
    _check_enough(table)
    table = _in_order_of_time(table)
    seed, embargo_days = settings.training.seed, embargo(settings.observations)

    folds = rolling_origin(table["as_of"], settings.training.folds, embargo_days)
    _check_first(folds[0].parts(table)[0], folds[0])
    found = _searched(table, folds[0], metrics, settings, searches, track)
    told, recipes = {}, {}
    for name, settle in _rungs(table, settings, found.shape if found else {}).items():
        recipes[name], out_of_time = _out_of_time(settle, table, folds, metrics, seed, track)
        told[name] = _calibrated_in_time(out_of_time, folds, embargo_days)
        if BASELINE in table:
            told[name] = baseline.calibrated_in_time(told[name], folds, embargo_days)
    chosen, backtest = ladder.choose(told, folds, embargo_days)
    judged_by = told[chosen]
    # before the rest, which leaves less room for the whole matrix
    model = replace(
        recipes[chosen].fit(table, metrics, seed),
        calibration=Calibration.fit(judged_by["score"], judged_by["churned"], judged_by["weight"]),
    ).with_bags(
        table, table["churned"], table["weight"], settings.training.bags, seed=seed, track=track
    )

    health, backtest, compared = _health(table, backtest, folds, metrics, settings)
    ahead, backtest, of_ahead = outlook.learn(table, backtest, folds, metrics, settings)

    importance = _importance(model, table, metrics)
    used = [metrics[feature.name] for feature in model.features]
    judged = evaluate.summary(backtest, seed=seed)
    summary = {
        **judged,
        **evaluate.counts(table),
        "judged": {name: judged[name] for name in evaluate.counts(backtest)},
        "trees": getattr(recipes[chosen], "trees", 0),
        "ladder": ladder.verdict(told, chosen, seed) if len(told) > 1 else None,
        "learning_curve": learning.curve(
            table,
            folds[-1],
            recipes[chosen],
            metrics,
            judged_by.loc[judged_by["fold"] == len(folds) - 1, "score"].to_numpy(np.float64),
            seed,
        ),
        "baseline": baseline.summary(backtest, seed=seed) if BASELINE in backtest else None,
        "search": found and {"shape": dict(found.shape), "verdict": found.verdict},
        "features": len(model.features),
        "calibration": asdict(model.calibration),
        "health_score": {
            **(told := health_backtest.summary(backtest, health, seed)),
            "interactions": health_backtest.interactions(told, table, metrics, embargo_days, seed),
            "groupings": grouping.describe(compared),
            **_present(table, health, settings, metrics),
        },
        **of_ahead,
        "leaks": [asdict(leak) for leak in leaks.find(table, used)]
        + [asdict(leak) for leak in [leaks.permutation(table, folds[-1], metrics, seed)] if leak],
        "drift": drift.find(table, folds[-1], metrics, seed),
        "leak_checks": list(leaks.NAMES),
        "top_metrics": importance.head(10).to_dict("records"),
    }
    example = table.tail(EXAMPLE_ROWS)[[feature.name for feature in model.features]]
    trials = found.trials if found else None
    return Trained(model, health, backtest, summary, importance, example, trials, ahead)


def embargo(observations: ObservationSettings) -> int:
    """Days from an as_of until its outcome is known."""
    return observations.lead_days + observations.horizon_days + observations.grace_days


def _in_order_of_time(table: pd.DataFrame) -> pd.DataFrame:
    """The table by day and account: not a second one where it is so already."""
    keys = ["as_of", "account_id"]
    if pd.MultiIndex.from_frame(table[keys]).is_monotonic_increasing:
        return table.reset_index(drop=True)
    return table.sort_values(keys, ignore_index=True)


def _searched(
    table: pd.DataFrame,
    warm_up: Fold,
    metrics: Mapping[str, Metric],
    settings: Settings,
    folder: Path | None,
    track: Track,
) -> search.Found | None:
    """Try shapes of trees, if asked to, on what was known before anything is judged."""
    chosen = settings.training
    if not chosen.trials:
        return None
    blocks = within(warm_up, table["as_of"], search.BLOCKS, embargo(settings.observations))
    return search.search(
        table, blocks, metrics, chosen.trials, chosen.trees, chosen.seed, folder, track
    )


def _rungs(
    table: pd.DataFrame, settings: Settings, shape: Mapping[str, Any]
) -> dict[str, ladder.Settle]:
    """Kinds of model that go through the backtest, the simplest first."""
    chosen = settings.training
    rungs: dict[str, ladder.Settle] = {}
    if ladder.is_short(table):
        look = settings.observations
        # the step up begins on the day after the lead, the step down after the horizon
        window = (look.lead_days + 1, look.lead_days + look.horizon_days + 1)
        rungs["logistic"] = partial(ladder.settle_logistic, window=window)
    rungs["trees"] = partial(ladder.settle_trees, most=chosen.trees, seed=chosen.seed, shape=shape)
    return rungs


def _out_of_time(
    settle: ladder.Settle,
    table: pd.DataFrame,
    folds: list[Fold],
    metrics: Mapping[str, Metric],
    seed: int,
    track: Track,
) -> tuple[ladder.Recipe, pd.DataFrame]:
    """Settle on the warm-up how to learn, and predict each block from what was known before it.

    Beside it stands `contract_score`: log-odds of a model of the same kind that knows the contract
    and the account's traits, and no signal at all. What it ranks right is owed to who is due, for
    how long and for how much. Only what goes beyond it shows that usage, surveys and the rest tell
    of churn. It is settled for itself: else it would be beaten unfairly.
    """
    before, after = folds[0].parts(table)
    warm_up, recipe = settle(before, after, metrics)
    contract = {
        name: each for name, each in metrics.items() if each.dimension == CONTEXT and name in table
    }
    known = [*contract, "churned", "weight"]
    by_contract = settle(before[known], after[known], contract)[1] if contract else None
    predicted = [_predict(warm_up, table, folds[0], number=0)]
    for number, fold in enumerate(track(folds[1:], "Backtest"), start=1):
        before, after = fold.parts(table)
        block = _predict(recipe.fit(before, metrics, seed), table, fold, number)
        block["contract_score"] = (
            by_contract.fit(before[known], contract, 0).scores(after[known]) if by_contract else 0.0
        )
        predicted.append(block)
    return recipe, pd.concat(predicted, ignore_index=True)


def _health(
    table: pd.DataFrame,
    backtest: pd.DataFrame,
    folds: list[Fold],
    metrics: Mapping[str, Metric],
    settings: Settings,
) -> tuple[Health, pd.DataFrame, pd.DataFrame]:
    """Learn the health score from all rows, and its bands from what it told out of time.

    Beside them, what each grouping of accounts would gain with goals of its own.
    """
    today: dict[str, Any] = {
        "present_weights": settings.health_present.weights,
        "present_goals": settings.health_present.goals,
        "seed": settings.training.seed,
    }
    embargo_days, present = embargo(settings.observations), today["present_goals"]
    told = health_backtest.told_before(table, folds, metrics, embargo_days, **today)
    backtest = backtest.merge(told, on=["account_id", "as_of"], how="left", validate="1:1")
    refits = 2 * settings.training.bags
    groups, compared = grouping.chosen(table, metrics, embargo_days, present, today["seed"])
    score = HealthScore.fit(
        table, table["churned"], table["weight"], metrics, refits, grouping=groups, **today
    )
    return Health(score, Bands.learn(backtest)), backtest, compared


def _present(
    table: pd.DataFrame, health: Health, settings: Settings, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """Weights and goals in use today, beside the learned ones."""
    present = settings.health_present
    weights = comparison.today(health.score, present.weights, metrics)
    return {
        "present_weights": weights,
        "present_goals": dict(present.goals),
        "changes": comparison.changes(table, health, weights, present.goals),
    }


def _predict(model: ChurnModel, table: pd.DataFrame, fold: Fold, number: int) -> pd.DataFrame:
    """Predict the later block, beside the churn rates that were known before it."""
    before, block = fold.parts(table)
    known = before[["due", "churned", "weight"]]
    keys = ["account_id", "as_of", "churned", "due", "renewal_date", "weight"]
    keys += [name for name in TOLD if name in block]
    return block[keys].assign(
        term_days=block.get("term_days", np.nan),
        fold=number,
        score=model.scores(block),
        base_rate=_rate(known),
        base_rate_due=_rate(known[known["due"]]),
    )


def _rate(rows: pd.DataFrame) -> float:
    """Weighted churn rate, one half where nothing is known."""
    return float(np.average(rows["churned"], weights=rows["weight"])) if len(rows) else 0.5


def _calibrated_in_time(
    out_of_time: pd.DataFrame, folds: list[Fold], embargo_days: int
) -> pd.DataFrame:
    """Give each block the calibration that could be learned before it began; the first has none."""
    parts = []
    for number, fold in enumerate(folds):
        past = known_before(out_of_time, number, fold, embargo_days)
        calibration = Calibration.fit(past["score"], past["churned"], past["weight"])
        block = out_of_time[out_of_time["fold"] == number]
        scores = block["score"].to_numpy(np.float64)
        parts.append(block.assign(probability=calibration.probability(scores)))
    return pd.concat(parts, ignore_index=True)


def _importance(
    model: ChurnModel, table: pd.DataFrame, metrics: Mapping[str, Metric]
) -> pd.DataFrame:
    points, _ = model.points(table.tail(EXPLAINED_ROWS))
    mean = points.abs().mean().sort_values(ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "metric": mean.index,
            "dimension": [metrics[name].dimension for name in mean.index],
            "mean_points": mean.to_numpy(),
        }
    )


def _check_enough(table: pd.DataFrame) -> None:
    due = table.loc[table["due"], ["account_id", "churned"]]
    accounts = due["account_id"].nunique()
    churned = due.loc[due["churned"], "account_id"].nunique()
    if len(due) and due["churned"].all():
        raise TenureError(
            f"All {accounts} accounts with a known renewal churned: without one that stayed there "
            "is nothing to tell apart.",
            "Bring the contracts of accounts that renewed as well.",
        )
    if churned < FEWEST_CHURNED:
        rate = churned / accounts if accounts else 0.0
        likely = f", at this churn rate about {FEWEST_CHURNED / rate:,.0f} accounts" if rate else ""
        raise TenureError(
            f"{churned} churned among {accounts} accounts with a known renewal: too few to learn "
            "from.",
            f"At least {FEWEST_CHURNED} churned accounts are needed{likely}: bring a longer "
            "history or more accounts.",
        )


def _check_first(rows: pd.DataFrame, fold: Fold) -> None:
    churned = int(rows["churned"].sum())
    if churned < FEWEST_CHURNED_ROWS or rows["churned"].all():
        raise TenureError(
            f"Until {fold.train_until:%Y-%m-%d}, where the backtest begins, {churned} of "
            f"{len(rows)} observations churned: too few or too many to learn from.",
            f"At least {FEWEST_CHURNED_ROWS} must have churned and some must have stayed: bring a "
            "longer history, or set fewer training.folds.",
        )

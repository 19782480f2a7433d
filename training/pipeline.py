"""The whole story of a training run: from a table with outcomes to a model and its evidence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.baseline import NAME as BASELINE
from features.errors import TenureError
from features.metric import Metric
from features.settings import ObservationSettings, Settings
from training import (
    backtest,
    baseline,
    comparison,
    concept_drift,
    drift,
    evaluate,
    grouping,
    health_backtest,
    ladder,
    leaks,
    learning,
    outlook,
    present,
    search,
)
from training.bands import Bands
from training.calibration import Calibration
from training.churn_model import ChurnModel
from training.health import Health
from training.health_score import HealthScore
from training.outlook import Outlook
from training.progress import Track, quiet
from training.split import Fold, rolling_origin, within
from training.threads import one_blas_thread

FEWEST_CHURNED = 30
"""Churned accounts among those due, below which nothing is learned."""

FEWEST_CHURNED_ROWS = 10
"""Churned rows in the smallest training part."""

UNTIL_THEN = "Until then `tenure weights --source SOURCE` offers a health score without a model."

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


@one_blas_thread
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
    of_today = settings.health_present
    present.check(of_today.weights, of_today.goals, metrics, _segments(table))
    table = _in_order_of_time(table)
    seed, embargo_days = settings.training.seed, embargo(settings.observations)

    folds = rolling_origin(table["as_of"], settings.training.folds, embargo_days)
    _check_first(folds[0].parts(table)[0], folds[0])
    found = _searched(table, folds[0], metrics, settings, searches, track)
    today = _today(settings)
    known = health_backtest.learned_before(table, folds, metrics, embargo_days, **today)
    window = backtest.due_window(settings.observations)
    runs = backtest.runs(table, folds, metrics, settings, found.shape if found else {}, track)
    runs = {name: backtest.with_rules(run, folds, embargo_days) for name, run in runs.items()}
    runs |= backtest.blended(runs["trees"], table, folds, known, window, today)
    told = {
        name: backtest.calibrated_in_time(run.rows, folds, embargo_days)
        for name, run in runs.items()
    }
    chosen, judged = ladder.choose(told, folds, embargo_days)
    judged_by, trees = told[chosen], told["trees"]
    judged["trees_probability"] = trees.loc[trees["fold"] > 0, "probability"].to_numpy(np.float64)
    # before the rest, which leaves less room for the whole matrix
    recipe = runs["logistic" if chosen == "logistic" else "trees"].recipe
    model = replace(
        recipe.fit(table, metrics, seed),
        calibration=Calibration.fit(judged_by["score"], judged_by["churned"], judged_by["weight"]),
    ).with_bags(
        table, table["churned"], table["weight"], settings.training.bags, seed=seed, track=track
    )

    health, judged, compared = _health(table, judged, folds, known, metrics, settings)
    kind = ladder.kind(chosen)
    if chosen in ladder.SHARES:
        model = model.beside(health.score, table, window, ladder.SHARES[chosen])
        # of all rows the scorecard may have learned nothing, though it did of earlier ones
        kind = kind if model.blend else "trees"
    ahead, judged, of_ahead = outlook.learn(table, judged, folds, metrics, settings)

    importance = _importance(model, table, metrics)
    used = [metrics[feature.name] for feature in model.features]
    figures = evaluate.summary(judged, seed=seed)
    summary = {
        **figures,
        **evaluate.counts(table),
        "judged": {name: figures[name] for name in evaluate.counts(judged)},
        "kind": kind,
        "trees": getattr(recipe, "trees", 0),
        "ladder": ladder.verdict(told, chosen, seed) if len(told) > 1 else None,
        "learning_curve": learning.curve(
            table,
            folds[-1],
            runs[chosen].recipe,
            metrics,
            judged_by.loc[judged_by["fold"] == len(folds) - 1, "score"].to_numpy(np.float64),
            seed,
        ),
        "baseline": baseline.summary(judged, seed=seed) if BASELINE in judged else None,
        "search": found and {"shape": dict(found.shape), "verdict": found.verdict},
        "features": len(model.features),
        "calibration": asdict(model.calibration),
        "health_score": {
            **(told := health_backtest.summary(judged, health, seed)),
            "interactions": health_backtest.interactions(told, table, metrics, embargo_days, seed),
            "groupings": grouping.describe(compared),
            **_present(table, health, settings, metrics),
        },
        **of_ahead,
        "leaks": [asdict(leak) for leak in leaks.find(table, used)]
        + [asdict(leak) for leak in [leaks.permutation(table, folds[-1], metrics, seed)] if leak],
        "drift": drift.find(table, folds[-1], metrics, seed),
        "concept_drift": concept_drift.find(table, health.score, seed),
        "leak_checks": list(leaks.NAMES),
        "top_metrics": importance.head(10).to_dict("records"),
    }
    example = table.tail(EXAMPLE_ROWS)[[feature.name for feature in model.features]]
    trials = found.trials if found else None
    return Trained(model, health, judged, summary, importance, example, trials, ahead)


@one_blas_thread
def health_alone(
    table: pd.DataFrame, settings: Settings, metrics: Mapping[str, Metric]
) -> tuple[Health, dict[str, Any]]:
    """Learn the health score without a model: for companies with too few churns for one.

    Parameters
    ----------
    table, settings, metrics
        As for `train`.

    Returns
    -------
    health : Health
    summary : dict
        What `train` tells as `health_score`, with nothing set beside the scorecard.

    Raises
    ------
    TenureError
        If the history is too short to judge bands on what came later, or there is no metric.
    """
    of_today, embargo_days = settings.health_present, embargo(settings.observations)
    present.check(of_today.weights, of_today.goals, metrics, _segments(table))
    table = _in_order_of_time(table)
    folds = rolling_origin(table["as_of"], settings.training.folds, embargo_days)
    known = health_backtest.learned_before(table, folds, metrics, embargo_days, **_today(settings))
    looks = ["account_id", "as_of", "due", "churned", "renewal_date", "weight"]
    blocks = [
        fold.parts(table)[1][looks].assign(fold=number)
        for number, fold in enumerate(folds)
        if number
    ]
    judged = pd.concat(blocks, ignore_index=True)
    health, judged, compared = _health(table, judged, folds, known, metrics, settings)
    judged["scorecard_probability"] = np.nan
    return health, {
        **health_backtest.summary(judged, health, settings.training.seed),
        "interactions": [],
        "groupings": grouping.describe(compared),
        **_present(table, health, settings, metrics),
    }


def embargo(observations: ObservationSettings) -> int:
    """Days from an as_of until its outcome is known."""
    return observations.lead_days + observations.horizon_days + observations.grace_days


def _segments(table: pd.DataFrame) -> list[str]:
    return sorted(table["segment"].dropna().astype(str).unique()) if "segment" in table else []


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


def _today(settings: Settings) -> dict[str, Any]:
    """What `HealthScore.fit` wants beside rows and metrics."""
    of_today = settings.health_present
    return {
        "present_weights": of_today.weights,
        "present_goals": of_today.goals,
        "seed": settings.training.seed,
    }


def _health(
    table: pd.DataFrame,
    judged: pd.DataFrame,
    folds: list[Fold],
    known: list[HealthScore | None],
    metrics: Mapping[str, Metric],
    settings: Settings,
) -> tuple[Health, pd.DataFrame, pd.DataFrame]:
    """Learn the health score from all rows, and its bands from what it told out of time.

    Beside them, what each grouping of accounts would gain with goals of its own.
    """
    today = _today(settings)
    told = health_backtest.told_before(table, folds, known)
    judged = judged.merge(told, on=["account_id", "as_of"], how="left", validate="1:1")
    embargo_days, goals = embargo(settings.observations), today["present_goals"]
    groups, compared = grouping.chosen(table, metrics, embargo_days, goals, today["seed"])
    refits = 2 * settings.training.bags
    score = HealthScore.fit(
        table, table["churned"], table["weight"], metrics, refits, grouping=groups, **today
    )
    return Health(score, Bands.learn(judged)), judged, compared


def _present(
    table: pd.DataFrame, health: Health, settings: Settings, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """Weights and goals in use today, beside the learned ones."""
    of_today = settings.health_present
    weights = comparison.today(health.score, of_today.weights, metrics)
    return {
        "present_weights": weights,
        "present_goals": dict(of_today.goals),
        "changes": comparison.changes(table, health, weights, of_today.goals),
    }


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
            f"history or more accounts. {UNTIL_THEN}",
        )


def _check_first(rows: pd.DataFrame, fold: Fold) -> None:
    churned = int(rows["churned"].sum())
    if churned < FEWEST_CHURNED_ROWS or rows["churned"].all():
        raise TenureError(
            f"Until {fold.train_until:%Y-%m-%d}, where the backtest begins, {churned} of "
            f"{len(rows)} observations churned: too few or too many to learn from.",
            f"At least {FEWEST_CHURNED_ROWS} must have churned and some must have stayed: bring a "
            f"longer history, or set fewer training.folds. {UNTIL_THEN}",
        )

"""The backtest: each block of time as a model told it that knew only what came before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from features.baseline import NAME as BASELINE
from features.metric import CONTEXT, Metric
from features.settings import ObservationSettings, Settings
from training import baseline, ladder
from training.blend import mixed
from training.calibration import Calibration
from training.churn_model import ChurnModel
from training.health_score import HealthScore
from training.ladder import SHARES
from training.progress import Track
from training.split import Fold, known_before

TOLD = (
    "segment",
    "industry",
    "region",
    "touch_model",
    "arr",
    "tenure_days",
    baseline.USAGE,
    BASELINE,
)
"""Of each judged row, kept for the report: who is who, how long, how large, how active, and the
company's own score."""


@dataclass(frozen=True)
class Run:
    """One kind of model on its way through the blocks.

    Parameters
    ----------
    recipe : Recipe
        As it was settled on the warm-up.
    rows : DataFrame
        What was said of the blocks, before calibration.
    models : tuple of ChurnModel
        What was learned before each block, where it is asked once more.
    """

    recipe: ladder.Recipe
    rows: pd.DataFrame
    models: tuple[ChurnModel, ...] = ()


def runs(
    table: pd.DataFrame,
    folds: list[Fold],
    metrics: Mapping[str, Metric],
    settings: Settings,
    shape: Mapping[str, Any],
    track: Track,
) -> dict[str, Run]:
    """Send each kind of model through the backtest, the simplest first.

    Parameters
    ----------
    table : DataFrame
        Training table, in order of time.
    folds : list of Fold
    metrics : mapping of name to Metric
    settings : Settings
    shape : mapping of str to float
        Of the trees, if one was searched for.
    track : callable
    """
    chosen, window = settings.training, due_window(settings.observations)
    trees = partial(ladder.settle_trees, most=chosen.trees, seed=chosen.seed, shape=shape)
    told = {}
    if ladder.is_short(table):
        logistic = partial(ladder.settle_logistic, window=window)
        told["logistic"] = _run(logistic, table, folds, metrics, chosen.seed, track)
    return told | {"trees": _run(trees, table, folds, metrics, chosen.seed, track)}


def blended(
    trees: Run,
    table: pd.DataFrame,
    folds: list[Fold],
    scores: Sequence[HealthScore | None],
    window: tuple[int, int],
    today: Mapping[str, Any],
) -> dict[str, Run]:
    """Put the health scorecard beside the trees in every block; empty if none was learned.

    Parameters
    ----------
    trees : Run
    table : DataFrame
    folds : list of Fold
    scores : sequence of HealthScore or None
        As `health_backtest.learned_before` gives them.
    window : (int, int)
        `due_window`
    today : mapping
        What `HealthScore.fit` wants beside rows and metrics.
    """
    if not any(score and score.learned != "nothing" for score in scores):
        return {}
    alone, parts = trees.rows["score"].to_numpy(np.float64), []
    for number, (fold, model, score) in enumerate(zip(folds, trees.models, scores, strict=True)):
        before, block = fold.parts(table)
        said = alone[(trees.rows["fold"] == number).to_numpy()]
        blend = model.beside(score, before, window, share=1.0).blend if score else None
        parts.append(blend.scores(said, model.encode(block)) if blend else said)
    both = {name: mixed(alone, np.concatenate(parts), share) for name, share in SHARES.items()}
    held = {**today, "grouping": next(each.grouping for each in reversed(scores) if each)}
    return {
        name: Run(
            ladder.Blended(trees.recipe, window, SHARES[name], held), trees.rows.assign(score=score)
        )
        for name, score in both.items()
    }


def due_window(observations: ObservationSettings) -> tuple[int, int]:
    """Days to renewal from which one is due, and from which it no longer is."""
    first = observations.lead_days + 1
    return first, first + observations.horizon_days


def _run(
    settle: ladder.Settle,
    table: pd.DataFrame,
    folds: list[Fold],
    metrics: Mapping[str, Metric],
    seed: int,
    track: Track,
) -> Run:
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
    models, predicted = [warm_up], [_predict(warm_up, table, folds[0], number=0)]
    for number, fold in enumerate(track(folds[1:], "Backtest"), start=1):
        before, after = fold.parts(table)
        models.append(recipe.fit(before, metrics, seed))
        block = _predict(models[-1], table, fold, number)
        block["contract_score"] = (
            by_contract.fit(before[known], contract, 0).scores(after[known]) if by_contract else 0.0
        )
        predicted.append(block)
    return Run(recipe, pd.concat(predicted, ignore_index=True), tuple(models))


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


def calibrated_in_time(
    out_of_time: pd.DataFrame, folds: list[Fold], embargo_days: int
) -> pd.DataFrame:
    """Give each block the calibration that could be learned before it began; the first has none."""
    # one column beside those that are there, of which large backtests need no copies
    probability = np.empty(len(out_of_time))
    for number, fold in enumerate(folds):
        past = known_before(out_of_time, number, fold, embargo_days)
        calibration = Calibration.fit(past["score"], past["churned"], past["weight"])
        block = (out_of_time["fold"] == number).to_numpy()
        scores = out_of_time.loc[block, "score"].to_numpy(np.float64)
        probability[block] = calibration.probability(scores)
    return out_of_time.assign(probability=probability)


def with_rules(run: Run, folds: list[Fold], embargo_days: int) -> Run:
    """Put beside what was said what rules that people have say, each calibrated in time.

    The company's own score, where there is one, and, among the due, the contract alone and usage
    alone: a rule that only ranks could not be compared by its losses.
    """
    rows = run.rows.assign(**baseline.without_model(run.rows, folds, embargo_days))
    if BASELINE in rows:
        rows = baseline.calibrated_in_time(rows, folds, embargo_days)
    return replace(run, rows=rows)

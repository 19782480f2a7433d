"""Search: the shape of trees that predicts later rows best, on rows that no backtest judges.

All rows that are seen here lie before the first judged block of time, and their outcomes were known
by then: the warm-up's days in up to `BLOCKS` blocks, each predicted from what was known before it.
So the backtest judges a shape that it had no part in choosing.

A trial's seed depends only on how many were finished before, and each is written down as it ends:
a search that was killed goes on where it stopped and comes to the same end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.metric import Metric
from training.churn_model import choose_trees
from training.evaluate import draw_figures
from training.growing import TREES
from training.measures import Array, log_losses
from training.progress import Track, quiet
from training.split import Fold

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

BLOCKS = 3
RANDOM_TRIALS = 6
"""Trials drawn at random before the results so far lead the next (TPE)."""

SURE = 1.645
"""Standard errors (95 %, one-sided) by which the best must be better than the default."""

BOUNDS: Mapping[str, tuple[float, float]] = {
    "num_leaves": (4, 32),
    "min_data_in_leaf": (10, 200),
    "lambda_l2": (0.1, 100.0),
    "feature_fraction_bynode": (0.2, 1.0),
}
"""What is searched: how much one tree may say. The number of trees follows by early stopping."""

DEFAULT = {name: TREES[name] for name in BOUNDS}


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Parameters
    ----------
    shape : mapping of str to float
        LightGBM parameters to put over `TREES`; empty where the defaults stay.
    trials : DataFrame
        trial, the parameters, log_loss; the first is the default.
    gain, error : float
        Log-loss of the default less that of the best trial, and its standard error over accounts.
    verdict : str
        A sentence.
    """

    shape: Mapping[str, float]
    trials: pd.DataFrame
    gain: float
    error: float
    verdict: str


def search(
    table: pd.DataFrame,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    trials: int,
    trees: int,
    seed: int = 0,
    folder: Path | None = None,
    track: Track = quiet,
) -> Found:
    """Try shapes of trees on time folds before the backtest.

    Parameters
    ----------
    table : DataFrame
        Training table.
    folds : sequence of Fold
        Of that table, before the first judged block; see `training.split.within`.
    metrics : mapping of name to Metric
    trials : int
        How many, at least 1; the first is the default.
    trees : int
        The most trees.
    seed : int
    folder : Path, optional
        Where trials are written down, in a file named by the rows, metrics and seed.
    track : callable
        Shows progress.
    """
    import optuna

    key = _key(table, folds, metrics, trees, seed)
    study = _study(key, folder)
    for dead in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        # it ended with its process, and must not lead the trials that are still to come
        study.tell(dead.number, state=optuna.trial.TrialState.FAIL)

    def mean_loss(shape: Mapping[str, float]) -> float:
        rows = _losses(table, folds, metrics, shape, trees, seed)
        return float(np.average(rows["loss"], weights=rows["weight"]))

    distributions = _distributions()
    done = len(_finished(study))
    for number in track(range(done, trials), "Search") if done < trials else ():
        if number == 0:
            value = mean_loss(DEFAULT)
            first = optuna.trial.create_trial(
                params=DEFAULT, distributions=distributions, value=value
            )
            study.add_trial(first)
            continue
        study.sampler = optuna.samplers.TPESampler(
            seed=seed + number, n_startup_trials=RANDOM_TRIALS
        )
        trial = study.ask(distributions)
        study.tell(trial, mean_loss(trial.params))

    tried = _finished(study)[:trials]
    told = pd.DataFrame(
        [{"trial": n, **each.params, "log_loss": each.value} for n, each in enumerate(tried)]
    )
    best = tried[int(told["log_loss"].argmin())].params
    return _decide(told, best, _gain(table, folds, metrics, best, trees, seed))


def _decide(told: pd.DataFrame, best: Mapping[str, float], gained: tuple[float, float]) -> Found:
    """Leave the default only for what is surely better: the best of many is lucky, too."""
    gain, error = gained
    better = gain > SURE * error
    seen = (
        f"log-loss {gain:+.5f} better than the default (standard error {error:.5f}) on blocks of "
        "time before those that the backtest judges"
    )
    verdict = (
        f"Of {len(told)} shapes of trees the best had {seen}: it is used."
        if better
        else f"Of {len(told)} shapes of trees none was surely better: the best had {seen}. The "
        "default stays."
    )
    return Found(dict(best) if better else {}, told, gain, error, verdict)


def _gain(
    table: pd.DataFrame,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    best: Mapping[str, float],
    trees: int,
    seed: int,
) -> tuple[float, float]:
    if dict(best) == DEFAULT:
        return 0.0, 0.0
    rows, other = (_losses(table, folds, metrics, s, trees, seed) for s in (DEFAULT, best))
    gain = rows["loss"].to_numpy(np.float64) - other["loss"].to_numpy(np.float64)

    def mean(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {"gain": gain @ weights / weights.sum(axis=0)}

    point = mean(rows, rows["weight"].to_numpy(np.float64)[:, None])["gain"][0]
    return float(point), float(np.std(draw_figures(rows, mean, seed=seed)["gain"]))


def _losses(
    table: pd.DataFrame,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    shape: Mapping[str, float],
    trees: int,
    seed: int,
) -> pd.DataFrame:
    """Log-loss of each later row: account_id, weight, loss."""
    parts = []
    for fold in folds:
        before, later = fold.parts(table)
        model, _ = choose_trees(before, later, metrics, trees, seed, shape)
        loss = log_losses(model.predict_proba(later), later["churned"].to_numpy(np.float64))
        parts.append(later[["account_id", "weight"]].assign(loss=loss))
    return pd.concat(parts, ignore_index=True)


def _study(key: str, folder: Path | None) -> "Study":
    import optuna
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if folder is None:
        return optuna.create_study(storage=InMemoryStorage(), study_name=key)
    folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(folder / f"{key}.journal")))
    return optuna.create_study(storage=storage, study_name=key, load_if_exists=True)


def _finished(study: "Study") -> list[Any]:
    """Trials that came to an end; one in which the process was killed did not."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def _distributions() -> "dict[str, BaseDistribution]":
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        name: IntDistribution(int(low), int(high), log=True)
        if isinstance(DEFAULT[name], int)
        else FloatDistribution(low, high, log=low * 10 < high)
        for name, (low, high) in BOUNDS.items()
    }


def _key(
    table: pd.DataFrame,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    trees: int,
    seed: int,
) -> str:
    """Name a search by all that its results depend on."""
    import lightgbm

    digest = sha256()
    named = [name for name in metrics if name in table]
    directions = [(name, metrics[name].kind, metrics[name].healthy) for name in named]
    told = (lightgbm.__version__, dict(TREES), dict(BOUNDS), directions, trees, seed)
    digest.update(repr(told).encode())
    rows = table[["account_id", "as_of", "churned", "weight", *named]]
    for fold in folds:
        for mask in (fold.train_mask, fold.test_mask):
            digest.update(pd.util.hash_pandas_object(rows[mask], index=False).to_numpy().tobytes())
    return digest.hexdigest()[:20]

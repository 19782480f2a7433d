"""Contributions and the whole score table, against LightGBM and two quick SHAP libraries.

    uv run --group peers python -P benchmarks/scoring.py [--rows N] [--leaves L]

Rows per CPU second on one matrix of 100 features with holes, 300 trees, in one run and one thread.
Prints ratios to LightGBM's own `pred_contrib`, which is also what the values are compared with.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm as lgb
import numpy as np
import pandas as pd

from features import catalog
from features.metric import Metric
from serving import score, score_files
from serving.change import Earlier
from training.churn_model import ChurnModel
from training.contributions import Forest
from training.encoding import Feature
from training.ranked import Ranked

FEATURES, TREES = 100, 300


def matrix(rows: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES)).round(2)
    X[:, ::3] = rng.poisson(5.0, size=X[:, ::3].shape)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


def grow(X: np.ndarray, leaves: int) -> lgb.Booster:
    rng = np.random.default_rng(1)
    y = np.nan_to_num(X[:, :12]).sum(axis=1) + 4 * rng.normal(size=len(X)) > 20
    shape = {"objective": "binary", "num_leaves": leaves, "learning_rate": 0.05}
    shape |= {"feature_fraction_bynode": 0.4, "verbosity": -1, "num_threads": 1}
    return lgb.train(shape, lgb.Dataset(X, y.astype(float)), TREES)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def metrics() -> dict[str, Metric]:
    known = [each for each in catalog.metrics().values() if each.kind == "number"][:FEATURES]
    assert len(known) == FEATURES, "the catalog has fewer metrics than the benchmark wants"
    return {each.name: each for each in known}


def told(text: str, rows: int, spent: float, base: float) -> None:
    speed = rows / spent
    print(f"{text:48} {speed:10,.0f} rows per CPU s {speed / base:7.1f}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--leaves", type=int, default=8)
    options = asked.parse_args()
    X = matrix(options.rows)
    booster = grow(X[:20_000], options.leaves)
    few = X[:2000]
    theirs = booster.predict(few, pred_contrib=True, num_threads=1)
    base = len(few) / seconds(lambda: booster.predict(few, pred_contrib=True, num_threads=1))
    print(f"{FEATURES} features, {TREES} trees of {options.leaves} leaves, {len(X):,} rows")
    told("LightGBM pred_contrib", len(few), len(few) / base, base)

    forest = None

    def ours() -> None:
        nonlocal forest
        forest = Forest.of(booster)
        forest.explain(X)

    told("training.contributions, loading included", len(X), seconds(ours), base)
    assert forest is not None
    gap = np.abs(forest.explain(few)[1] - theirs[:, :-1]).max()
    print(
        f"    largest difference {gap:.1e}; scores equal to the bit: "
        f"{(forest.explain(few)[0] == booster.predict(few, raw_score=True)).all()}"
    )
    one = X[:1]
    single = seconds(lambda: [forest.explain(one) for _ in range(300)])
    lightgbm = seconds(
        lambda: [booster.predict(one, pred_contrib=True, num_threads=1) for _ in range(300)]
    )
    print(
        f"    one row: {single / 300 * 1e3:.2f} ms, pred_contrib {lightgbm / 300 * 1e3:.2f} ms, "
        f"{lightgbm / single:.1f} times"
    )
    refits(booster, X)
    peers(booster, X, base)
    whole(booster, X, base)


def refits(booster: lgb.Booster, X: np.ndarray, count: int = 4) -> None:
    """Scores of several forests, as intervals need them, once they are read."""
    ranked = Ranked.of([booster] * count)
    ranked.scores(X[:1])
    spent = seconds(lambda: ranked.scores(X))
    theirs = count * seconds(lambda: booster.predict(X, raw_score=True, num_threads=1))
    print(f"    {count} forests by ranks: {spent:.2f} CPU s, LightGBM {theirs:.2f}")


def peers(booster: lgb.Booster, X: np.ndarray, base: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import fasttreeshap_fixed as fasttreeshap
            import woodelf
        except ImportError:
            print("fasttreeshap-fixed and woodelf-explainer: run with --group peers")
            return
        explainer = fasttreeshap.TreeExplainer(booster, algorithm="v2", n_jobs=1)
        some = X[:10_000]
        told("fasttreeshap-fixed v2", len(some), seconds(lambda: explainer.shap_values(some)), base)
        frame = pd.DataFrame(X)
        spent = seconds(lambda: woodelf.WoodelfExplainer(booster).shap_values(frame))
        told("woodelf-explainer", len(X), spent, base)


def whole(booster: lgb.Booster, X: np.ndarray, base: float) -> None:
    known = metrics()
    table = pd.DataFrame(X, columns=list(known))
    table.insert(0, "account_id", [f"A{n:06}" for n in range(len(X))])
    table.insert(1, "as_of", pd.Timestamp("2026-01-01"))
    inputs = tuple(Feature(name, "number") for name in known)
    now = datetime.now(UTC)
    values = table[list(known)].shift(fill_value=0.0)
    before = pd.concat([table[["account_id", "as_of"]], values], axis=1)
    for bags, earlier in ((0, None), (20, None), (20, Earlier(before))):
        model = ChurnModel(inputs, frozenset(), booster, bags=(booster,) * bags)
        start = time.process_time()
        rows = score.score(table, model, known, "1", now, earlier)
        scored = time.process_time() - start
        with TemporaryDirectory() as folder:
            score_files.write(rows, Path(folder) / "scores.parquet")
        written = time.process_time() - start
        changes = ", and changes" if earlier else ""
        told(f"score table with words, {bags} bags{changes}", len(X), scored, base)
        told("    and written to Parquet", len(X), written, base)


if __name__ == "__main__":
    main()

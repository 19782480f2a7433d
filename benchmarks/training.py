"""What a training run costs beyond its features, beside one bare LightGBM on the same matrix.

    PYTHONPATH=. python -P benchmarks/training.py [--rows 1000000] [--metrics 100] [--trees 300]

Each part runs in a process of its own, which makes the same table from the same seed:

matrix  the table alone, what memory is measured from
bare    one `lightgbm.train` on the matrix, with Tenure's parameters and as many trees
train   `training.pipeline.train` without intervals of probabilities (``bags = 0``): backtest of 5
        folds, calibration, health score, leak audit, figures with their intervals, points

CPU seconds and peak memory; the ratios are what counts.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from features import catalog
from features.metric import DIMENSIONS, Metric
from features.settings import Settings, TrainingSettings

AS_OFS = pd.date_range("2021-01-01", periods=50, freq="MS")
PARTS = ("matrix", "bare", "train")


def make(rows: int, metrics: int) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Rows of accounts looked at each month, correlated metrics, and a churn that follows."""
    rng = np.random.default_rng(0)
    accounts = rows // len(AS_OFS)
    rows = accounts * len(AS_OFS)
    state = rng.standard_normal((accounts, 4)) @ rng.standard_normal((4, metrics)) / 2
    x = np.repeat(state, len(AS_OFS), axis=0)
    x += rng.standard_normal(x.shape)
    start = np.repeat(rng.integers(0, 12, accounts), len(AS_OFS))
    left = (start - np.tile(np.arange(len(AS_OFS)), accounts)) % 12
    due = left < 3
    odds = -2.2 - 0.8 / np.sqrt(metrics) * x[:, : metrics // 2].sum(axis=1)
    churned = due & (rng.random(rows) < 1 / (1 + np.exp(-odds)))
    x[:, ::5][rng.random(x[:, ::5].shape) < 0.4] = np.nan
    as_of = np.tile(AS_OFS, accounts)
    renewal = pd.Series(as_of + pd.to_timedelta(30 * left + 15, "D"))
    names = [f"m{j:02}" for j in range(metrics)]
    table = pd.concat(
        [
            pd.DataFrame(x, columns=names, copy=False),
            pd.DataFrame(
                {
                    "account_id": np.repeat(np.arange(accounts), len(AS_OFS)).astype(str),
                    "as_of": as_of,
                    "days_to_renewal": 30.0 * left + 15,
                    "term_days": 365.0,
                    "renewal_date": renewal,
                    "churned": churned,
                    "churn_date": renewal.where(pd.Series(churned)),
                    "due": due,
                    "weight": 1.0,
                }
            ),
        ],
        axis=1,
    )
    known = catalog.metrics()
    told = {
        name: replace(known["active_days_28d"], name=name, dimension=DIMENSIONS[j % 9])
        for j, name in enumerate(names)
    }
    return table, told | {name: known[name] for name in ("days_to_renewal", "term_days")}


def measured(part: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one part in this process."""
    import lightgbm as lgb

    from training import pipeline
    from training.churn_model import TREES
    from training.encoding import encode, learn_features

    table, metrics = make(asked.rows, asked.metrics)
    if part == "bare":
        X = encode(learn_features(table, metrics), table)
        y = table["churned"].to_numpy(float)
        del table
    started, clock = time.process_time(), time.perf_counter()
    if part == "bare":
        lgb.train(TREES, lgb.Dataset(X, y), asked.trees)
    elif part == "train":
        settings = replace(Settings(), training=TrainingSettings(bags=0, trees=asked.trees))
        told = pipeline.train(table, settings, metrics)
        print(f"    {told.summary['trees']} trees", file=sys.stderr)
    return {
        "cpu_s": time.process_time() - started,
        "wall_s": time.perf_counter() - clock,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=100)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(measured(asked.part, asked)))
        return
    words = [f"--{name}={value}" for name, value in vars(asked).items() if value is not None]
    told = {}
    print("| part | CPU s | s | peak MB |\n|---|---|---|---|")
    for part in PARTS:
        line = [sys.executable, "-P", __file__, f"--part={part}", *words]
        told[part] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
        figures = " | ".join(f"{value:,.1f}" for value in told[part].values())
        print(f"| {part} | {figures} |", flush=True)
    matrix_mb = asked.rows * asked.metrics * 8 / 2**20
    more_mb = told["train"]["peak_mb"] - told["matrix"]["peak_mb"] + matrix_mb
    ratio = told["train"]["cpu_s"] / told["bare"]["cpu_s"]
    print(f"train / bare: {ratio:.1f} times the CPU (bar 8)")
    print(f"the table and what came on top: {more_mb / matrix_mb:.1f} times the matrix (bar 3)")


if __name__ == "__main__":
    main()

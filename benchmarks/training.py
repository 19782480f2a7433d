"""What a training run costs beyond its features, beside one bare LightGBM on the same matrix.

    PYTHONPATH=. python -P benchmarks/training.py [--rows 1000000] [--metrics 100] [--trees 300]
    PYTHONPATH=. uv run --with churnkit==1.3.4a5 python -P benchmarks/training.py

Each part runs in a process of its own, which makes the same table from the same seed:

bare      one `lightgbm.train` on the matrix, with Tenure's parameters and as many trees
churnkit  what churnkit's training step does for LightGBM, by its own defaults (100 trees of 31
          leaves): one fit, no backtest, no calibration; where it is importable
fightchurn  the same of fight-churn: scores, groups of metrics and one logistic regression, in an
          environment of its own, which uv makes (`benchmarks/fight_churn.py`)
train     `training.pipeline.train` without intervals of probabilities (``bags = 0``): backtest of
          5 folds, calibration, health score, leak audit, drift, learning curve, time to churn,
          outcomes

The matrix is rows x metrics x 8 bytes. Memory is what the process holds at its peak, above what it
held before the table was made (so with the caller's table), and above what it held once it was
there. CPU seconds are told as they are; the ratios are what counts.
"""

import argparse
import importlib.util
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

import training  # noqa: F401  before LightGBM, so that threads wait in the same way in both parts
from features import catalog
from features.metric import DIMENSIONS, Metric
from features.settings import Settings, TrainingSettings

AS_OFS = pd.date_range("2021-01-01", periods=50, freq="MS")
PARTS = ("bare", "churnkit", "fightchurn", "train")
FIGHT_CHURN = Path(__file__).with_name("fight_churn.py")
SEEN_UNTIL = AS_OFS[-1] + pd.Timedelta(days=400)


def make(rows: int, metrics: int) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Accounts looked at each month, correlated metrics, and fates that follow; by day."""
    rng = np.random.default_rng(0)
    looks, accounts = len(AS_OFS), rows // len(AS_OFS)
    rows = accounts * looks
    state = rng.standard_normal((accounts, 4)) @ rng.standard_normal((4, metrics)) / 2
    x = np.empty((rows, metrics), order="F")
    for look in range(looks):
        x[look * accounts : (look + 1) * accounts] = state + rng.standard_normal(state.shape)
    left = (np.tile(rng.integers(0, 12, accounts), looks) - np.repeat(range(looks), accounts)) % 12
    due = left < 3
    odds = -2.2 - 0.8 / np.sqrt(metrics) * x[:, : metrics // 2].sum(axis=1)
    churned = due & (rng.random(rows) < 1 / (1 + np.exp(-odds)))
    for column in range(0, metrics, 5):
        x[rng.random(rows) < 0.4, column] = np.nan
    as_of = pd.Series(np.repeat(AS_OFS, accounts))
    renewal = as_of + pd.to_timedelta(30 * left + 15, "D")
    arr = np.tile(rng.lognormal(9, 1, accounts), looks)
    outcome = rng.choice(["contracted", "renewed", "expanded"], rows, p=[0.1, 0.7, 0.2])
    kept = pd.Series(outcome).map({"contracted": 0.8, "renewed": 1.0, "expanded": 1.2})
    names = [f"m{j:02}" for j in range(metrics)]
    frame = pd.DataFrame(x, columns=names, copy=False).assign(
        account_id=pd.Series([f"{n:06}" for n in range(accounts)] * looks, dtype="str"),
        as_of=as_of,
        days_to_renewal=30.0 * left + 15,
        term_days=365.0,
        arr=arr,
        renewal_date=renewal,
        churned=churned,
        churn_date=renewal.where(pd.Series(churned)),
        followed_days=(SEEN_UNTIL - as_of).dt.days.astype(np.float64),
        outcome=pd.Series(outcome).where(due & ~churned),
        arr_after=np.where(due & ~churned, arr * kept, np.nan),
        due=due,
        weight=1.0,
    )
    known = catalog.metrics()
    told = {
        name: replace(known["active_days_28d"], name=name, dimension=DIMENSIONS[j % 9])
        for j, name in enumerate(names)
    }
    context = ("days_to_renewal", "term_days", "arr")
    return frame, told | {name: known[name] for name in context}


def held_bytes() -> int:
    """Memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measured(part: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one part in this process."""
    import lightgbm as lgb

    from training import pipeline
    from training.encoding import encode, learn_features
    from training.growing import TREES

    empty = held_bytes()
    table, metrics = make(asked.rows, asked.metrics)
    there = held_bytes()
    started, clock = time.process_time(), time.perf_counter()
    if part == "bare":
        X, y = encode(learn_features(table, metrics), table), table["churned"].to_numpy(float)
        started, clock = time.process_time(), time.perf_counter()
        lgb.train(TREES, lgb.Dataset(X, y), asked.trees)
    elif part == "fightchurn":
        # a column of one value has no correlation, and stops it
        several = [name for name in metrics if name in table and table[name].std() > 0]
        return fight_churn(table, several)
    elif part == "churnkit":
        from customer_retention.core.components.enums import ModelType
        from customer_retention.stages.modeling.baseline_trainer import BaselineTrainer

        X, y = table[[name for name in metrics if name in table]], table["churned"].astype(int)
        started, clock = time.process_time(), time.perf_counter()
        BaselineTrainer(ModelType.LIGHTGBM).fit(X, y)
    else:
        settings = replace(Settings(), training=TrainingSettings(bags=0, trees=asked.trees))
        trained = pipeline.train(table, settings, metrics)
        print(f"    {trained.summary['trees']} trees", file=sys.stderr)
    matrix = asked.rows * asked.metrics * 8
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "cpu_s": time.process_time() - started,
        "wall_s": time.perf_counter() - clock,
        "peak": (peak - empty) / matrix,
        "on_top": (peak - there) / matrix,
    }


def fight_churn(table: pd.DataFrame, metrics: list[str]) -> dict[str, Any]:
    """Its step on the same matrix, once that lies there as the CSV file that it reads."""
    data = table[["account_id"]].assign(observation_date=table["as_of"].dt.date)
    data = data.join(table[metrics].fillna(0.0).round(6)).assign(
        is_churn=table["churned"].astype(int)
    )
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/company_dataset.csv"
        csv.write_csv(pa.Table.from_pandas(data, preserve_index=False), file)
        line = [uv(), "run", "--no-project", "--with", "fightchurn==1.2.0", "python", "-P"]
        told = subprocess.run(
            [*line, str(FIGHT_CHURN), file], check=True, stdout=subprocess.PIPE, cwd=folder
        ).stdout
    own = json.loads(told)
    peak = own.pop("peak_bytes") / (len(table) * len(metrics) * 8)
    return {**own, "peak": peak, "on_top": peak}


def uv() -> str:
    """The uv on PATH, or the one that `./run` made."""
    own = Path(__file__).parents[1] / ".uv" / "bin" / "uv"
    return shutil.which("uv") or str(own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=100)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(measured(asked.part, asked)))
        return
    words = [f"--{name}={getattr(asked, name)}" for name in ("rows", "metrics", "trees")]
    told: dict[str, dict[str, float]] = {}
    print("| part | CPU s | s | peak, of the matrix | above the caller's table |")
    print("|---|---|---|---|---|")
    for part in asked.only:
        if part == "churnkit" and importlib.util.find_spec("customer_retention") is None:
            print("| churnkit is not installed | | | | |")
            continue
        line = [sys.executable, "-P", __file__, f"--part={part}", *words]
        told[part] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
        figures = " | ".join(f"{value:,.1f}" for value in told[part].values())
        print(f"| {part} | {figures} |", flush=True)
    others = [part for part in told if part != "bare"] if "bare" in told else []
    for part in others:
        ratio = told[part]["cpu_s"] / told["bare"]["cpu_s"]
        print(f"{part} / bare: {ratio:.1f} times the CPU{' (bar 8)' * (part == 'train')}")
    if "train" in told:
        print(f"peak with the caller's table: {told['train']['peak']:.1f} times the matrix (bar 3)")


if __name__ == "__main__":
    main()

"""What learning the health score costs, beside the churn model on the same rows.

    python -m benchmarks.health_cost --rows 100000 --metrics 80

Both with their intervals: 40 refits of the scorecard, as many bags of LightGBM as a training run
makes by default. CPU seconds of this process, one after the other; the ratio is what counts.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from features import catalog
from features.metric import DIMENSIONS, Metric
from features.settings import Settings
from training.churn_model import ChurnModel
from training.health_score import REFITS, HealthScore

LOOKS = 4
"""Rows per account: looks at one renewal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--metrics", type=int, default=80)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--share", type=float, default=1.0, help="of all refits and bags")
    asked = parser.parse_args()
    table, metrics = make(asked.rows, asked.metrics)
    outcome, weight = table["churned"], table["weight"]
    bags = max(round(asked.share * Settings().training.bags), 1)
    refits = max(round(asked.share * REFITS), 1)
    model = seconds(
        f"LightGBM, {asked.trees} trees, {bags} bags",
        lambda: ChurnModel.fit(table, outcome, weight, metrics, asked.trees).with_bags(
            table, outcome, weight, bags
        ),
    )
    score = seconds(
        f"health score, {refits} refits",
        lambda: HealthScore.fit(table, outcome, weight, metrics, refits),
    )
    print(f"health score / LightGBM: {score / model:.2f}")


def seconds(name: str, fit: Callable[[], object]) -> float:
    started, clock = time.process_time(), time.perf_counter()
    fit()
    cpu, wall = time.process_time() - started, time.perf_counter() - clock
    print(f"{name}: {cpu:.1f} CPU seconds ({wall:.1f} passed)", flush=True)
    return cpu


def make(rows: int, metrics: int) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Correlated metrics of mixed shapes, a fifth with gaps, and a churn that follows from them."""
    rng = np.random.default_rng(0)
    accounts = rows // LOOKS
    state = rng.standard_normal((accounts, 4)) @ rng.standard_normal((4, metrics)) / 2
    own = rng.standard_normal((accounts, metrics))
    x = np.repeat(0.6 * state + 0.8 * own, LOOKS, axis=0)
    x += 0.3 * rng.standard_normal(x.shape)
    odds = -2.2 - 0.8 / np.sqrt(metrics) * own[:, : metrics // 2].sum(axis=1)
    churned = np.repeat(rng.random(accounts) < 1 / (1 + np.exp(-odds)), LOOKS)
    x[:, ::4] = np.round(np.exp(x[:, ::4]))
    x[:, ::5][rng.random(x[:, ::5].shape) < 0.4] = np.nan
    names = [f"m{j:02}" for j in range(metrics)]
    table = pd.DataFrame(x, columns=names).assign(
        account_id=np.repeat(np.arange(accounts), LOOKS).astype(str),
        as_of=pd.Timestamp("2025-01-01") + pd.to_timedelta(30 * (np.arange(len(x)) % LOOKS), "D"),
        renewal_date=pd.Timestamp("2025-06-01"),
        segment=np.repeat(rng.choice(["small", "mid", "large"], accounts), LOOKS),
        churned=churned,
        due=True,
        weight=1.0,
    )
    any_one = catalog.metrics()["active_days_28d"]
    told = {
        name: replace(any_one, name=name, dimension=DIMENSIONS[j % len(DIMENSIONS)])
        for j, name in enumerate(names)
    }
    told["segment"] = replace(
        any_one, name="segment", dimension="context", healthy=None, kind="category"
    )
    return table, told


if __name__ == "__main__":
    main()

"""How often a change of what tells churn is found, and how often one is told where none is.

    PYTHONPATH=. python -P -m benchmarks.concept_drift [--accounts 3000] [--seeds 6] [--months 30]

Of each seed two simulated companies: the weights of one change half way (preset ``drift``). Each is
read through its tables, as a training run reads it. Beside what was found stands by what factor one
dimension's odds ratio would have to change to be found four times in five.
"""

import argparse

import numpy as np

from benchmarks.quality import made, say
from features import catalog
from training import concept_drift
from training.health_score import HealthScore

PRESETS = ("drift", "normal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--months", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    metrics = catalog.metrics()
    print("| preset | companies | told of a change | churned renewals | visible from |")
    print("|---|---|---|---|---|")
    for preset in PRESETS:
        found = []
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            _, table = made(preset, asked.accounts, seed, asked.months)
            score = HealthScore.fit(table, table["churned"], table["weight"], metrics, 0)
            told = concept_drift.find(table, score)
            if told is None:
                say(f"    {preset}, seed {seed}: too few churned to be tested")
                continue
            say(f"    {preset}, seed {seed}: p {told['p']:.3f}. {told['verdict']}")
            found.append((told["changed"], told["churned"], told["visible"]))
        if found:
            changed, churned, visible = np.array(found, dtype=float).T
            print(
                f"| {preset} | {len(found)} | {changed.sum():.0f} | {churned.mean():,.0f} "
                f"| {np.median(visible):.2f} times |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Does the learned health score find the weights and goals that were planted?

    python -m benchmarks.recovery --direct --seeds 8             as the method's bars were measured
    python -m benchmarks.recovery --seeds 8 --cache FOLDER       through noisy tables

Every method gets the same feature tables. With `--direct`, the risk follows from the metrics in
them (`planted`). Without, they are built from what a simulated company's tables tell, while the
truth is about the latent levels behind: no method can reach it exactly; `--latent` gives it those
levels. Each table is a company of its own (fresh seeds). WOE runs where `optbinning` is importable
(`uv run --with optbinning python -m benchmarks.recovery`).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.planted import plant
from benchmarks.recovery_methods import TREES, Company, Floats, Learned, methods, true_goals
from features import catalog, simulate, source
from features.build import training_table
from features.metric import CONTEXT
from features.settings import Settings
from training.churn_model import ChurnModel
from training.health_score import HealthScore
from training.measures import auc
from training.pipeline import embargo

FIRST_SEED = 201

BARS = {
    "dimension rank corr.": ">= .85",
    "dimension error": "<= 2.2",
    "metric rank corr.": ">= .75",
    "misplaced": "(17.6)",
    "on null metrics": "<= 10",
    "goal error": "<= 9",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8, help="number of companies")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--refits", type=int, default=40)
    parser.add_argument("--direct", action="store_true", help="planted in the metrics themselves")
    parser.add_argument("--steps", action="store_true", help="with --direct: hard steps, no ramps")
    parser.add_argument("--only", help="one method instead of all: part of its name")
    tables = parser.add_argument_group("companies made of tables")
    tables.add_argument("--months", type=int, default=36)
    tables.add_argument("--cache", type=Path, help="where feature tables are kept for a next run")
    tables.add_argument("--all-metrics", action="store_true", help="not only the planted ones")
    tables.add_argument("--latent", action="store_true", help="the true levels, without noise")
    asked = parser.parse_args()
    named = methods(asked.refits)
    if asked.direct or asked.latent:
        named["true goals given"] = true_goals
    named = {name: way for name, way in named.items() if (asked.only or "") in name}
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.cache or Path(scratch)
        found, covers, skills = [], [], []
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            company = (
                planted(asked.accounts, seed, asked.steps)
                if asked.direct
                else load(
                    folder, asked.accounts, asked.months, seed, asked.all_metrics, asked.latent
                )
            )
            for name, method in named.items():
                started = time.process_time()
                learned = method(company)
                seconds = time.process_time() - started
                judged = judge(company, learned)
                found.append({"seed": seed, "method": name, **judged, "CPU s": seconds})
                if learned.score is not None and asked.refits:
                    covers.append(coverage(company, learned.score))
            if not asked.only:
                skills.append(skill(company))
            print(f"seed {seed}: {company.truth['churned']} churns", flush=True)
    report(pd.DataFrame(found), pd.DataFrame(covers), pd.DataFrame(skills))


def planted(accounts: int, seed: int, steps: bool) -> Company:
    """A company whose risk follows from its metric table itself."""
    table, truth, metrics = plant(accounts, seed, steps)
    signs = {
        name: 1.0 if metric.healthy == "high" else -1.0
        for name, metric in metrics.items()
        if metric.healthy
    }
    turned = table[list(signs)] * pd.Series(signs)
    return Company(table, table, turned, np.ones(len(table)), truth, metrics)


def load(
    folder: Path, accounts: int, months: int, seed: int, all_metrics: bool, latent: bool
) -> Company:
    """Simulate a company and build its training table, or read both from the cache."""
    place = folder / f"{accounts}-{months}-{seed}"
    kept = place / "training.parquet"
    if not kept.exists():
        simulate.write(simulate.simulate(accounts, months, seed), place)
        settings = Settings()
        training_table(source.connect(str(place), settings), settings).to_parquet(kept)
    table = pd.read_parquet(kept)
    truth = json.loads((place / "truth.json").read_text(encoding="utf-8"))
    if latent:
        table = with_levels(table, pd.read_parquet(place / "truth.parquet"))
    metrics = {
        name: metric
        for name, metric in catalog.metrics().items()
        if metric.dimension == CONTEXT or all_metrics or name in truth["weights"]
    }
    due = table[table["due"]].reset_index(drop=True)
    signs = {
        name: 1.0 if metric.healthy == "high" else -1.0
        for name, metric in metrics.items()
        if metric.healthy and name in due and due[name].min() < due[name].max()
    }
    looks = due.groupby(["account_id", "renewal_date"], dropna=False)["as_of"].transform("size")
    turned = due[list(signs)] * pd.Series(signs)
    return Company(table, due, turned, 1.0 / looks.to_numpy(np.float64), truth, metrics)


def with_levels(table: pd.DataFrame, hazard: pd.DataFrame) -> pd.DataFrame:
    """The levels that the risk followed from, in place of what the tables tell of them."""
    levels = hazard.filter(regex="^level_").rename(columns=lambda name: name.removeprefix("level_"))
    keys = hazard[["account_id"]].assign(as_of=hazard["month"].astype(table["as_of"].dtype))
    rest = table.drop(columns=list(levels))
    return rest.merge(pd.concat([keys, levels.astype(float)], axis=1), "left")


def judge(company: Company, learned: Learned) -> dict[str, float]:
    """How far what was learned lies from what was planted; points are of 100."""
    truth = company.truth
    told = 100 * learned.weights / learned.weights.sum()
    planted = pd.Series(truth["weights"]).reindex(told.index)
    by_dimension = told.groupby([company.metrics[name].dimension for name in told.index]).sum()
    true_dimension = pd.Series(truth["dimensions"])
    by_dimension = by_dimension.reindex(true_dimension.index).fillna(0.0)
    judged = {
        "dimension rank corr.": float(spearmanr(by_dimension, true_dimension)[0]),
        "dimension error": float((by_dimension - true_dimension).abs().mean()),
    }
    if planted.notna().all():
        flat = told.min() == told.max()
        judged["metric rank corr."] = np.nan if flat else float(spearmanr(told, planted)[0])
        judged["misplaced"] = float((told - planted).abs().sum() / 2)
        judged["on null metrics"] = float(told[truth["null_metrics"]].sum())
    if learned.goals is not None:
        judged["goal error"] = _goal_error(company, learned.goals)
    return judged


def _goal_error(company: Company, goals: pd.Series) -> float:
    """Mean distance in percentile points of the metric among the segment's renewals."""
    errors = []
    for segment, rows in company.by_segment():
        for name, planted in company.truth["goals"].items():
            sign = 1.0 if company.metrics[name].healthy == "high" else -1.0
            x = rows[name].dropna().to_numpy()
            apart = _rank(x, goals[name, segment]) - _rank(x, sign * planted[segment]["goal"])
            errors.append(abs(apart))
    return float(np.mean(errors))


def _rank(x: Floats, place: float) -> float:
    return 50 * float((x < place).mean() + (x <= place).mean())


def coverage(company: Company, score: HealthScore) -> dict[str, float]:
    """Share of planted weights and goals that lie in their 90 % intervals."""
    truth = company.truth
    metrics = [m for m in score.metrics if m.name in truth["weights"]]
    goals = [
        (goal, truth["goals"][m.name][goal.segment]["goal"])
        for m in metrics
        if m.name in truth["goals"]
        for goal in m.segments
    ]
    reach = [
        _rank(x, -min(-goal.low, -goal.high)) - _rank(x, min(goal.low, goal.high))
        for m in metrics
        for goal in m.segments
        if goal.low is not None and goal.high is not None
        for x in [company.due.loc[company.due["segment"] == goal.segment, m.name].dropna()]
    ]
    return {
        "dimension weights": np.mean(
            [d.low <= truth["dimensions"][d.name] <= d.high for d in score.dimensions]
        ),
        "metric weights": np.mean([m.low <= truth["weights"][m.name] <= m.high for m in metrics]),
        "goals": np.mean([goal.low <= true <= goal.high for goal, true in goals]),
        "goals with enough evidence": np.mean([goal.enough for goal, _ in goals]),
        "span of a goal (points)": np.mean(reach),
    }


def skill(company: Company) -> dict[str, float]:
    """AUC among later renewals, learned from earlier ones only, beside the churn model's."""
    table = company.table.sort_values(["as_of", "account_id"])
    cut = table["as_of"].quantile(0.7)
    until = cut - pd.Timedelta(days=embargo(Settings().observations))
    if not (table["as_of"] > cut).any():  # planted directly: two days, a year apart
        cut = until
    before, after = table[table["as_of"] <= until], table[(table["as_of"] > cut) & table["due"]]
    score = HealthScore.fit(before, before["churned"], before["weight"], company.metrics, refits=0)
    model = ChurnModel.fit(before, before["churned"], before["weight"], company.metrics, TREES)
    known = [name for name in after if name in {*company.metrics, "account_id", "as_of"}]
    risk = score.risk(after)
    return {
        "scorecard": auc(risk, after["churned"]),
        "LightGBM": auc(model.scores(after[known]), after["churned"]),
        "health alone": auc(-score.score(after)["health"].fillna(50.0), after["churned"]),
        "truth (all renewals)": company.truth["oracle"]["auc"],
        "scorecard says": float(risk.mean()),
        "churned": float(after["churned"].mean()),
    }


def report(found: pd.DataFrame, covers: pd.DataFrame, skills: pd.DataFrame) -> None:
    """Means over companies, with the standard error of the mean for the joint ramp."""
    means = found.drop(columns="seed").groupby("method", sort=False).mean()
    means = means.reindex(columns=[*(c for c in BARS if c in means), "CPU s"])
    print(f"\nMean over {found['seed'].nunique()} companies\n")
    print(means.round(2).fillna("-").to_string())
    bars = "   ".join(f"{name} {bar}" for name, bar in BARS.items())
    print(f"\nBars (METHOD; one with no measurement noise): {bars}")
    ramps = found[found["method"] == "joint ramp"].drop(columns=["seed", "method"])
    print("Standard error, joint ramp:  " + _line(ramps.sem()))
    if "goal error" in means:
        gain = 1 - means.loc["joint ramp", "goal error"] / means["goal error"]
        if "single-metric AUC and Youden" in gain:
            print(f"Goals better than Youden's by {gain['single-metric AUC and Youden']:.0%}")
    if len(covers):
        print("Share in the 90 % interval:  " + _line(covers.mean()))
    if len(skills):
        print("AUC among later renewals:    " + _line(skills.mean()))


def _line(values: pd.Series) -> str:
    return "   ".join(f"{name} {value:.3f}" for name, value in values.items())


if __name__ == "__main__":
    main()

"""Does the learned health score find the weights and goals that were planted?

    python benchmarks/recovery.py --seeds 8 --accounts 3000 --cache FOLDER

Every method gets the same feature tables, built from what the simulated company's tables tell; the
truth is about the latent levels behind them, so that no method can reach it exactly. Each table is
a company of its own (fresh seeds). WOE runs where `optbinning` is importable.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from features import catalog, simulate, source
from features.build import training_table
from features.metric import CONTEXT, Metric
from features.settings import Settings
from training.churn_model import ChurnModel
from training.evaluate import auc
from training.health_score import HealthScore
from training.pipeline import embargo
from training.ramp import GREEN, RED
from training.scorecard import BACKGROUND

Floats = NDArray[np.float64]

FIRST_SEED = 201
TREES = 150

BARS = {
    "dimension rank corr.": ">= .85",
    "dimension error": "<= 2.2",
    "metric rank corr.": ">= .75",
    "misplaced": "(17.6)",
    "on null metrics": "<= 10",
    "goal error": "<= 9",
}


@dataclass(frozen=True)
class Company:
    """A simulated company as the methods see it, and its truth.

    `turned` are the metrics with the sign changed where low is healthy, `due` the rows of
    renewals, `weight` 1 per renewal.
    """

    table: pd.DataFrame
    due: pd.DataFrame
    turned: pd.DataFrame
    weight: Floats
    truth: dict
    metrics: dict[str, Metric]

    def by_segment(self) -> list[tuple[str, pd.DataFrame]]:
        return [(str(name), rows) for name, rows in self.turned.groupby(self.due["segment"])]


@dataclass(frozen=True)
class Learned:
    """Weights of metrics in any unit; goals on the turned scale, by metric and segment."""

    weights: pd.Series
    goals: pd.Series | None = None
    score: HealthScore | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8, help="number of companies")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--refits", type=int, default=40)
    parser.add_argument("--cache", type=Path, help="where feature tables are kept for a next run")
    parser.add_argument("--all-metrics", action="store_true", help="not only the planted ones")
    parser.add_argument("--latent", action="store_true", help="the true levels, without noise")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.cache or Path(scratch)
        found, covers, skills = [], [], []
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            company = load(
                folder, asked.accounts, asked.months, seed, asked.all_metrics, asked.latent
            )
            for name, method in methods(asked.refits).items():
                started = time.process_time()
                learned = method(company)
                seconds = time.process_time() - started
                judged = judge(company, learned)
                found.append({"seed": seed, "method": name, **judged, "CPU s": seconds})
                if learned.score is not None and asked.refits:
                    covers.append(coverage(company, learned.score))
            skills.append(skill(company))
            print(f"seed {seed}: {company.truth['churned']} churns", flush=True)
    report(pd.DataFrame(found), pd.DataFrame(covers), pd.DataFrame(skills))


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
        table = _latent(table, pd.read_parquet(place / "truth.parquet"))
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


def _latent(table: pd.DataFrame, hazard: pd.DataFrame) -> pd.DataFrame:
    """The levels that the risk followed from, in place of what the tables tell of them."""
    levels = hazard.filter(regex="^level_").rename(columns=lambda name: name.removeprefix("level_"))
    keys = hazard[["account_id"]].assign(as_of=hazard["month"].astype(table["as_of"].dtype))
    rest = table.drop(columns=list(levels))
    return rest.merge(pd.concat([keys, levels.astype(float)], axis=1), "left")


def methods(refits: int) -> dict[str, Callable[[Company], Learned]]:
    named: dict[str, Callable[[Company], Learned]] = {
        "equal weights, fixed quantile": equal,
        "single-metric AUC and Youden": youden,
        "logistic coefficients": logistic,
        "SHAP mass and zero crossing": shap_mass,
        "joint ramp": lambda company: joint_ramp(company, refits),
    }
    try:
        import optbinning  # noqa: F401
    except ImportError:
        print("WOE is left out: optbinning is not installed.")
        return named
    return {**named, "WOE scorecard": woe}


def equal(company: Company) -> Learned:
    """No learning: what a careful person would start from."""
    goals = {
        (name, segment): place
        for segment, rows in company.by_segment()
        for name, place in rows.quantile((RED + GREEN) / 2).items()
    }
    return Learned(pd.Series(1.0, index=company.turned.columns), pd.Series(goals))


def youden(company: Company) -> Learned:
    """Each metric alone: weight by its AUC, goal where sensitivity + specificity is highest."""
    churned = company.due["churned"].to_numpy()
    weights = {}
    for name, values in company.turned.items():
        known = values.notna().to_numpy()
        alone = auc(-values[known], churned[known], company.weight[known])
        weights[name] = max(2 * alone - 1, 0.0)
    goals = {
        (name, segment): _most_apart(values, churned[values.index], company.weight[values.index])
        for segment, rows in company.by_segment()
        for name, values in rows.items()
    }
    return Learned(pd.Series(weights), pd.Series(goals))


def _most_apart(values: pd.Series, churned: NDArray[np.bool_], weight: Floats) -> float:
    known = values.notna().to_numpy()
    x, y, w = values[known].to_numpy(), churned[known], weight[known]
    order = np.argsort(x, kind="stable")
    x, left, stayed = x[order], (w * y)[order], (w * ~y)[order]
    gap = np.cumsum(left) / max(left.sum(), 1e-9) - np.cumsum(stayed) / max(stayed.sum(), 1e-9)
    ends = np.append(x[1:] != x[:-1], True)
    return float(x[np.argmax(np.where(ends, gap, -np.inf))])


def _standard(company: Company) -> pd.DataFrame:
    """Metrics on a common scale within each segment; missing ones at the mean."""
    groups = company.turned.groupby(company.due["segment"])
    centred = company.turned - groups.transform("mean")
    return (centred / groups.transform("std").replace(0, 1)).clip(-4, 4).fillna(0.0)


def _context(company: Company) -> pd.DataFrame:
    numbers = company.due[[name for name in BACKGROUND if name in company.due]]
    scaled = np.log1p(numbers.clip(lower=0))
    scaled = ((scaled - scaled.mean()) / scaled.std()).fillna(0.0)
    return pd.concat([scaled, pd.get_dummies(company.due["segment"], dtype=float)], axis=1)


def logistic(company: Company) -> Learned:
    """Standardised coefficients of a ridge logistic regression, wrong signs at 0."""
    X = pd.concat([_standard(company), _context(company)], axis=1)
    model = LogisticRegression(C=1.0, max_iter=2000)
    model.fit(X.to_numpy(), company.due["churned"].to_numpy(), company.weight)
    size = len(company.turned.columns)
    return Learned(pd.Series(np.maximum(-model.coef_[0][:size], 0), company.turned.columns))


def shap_mass(company: Company) -> Learned:
    """Mean absolute SHAP values of the churn model; goals where they cross zero."""
    weight = pd.Series(company.weight)
    model = ChurnModel.fit(company.due, company.due["churned"], weight, company.metrics, TREES)
    told = {*company.metrics, "account_id", "as_of"}
    rows = company.due[[name for name in company.due if name in told]]
    shap, _ = model.contributions(rows)
    shap = shap[list(company.turned.columns)]
    goals = {}
    for segment, part in company.by_segment():
        for name, values in part.items():
            x = values.dropna()
            rising = IsotonicRegression(increasing=False, out_of_bounds="clip")
            curve = rising.fit(x, shap.loc[x.index, name])
            grid = np.unique(x)
            unhealthy = curve.predict(grid) > 0
            goals[name, segment] = float(grid[min(unhealthy.sum(), len(grid) - 1)])
    return Learned(shap.abs().mean(), pd.Series(goals))


def woe(company: Company) -> Learned:
    """Weight of evidence per monotone optimal bins, then logistic regression on it."""
    from optbinning import OptimalBinning

    churned = company.due["churned"].to_numpy()
    columns, goals = {}, {}
    for name, values in company.turned.items():
        binning = OptimalBinning(name=name, monotonic_trend="ascending", max_n_prebins=20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            binning.fit(values.to_numpy(), ~churned, sample_weight=company.weight)
            columns[name] = binning.transform(values.to_numpy(), metric="woe", metric_missing=0)
        evidence = columns[name]
        better = values[evidence < 0] if values[evidence < 0].notna().any() else values
        for segment, _ in company.by_segment():
            goals[name, segment] = float(better.min())
    W = pd.DataFrame(columns)
    X = pd.concat([W, _context(company)], axis=1)
    model = LogisticRegression(C=1.0, max_iter=2000)
    model.fit(X.to_numpy(), churned, company.weight)
    return Learned(pd.Series(np.maximum(model.coef_[0][: len(W.columns)], 0) * W.std().to_numpy(),
                             W.columns), pd.Series(goals))  # fmt: skip


def joint_ramp(company: Company, refits: int) -> Learned:
    """What Tenure does."""
    table = company.table
    score = HealthScore.fit(
        table, table["churned"], table["weight"], company.metrics, refits=refits
    )
    goals = score.goals_.set_index(["metric", "segment"])["goal"]
    signs = [1.0 if company.metrics[name].healthy == "high" else -1.0 for name, _ in goals.index]
    weights = pd.Series({metric.name: metric.weight for metric in score.metrics})
    return Learned(weights, goals * signs, score)


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
        print(f"Goals better than Youden's by {gain['single-metric AUC and Youden']:.0%}")
    if len(covers):
        print("Share in the 90 % interval:  " + _line(covers.mean()))
    print("AUC among later renewals:    " + _line(skills.mean()))


def _line(values: pd.Series) -> str:
    return "   ".join(f"{name} {value:.3f}" for name, value in values.items())


if __name__ == "__main__":
    main()

"""The ways to learn weights and goals that `recovery` compares: each a function of a company."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from features.metric import Metric
from training import ramp, ramp_fit, spreads
from training.cells import Cells
from training.churn_model import ChurnModel
from training.health_score import HealthScore
from training.measures import auc
from training.ramp import GREEN, RED, Problem
from training.scorecard import BACKGROUND

Floats = NDArray[np.float64]

TREES = 150


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


def methods(refits: int) -> dict[str, Callable[[Company], Learned]]:
    """By name, those that are installed.

    `refits` are those from which the joint ramp's intervals are read.
    """
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


def true_goals(company: Company) -> Learned:
    """The joint ramp's weights where it is told all ramps and need not learn them: a floor."""
    due, goals = company.due, company.truth["goals"]
    climbed = company.turned.copy()
    for segment, rows in company.by_segment():
        for name, x in rows.items():
            sign = 1.0 if company.metrics[name].healthy == "high" else -1.0
            ends = goals.get(name, {}).get(segment)
            red, green = (
                sorted((sign * ends["red"], sign * ends["green"]))
                if ends
                else x.quantile([RED, GREEN])
            )
            part = (x >= green).astype(float) if red == green else (x - red) / (green - red)
            climbed.loc[x.index, name] = part.clip(0, 1).where(x.notna())
    p = len(climbed.columns)
    code = pd.factorize(due["segment"])[0]
    problem = Problem(
        cells=Cells.of(climbed.to_numpy(), code),
        linear=_context(company).to_numpy(),
        y=due["churned"].to_numpy(np.float64),
        weight=company.weight,
        dimension=pd.factorize(pd.Series([company.metrics[name].dimension for name in climbed]))[0],
        segments=code.max() + 1,
        expected=np.ones(p),
        goals=np.full((p, code.max() + 1), np.nan),
    )
    ramps = replace(ramp.Assumed.before(problem).ramps, green=np.ones(p), log_width=np.zeros(p))
    found = ramp_fit.fit_weights(problem, ramps)
    problem = replace(problem, penalties=spreads.best(problem, spreads.near(problem, found)))
    return Learned(pd.Series(ramp_fit.fit_weights(problem, ramps).beta, climbed.columns))

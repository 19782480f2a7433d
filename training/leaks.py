"""Signals too good to be true, sought in the rows that are learned from.

A leak is a column that knows the outcome: written after it, or filled because of it. Each check is
cheap, looks only at renewals whose outcome is known (so that knowing who is due is no suspicion),
and says what it saw. That nothing is found proves only that these checks found nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from features.metric import Metric
from training.churn_model import ChurnModel
from training.measures import auc
from training.split import Fold

SINGLE_AUC = 0.90
MISSING_AUC = 0.75
EARLY_AUC = 0.75
JUMP_AUC = 0.80
JUMP = 0.15
EARLY_DAYS = 180
"""Days before a renewal from which on the simulator's honest metrics reach no more than AUC .70."""
NEAR_DAYS, FAR_DAYS = 31, (60, 120)
"""The looks nearest to 7 and to 90 days before a renewal that a monthly grid offers."""
FADING = 0.05
WRONG_SIDE, GOOD_AUC = 0.40, 0.30
"""AUC in the direction of risk: leavers look healthier once turned, and much healthier anyway. On
the simulator's honest metrics it falls to .39 (sessions per user, of the few who are left)."""
SURE = 4.0
"""Standard errors beyond chance: some 100 metrics a run are looked at."""
ISLAND, ISLAND_CHANCE = 0.5, 1e-6
"""How far a value's churn rate stands from both neighbours', and how likely that is by chance."""
FEWEST = 20
"""Churned rows, and rows of a category, below which a check says nothing."""
PERMUTED_ROWS, PERMUTED_TREES = 4000, 30

Floats = NDArray[np.float64]
Looks = Mapping[str, pd.DataFrame]
"""One look per known renewal and lead: early, far, near, last."""


@dataclass(frozen=True)
class Leak:
    """A suspicion about one metric, or about the backtest as a whole.

    Parameters
    ----------
    metric : str
        Empty for the backtest.
    check : str
    figure : float
        What the check measured: an AUC, for `after_as_of` the days.
    message : str
        For people, with what to do.
    """

    metric: str
    check: str
    figure: float
    message: str


def single_feature(column: pd.Series, churned: pd.Series, metric: Metric) -> Leak | None:
    """One metric alone separates leavers from stayers better than any honest one."""
    values = _as_risk(column, churned) if metric.kind == "category" else column
    known = values.notna()
    figure = _separation(values[known], churned[known])
    if figure <= SINGLE_AUC:
        return None
    return Leak(
        metric.name,
        "single_feature",
        figure,
        f"{metric.name} alone tells who leaves with AUC {figure:.3f}. Find out when it is written: "
        "if it is set or changed because an account leaves, leave it out or map its known_at.",
    )


def missingness(column: pd.Series, churned: pd.Series, metric: Metric) -> Leak | None:
    """Whether a value is there at all tells who leaves."""
    figure = _separation(column.isna().astype(float), churned)
    if figure <= MISSING_AUC:
        return None
    return Leak(
        metric.name,
        "missingness",
        figure,
        f"Whether {metric.name} is filled tells who leaves with AUC {figure:.3f}. Find out when it "
        "is filled or cleared: if that happens because an account leaves, leave it out.",
    )


def after_as_of(column: pd.Series, _churned: pd.Series, metric: Metric) -> Leak | None:
    """The age of something is below 0: it happened after the day that is looked from."""
    aged = "since" in metric.name.split("_") or "age" in metric.name.split("_")
    if metric.kind == "category" or not (aged and "days" in metric.name.split("_")):
        return None
    early = column < 0
    if not early.any():
        return None
    return Leak(
        metric.name,
        "after_as_of",
        float(column.min()),
        f"{metric.name} is below 0 in {early.sum()} of {len(column)} rows: it was counted from "
        "something dated after the day looked from. Map that table's known_at.",
    )


def island(column: pd.Series, churned: pd.Series, metric: Metric) -> Leak | None:
    """At one value the churn rate lies far from that of both its neighbours.

    Risk may step up or down along a metric, and flatten out; it does not leap and come back. A
    value that leavers alone (or stayers alone) have is put there by the outcome: months active
    counted until the account left, say.
    """
    if metric.kind == "category":
        return None
    values = column.to_numpy(np.float64, na_value=np.nan)
    known = ~np.isnan(values)
    cells, place = np.unique(values[known], return_inverse=True)
    if len(cells) < 3:
        return None
    each = churned.to_numpy(np.float64)[known], np.ones(len(place))
    left, size = (np.bincount(place, rows).astype(np.float64) for rows in each)
    smaller, greater = _beside(left, size).T
    rate, n = (left / size)[1:-1], size[1:-1]
    lower, higher = np.minimum(smaller, greater), np.maximum(smaller, greater)
    above = rate - higher
    gap = np.maximum(above, lower - rate)
    far = np.flatnonzero(gap > ISLAND)
    side = np.where(above > 0, higher, 1 - lower)
    hits = np.where(above > 0, left[1:-1], n - left[1:-1])
    sure = np.zeros(len(gap), dtype=bool)
    sure[far] = binom.sf(hits[far] - 1, n[far], side[far]) * len(cells) < ISLAND_CHANCE
    if not sure.any():
        return None
    worst = int(np.argmax(np.where(sure, gap, 0.0)))
    return Leak(
        metric.name,
        "island",
        float(gap[worst]),
        f"Of {n[worst]:.0f} rows in which {metric.name} is {cells[worst + 1]:g}, "
        f"{rate[worst]:.0%} churned, but {smaller[worst]:.0%} and {greater[worst]:.0%} of those "
        "with the next smaller and greater values. A cause does not leap and come back: find out "
        "whether the value is counted until the account leaves, or written when it does.",
    )


def _beside(left: Floats, size: Floats) -> Floats:
    """Churn rates just below and just above each inner cell, shape (cells - 2, 2).

    Each is of at least `FEWEST` rows, if there are as many.
    """
    rows, lost = (np.concatenate([[0.0], np.cumsum(each)]) for each in (size, left))
    place = np.arange(1, len(size) - 1)
    start = np.searchsorted(rows, rows[place] - FEWEST, side="right") - 1
    end = np.searchsorted(rows, rows[place + 1] + FEWEST)
    sides = ((np.maximum(start, 0), place), (place + 1, np.minimum(end, len(size))))
    # one of each kind is added: the rate of few rows is uncertain
    return np.column_stack([(lost[b] - lost[a] + 1) / (rows[b] - rows[a] + 2) for a, b in sides])


def does_not_fade(renewals: Looks, metric: Metric) -> Leak | None:
    """Half a year ahead it tells leavers as well as at the renewal: honest signals fade."""
    figure, error = _told(renewals["early"], metric)
    if figure - SURE / 2 * error <= EARLY_AUC:
        return None
    at_last, _ = _told(renewals["near"], metric)
    if figure < at_last - FADING:
        return None
    return Leak(
        metric.name,
        "does_not_fade",
        figure,
        f"{metric.name} tells who leaves with AUC {figure:.3f} more than {EARLY_DAYS} days before "
        f"the renewal, and {at_last:.3f} near it. Nothing honest knows so early: find out whether "
        "its table was changed, or rows of it deleted, once accounts had left.",
    )


def jump(renewals: Looks, metric: Metric) -> Leak | None:
    """It tells little some 90 days before the renewal and nearly all in the last weeks."""
    figure, error = _told(renewals["last"], metric)
    if figure <= JUMP_AUC:
        return None
    before, error_before = _told(renewals["far"], metric)
    gain = figure - before
    if gain <= JUMP or gain <= SURE * np.hypot(error, error_before):
        return None
    return Leak(
        metric.name,
        "jump",
        figure,
        f"{metric.name} tells who leaves with AUC {before:.3f} some 90 days before the renewal and "
        f"{figure:.3f} in its last {NEAR_DAYS} days. It may record the decision: if so, leave it "
        "out, or set observations.lead_days so that there is time to act.",
    )


def turns_good(renewals: Looks, metric: Metric) -> Leak | None:
    """Leavers look healthier than stayers: tickets closed, risk flags cleared as they left.

    Either it told of risk some 90 days before the renewal and tells the contrary in the last weeks,
    or leavers look far healthier at whatever lead, as where the state was overwritten.
    """
    if metric.healthy is None or metric.kind == "category":
        return None
    (last, error), (near, near_error) = (
        _risky(renewals[lead], metric) for lead in ("last", "near")
    )
    good = near + SURE / 2 * near_error < GOOD_AUC
    if last >= WRONG_SIDE and not good:
        return None
    far, far_error = _risky(renewals["far"], metric)
    turned = far - last > max(JUMP, SURE * np.hypot(error, far_error)) and last < WRONG_SIDE
    if not turned and not good:
        return None
    seen = (
        f"Some 90 days before the renewal leavers look worse in {metric.name} (AUC {far:.3f} in "
        f"the direction of risk), in its last {NEAR_DAYS} days better than those who stay "
        f"({last:.3f})"
        if turned
        else f"Leavers look better in {metric.name} than those who stay (AUC {near:.3f} in the "
        "direction of risk)"
    )
    return Leak(
        metric.name,
        "turns_good",
        last if turned else near,
        f"{seen}. It may be closed or cleared because they leave: find out, and map when it "
        "changed, or leave it out. Or your team acts on risk, and this is the effect.",
    )


CHECKS: dict[str, Callable[[pd.Series, pd.Series, Metric], Leak | None]] = {
    "single_feature": single_feature,
    "missingness": missingness,
    "after_as_of": after_as_of,
    "island": island,
}
LEAD_CHECKS: dict[str, Callable[[Looks, Metric], Leak | None]] = {
    "does_not_fade": does_not_fade,
    "jump": jump,
    "turns_good": turns_good,
}
NAMES = (*CHECKS, *LEAD_CHECKS, "permutation")


def find(table: pd.DataFrame, metrics: Sequence[Metric]) -> list[Leak]:
    """Run every check on every metric, on the renewals of a training table that are known.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    metrics : sequence of Metric
        Columns of it.
    """
    renewals = _renewals(table)
    found = [check(renewals, metric) for metric in metrics for check in LEAD_CHECKS.values()]
    known = table["due"].to_numpy(bool)
    return _looked(table, known, metrics) + [leak for leak in found if leak is not None]


def look(rows: pd.DataFrame, metrics: Sequence[Metric]) -> list[Leak]:
    """Run the checks that need no time, on rows with `churned`."""
    return _looked(rows, np.ones(len(rows), dtype=bool), metrics)


def _looked(table: pd.DataFrame, rows: NDArray[np.bool_], metrics: Sequence[Metric]) -> list[Leak]:
    churned = table["churned"][rows]
    found = []
    for metric in metrics:
        column = table[metric.name][rows]
        found += [check(column, churned, metric) for check in CHECKS.values()]
    return [leak for leak in found if leak is not None]


def permutation(
    table: pd.DataFrame, fold: Fold, metrics: Mapping[str, Metric], seed: int = 0
) -> Leak | None:
    """With outcomes dealt anew among the renewals, nothing may be learned: AUC .50.

    All looks at one renewal share the outcome dealt to it. A backtest that judges rows it learned
    from is found out; the check is bounded in rows and trees, and says nothing of few renewals.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    fold : Fold
        Of that table.
    metrics : mapping of name to Metric
    seed : int
    """
    rng = np.random.default_rng(seed)
    due = table["due"].to_numpy(bool)
    renewal = table.groupby(["account_id", "renewal_date"], dropna=False).ngroup().to_numpy()
    fates = np.zeros(renewal.max() + 1, dtype=bool)
    fates[renewal[due & table["churned"].to_numpy(bool)]] = True
    known = np.unique(renewal[due])
    fates[known] = rng.permutation(fates[known])
    dealt = pd.Series(fates[renewal], index=table.index)
    before, after = (
        table[mask & due][-PERMUTED_ROWS:] for mask in (fold.train_mask, fold.test_mask)
    )
    judged = pd.Series(renewal, index=table.index)[after.index]
    churned = judged[dealt[after.index]].nunique()
    stayed = judged[~dealt[after.index]].nunique()
    if min(churned, stayed) < FEWEST or dealt[before.index].nunique() < 2:
        return None
    model = ChurnModel.fit(
        before, dealt[before.index], before["weight"], metrics, PERMUTED_TREES, seed
    )
    figure = auc(model.scores(after), dealt[after.index])
    if figure - 0.5 <= SURE * _error(0.5, churned, stayed):
        return None
    return Leak(
        "",
        "permutation",
        figure,
        f"With outcomes dealt at random the backtest still ranks with AUC {figure:.3f} instead of "
        ".50: it knows rows that it judges. Do not trust its figures; look for renewals or "
        "accounts that appear twice under different names or dates.",
    )


def _renewals(table: pd.DataFrame) -> Looks:
    """Choose the looks at each lead, and join what came of the renewal, `left`."""
    keys = ["account_id", "renewal_date"]
    known = table[[*keys, "as_of", "due", "churned"]].reset_index(drop=True)
    known = known[known["renewal_date"].notna()]
    fate = known[known["due"]].groupby(keys)["churned"].max().rename("left")
    known = known.join(fate, on=keys, how="inner").astype({"left": bool})
    days = (known["renewal_date"] - known["as_of"]).dt.days
    leads = {
        "early": days > EARLY_DAYS,
        "far": days.between(*FAR_DAYS),
        "near": days.between(0, FAR_DAYS[1]),
        "last": days.between(0, NEAR_DAYS),
    }
    chosen = {
        lead: known[mask].sort_values("as_of").drop_duplicates(keys, keep="last")
        for lead, mask in leads.items()
    }
    return {
        lead: table.iloc[rows.index].assign(left=rows["left"].to_numpy())
        for lead, rows in chosen.items()
    }


def _told(rows: pd.DataFrame, metric: Metric) -> tuple[float, float]:
    """AUC of a metric, missing or not, in its better direction; and its standard error."""
    column, left = rows[metric.name], rows["left"]
    values = _as_risk(column, left) if metric.kind == "category" else column
    known = values.notna()
    shown = _separation(values[known], left[known])
    there = _separation(known.astype(float), left)
    if shown >= there:
        left = left[known]
    figure = max(shown, there)
    return figure, _error(figure, int(left.sum()), int((~left).sum()))


def _risky(rows: pd.DataFrame, metric: Metric) -> tuple[float, float]:
    """AUC of a metric in the direction of risk, and its standard error; one half of few rows."""
    rows = rows[rows[metric.name].notna()]
    left, stayed = int(rows["left"].sum()), int((~rows["left"]).sum())
    if min(left, stayed) < FEWEST:
        return 0.5, 0.5
    figure = auc(rows[metric.name] * (1 if metric.healthy == "low" else -1), rows["left"])
    return figure, _error(figure, left, stayed)


def _error(figure: float, churned: int, stayed: int) -> float:
    """Standard error of an AUC of independent rows.

    References
    ----------
    Hanley and McNeil (1982). The meaning and use of the area under a ROC curve.
    """
    if not churned or not stayed:
        return 0.5
    one, other = figure / (2 - figure), 2 * figure**2 / (1 + figure)
    square = figure * (1 - figure)
    square += (churned - 1) * (one - figure**2) + (stayed - 1) * (other - figure**2)
    return float(np.sqrt(max(square, 0.0) / (churned * stayed)))


def _separation(values: pd.Series, churned: pd.Series) -> float:
    """AUC of a column in its better direction; 0.5 where too few rows speak."""
    if min(churned.sum(), (~churned).sum()) < FEWEST:
        return 0.5
    figure = auc(values, churned)
    return max(figure, 1 - figure)


def _as_risk(column: pd.Series, churned: pd.Series) -> pd.Series:
    """Put the churn rate of its category in place of each value; rare ones say nothing."""
    groups = churned.groupby(column, observed=True)
    return groups.transform("mean").where(groups.transform("size") >= FEWEST).astype(np.float64)

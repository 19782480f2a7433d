"""How good the predictions were on what came later, each figure with its interval.

The input is always a *backtest*: one row per observation predicted by a model that knew nothing of
that time, with `account_id`, `as_of`, `fold`, `churned`, `due` (a renewal falls into the outcome
window), `renewal_date`, `weight`, `probability`, and the churn rates known before the fold began:
`base_rate` of all rows and `base_rate_due` of rows that were due. `contract_score` ranks the rows
by what the contract and the account's traits tell alone; `term_days` is the length of the contract.

Intervals are 95 %, from drawing whole accounts with replacement: the rows of one account tell of
one relationship. Every figure is therefore written once for a matrix of weights, shape (n, draws).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import ndtri, xlogy

from training.threads import one_blas_thread

Array = NDArray[np.float64]
Figures = Callable[[pd.DataFrame, Array], dict[str, Array]]
"""From rows and weights of shape (n, k) to named figures of shape (k,)."""

DRAWS = 500
LEVEL = 0.95
SKILL_LEVEL = 0.99
GAIN_LEVEL = 0.95
TERMS = {"month": 31, "quarter": 93, "half year": 186, "year": 380, "longer": np.inf}
"""Contract terms told apart, by the most days that each holds."""
FEWEST_TO_RANK = 10
"""Churned rows below which a term's AUC is not told."""
OF_FOLDS = (
    "auc",
    "auc_due",
    "log_loss",
    "log_loss_base",
    "log_loss_due",
    "log_loss_due_base",
    "calibration_error",
)
"""Figures that are told of each block of time."""
BINS = 10
TOP = 0.1
CELLS = 4_000_000
"""Numbers held at once while drawing: bounds memory, not results."""
MOST_DRAWN = 50_000_000
"""Rows that all draws have together, beyond which there are fewer draws, and at least..."""
FEWEST_DRAWS = 100
"""...so many: the more rows, the narrower the interval, and the less its ends need to be exact."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in falling order of probability, ranked once for however many draws.

    Parameters
    ----------
    churned, all : csr_array, shape (g, n)
        Which of n rows are the churned ones, and which are all, in each of the groups of `Ranked`.
    """

    churned: csr_array
    all: csr_array

    @classmethod
    def of(cls, probability: Array, churned: Array) -> "Ranking":
        """Rank n rows; `churned` is 1 or 0."""
        order = np.argsort(-probability, kind="stable")
        left = churned[order]
        starts = np.flatnonzero(np.diff(probability[order], prepend=np.inf))
        some_left = np.add.reduceat(left, starts) > 0
        # a run of groups in which nobody left is one: no figure tells them apart
        ends = np.append(starts[some_left | np.append(True, some_left)[:-1]], len(order))
        shape = (len(ends) - 1, len(order))
        there = csr_array((np.ones(len(order)), order, ends), shape)
        gone = csr_array((left, order, ends), shape, copy=True)
        gone.eliminate_zeros()
        return cls(gone, there)

    def under(self, weights: Array) -> "Ranked":
        """The weights, shape (n, draws), by group."""
        return Ranked(self.churned @ weights, self.all @ weights)


@dataclass(frozen=True)
class Ranked:
    """Weights of rows in falling order of probability, ties together.

    Parameters
    ----------
    churned, all : ndarray, shape (g, draws)
        Weight of the churned rows and of all rows in each of g groups: of equal probability, or
        between two such groups that hold churned rows.
    """

    churned: Array
    all: Array

    @classmethod
    def of(cls, probability: Array, churned: Array, weights: Array) -> "Ranked":
        """Rank n rows for draws that come at once; `weights` has shape (n, draws)."""
        return Ranking.of(probability, churned).under(weights)

    def auc(self) -> Array:
        """Chance that a churned row ranks above one that stayed; ties count half."""
        stayed = self.all - self.churned
        above = np.cumsum(stayed, axis=0) - stayed / 2
        lost = (self.churned * above).sum(axis=0)
        return 1 - _ratio(lost, self.churned.sum(axis=0) * stayed.sum(axis=0))

    def pr_auc(self) -> Array:
        """Average precision: precision at each churned row, averaged."""
        precision = _ratio(np.cumsum(self.churned, axis=0), np.cumsum(self.all, axis=0))
        hits = (self.churned * np.nan_to_num(precision)).sum(axis=0)
        return _ratio(hits, self.churned.sum(axis=0))

    def lift_top_tenth(self) -> Array:
        """Churn rate among the riskiest tenth of the rows, as a multiple of everybody's."""
        total = self.all.sum(axis=0)
        before = np.cumsum(self.all, axis=0) - self.all
        taken = np.clip(TOP * total - before, 0, self.all)
        caught = (taken * np.nan_to_num(_ratio(self.churned, self.all))).sum(axis=0)
        return _ratio(caught / TOP, self.churned.sum(axis=0))


def auc(probability: ArrayLike, churned: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Chance that a churned row ranks above one that stayed; ties count half.

    Examples
    --------
    >>> auc([0.1, 0.2, 0.2, 0.9], [False, False, True, True])
    0.875
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(churned, dtype=np.float64)
    if weight is None:
        return _plain_auc(p[y > 0], p[y == 0])
    return float(Ranked.of(p, y, np.asarray(weight, dtype=np.float64)[:, None]).auc()[0])


def _plain_auc(left: Array, stayed: Array) -> float:
    """AUC of rows that weigh the same: only those that stayed, the many, need to be in order."""
    if not len(left) or not len(stayed):
        return np.nan
    ordered, sought = np.sort(stayed), np.sort(left)
    below = sum(np.searchsorted(ordered, sought, side).sum() for side in ("left", "right"))
    return float(below / (2 * len(left) * len(stayed)))


def calibration_error(probability: Array, churned: Array, weight: Array, weights: Array) -> Array:
    """Mean gap between said and seen: over ten bins, |mean probability - churn rate|.

    The bins are cut by probability so that each holds a tenth of `weight`, shape (n,), and stay
    the same in all draws; what they hold there, `weights` of shape (n, draws), weighs their gaps.
    """
    return _mean_gap(_gaps(probability, churned, weight), weights)


def _gaps(probability: Array, churned: Array, weight: Array) -> csr_array:
    """What each of n rows adds to the gap of its bin, shape (bins, n)."""
    order = np.argsort(probability, kind="stable")
    ordered = weight[order]
    middle = np.cumsum(ordered) - ordered / 2
    bins = np.minimum((BINS * middle / ordered.sum()).astype(int), BINS - 1)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    gap = (probability - churned)[order]
    return csr_array((gap, order, np.append(starts, len(order))), (len(starts), len(order)))


def _mean_gap(gaps: csr_array, weights: Array) -> Array:
    return _ratio(np.abs(gaps @ weights).sum(axis=0), weights.sum(axis=0))


def paired(gained: Array, weight: Array, account: NDArray[np.intp]) -> tuple[float, float]:
    """Weighted mean of n differences, and its standard error with the rows of an account as one."""
    total = weight.sum()
    mean = float(weight @ gained / total)
    by_account = np.bincount(account, weight * (gained - mean))
    return mean, float(np.sqrt(by_account @ by_account) / total)


def log_losses(probability: Array, churned: Array) -> Array:
    """Log-loss of each row, shape (n,); the certain and wrong is cut at 1e-15."""
    p = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.asarray(-xlogy(churned, p) - xlogy(1 - churned, 1 - p), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Rows:
    """What stays the same in all draws; each of shape (n,)."""

    probability: Array
    churned: Array
    base: Array
    weight: Array

    @cached_property
    def ranking(self) -> Ranking:
        return Ranking.of(self.probability, self.churned)

    @cached_property
    def gaps(self) -> csr_array:
        return _gaps(self.probability, self.churned, self.weight)

    @cached_property
    def losses(self) -> Array:
        return log_losses(self.probability, self.churned)

    @cached_property
    def base_losses(self) -> Array:
        return log_losses(self.base, self.churned)


@dataclass(frozen=True, eq=False)
class _Judged:
    """Rows with draws of their weights, which are of shape (n, k)."""

    rows: _Rows
    weights: Array

    @cached_property
    def ranked(self) -> Ranked:
        return self.rows.ranking.under(self.weights)

    def mean(self, values: Array) -> Array:
        return mean(values, self.weights)

    def brier(self, said: Array) -> Array:
        return self.mean((said - self.rows.churned) ** 2)


_OF_ROWS: Mapping[str, Callable[[_Judged], Array]] = {
    "auc": lambda judged: judged.ranked.auc(),
    "pr_auc": lambda judged: judged.ranked.pr_auc(),
    "log_loss{due}": lambda judged: judged.mean(judged.rows.losses),
    "log_loss{due}_base": lambda judged: judged.mean(judged.rows.base_losses),
    "brier{due}": lambda judged: judged.brier(judged.rows.probability),
    "brier{due}_base": lambda judged: judged.brier(judged.rows.base),
    "lift_top_tenth": lambda judged: judged.ranked.lift_top_tenth(),
    "calibration_error": lambda judged: _mean_gap(judged.rows.gaps, judged.weights),
}
"""Figures of any rows; among the due they are called so at the end, or where `{due}` stands."""


def figures(
    backtest: pd.DataFrame, weights: Array, names: Collection[str] | None = None
) -> dict[str, Array]:
    """Figures of the summary, each of shape (draws,).

    Parameters
    ----------
    backtest : DataFrame, shape (n, ...)
    weights : ndarray, shape (n, draws)
    names : collection of str, optional
        Those wanted; by default every one.
    """
    return figures_of(backtest, names)(backtest, weights)


def figures_of(backtest: pd.DataFrame, names: Collection[str] | None = None) -> Figures:
    """Prepare `figures` of some rows, to be asked for draw after draw of their weights."""
    due = backtest["due"].to_numpy(bool)
    wanted: list[tuple[NDArray[np.bool_] | slice, _Rows, dict[str, Callable[[_Judged], Array]]]] = [
        (mask, _rows(backtest, mask, base), _called(word, names))
        for word, mask, base in (("", slice(None), "base_rate"), ("_due", due, "base_rate_due"))
    ]
    contract = None
    if names is None:
        score, y = (backtest[c].to_numpy(np.float64)[due] for c in ("contract_score", "churned"))
        contract = Ranking.of(score, y)

    def told(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for mask, rows, asked in wanted:
            judged = _Judged(rows, weights[mask])
            found |= {name: figure(judged) for name, figure in asked.items()}
        if contract is not None:
            found["auc_due_contract"] = contract.under(weights[due]).auc()
            found["auc_due_gain"] = found["auc_due"] - found["auc_due_contract"]
        return found

    return told


def _rows(backtest: pd.DataFrame, mask: NDArray[np.bool_] | slice, base: str) -> _Rows:
    columns = ("probability", "churned", base, "weight")
    return _Rows(*(backtest[name].to_numpy(np.float64)[mask] for name in columns))


def _called(word: str, names: Collection[str] | None) -> dict[str, Callable[[_Judged], Array]]:
    """The figures wanted of all rows or, with the word `_due`, of those, by the name they get."""
    called = {
        name.format(due=word) if "{" in name else name + word: figure
        for name, figure in _OF_ROWS.items()
    }
    return {name: figure for name, figure in called.items() if names is None or name in names}


@one_blas_thread
def draw_figures(
    rows: pd.DataFrame,
    compute: Figures,
    draws: int = DRAWS,
    seed: int = 0,
    where: NDArray[np.bool_] | None = None,
) -> dict[str, Array]:
    """Compute figures on draws of whole accounts with replacement, each of shape (draws,).

    Accounts are drawn from all rows, even where figures are of some of them only: so a figure has
    the same draws, and the same interval, wherever it is told.

    Parameters
    ----------
    rows : DataFrame with `account_id` and `weight`, shape (n, ...)
    compute : Figures
    draws : int
        The most draws: fewer of more rows than `MOST_DRAWN` allow.
    where : ndarray of bool, shape (n,), optional
        The rows that `compute` is given.
    """
    draws = min(draws, max(FEWEST_DRAWS, MOST_DRAWN // max(len(rows), 1)))
    accounts, names = pd.factorize(rows["account_id"])
    if where is not None:
        rows, accounts = rows[where], accounts[where]
    weight = rows["weight"].to_numpy(np.float64)[:, None]
    rng = np.random.default_rng(seed)
    at_once = max(1, CELLS // max(len(rows), 1))
    parts = []
    for start in range(0, draws, at_once):
        drawn = [
            np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
            for _ in range(min(at_once, draws - start))
        ]
        parts.append(compute(rows, weight * np.stack(drawn, axis=1)[accounts]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def with_intervals(
    rows: pd.DataFrame,
    compute: Figures,
    draws: int = DRAWS,
    seed: int = 0,
    where: NDArray[np.bool_] | None = None,
) -> dict[str, tuple[float, float, float]]:
    """Figure, low and high end, by name; parameters as of `draw_figures`."""
    part = rows if where is None else rows[where]
    whole = compute(part, part["weight"].to_numpy(np.float64)[:, None])
    drawn = draw_figures(rows, compute, draws, seed, where)
    return {
        name: (float(value[0]), *interval(name, float(value[0]), drawn[name]))
        for name, value in whole.items()
    }


def summary(backtest: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """Say in one document how good the predictions were.

    Returns
    -------
    dict
        Counts of what was judged; every figure of `figures`, with `<name>_low` and `<name>_high`
        beside it; `folds`, one small document per block of time; `skill` and `verdict`. A figure
        that cannot be had (no row was due) is None.
    """
    of_all = figures_of(backtest)
    whole = of_all(backtest, backtest["weight"].to_numpy(np.float64)[:, None])
    point = {name: float(value[0]) for name, value in whole.items()}
    drawn = draw_figures(backtest, of_all, draws, seed)
    ends = {
        f"{name}_{side}": end
        for name in point
        for side, end in zip(("low", "high"), interval(name, point[name], drawn[name]), strict=True)
    }
    return {
        **counts(backtest),
        **{name: _finite(value) for name, value in sorted({**point, **ends}.items())},
        "auc_due_by_term": by_term(backtest, draws, seed),
        "folds": _folds(backtest, draws, seed),
        **_skill(point, drawn, backtest),
    }


def skill(backtest: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """Say whether the model knows more than the contract does.

    There is skill if, among rows that are due, the one-sided 99 % lower bound of the AUC lies above
    one half, the log-loss is below that of the base rate, and the AUC is above that of a model that
    knows the contract and the account's traits only (one-sided 95 %, on the same draws).

    Returns
    -------
    dict with `skill` (bool), `verdict` (a sentence) and `auc_due_bound`
    """
    of_all = figures_of(backtest)
    whole = of_all(backtest, backtest["weight"].to_numpy(np.float64)[:, None])
    point = {name: float(value[0]) for name, value in whole.items()}
    return _skill(point, draw_figures(backtest, of_all, draws, seed), backtest)


def by_term(backtest: pd.DataFrame, draws: int = DRAWS, seed: int = 0) -> list[dict[str, Any]]:
    """AUC among rows due, for contracts of like term, with interval and counts.

    Where terms differ, much of the AUC among all that are due is knowing the term: a year holds
    twelve times a month's chances to leave. Terms with fewer than `FEWEST_TO_RANK` churned rows
    are left out.
    """
    due = backtest[backtest["due"]]
    terms = pd.cut(due["term_days"], [0, *TERMS.values()], labels=list(TERMS))
    told = []
    for term, rows in due.groupby(terms, observed=True, sort=True):
        if min(rows["churned"].sum(), (~rows["churned"]).sum()) < FEWEST_TO_RANK:
            continue
        ranking = Ranking.of(
            *(rows[name].to_numpy(np.float64) for name in ("probability", "churned"))
        )

        def auc(_: pd.DataFrame, weights: Array, ranking: Ranking = ranking) -> dict[str, Array]:
            return {"auc": ranking.under(weights).auc()}

        point, low, high = with_intervals(rows, auc, draws, seed)["auc"]
        about = counts(rows)
        kept = ("observations", "renewals", "churned")
        told.append(
            {"term": term, "auc": point, "low": low, "high": high, **{k: about[k] for k in kept}}
        )
    return told


def counts(rows: pd.DataFrame) -> dict[str, Any]:
    """Count what rows with outcomes hold.

    `renewals` are the distinct renewals that were due, `churn_rate` the share of them that churned,
    `base_rate` the weighted share of all rows that churned in their window. Where an account's
    window holds several renewals, as with monthly plans, its churn is seen from looks at the
    earlier ones too: it counts once, at the last of them.
    """
    due = rows[rows["due"]]
    renewals = due.groupby(["account_id", "renewal_date"], dropna=False)
    seen = renewals["churned"].max().astype(bool)
    churned = seen & ~seen.groupby("account_id").shift(-1, fill_value=False)
    return {
        "observations": len(rows),
        "accounts": int(rows["account_id"].nunique()),
        "renewals": len(churned),
        "churned": int(churned.sum()),
        "churn_rate": _finite(churned.mean()),
        "base_rate": _finite(np.average(rows["churned"], weights=rows["weight"])),
        "first_day": f"{rows['as_of'].min():%Y-%m-%d}",
        "last_day": f"{rows['as_of'].max():%Y-%m-%d}",
    }


def to_text(told: Mapping[str, Any]) -> str:
    """Write the summary of a training run for the terminal.

    Parameters
    ----------
    told : mapping
        `training.pipeline.Trained.summary`.
    """
    judged = told["judged"]
    lines = [
        _counted("Learned from", told),
        _counted("Judged on   ", judged) + f", in {len(told['folds'])} blocks of time",
        "",
        f"{'':<34}{'all':>24}{'due for renewal':>26}",
        _row("AUC (0.5 is chance)", told, "auc"),
        *(
            f"  of a term of one {each['term']}".replace("one longer", "more").ljust(34 + 24)
            + f"{each['auc']:.3f} ({each['low']:.3f}-{each['high']:.3f})".rjust(26)
            for each in told["auc_due_by_term"]
            if len(told["auc_due_by_term"]) > 1
        ),
        f"{'  knowing the contract only':<58}{_ranged(told, 'auc_due_contract'):>26}",
        _row("Precision-recall AUC", told, "pr_auc"),
        _row("Log-loss", told, "log_loss"),
        _row("  of the base rate", told, "log_loss_base", "log_loss_due_base"),
        _row("Brier score", told, "brier"),
        _row("  of the base rate", told, "brier_base", "brier_due_base"),
        _row("Lift in the riskiest tenth", told, "lift_top_tenth"),
        _row("Calibration error", told, "calibration_error"),
        "",
        "Most moving metrics, mean change of the probability in points: "
        + ", ".join(f"{m['metric']} {100 * m['mean_points']:.2f}" for m in told["top_metrics"]),
        f"Leaks: {len(told['leaks'])} suspected (checked: {', '.join(told['leak_checks'])})",
        *(f"  {leak['message']}" for leak in told["leaks"]),
        *([told["ladder"]["verdict"]] if told.get("ladder") else []),
        *(told[name]["verdict"] for name in ("drift", "concept_drift") if told.get(name)),
        told["learning_curve"]["verdict"],
        *([told["baseline"]["verdict"]] if told.get("baseline") else []),
        *([told["search"]["verdict"]] if told.get("search") else []),
        *(told[name]["verdict"] for name in ("time_to_churn", "retained_arr") if told.get(name)),
        *(["", told["verdict"]] if told["skill"] else []),
    ]
    return "\n".join(lines)


def _counted(word: str, told: Mapping[str, Any]) -> str:
    rate = "-" if told["churn_rate"] is None else f"{told['churn_rate']:.1%}"
    return (
        f"{word} {told['observations']:,} observations of {told['accounts']:,} accounts, "
        f"{told['renewals']:,} renewals of which {told['churned']:,} ({rate}) churned, "
        f"{told['first_day']} to {told['last_day']}"
    )


def _row(label: str, told: Mapping[str, Any], name: str, name_due: str | None = None) -> str:
    due = name_due or f"{name}_due"
    return f"{label:<34}{_ranged(told, name):>24}{_ranged(told, due):>26}"


def _ranged(told: Mapping[str, Any], name: str) -> str:
    point, low, high = (told[key] for key in (name, f"{name}_low", f"{name}_high"))
    if point is None:
        return "-"
    return f"{point:.3f}" if low is None else f"{point:.3f} ({low:.3f}-{high:.3f})"


def _folds(backtest: pd.DataFrame, draws: int, seed: int) -> list[dict[str, Any]]:
    """Counts and figures of each block of time, all from the same draws of accounts."""
    of = backtest["fold"].to_numpy()
    parts = {int(number): backtest[of == number] for number in np.unique(of)}
    asked = {number: figures_of(rows, OF_FOLDS) for number, rows in parts.items()}

    def by_fold(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {
            f"{name} {number}": value
            for number, rows in parts.items()
            for name, value in asked[number](rows, weights[of == number]).items()
        }

    told = with_intervals(backtest, by_fold, draws, seed)
    return [
        {
            "fold": number,
            **counts(rows),
            **{
                f"{name}{end}": _finite(value)
                for name in OF_FOLDS
                for end, value in zip(("", "_low", "_high"), told[f"{name} {number}"], strict=True)
            },
        }
        for number, rows in parts.items()
    ]


def _skill(
    point: dict[str, float], drawn: dict[str, Array], backtest: pd.DataFrame
) -> dict[str, Any]:
    seen = f"among {int(backtest['due'].sum()):,} later observations with a renewal due"
    if not np.isfinite(point["auc_due"]):
        verdict = f"No skill over the base rate: {seen}, not both leavers and stayers are found."
        return {
            "skill": False,
            "verdict": verdict,
            "auc_due_bound": None,
            "auc_due_gain_bound": None,
        }
    bound = _bound("auc_due", SKILL_LEVEL, point, drawn)
    gain_bound = _bound("auc_due_gain", GAIN_LEVEL, point, drawn)
    loss, base = point["log_loss_due"], point["log_loss_due_base"]
    better = bound > 0.5 and loss < base
    found = bool(better and gain_bound > 0)
    verdict = (
        f"{'Skill' if found else 'No skill'} over the base rate: {seen}, AUC "
        f"{point['auc_due']:.3f} (99 % sure above {bound:.3f}; 0.5 is chance), log-loss {loss:.4f} "
        f"against {base:.4f} for the base rate; the contract alone (term, value, age) gives AUC "
        f"{point['auc_due_contract']:.3f}, so that the signals "
        + (
            f"add {point['auc_due_gain']:.3f} (95 % sure of {gain_bound:.3f})."
            if gain_bound > 0
            else f"add nothing that could be shown ({point['auc_due_gain']:+.3f})."
        )
    )
    return {
        "skill": found,
        "verdict": verdict,
        "auc_due_bound": bound,
        "auc_due_gain_bound": gain_bound,
    }


def _bound(name: str, level: float, point: dict[str, float], drawn: dict[str, Array]) -> float:
    """Lower one-sided bound, by the draws' spread: steadier than their outermost values."""
    return point[name] - float(ndtri(level) * np.nanstd(drawn[name]))


def interval(name: str, point: float, drawn: Array) -> tuple[float, float]:
    """Low and high end, 95 %."""
    if not np.isfinite(drawn).any():
        return np.nan, np.nan
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if name.startswith("calibration_error"):
        # drawing adds gaps of its own, so these draws lie too high: mirror them at the point
        low, high = max(2 * point - high, 0.0), max(2 * point - low, point)
    return float(low), float(high)


def _ratio(part: Array, whole: Array) -> Array:
    """Divide, NaN where there is nothing to divide by."""
    nothing = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0), dtype=np.float64)


def mean(values: Array, weights: Array) -> Array:
    """Weighted mean of n values in each draw; NaN where a draw has no weight."""
    return _ratio(values @ weights, weights.sum(axis=0))


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None

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
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtri

from training.measures import (
    Array,
    RankedRows,
    Ranking,
    gaps,
    log_losses,
    mean,
    mean_gap,
)
from training.threads import one_blas_thread

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
CELLS = 4_000_000
"""Numbers held at once while drawing: bounds memory, not results."""
MOST_DRAWN = 50_000_000
"""Rows that all draws have together, beyond which there are fewer draws, and at least..."""
FEWEST_DRAWS = 100
"""...so many: the more rows, the narrower the interval, and the less its ends need to be exact."""


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
        return gaps(self.probability, self.churned, self.weight)

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
    def ranked(self) -> RankedRows:
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
    "calibration_error": lambda judged: mean_gap(judged.rows.gaps, judged.weights),
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


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None

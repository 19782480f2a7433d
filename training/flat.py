"""A flat churn table, one row per account and no time: for comparison with the literature only.

Judged by repeated, stratified cross-validation with Tenure's own model. Every row is judged by
models that did not learn from it, but rows of one day tell nothing about tomorrow: whether a column
was known before the account left cannot be seen in such a table, only suspected.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError, did_you_mean
from features.metric import CONTEXT, Metric
from training import leaks
from training.calibration import Calibration
from training.churn_model import KEYS, OUTCOMES, ChurnModel, choose_trees
from training.evaluate import draw_figures, interval
from training.measures import Array, RankedRows, auc, calibration_error, log_losses
from training.progress import Track, quiet

REPEATS, FOLDS = 3, 5
INNER_FOLDS = 3
"""Inside each training part: they choose the number of trees, and their scores calibrate."""

MOST_TREES = 1500
FEWEST = 30
"""Churned rows, and rows that stayed, below which nothing is judged."""

CHURNED = ("1", "1.0", "true", "yes", "y", "churned", "left")
"""Labels that mean churned, whatever the other is called."""

NO_TIME = (
    "This proves nothing about time: without it nobody can see whether a column was known before "
    "the account left. Nothing was registered; `tenure train SOURCE` learns from dated tables."
)


@dataclass(frozen=True)
class FlatTable:
    """A churn table as it is learned from.

    Parameters
    ----------
    table : DataFrame, shape (n, p + 2)
        One column per metric, and `churned` and `weight`.
    metrics : dict of str to Metric
        No direction is known of any, so none is constrained.
    notes : tuple of str
        What was taken for granted or left out, for people.
    """

    table: pd.DataFrame
    metrics: dict[str, Metric]
    notes: tuple[str, ...]


def read(path: Path, label: str) -> FlatTable:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    path : Path
    label : str
        The column that says who churned. It has two values; rows without one are left out.

    Raises
    ------
    TenureError
        If the file cannot be read, has no such column, or the column does not tell two kinds.
    """
    rows, notes = _without_descriptions(_open(path))
    if label not in rows:
        raise TenureError(
            f"{path.name} has no column '{label}'.{did_you_mean(label, map(str, rows.columns))}",
            f"Its columns: {', '.join(map(str, rows.columns))}.",
        )
    rows = rows[rows[label].notna()].reset_index(drop=True)
    churned, note = _fate(rows[label], label)
    notes.append(note)
    columns = {name: _numbers_if_any(rows[name]) for name in rows.columns if name != label}
    ids = [str(name) for name, column in columns.items() if _identifies(column)]
    if ids:
        notes.append(f"Left out, another value in each row: {', '.join(ids)}.")
    told = {_clean(str(name)): col for name, col in columns.items() if str(name) not in ids}
    if not told:
        raise TenureError(
            f"{path.name} has no column to learn from beside '{label}'.",
            "Bring what was known of each account.",
        )
    table = pd.DataFrame({**told, "churned": churned, "weight": 1.0})
    return FlatTable(table, {name: _metric(name, told[name]) for name in told}, tuple(notes))


def judge(
    flat: FlatTable,
    seed: int = 0,
    repeats: int = REPEATS,
    track: Track = quiet,
) -> dict[str, Any]:
    """Cross-validate, and look for leaks.

    Returns
    -------
    dict
        Counts; `auc`, `log_loss`, `brier`, `calibration_error`, `lift_top_tenth`, each the mean
        over the folds of all repeats with its 95 % interval from drawing rows (`_low`, `_high`);
        `auc_sd` over the folds, as the literature gives it; `log_loss_base` of always saying the
        churn rate; `leaks`, `leak_checks`, `notes`.
    """
    table = flat.table
    _check_enough(table["churned"])
    probability = np.empty((repeats, len(table)))
    fold = np.empty((repeats, len(table)), dtype=np.intp)
    parts = list(_folds(table["churned"], repeats, seed))
    for number, (learned, judged) in enumerate(track(parts, "Cross-validation")):
        repeat = number // FOLDS
        fold[repeat, judged] = number
        probability[repeat, judged] = _predict(flat, learned, judged, seed)

    rows = table[["churned", "weight"]].assign(account_id=np.arange(len(table)))

    def figures(rows: pd.DataFrame, weights: Array) -> dict[str, Array]:
        told = [_figures(rows, weights, *each) for each in zip(probability, fold, strict=True)]
        return {name: np.mean([each[name] for each in told], axis=0) for name in told[0]}

    whole = np.ones((len(table), 1))
    point = {name: float(value[0]) for name, value in figures(rows, whole).items()}
    drawn = draw_figures(rows, figures, seed=seed)
    ends = {name: interval(name, point[name], drawn[name]) for name in point}
    aucs = [
        auc(p[f == number], table["churned"][f == number])
        for p, f in zip(probability, fold, strict=True)
        for number in np.unique(f)
    ]
    rate = float(table["churned"].mean())
    return {
        "observations": len(table),
        "accounts": len(table),
        "churned": int(table["churned"].sum()),
        "churn_rate": rate,
        "features": len(flat.metrics),
        "folds": FOLDS,
        "repeats": repeats,
        **point,
        **{f"{name}_low": float(low) for name, (low, _) in ends.items()},
        **{f"{name}_high": float(high) for name, (_, high) in ends.items()},
        "auc_sd": float(np.std(aucs, ddof=1)),
        "log_loss_base": float(
            log_losses(np.array([rate, rate]), np.array([0, 1])) @ [1 - rate, rate]
        ),
        "leaks": [asdict(leak) for leak in leaks.look(table, list(flat.metrics.values()))],
        "leak_checks": list(leaks.CHECKS),
        "notes": [*flat.notes, NO_TIME],
    }


def to_text(told: dict[str, Any]) -> str:
    """Write what `judge` found for the terminal."""

    def ranged(name: str) -> str:
        return f"{told[name]:.3f} ({told[f'{name}_low']:.3f}-{told[f'{name}_high']:.3f})"

    return "\n".join(
        [
            f"{told['observations']:,} rows of which {told['churned']:,} "
            f"({told['churn_rate']:.1%}) churned, {told['features']} features, "
            f"{told['repeats']} x {told['folds']}-fold stratified cross-validation",
            "",
            f"AUC (0.5 is chance)         {ranged('auc')}, over folds +- {told['auc_sd']:.3f}",
            f"Log-loss                    {ranged('log_loss')}, "
            f"of the base rate {told['log_loss_base']:.3f}",
            f"Brier score                 {ranged('brier')}",
            f"Lift in the riskiest tenth  {ranged('lift_top_tenth')}",
            f"Calibration error           {ranged('calibration_error')}",
            "",
            f"Leaks: {len(told['leaks'])} suspected (checked: {', '.join(told['leak_checks'])})",
            *(f"  {leak['message']}" for leak in told["leaks"]),
            "",
            *told["notes"],
        ]
    )


def _open(path: Path) -> pd.DataFrame:
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix not in readers:
        raise TenureError(
            f"{path.name} is neither .csv nor .parquet.", "Bring the table in one of these forms."
        )
    try:
        rows = readers[path.suffix](path)
    except (OSError, ValueError) as error:
        raise TenureError(f"{path} cannot be read: {error}", "Give a file that can be.") from None
    if rows.empty:
        raise TenureError(f"{path.name} has no rows.", "Bring one row per account.")
    return rows


def _without_descriptions(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out a first line that describes the columns instead of an account."""
    later = rows.iloc[1:].apply(_numbers_if_any)
    numeric = [name for name in rows if pd.api.types.is_numeric_dtype(later[name])]
    first = rows[numeric].iloc[0].dropna()
    if pd.to_numeric(first, errors="coerce").notna().any() or first.empty:
        return rows, []
    note = f"Line 2 was left out: it has words in {len(first)} columns that hold numbers elsewhere."
    return later.reset_index(drop=True), [note]


def _fate(column: pd.Series, label: str) -> tuple[pd.Series, str]:
    """Who churned, and how that was read."""
    words = column.map(str)
    counts = words.value_counts()
    if len(counts) != 2:
        shown = ", ".join(f"'{word}' ({n} rows)" for word, n in counts.head(5).items())
        raise TenureError(
            f"Label '{label}' has {len(counts)} values, not two: {shown}.",
            "Name the column that says who churned, and leave other rows out.",
        )
    known = [word for word in counts.index if word.casefold() in CHURNED]
    left = known[0] if len(known) == 1 else counts.index[-1]
    why = "" if len(known) == 1 else ", the rarer value,"
    return words == left, f"{label} = {left}{why} was taken for churned ({counts[left]:,} rows)."


def _numbers_if_any(column: pd.Series) -> pd.Series:
    """As numbers, if all values are such."""
    if pd.api.types.is_bool_dtype(column):
        return column.astype(float)
    numbers = pd.to_numeric(column, errors="coerce")
    return column if (numbers.isna() & column.notna()).any() else numbers


def _identifies(column: pd.Series) -> bool:
    """Words or whole numbers, another in each row."""
    fractions = pd.api.types.is_numeric_dtype(column) and (column % 1 != 0).any()
    return bool(column.is_unique and not fractions and len(column) >= FEWEST)


def _clean(name: str) -> str:
    """Letters, digits and underscores only, as LightGBM wants them, and no name of ours."""
    clean = re.sub(r"\W+", "_", name)
    return f"{clean}_" if clean in (*KEYS, *OUTCOMES) else clean


def _metric(name: str, column: pd.Series) -> Metric:
    return Metric(
        name=name,
        dimension=CONTEXT,
        label=name,
        unit="",
        healthy=None,
        actionable=False,
        formula=name,
        sentence=f"{name}: {{value}}",
        needs=(),
        value=lambda rows: rows[name],
        kind="number" if pd.api.types.is_numeric_dtype(column) else "category",
    )


def _check_enough(churned: pd.Series) -> None:
    fewer = int(min(churned.sum(), (~churned).sum()))
    if fewer < FEWEST:
        raise TenureError(
            f"{int(churned.sum())} of {len(churned)} rows churned: too few of one kind.",
            f"At least {FEWEST} that churned and as many that stayed are needed.",
        )


def _folds(
    churned: pd.Series, repeats: int, seed: int, folds: int = FOLDS
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Places learned from and places judged; each fold has its share of both kinds."""
    from sklearn.model_selection import RepeatedStratifiedKFold

    cut = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    yield from cut.split(np.zeros(len(churned)), churned)


def _predict(
    flat: FlatTable, learned: NDArray[np.intp], judged: NDArray[np.intp], seed: int
) -> NDArray[np.float64]:
    """Probabilities of rows that neither trees, their number nor their calibration have seen."""
    before = flat.table.iloc[learned].reset_index(drop=True)
    scores, counts = np.empty(len(before)), []
    for inner, held in _folds(before["churned"], 1, seed, INNER_FOLDS):
        rows = before.iloc[held]
        model, trees = choose_trees(before.iloc[inner], rows, flat.metrics, MOST_TREES, seed)
        scores[held] = model.scores(rows)
        counts.append(trees)
    calibration = Calibration.fit(scores, before["churned"], before["weight"])
    model = ChurnModel.fit(
        before, before["churned"], before["weight"], flat.metrics, int(np.median(counts)), seed
    )
    return calibration.probability(model.scores(flat.table.iloc[judged]))


def _figures(
    rows: pd.DataFrame, weights: Array, probability: Array, fold: NDArray[np.intp]
) -> dict[str, Array]:
    """Figures of one repeat, each of shape (draws,); ranks are compared within folds only."""
    y, total = rows["churned"].to_numpy(np.float64), weights.sum(axis=0)
    ranked = [
        RankedRows.of(probability[at], y[at], weights[at])
        for at in (fold == number for number in np.unique(fold))
    ]
    return {
        "auc": np.mean([each.auc() for each in ranked], axis=0),
        "lift_top_tenth": np.mean([each.lift_top_tenth() for each in ranked], axis=0),
        "log_loss": log_losses(probability, y) @ weights / total,
        "brier": (probability - y) ** 2 @ weights / total,
        "calibration_error": calibration_error(probability, y, np.ones(len(y)), weights),
    }

"""The learning curve: how well the last block of time is told from a quarter, half, all accounts.

Parts of the accounts are learned from by the recipe that was settled for all of them, and judge the
same later rows. What a doubling brought says whether another one is worth the effort. Of large
tables the parts are smaller, and what several doublings brought together is the most that another
one could.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import Metric
from training.evaluate import draw_figures, interval
from training.ladder import Recipe
from training.measures import Array, Ranking
from training.split import Fold, by_account

MOST_ROWS = 250_000
"""Rows to learn from for one point, beyond which it is a smaller part."""
ROWS = 100_000
"""Rows to learn from for one point, beyond which fewer of its parts are tried: one says enough."""
FEWEST = 10
"""Churned rows, and rows that stayed, below which a part cannot learn or nothing is judged."""
DRAWS = 200
WORTH = 0.01
"""AUC below which a gain is not worth a doubling of the data."""


def curve(
    table: pd.DataFrame,
    fold: Fold,
    recipe: Recipe,
    metrics: Mapping[str, Metric],
    whole: Array,
    seed: int = 0,
) -> dict[str, Any]:
    """Learn from parts of the accounts, and judge each among the later rows that were due.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    fold : Fold
        The last of that table.
    recipe : Recipe
    metrics : mapping of name to Metric
    whole : ndarray, shape (rows judged,)
        What was said of the fold's later rows by a model that learned from all the earlier ones.
    seed : int

    Returns
    -------
    dict
        `points`: share, parts (learned from one after the other, their figures averaged),
        accounts and churned (accounts that left) in one part, auc (low, high), observations,
        judged_accounts, judged_churned; `gain` of all over the largest part (low, high), and
        `verdict`.
        No points where there is too little to learn from or to judge.
    """
    _, after = fold.parts(table)
    due = after["due"].to_numpy(bool)
    judged = after[due]
    accounts = table["account_id"].where(fold.train_mask)
    tried = _parts(int(fold.train_mask.sum()))
    # masks, not rows: of a large table only one part is held at a time
    dealt = {parts: _dealt(accounts, parts, seed) for parts in tried}
    learnable = [int(table["churned"][mask].sum()) for mask in dealt[tried[0]]]
    if min(judged["churned"].sum(), (~judged["churned"]).sum(), *learnable) < FEWEST:
        few = _learned_from(table, [fold.train_mask])["churned"]
        verdict = f"Whether more data would help cannot be said: {few} churned accounts are too "
        return {"points": [], "verdict": f"{verdict}few to learn from a quarter of them."}
    scores = {
        parts: [recipe.fit(table[mask], metrics, seed).scores(judged) for mask in masks]
        for parts, masks in dealt.items()
    } | {1: [whole[due]]}
    churned = judged["churned"].to_numpy(np.float64)
    rankings = {parts: [Ranking.of(s, churned) for s in each] for parts, each in scores.items()}

    def figures(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        told = {
            f"auc {parts}": np.mean([ranking.under(weights).auc() for ranking in each], axis=0)
            for parts, each in rankings.items()
        }
        return {**told, "gain": told["auc 1"] - told[f"auc {tried[1]}"]}

    point = figures(judged, judged["weight"].to_numpy(np.float64)[:, None])
    drawn = draw_figures(judged, figures, DRAWS, seed)
    ranged = {name: (float(p[0]), *interval(name, p[0], drawn[name])) for name, p in point.items()}
    points = [
        {
            "share": 1 / parts,
            "parts": len(masks),
            **_learned_from(table, masks),
            **dict(zip(("auc", "auc_low", "auc_high"), ranged[f"auc {parts}"], strict=True)),
            "observations": len(judged),
            "judged_accounts": int(judged["account_id"].nunique()),
            "judged_churned": int(judged.loc[judged["churned"], "account_id"].nunique()),
        }
        for parts, masks in {**dealt, 1: [fold.train_mask]}.items()
    ]
    gain = dict(zip(("gain", "gain_low", "gain_high"), ranged["gain"], strict=True))
    return {"points": points, **gain, "verdict": _verdict(points, *ranged["gain"])}


def _parts(rows: int) -> tuple[int, int]:
    """Into how many parts the accounts are dealt, for one point of the curve each.

    Examples
    --------
    >>> _parts(20_000), _parts(800_000)
    ((4, 2), (8, 4))
    """
    fewest = 2
    while rows > fewest * MOST_ROWS:
        fewest *= 2
    return 2 * fewest, fewest


def _dealt(accounts: pd.Series, parts: int, seed: int) -> list[NDArray[np.bool_]]:
    """Parts of the accounts of about equal size, no more of them than there is need for.

    Rows whose account is empty are in none.
    """
    known = accounts.notna().to_numpy()
    wanted = max(1, min(parts, ROWS * parts // max(int(known.sum()), 1)))
    masks = []
    for mask in by_account(accounts[known], parts, seed)[:wanted]:
        whole = np.zeros(len(accounts), dtype=bool)
        whole[known] = mask
        masks.append(whole)
    return masks


def _learned_from(table: pd.DataFrame, masks: list[NDArray[np.bool_]]) -> dict[str, int]:
    """Accounts of a part, and those that left, in the mean of the parts."""
    accounts, left = table["account_id"], table["churned"].to_numpy(bool)
    return {
        "accounts": round(float(np.mean([accounts[mask].nunique() for mask in masks]))),
        "churned": round(float(np.mean([accounts[mask & left].nunique() for mask in masks]))),
    }


def _verdict(points: list[dict[str, Any]], gain: float, low: float, high: float) -> str:
    half, whole = points[-2], points[-1]
    seen = (
        f"From {half['churned']:,} to {whole['churned']:,} churned accounts to learn from, the AUC "
        f"among the due went from {half['auc']:.3f} to {whole['auc']:.3f} "
        f"({gain:+.3f}, 95 % {low:+.3f} to {high:+.3f}): "
    )
    if low > 0:
        return f"{seen}more data of the same kind would help further."
    if high < WORTH:
        return f"{seen}more data of the same kind would hardly help; new signals might."
    return f"{seen}whether more data would help cannot be told apart from chance."

"""Bags: several LightGBM models asked in one call, as one model with an output for each.

A call costs more than the trees of one row do, and an interval asks 20 models.
"""

from collections.abc import Sequence
from itertools import zip_longest

import lightgbm as lgb

_NOTHING = "num_leaves=1\nnum_cat=0\nleaf_value=0\nis_linear=0\nshrinkage=1\n"
"""A tree that adds nothing, in LightGBM's text format v4."""


def side_by_side(boosters: Sequence[lgb.Booster]) -> lgb.Booster:
    """Join models of one output that read the same features.

    Parameters
    ----------
    boosters : sequence of k lightgbm.Booster
        Their numbers of trees may differ.

    Returns
    -------
    lightgbm.Booster
        Its `predict(X, raw_score=True)`, shape (n, k), gives each model's own score to the bit:
        each output's trees are added in their own order.
    """
    texts = [booster.model_to_string() for booster in boosters]
    own = [_trees(text) for text in texts]
    # LightGBM takes turns: one tree for each output, then the next for each
    turns = [tree for turn in zip_longest(*own, fillvalue=_NOTHING) for tree in turn]
    told = "\n\n".join(f"Tree={n}\n{tree}\n" for n, tree in enumerate(turns))
    return lgb.Booster(model_str=f"{_header(texts[0], len(own))}\n\n{told}\nend of trees\n")


def _trees(text: str) -> list[str]:
    """Each tree's own lines, without its number."""
    _, *trees = text.partition("\nend of trees")[0].split("\nTree=")
    return [tree.partition("\n")[2].strip() for tree in trees]


def _header(text: str, outputs: int) -> str:
    """The lines before the first tree, for several outputs."""
    told = {
        "num_class": str(outputs),
        "num_tree_per_iteration": str(outputs),
        "objective": f"multiclass num_class:{outputs}",
    }
    lines = text.partition("\nTree=")[0].splitlines()
    named = [(line.partition("=")[0], line) for line in lines]
    # the sizes are those of one model's trees; without the line LightGBM looks for itself
    return "\n".join(
        f"{name}={told[name]}" if name in told else line
        for name, line in named
        if name != "tree_sizes"
    )

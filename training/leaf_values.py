"""SHAP values of single leaves, by which tests of the leaf's path a row passes.

References
----------
Lundberg et al. (2020), as in `training.contributions`; Gauss's rule as in `shap`.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from training.trees import Floats, Leaf


def tables(leaves: Sequence[Leaf]) -> dict[int, Floats]:
    """SHAP values of each leaf, shape (D, 2^D), by the leaf's identity; see `shap`."""
    sizes: dict[int, list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        sizes[len(leaf.cover)].append(leaf)
    found: dict[int, Floats] = {}
    for size, same in sizes.items():
        step = max(1, 2**19 // (size**2 * 2**size))
        for start in range(0, len(same), step):
            some = same[start : start + step]
            values = shap(*alike(some), np.arange(2**size))
            found |= dict(zip(map(id, some), values, strict=True))
    return found


def alike(leaves: Sequence[Leaf]) -> tuple[Floats, Floats]:
    """Covers, shape (m, D), and values, shape (m,), of m leaves with as many features."""
    cover = np.array([list(leaf.cover.values()) for leaf in leaves])
    return cover, np.array([leaf.value for leaf in leaves])


@cache
def _gauss(nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss's rule for the integral over [0, 1]."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return (places + 1) / 2, weights / 2


def shap(cover: Floats, value: Floats, patterns: NDArray[np.intp]) -> Floats:
    """SHAP values of m leaves (see `alike`) for c patterns: shape (m, D, c).

    Patterns have shape (c,), or (m, c) where each leaf has its own. Bit j of a pattern tells
    whether the row passes the tests of the leaf's feature j.
    A feature's value is its own step times the mean, over all orders of joining, of the product of
    the other features' factors: a row's pass (1 or 0) once joined, the cover before. Orders are
    drawn by a moment of joining in [0, 1] for each feature, so that the mean is the integral of a
    polynomial of degree D - 1, and Gauss's rule with D / 2 nodes gives it exactly.
    """
    cover, size = cover[:, :, None], cover.shape[1]
    passes = (patterns[..., None, :] >> np.arange(size)[:, None] & 1).astype(np.float64)
    moment, weight = (each[:, None, None, None] for each in _gauss((size + 1) // 2))
    others = _product_of_others(cover * (1 - moment) + passes * moment)
    return np.asarray(value[:, None, None] * (passes - cover) * (others * weight).sum(axis=0))


def _product_of_others(factors: Floats) -> Floats:
    """Product along the last axis but one of all factors except the one in place."""
    before, after = np.ones_like(factors), np.ones_like(factors)
    np.cumprod(factors[..., :-1, :], axis=-2, out=before[..., 1:, :])
    np.cumprod(factors[..., :0:-1, :], axis=-2, out=after[..., -2::-1, :])
    return before * after

"""Ranked: scores of several forests for many rows, by the ranks of values and a bit for each leaf.

A value is only ever compared with thresholds, so it is replaced by how many of them lie below it: a
small number, of which a core compares many at once. In each tree every test that a row fails takes
away the leaves on its left, and the row's leaf is the first that is left. All rows ask the same
tests in the same order, without a branch. Scores equal LightGBM's to the bit, in a tenth of its
time for many rows; docs/benchmarks.md has the figures.

References
----------
Lucchese et al. (2015). QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from training import trees
from training.trees import Column, Floats, Reading, Test, UnreadError

CHUNK = 16_384
"""Rows that are asked together: what is known of them stays in a core's own cache."""

MOST_LEAVES = 64


class Tree(NamedTuple):
    """One tree: its tests, each with the bits of the leaves on its left, and its leaves in order.

    The k-th leaf's value is in place k + 1.
    """

    tests: list[tuple[Test, int]]
    values: Floats

    @classmethod
    def of(cls, told: Mapping[str, NDArray[Any]]) -> Self:
        """Read a tree; raises UnreadError where it has too many leaves for a number's bits."""
        leaves = int(told["num_leaves"][0])
        if leaves > MOST_LEAVES:
            raise UnreadError(f"more than {MOST_LEAVES} leaves")
        tests: list[tuple[Test, int]] = []
        values = [np.nan]

        def walk(node: int) -> None:
            if node < 0:
                values.append(float(told["leaf_value"][~node]))
                return
            first = len(values) - 1
            walk(int(told["left_child"][node]))
            left = (1 << len(values) - 1) - (1 << first)
            tests.append((trees.test_of(told, node), left))
            walk(int(told["right_child"][node]))

        walk(0 if leaves > 1 else -1)
        return cls(tests, np.array(values))

    @property
    def kind(self) -> np.dtype[Any]:
        """Numbers with a bit for each leaf."""
        return np.min_scalar_type(2 ** (len(self.values) - 1) - 1)


@dataclass(frozen=True, eq=False)
class Ranked:
    """Several LightGBM models of one output that read the same features.

    Parameters
    ----------
    forests : tuple of k tuples of Tree
    """

    forests: tuple[tuple[Tree, ...], ...]

    @classmethod
    def of(cls, boosters: Sequence[lgb.Booster]) -> Self:
        """Read models.

        Raises
        ------
        UnreadError
            For linear leaves, several outputs, zero as missing, and more than `MOST_LEAVES`.
        """
        told = (trees.read(booster.model_to_string()) for booster in boosters)
        return cls(tuple(tuple(Tree.of(tree) for tree in forest) for forest in told))

    def scores(self, X: Floats) -> Floats:
        """Log-odds of n rows from each of k models, shape (n, k), as LightGBM gives them."""
        scores = np.zeros((len(self.forests), len(X)))
        for start in range(0, len(X), CHUNK):
            rows = slice(start, start + CHUNK)
            ranks = self._ranks(X[rows])
            for own, forest in zip(scores[:, rows], self._laid_out, strict=True):
                for values in _leaves(forest, ranks):
                    own += values
        return scores.T

    def _ranks(self, X: Floats) -> NDArray[np.unsignedinteger[Any]]:
        """How many thresholds of each column lie below a row's value, shape (columns, n)."""
        kind = np.min_scalar_type(max(map(len, self._thresholds.values()), default=0))
        ranks = np.empty((len(self._thresholds), len(X)), kind)
        read = self._reading.of(X)
        for own, values, known in zip(ranks, read, self._thresholds.values(), strict=True):
            own[:] = np.searchsorted(known, values)
        return ranks

    @cached_property
    def _thresholds(self) -> dict[Column, Floats]:
        """Of each column, in order."""
        found: dict[Column, set[float]] = defaultdict(set)
        for forest in self.forests:
            for tree in forest:
                for (column, threshold), _ in tree.tests:
                    found[column].add(threshold)
        return {column: np.array(sorted(known)) for column, known in found.items()}

    @cached_property
    def _reading(self) -> Reading:
        return Reading.by(list(self._thresholds))

    @cached_property
    def _laid_out(self) -> list[list["_Laid"]]:
        """By tree: for each test the column's place, the threshold's rank and the leaves' bits."""
        place = {column: number for number, column in enumerate(self._thresholds)}
        rank = {
            (column, threshold): number
            for column, known in self._thresholds.items()
            for number, threshold in enumerate(known.tolist())
        }
        return [
            [
                _Laid(
                    [
                        (place[test[0]], rank[test], tree.kind.type(left))
                        for test, left in tree.tests
                    ],
                    tree,
                )
                for tree in forest
            ]
            for forest in self.forests
        ]


class _Laid(NamedTuple):
    tests: list[tuple[int, int, np.unsignedinteger[Any]]]
    tree: Tree


def _leaves(forest: Sequence[_Laid], ranks: NDArray[np.unsignedinteger[Any]]) -> Iterator[Floats]:
    """Value of the leaf that each of n rows reaches, shape (n,), tree by tree."""
    n = ranks.shape[1]
    failed = np.empty(n, np.bool_)
    for tests, tree in forest:
        gone, part = np.zeros(n, tree.kind), np.empty(n, tree.kind)
        for column, rank, left in tests:
            np.greater(ranks[column], rank, out=failed)
            np.multiply(failed.view(np.uint8), left, out=part)
            np.bitwise_or(gone, part, out=gone)
        # the lowest bits, as far as they are set, and the next: one more than the leaf's place
        np.bitwise_xor(gone, gone + 1, out=gone)
        yield tree.values.take(np.bitwise_count(gone))

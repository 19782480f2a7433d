"""Contributions: SHAP values of a LightGBM forest, looked up instead of computed row by row.

What a leaf gives to a feature depends on nothing but which features of the leaf's path the row
follows: a pattern of a few bits. So the SHAP values of every pattern are computed once, when a
model is loaded, and summed over groups of neighbouring leaves, which together ask few enough
questions for one table. A row then costs its answers, one code and one look-up per group. Of a
path too long for a table, the patterns of the rows at hand are computed. The values equal those of
LightGBM's `pred_contrib` up to rounding; docs/benchmarks.md has the speed.

Scores are equal to `Booster.predict(raw_score=True)` to the bit, and neither scores nor
contributions depend on how many rows are asked for together.

References
----------
Lundberg et al. (2020). From local explanations to global understanding with explainable AI for
trees. Path-dependent TreeSHAP: what these values are.
Yang (2021). Fast TreeSHAP (arXiv 2109.09847), and Nadel and Wettenstein (2025). From Decision
Trees to Boolean Logic (arXiv 2511.09376): tables per leaf and pattern.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from training import leaf_values, trees
from training.groups import Group, cut
from training.one_by_one import OneByOne
from training.trees import Column, Floats, Reading

CHUNK = 8192
"""Rows that go through the forest together."""

FEW = 64
"""Rows below which one pass over all tests is quicker than one per group."""


@dataclass(frozen=True, eq=False)
class Forest:
    """A LightGBM model of one output as tables.

    Parameters
    ----------
    width : int
        Number of features p.
    base : float
        Mean score of the training rows, from which the contributions start.
    groups : tuple of Group
    """

    width: int
    base: float
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, booster: lgb.Booster) -> Self:
        """Read a model.

        Raises
        ------
        UnreadError
            For linear leaves, several outputs, and zero as missing.
        """
        told = trees.read(booster.model_to_string())
        groups = [group for tree in told for group in cut(list(trees.leaves(tree)))]
        return cls(booster.num_feature(), sum(map(trees.mean, told)), tuple(groups))

    def explain(self, X: Floats) -> tuple[Floats, Floats]:
        """Scores and what each feature contributes to them.

        Parameters
        ----------
        X : ndarray of shape (n, p)

        Returns
        -------
        scores : ndarray of shape (n,)
            Log-odds, as `Booster.predict(raw_score=True)`.
        contributions : ndarray of shape (n, p)
            base + the sum of a row = its score, up to rounding.
        """
        if len(X) < FEW:
            return self._few(X)
        scores, contributions = np.zeros(len(X)), np.zeros((self.width, len(X)))
        for start in range(0, len(X), CHUNK):
            rows = slice(start, start + CHUNK)
            codes = self._codes(X[rows])
            for group, (features, table), code in zip(self.groups, self._shap, codes, strict=True):
                scores[rows] += group.scores(code)
                for feature, values in zip(features, group.shap(code, table), strict=True):
                    contributions[feature, rows] += values
        return scores, contributions.T

    def _codes(self, X: Floats) -> Iterator[NDArray[np.intp]]:
        """The code of n rows in each group, shape (n,)."""
        read = self._reading.of(X)
        given = np.empty(len(X), np.bool_)
        for bits in self._bits:
            code = np.zeros(len(X), np.min_scalar_type(2 ** len(bits) - 1))
            for answers in reversed(bits):
                np.add(code, code, out=code)
                np.bitwise_or(code, _given(read, answers, given).view(np.uint8), out=code)
            yield code.astype(np.intp)

    def _few(self, X: Floats) -> tuple[Floats, Floats]:
        """Ask all tests of all groups at once, row by row."""
        read = self._reading.of(X)
        scores, contributions = np.zeros(len(X)), np.zeros((len(X), self.width))
        for row in range(len(X)):
            # bincount adds one after the other, as the loop over groups does
            sums = np.bincount(*self._one_by_one.values(read[:, row]), self.width + 1)
            contributions[row], scores[row] = sums[:-1], sums[-1]
        return scores, contributions

    @cached_property
    def _shap(self) -> list[tuple[list[int], Floats]]:
        """By group: features, and their SHAP values by code."""
        tables = leaf_values.tables(
            [leaf for group in self.groups if not group.long for leaf in group.leaves]
        )
        return [group.tabled(tables) for group in self.groups]

    @cached_property
    def _columns(self) -> dict[Column, int]:
        known = dict.fromkeys(
            column for group in self.groups for bit in group.bits for (column, _), _ in bit
        )
        return {column: place for place, column in enumerate(known)}

    @cached_property
    def _reading(self) -> "Reading":
        return Reading.by(list(self._columns))

    @cached_property
    def _bits(self) -> list[list[list[tuple[int, float, bool]]]]:
        """By group and bit: position of the column, threshold, and whether left is meant."""
        return [
            [
                [(self._columns[column], threshold, left) for (column, threshold), left in bit]
                for bit in group.bits
            ]
            for group in self.groups
        ]

    @cached_property
    def _one_by_one(self) -> OneByOne:
        return OneByOne.of(self.groups, self._bits, self._shap, self.width)


def _given(
    read: Floats, answers: Sequence[tuple[int, float, bool]], out: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each row gives all of some answers, shape (n,); may be written into `out`."""
    if len(answers) == 1 and answers[0][2]:
        column, threshold, _ = answers[0]
        np.less_equal(read[column], threshold, out=out)
        return out
    given = [(read[column] <= threshold) == left for column, threshold, left in answers]
    return np.asarray(np.logical_and.reduce(given))

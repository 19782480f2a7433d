"""Groups: neighbouring leaves of one tree that are looked up by one code.

A code has a bit for each question that tells the leaves of a group apart; so few are asked that a
table by code is small. A path too long for a table stands alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training import leaf_values
from training.trees import Answer, Floats, Leaf, Test

BITS = 8
"""Questions per group of leaves: a table has 2^8 columns, which a core's nearest cache holds."""

MOST_BITS = 10
"""Features on one leaf's path above which its table, 2^10 columns, would be too large."""


@dataclass(frozen=True)
class Group:
    """Neighbouring leaves of one tree that share one code.

    Parameters
    ----------
    leaves : tuple of Leaf
    bits : tuple of tuple of Answer, length B
        The row's code has a bit set where all answers of that bit are given.
    """

    leaves: tuple[Leaf, ...]
    bits: tuple[tuple[Answer, ...], ...]

    @property
    def long(self) -> bool:
        """Whether it is one leaf, too long for a table: its code is then the leaf's pattern."""
        return len(self.bits) > MOST_BITS

    def scores(self, code: NDArray[np.intp]) -> Floats:
        """Value of the leaf that rows of a code reach, 0 where it is another group's; as `code`."""
        if self.long:
            return np.where(code == 2 ** len(self.bits) - 1, self.leaves[0].value, 0.0)
        return self.reached.take(code, mode="wrap")

    @cached_property
    def reached(self) -> Floats:
        """`scores` of every code, shape (2^B,)."""
        values = np.zeros(2 ** len(self.bits))
        for leaf in self.leaves:
            values[self.passed(leaf) == 2 ** len(leaf.cover) - 1] = leaf.value
        return values

    def passed(self, leaf: Leaf) -> NDArray[np.intp]:
        """Features of a leaf whose tests each code passes, as bits in their order; (2^B,)."""
        codes = np.arange(2 ** len(self.bits))
        passed = np.zeros(len(codes), np.intp)
        for place, answers in enumerate(leaf.answers.values()):
            passed |= _passes(codes, self.bits, tuple(answers)) << place
        return passed

    def shap(self, code: NDArray[np.intp], table: Floats) -> Iterator[Floats]:
        """SHAP values of n rows, shape (n,) for each feature of its `tabled`."""
        if not self.long:
            return (values.take(code, mode="wrap") for values in table)
        patterns, place = np.unique(code, return_inverse=True)
        return iter(leaf_values.shap(*leaf_values.alike(self.leaves), patterns)[0][:, place])

    def tabled(self, tables: Mapping[int, Floats]) -> tuple[list[int], Floats]:
        """Features that the group moves, and their SHAP values by code, shape (F, 2^B).

        Of a long path all its features, and no values.
        """
        if self.long:
            return list(self.leaves[0].cover), np.empty((len(self.bits), 0))
        features = sorted({feature for leaf in self.leaves for feature in leaf.cover})
        values = np.zeros((len(features), 2 ** len(self.bits)))
        for leaf in self.leaves:
            own = [features.index(feature) for feature in leaf.cover]
            values[own] += tables[id(leaf)][:, self.passed(leaf)]
        moving = np.flatnonzero(values.any(axis=1))
        return [features[place] for place in moving], values[moving]


def cut(leaves: Sequence[Leaf]) -> Iterator[Group]:
    """Cut a tree's leaves into runs that together ask no more than `BITS` questions."""
    run: list[Leaf] = []
    asked: set[Test] = set()
    for leaf in leaves:
        own = {test for answers in leaf.answers.values() for test, _ in answers}
        if run and len(asked | own) > BITS:
            yield Group(tuple(run), _questions(run))
            run, asked = [], set()
        run.append(leaf)
        asked |= own
    yield Group(tuple(run), _questions(run))


def _questions(leaves: Sequence[Leaf]) -> tuple[tuple[Answer, ...], ...]:
    """What tells the leaves apart: each test, or for one long path all tests of a feature."""
    tests = dict.fromkeys(
        test for leaf in leaves for answers in leaf.answers.values() for test, _ in answers
    )
    if len(tests) > BITS:
        (leaf,) = leaves
        return tuple(tuple(answers) for answers in leaf.answers.values())
    return tuple(((test, True),) for test in tests)


def _passes(
    codes: NDArray[np.int_], bits: Sequence[tuple[Answer, ...]], answers: tuple[Answer, ...]
) -> NDArray[np.intp]:
    """Whether a row of each code gives all of a leaf's answers on one feature, as 0 or 1."""
    if answers in bits:
        return codes >> bits.index(answers) & 1
    passed = np.ones(len(codes), np.intp)
    for test, left in answers:
        passed &= (codes >> bits.index(((test, True),)) & 1) == left
    return passed

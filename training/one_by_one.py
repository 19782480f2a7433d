"""One by one: a forest's groups of leaves laid out so that a single row asks all of them at once.

`training.contributions` goes through the groups one after the other, for many rows.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from training import leaf_values
from training.groups import Group
from training.trees import Floats


class _Tests(NamedTuple):
    """Tests laid out one after the other."""

    column: NDArray[np.intp]
    threshold: Floats
    left: NDArray[np.bool_]

    @classmethod
    def of(cls, answers: Sequence[tuple[int, float, bool]]) -> Self:
        """Lay out the tests of some answers."""
        column, threshold, left = zip(*answers, strict=True) if answers else ((), (), ())
        return cls(np.array(column, np.intp), np.array(threshold), np.array(left, np.bool_))

    def given(self, read: Floats) -> NDArray[np.bool_]:
        """Whether a row, shape (columns,), gives each of the answers."""
        return np.asarray((read[self.column] <= self.threshold) == self.left)


_NEVER = (0, math.nan, True)
"""An answer that no row gives."""


class OneByOne(NamedTuple):
    """All groups in one row of arrays: tests, codes and tables.

    Each group's bits fill whole bytes, the first of which `byte` has, and `more` the following: the
    groups that have so many, and where. `tests` has one test for each bit, and `further` those of
    bits that stand for several, with their bits.
    By code, a table has the SHAP values of the group's features and then the value of the leaf that
    is reached, so that a row finds all in one place of the memory.

    Of a long path, `full` is the code that reaches its leaf, else 0; `long` has those of equal
    length together: their groups, the slots of each, and their covers and values.
    """

    tests: _Tests
    further: _Tests
    further_bit: NDArray[np.intp]
    byte: NDArray[np.intp]
    more: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    full: NDArray[np.intp]
    start: NDArray[np.intp]
    slots: NDArray[np.intp]
    place: NDArray[np.intp]
    feature: NDArray[np.intp]
    table: Floats
    long: list[tuple[NDArray[np.intp], NDArray[np.intp], tuple[Floats, Floats]]]

    @classmethod
    def of(
        cls,
        groups: Sequence[Group],
        asked: Sequence[Sequence[Sequence[tuple[int, float, bool]]]],
        shap: Sequence[tuple[list[int], Floats]],
        width: int,
    ) -> Self:
        """Lay the groups out one after the other."""
        size = np.array([-(-len(bits) // 8) for bits in asked])
        byte = _starts(size)
        padded = [
            answers
            for bits, each in zip(asked, size.tolist(), strict=True)
            for answers in [*bits, *[[_NEVER]] * (8 * each - len(bits))]
        ]
        more = [(np.flatnonzero(size > each), each) for each in range(1, int(size.max()))]
        length = np.array([len(features) for features, _ in shap])
        is_long = np.array([group.long for group in groups])
        alike = [np.flatnonzero(is_long & (length == each)) for each in set(length[is_long])]
        tables = [_by_code(group, own) for group, (_, own) in zip(groups, shap, strict=True)]
        first_slot = _starts(length + 1)
        return cls(
            tests=_Tests.of([first for first, *_ in padded]),
            further=_Tests.of([answer for _, *others in padded for answer in others]),
            further_bit=np.repeat(np.arange(len(padded)), [len(each) - 1 for each in padded]),
            byte=byte,
            more=[(own, byte[own] + each) for own, each in more],
            full=np.where(is_long, (1 << length) - 1, 0),
            start=_starts(np.array([table.size for table in tables])),
            slots=length + 1,
            place=np.concatenate([np.arange(each + 1) for each in length]),
            feature=np.array([each for own, _ in shap for each in (*own, width)], np.intp),
            table=np.concatenate([table.ravel() for table in tables]),
            long=[
                (
                    own,
                    first_slot[own][:, None] + np.arange(length[own[0]]),
                    leaf_values.alike([groups[each].leaves[0] for each in own.tolist()]),
                )
                for own in alike
            ],
        )

    def values(self, read: Floats) -> tuple[NDArray[np.intp], Floats]:
        """What each slot gives to which feature, for a row of shape (columns,).

        The score's own parts are told of a feature after the last.
        """
        codes = self.codes(read)
        reached = np.where(self.full, codes == self.full, codes)
        starts = self.start + reached * self.slots
        values: Floats = self.table[np.repeat(starts, self.slots) + self.place]
        for own, slots, long in self.long:
            values[slots] = leaf_values.shap(*long, codes[own][:, None])[:, :, 0]
        return self.feature, values

    def codes(self, read: Floats) -> NDArray[np.intp]:
        """The code of a row, shape (columns,), in each group."""
        given = self.tests.given(read)
        given[self.further_bit[~self.further.given(read)]] = False
        packed = np.packbits(given, bitorder="little").astype(np.intp)
        codes = packed[self.byte]
        for times, (own, byte) in enumerate(self.more, start=1):
            codes[own] |= packed[byte] << 8 * times
        return codes


def _by_code(group: Group, shap: Floats) -> Floats:
    """A group's `_shap` and the value reached, by code; of a long path by whether it is full."""
    if group.long:
        return np.pad([[0.0], [group.leaves[0].value]], ((0, 0), (len(shap), 0)))
    return np.column_stack([*shap, group.reached])


def _starts(lengths: NDArray[np.int_]) -> NDArray[np.intp]:
    """Where each of several runs begins."""
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)

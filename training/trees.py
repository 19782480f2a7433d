"""Trees: a LightGBM model as leaves, each with what a row must answer to reach it.

Reads LightGBM's own text and decides as it does: where missing values go, which categories go
left, and, to the bit, on which side of a threshold a number lies.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class UnreadError(Exception):
    """A forest that these tables cannot hold; LightGBM itself can explain it."""


Missing = Literal["left", "right", "zero"]
_FILL: Mapping[Missing, float] = {"left": -np.inf, "right": np.nan, "zero": 0.0}
"""What to compare where a value is missing: nothing is at most -inf, and NaN at most nothing."""


class Column(NamedTuple):
    """One feature as a test reads it.

    Parameters
    ----------
    feature : int
    missing : {"left", "right", "zero"}
        Where a missing value goes; "zero": where 0 goes.
    left : frozenset of int, optional
        Of a category: the codes that go left.
    """

    feature: int
    missing: Missing
    left: frozenset[int] | None = None


Test = tuple[Column, float]
"""Goes left where the column is at most the threshold."""

Answer = tuple[Test, bool]
"""A test, and whether it was passed to the left."""


@dataclass(frozen=True)
class Leaf:
    """One leaf, and what a row must answer to reach it.

    Parameters
    ----------
    value : float
        Log-odds.
    answers : dict of int to list of Answer
        By feature, in the order of the path.
    cover : dict of int to float
        Share of the training rows that pass all tests of a feature.
    """

    value: float
    answers: Mapping[int, Sequence[Answer]]
    cover: Mapping[int, float]


class Reading(NamedTuple):
    """How a matrix becomes what the tests compare.

    Parameters
    ----------
    feature : ndarray of shape (columns,)
    fill : ndarray of shape (columns,)
        Stands for a missing value.
    categories : dict of int to (ndarray of shape (k,), ndarray of shape (k, codes + 1))
        By feature: its columns, and whether each code goes right (1) or left (0); the last code
        stands for all others.
    """

    feature: NDArray[np.intp]
    fill: Floats
    categories: Mapping[int, tuple[NDArray[np.intp], Floats]]

    @classmethod
    def by(cls, columns: Sequence[Column]) -> Self:
        """Prepare to read some columns."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, column in enumerate(columns):
            if column.left is not None:
                places[column.feature].append(place)
        return cls(
            np.array([column.feature for column in columns], np.intp),
            np.array([_FILL[column.missing] for column in columns]),
            {
                feature: (np.array(own, np.intp), _rights([columns[n].left or () for n in own]))
                for feature, own in places.items()
            },
        )

    def of(self, X: Floats) -> Floats:
        """Read every column of n rows, shape (columns, n)."""
        read = X.T[self.feature]
        np.copyto(read, self.fill[:, None], where=np.isnan(read))
        for feature, (own, rights) in self.categories.items():
            other = rights.shape[1] - 1
            # as LightGBM does: decimals are cut off, and negative codes are none
            codes = np.trunc(np.nan_to_num(X[:, feature], nan=-1.0, posinf=-1.0, neginf=-1.0))
            codes = np.where(codes < 0, other, np.minimum(codes, other))
            read[own] = rights[:, codes.astype(np.intp)]
        return np.asarray(read)


def _rights(lefts: Sequence[Collection[int]]) -> Floats:
    """0 where a code goes left, and 1 elsewhere, shape (k, codes + 1)."""
    rights = np.ones((len(lefts), 2 + max((max(left, default=0) for left in lefts), default=0)))
    for row, left in zip(rights, lefts, strict=True):
        row[list(left)] = 0.0
    return rights


def ranges(text: str) -> list[tuple[float, float] | None]:
    """Least and most of each feature that was learned from; None of categories and empty ones."""
    told = next(line for line in text.splitlines() if line.startswith("feature_infos="))
    ends = [info.strip("[]").split(":") for info in told.partition("=")[2].split()]
    numeric = [info.startswith("[") for info in told.partition("=")[2].split()]
    return [
        (float(each[0]), float(each[1])) if is_number else None
        for each, is_number in zip(ends, numeric, strict=True)
    ]


def read(text: str) -> list[dict[str, NDArray[Any]]]:
    """Each tree's arrays, as LightGBM's text format v4 names them."""
    header, *trees = text.split("\nend of trees")[0].split("\nTree=")
    if "\nnum_tree_per_iteration=1\n" not in header:
        raise UnreadError("several outputs")
    return [_read_tree(tree) for tree in trees]


def _read_tree(text: str) -> dict[str, NDArray[Any]]:
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if told.get("is_linear", "0") != "0":
        raise UnreadError("linear leaves")
    return {
        name: np.array(values.split(), np.float64 if name in _FLOATS else np.int64)
        for name, values in told.items()
        if name in _FLOATS or name in _INTS
    }


_FLOATS = {"threshold", "leaf_value"}
_INTS = {
    "num_leaves",
    "split_feature",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_count",
    "internal_count",
    "cat_boundaries",
    "cat_threshold",
}


def mean(tree: Mapping[str, NDArray[Any]]) -> float:
    """Mean value of the rows that the tree learned from."""
    value, count = tree["leaf_value"], tree.get("leaf_count", np.zeros(0))
    return float(value @ (count / count.sum())) if len(value) > 1 else float(value[0])


def leaves(tree: Mapping[str, NDArray[Any]]) -> Iterator[Leaf]:
    """Leaves from left to right, with their paths."""
    if tree["num_leaves"][0] == 1:
        always = (Column(0, "left"), np.inf)
        yield Leaf(float(tree["leaf_value"][0]), {0: [(always, True)]}, {0: 1.0})
        return
    waiting: list[tuple[int, dict[int, list[Answer]], dict[int, float]]] = [(0, {}, {})]
    while waiting:
        node, answers, cover = waiting.pop()
        if node < 0:
            yield Leaf(float(tree["leaf_value"][~node]), answers, cover)
            continue
        feature, test = int(tree["split_feature"][node]), test_of(tree, node)
        for child, left in ((tree["right_child"][node], False), (tree["left_child"][node], True)):
            share = _count(tree, child) / _count(tree, node)
            path = {**answers, feature: [*answers.get(feature, []), (test, left)]}
            waiting.append((int(child), path, {**cover, feature: cover.get(feature, 1.0) * share}))


def _count(tree: Mapping[str, NDArray[Any]], node: int) -> int:
    """Training rows in a node; leaves are numbered by their complement."""
    return int(tree["leaf_count"][~node] if node < 0 else tree["internal_count"][node])


def test_of(tree: Mapping[str, NDArray[Any]], node: int) -> Test:
    """The question a node asks; bits of decision_type: category, default left, kind of missing."""
    kind, feature = int(tree["decision_type"][node]), int(tree["split_feature"][node])
    threshold = float(tree["threshold"][node])
    if kind & 1:
        first, last = tree["cat_boundaries"][int(threshold) : int(threshold) + 2]
        words = tree["cat_threshold"][first:last]
        left = (
            32 * n + bit for n, word in enumerate(words) for bit in range(32) if word >> bit & 1
        )
        return Column(feature, "right", frozenset(left)), 0.0
    missing = kind >> 2 & 3
    if missing == 1:
        raise UnreadError("zero as missing")
    if missing == 0:
        return Column(feature, "zero"), threshold
    return Column(feature, "left" if kind & 2 else "right"), threshold

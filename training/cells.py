"""Rows sorted into cells, so that what depends on one metric alone is worked out once per cell.

A row belongs to one cell (metric, segment, a narrow range of values) per metric. Ramps are worked
out per cell, and one sparse product carries them to the rows: the cost of a step of the fit hardly
depends on how dear a ramp is.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CELLS = 100
"""Most ranges of values per metric and segment; about one percentile each."""


@dataclass(frozen=True)
class Cells:
    """Rows sorted into cells: the last p cells are those of the p metrics' missing values.

    Parameters
    ----------
    member : csr_array of shape (n, cells)
        One in each cell that a row belongs to: one per metric.
    metric, segment : ndarray of int, shape (cells - p,)
    x : ndarray of float, shape (cells - p,)
        Mean value of the cell's rows.
    count : ndarray of float, shape (cells - p,)
    """

    member: csr_array
    metric: Ints
    segment: Ints
    x: Floats
    count: Floats

    @classmethod
    def of(cls, X: Floats, segment: Ints, most: int = CELLS) -> Self:
        """Sort rows with values X (n, p; NaN where missing) of a segment (n,) into cells."""
        n, p = X.shape
        place = np.full((n, p), -1, dtype=np.int32)
        metrics, segments, means, counts = [], [], [], []
        first = 0
        groups = [np.flatnonzero(segment == s) for s in range(int(segment.max(initial=0)) + 1)]
        for j in range(p):
            for s, rows in enumerate(groups):
                seen = rows[~np.isnan(X[rows, j])]
                code = _ranges(X[seen, j], most)
                count = np.bincount(code)
                place[seen, j] = first + code
                first += len(count)
                metrics.append(np.full(len(count), j))
                segments.append(np.full(len(count), s))
                means.append(np.bincount(code, X[seen, j]) / np.maximum(count, 1))
                counts.append(count.astype(np.float64))
        for j in range(p):
            np.copyto(place[:, j], first + j, where=place[:, j] < 0)
        member = csr_array(
            (np.ones(n * p), place.ravel(), np.arange(0, n * p + 1, p)), shape=(n, first + p)
        )
        return cls(
            member,
            np.concatenate(metrics),
            np.concatenate(segments),
            np.concatenate(means),
            np.concatenate(counts),
        )

    def to_rows(self, values: Floats, rows: slice = slice(None)) -> Floats:
        """Spread values of the known cells (cells - p,) over rows and metrics, 0 where missing."""
        every = np.append(values, np.zeros(self.member.shape[1] - len(self.metric)))
        return np.asarray(every[self._places[rows]])

    def missing(self, rows: slice = slice(None)) -> NDArray[np.bool_]:
        """Whether a metric of a row is missing, shape (n, p)."""
        return np.asarray(self._places[rows] >= len(self.metric))

    @property
    def _places(self) -> NDArray[np.int32]:
        """The cell of each row in each metric, shape (n, p)."""
        return np.asarray(self.member.indices.reshape(self.member.shape[0], -1))


def _ranges(x: Floats, most: int) -> Ints:
    """Number of the range that each value falls into: one per distinct value, or of like size."""
    distinct, code = np.unique(x, return_inverse=True)
    if len(distinct) <= most:
        return np.asarray(code, dtype=np.intp)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, most + 1)[1:-1]))
    _, code = np.unique(np.searchsorted(edges, x, side="right"), return_inverse=True)
    return np.asarray(code, dtype=np.intp)

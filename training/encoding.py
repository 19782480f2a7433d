"""How a feature table becomes numbers: each column's kind, direction and known categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import TenureError
from features.metric import Metric


@dataclass(frozen=True)
class Feature:
    """One column of the model: how it is read, and which way the risk may run with it.

    Parameters
    ----------
    name : str
        Column of the feature table.
    kind : {"number", "category"}
        Numbers are taken as they are; categories as their position among `levels`.
    direction : {-1, 0, 1}
        -1: risk never rises with it; 1: risk never falls with it; 0: free.
    levels : tuple of str
        Categories seen while learning. Any other is read as missing.
    """

    name: str
    kind: Literal["number", "category"]
    direction: int = 0
    levels: tuple[str, ...] = ()

    @classmethod
    def learn(cls, metric: Metric, column: pd.Series) -> Self:
        """Read direction from the metric and levels from the rows that are learned from."""
        if metric.kind == "category":
            return cls(metric.name, "category", levels=tuple(sorted(set(_words(column).dropna()))))
        return cls(metric.name, "number", {"high": -1, "low": 1, None: 0}[metric.healthy])

    def encode(self, column: pd.Series) -> NDArray[np.float64]:
        """Turn a column of n values into n numbers, NaN where missing or unknown.

        They are the column's own where it holds 64-bit floats, not a copy.
        """
        if self.kind == "number" and column.dtype == np.float64:
            return np.asarray(column.to_numpy(), dtype=np.float64)
        if self.kind == "category":
            codes = {level: float(code) for code, level in enumerate(self.levels)}
            return np.asarray(_words(column).map(codes), dtype=np.float64)
        numbers: NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
        unread = column[np.isnan(numbers) & column.notna().to_numpy()]
        if len(unread):
            raise TenureError(
                f"Feature '{self.name}' must be numbers; {len(unread)} of {len(column)} values are "
                f"not: {', '.join(repr(value) for value in unread.unique()[:3])}.",
                "Give numbers, or leave the value empty where it is not known.",
            )
        return numbers


def _words(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")


def learn_features(table: pd.DataFrame, metrics: Mapping[str, Metric]) -> tuple[Feature, ...]:
    """Read the features of a model from the metrics that the table has, in their order."""
    return tuple(
        Feature.learn(metric, table[name]) for name, metric in metrics.items() if name in table
    )


def encode(features: Sequence[Feature], table: pd.DataFrame) -> NDArray[np.float64]:
    """Turn the features' columns into a matrix of shape (n, p), whatever else the table holds."""
    X = np.empty((len(table), len(features)))
    for position, feature in enumerate(features):
        X[:, position] = feature.encode(table[feature.name])
    return X


def columns(features: Sequence[Feature], table: pd.DataFrame) -> pa.Table:
    """Give the numbers of `encode` column by column: where the table holds them, without a copy."""
    return pa.table({each.name: pa.array(each.encode(table[each.name])) for each in features})

"""Growing trees: LightGBM's parameters, and how many of its threads a matrix is worth."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa

from training import memory
from training.encoding import Feature

TREES: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 5,
    "min_data_in_leaf": 40,
    "lambda_l2": 10.0,
    "feature_fraction_bynode": 0.6,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
"""LightGBM's parameters: small trees, slow learning, the same text for the same seed."""

DEFAULT_SHAPE: Mapping[str, Any] = MappingProxyType({})
"""Nothing in place of what `TREES` says."""

ONE_THREAD = 20_000_000
"""Numbers in a matrix below which a second thread costs more than it brings. Results are equal."""

PATIENCE = 50
"""Trees without gain on later rows before growing stops."""


def grow(
    features: Sequence[Feature],
    X: pa.Table,
    churned: pd.Series,
    weight: pd.Series,
    trees: int,
    seed: int,
    shape: Mapping[str, Any],
    stop_on: tuple[pa.Table, pd.Series, pd.Series] | None = None,
) -> lgb.Booster:
    """Grow so many trees, or fewer if they stop helping on `stop_on` (X, churned, weight).

    `X` is made by `encoding.columns`: LightGBM reads it as it lies, so that no second matrix is
    held.
    """
    parameters = {
        **TREES,
        **shape,
        "seed": seed,
        "monotone_constraints": [feature.direction for feature in features],
        "num_threads": threads(X.num_rows * X.num_columns),
    }
    grown = _grown(features, X, churned, weight, trees, parameters, stop_on)
    if X.num_rows > memory.ROWS_AT_ONCE:
        memory.give_back()
    return grown


def _grown(
    features: Sequence[Feature],
    X: pa.Table,
    churned: pd.Series,
    weight: pd.Series,
    trees: int,
    parameters: dict[str, Any],
    stop_on: tuple[pa.Table, pd.Series, pd.Series] | None,
) -> lgb.Booster:
    """Grow, and leave nothing behind of what LightGBM made of the rows."""
    data = lgb.Dataset(
        X,
        label=churned.to_numpy(np.float64),
        weight=weight.to_numpy(np.float64),
        feature_name=[feature.name for feature in features],
        categorical_feature=[n for n, each in enumerate(features) if each.kind == "category"],
        params=parameters,
    )
    if stop_on is None:
        return lgb.train(parameters, data, num_boost_round=trees)
    later, fates, shares = stop_on
    check = data.create_valid(later, fates.to_numpy(np.float64), shares.to_numpy(np.float64))
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    return lgb.train(parameters, data, trees, valid_sets=[check], callbacks=[stop])


def threads(numbers: int) -> int:
    """Number of threads for a matrix of so many numbers; 0 is as many as there are cores."""
    return 1 if numbers < ONE_THREAD else 0

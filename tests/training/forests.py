"""Forests that do everything that LightGBM's trees can do, and rows for them."""

import lightgbm as lgb
import numpy as np

FEATURES = 12


def matrix(rows: int, seed: int = 0) -> np.ndarray:
    """Numbers with holes; column 0 has 6 categories, column 1 has 40, column 2 no hole."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, FEATURES)).round(2)
    X[:, 0], X[:, 1] = rng.integers(6, size=rows), rng.integers(40, size=rows)
    X[:, 3] = rng.integers(3, size=rows)
    holes = rng.random(X.shape) < 0.2
    holes[:, 2] = False
    X[holes] = np.nan
    return X


def grow(trees: int, rows: int = 3000, **parameters: object) -> lgb.Booster:
    X, rng = matrix(rows), np.random.default_rng(1)
    known = np.nan_to_num(X)
    odds = known[:, 2:].sum(axis=1) + 2 * (known[:, 0] == 3) + np.isin(known[:, 1], [3, 17, 35])
    odds += 2 * np.isnan(X[:, 4]) - known[:, 5] * known[:, 6]
    y = odds + rng.normal(size=rows) > 1
    shape = {
        "objective": "binary",
        "num_leaves": 8,
        "min_data_in_leaf": 10,
        "cat_smooth": 1,
        "min_data_per_group": 5,
        "monotone_constraints": [0, 0, 1, 0, 0, 0, 0, 1, 1, 0, -1, 0],
        "verbosity": -1,
        "num_threads": 1,
        **parameters,
    }
    data = lgb.Dataset(X, y.astype(float), categorical_feature=[0, 1])
    return lgb.train(shape, data, trees)

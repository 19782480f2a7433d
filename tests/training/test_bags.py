"""Models asked together, against the same models asked one by one."""

import lightgbm as lgb
import numpy as np
import pytest

from training.bags import side_by_side

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 6)).round(1)
X[:, 0] = RNG.integers(5, size=500)
X[RNG.random(X.shape) < 0.2] = np.nan
Y = np.nan_to_num(X).sum(axis=1) + RNG.normal(size=500) > 1


def grown(trees: int, seed: int) -> lgb.Booster:
    rows = np.random.default_rng(seed).integers(500, size=500)
    data = lgb.Dataset(X[rows], Y[rows].astype(float), categorical_feature=[0])
    return lgb.train({"objective": "binary", "verbosity": -1, "num_leaves": 8}, data, trees)


@pytest.mark.parametrize("trees", [(1,), (5, 5, 5), (9, 2, 30, 1)])
def test_each_output_is_its_own_models_score_to_the_bit(trees: tuple[int, ...]) -> None:
    models = [grown(count, seed) for seed, count in enumerate(trees)]
    told = side_by_side(models).predict(X, raw_score=True).reshape(len(X), len(models))
    for output, model in zip(told.T, models, strict=True):
        assert (output == model.predict(X, raw_score=True)).all()


def test_a_model_that_could_not_grow_is_asked_like_the_others() -> None:
    data = lgb.Dataset(X, Y.astype(float))
    barren = lgb.train({"objective": "binary", "verbosity": -1, "min_data_in_leaf": 400}, data, 3)
    told = side_by_side([barren, grown(4, 0)]).predict(X, raw_score=True)
    assert (told[:, 0] == barren.predict(X, raw_score=True)).all()

"""Scores by ranks, against LightGBM itself."""

import lightgbm as lgb
import numpy as np
import pytest
from forests import grow, matrix

from training import ranked
from training.ranked import Ranked
from training.trees import UnreadError


@pytest.fixture(scope="module")
def boosters() -> list[lgb.Booster]:
    """Of 2 to 64 leaves, so that their bits fill numbers of every size; one is a stump."""
    nothing = {"min_data_in_leaf": 10**6}
    shapes = [{"num_leaves": leaves} for leaves in (2, 8, 9, 16, 17, 31, 33)]
    widest = {"num_leaves": 64, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0.0}
    grown = [grow(8, **shape) for shape in (*shapes, widest, nothing)]
    assert max(len(tree.values) for tree in Ranked.of(grown).forests[-2]) == 65
    return grown


def test_scores_equal_lightgbms_to_the_bit(
    boosters: list[lgb.Booster], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranked, "CHUNK", 700)
    X = matrix(2000, seed=3)
    told = Ranked.of(boosters).scores(X)
    assert told.shape == (2000, len(boosters))
    for place, booster in enumerate(boosters):
        assert (told[:, place] == booster.predict(X, raw_score=True)).all()


def test_on_a_threshold_beside_it_and_beyond_all(boosters: list[lgb.Booster]) -> None:
    forest = Ranked.of(boosters)
    X = matrix(300, seed=5)
    for column, known in forest._thresholds.items():
        if column.left is None:
            values = np.array([*known, *np.nextafter(known, np.inf), np.inf, -np.inf, 0.0, np.nan])
            values[np.abs(values) < 1e-30] = -0.0  # LightGBM reads such values as 0
            X[:, column.feature] = np.resize(values, len(X))
    told = forest.scores(X)
    for place, booster in enumerate(boosters):
        assert (told[:, place] == booster.predict(X, raw_score=True)).all()


def test_no_rows_and_no_forests() -> None:
    assert Ranked.of([]).scores(matrix(3)).shape == (3, 0)
    assert Ranked.of([grow(2)]).scores(matrix(0)).shape == (0, 1)


def test_more_leaves_than_bits_are_left_to_lightgbm() -> None:
    wide = grow(1, num_leaves=65, min_data_in_leaf=1, min_sum_hessian_in_leaf=0.0)
    assert wide.dump_model()["tree_info"][0]["num_leaves"] == 65
    with pytest.raises(UnreadError, match="more than 64 leaves"):
        Ranked.of([wide])

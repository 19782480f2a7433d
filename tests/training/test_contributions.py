"""Contributions by tables, against LightGBM itself, on everything that its trees can do."""

import lightgbm as lgb
import numpy as np
import pytest
from forests import FEATURES, grow, matrix
from hypothesis import given, settings
from hypothesis import strategies as st

from training import churn_model, contributions
from training.churn_model import ChurnModel
from training.contributions import Forest
from training.encoding import Feature
from training.trees import UnreadError


@pytest.fixture(scope="module")
def small() -> lgb.Booster:
    return grow(60)


@pytest.fixture(scope="module")
def deep() -> lgb.Booster:
    return grow(25, num_leaves=31)


@pytest.fixture(scope="module")
def long() -> lgb.Booster:
    """A chain: only rows whose every value is right are told apart by the last test."""
    X = matrix(20_000)
    known = np.nan_to_num(X)
    y = (known[:, 2:] > -1.4).all(axis=1) & (known[:, 0] != 3) & ~np.isin(known[:, 1], [3, 17])
    shape = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "verbosity": -1}
    data = lgb.Dataset(X, y.astype(float), categorical_feature=[0, 1])
    booster = lgb.train({**shape, "num_threads": 1}, data, 5)
    assert {group.long for group in Forest.of(booster).groups} == {False, True}
    return booster


@pytest.fixture(params=["small", "deep", "long"])
def booster(request: pytest.FixtureRequest) -> lgb.Booster:
    return request.getfixturevalue(request.param)


def test_contributions_equal_lightgbms(booster: lgb.Booster) -> None:
    X = matrix(500, seed=2)
    forest = Forest.of(booster)
    theirs = booster.predict(X, pred_contrib=True)
    np.testing.assert_allclose(forest.explain(X)[1], theirs[:, :-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(forest.base, theirs[:, -1], rtol=0, atol=1e-12)


def test_scores_equal_lightgbms_to_the_bit(booster: lgb.Booster) -> None:
    X = matrix(2000, seed=3)
    forest = Forest.of(booster)
    theirs = booster.predict(X, raw_score=True)
    assert (forest.explain(X)[0] == theirs).all()


def test_a_row_is_told_the_same_alone_and_among_many(
    booster: lgb.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, forest = matrix(300, seed=4), Forest.of(booster)
    scores, values = forest.explain(X)
    monkeypatch.setattr(contributions, "CHUNK", 77)
    for again in (forest.explain(X), forest.explain(X[:20]), forest.explain(X[7:8])):
        start = 7 if len(again[0]) == 1 else 0
        same = slice(start, start + len(again[0]))
        assert (again[0] == scores[same]).all()
        assert (again[1] == values[same]).all()


@settings(deadline=None, max_examples=100)
@given(
    row=st.lists(
        st.floats(allow_infinity=False, width=64) | st.sampled_from([np.nan, 0.0, 1e-36, -1e-36]),
        min_size=FEATURES,
        max_size=FEATURES,
    ),
    codes=st.tuples(*[st.sampled_from([np.nan, -3.0, 0.0, 5.0, 39.0, 40.0, 1e6, 2.5])] * 2),
)
def test_any_row_is_decided_as_lightgbm_decides(
    small: lgb.Booster, row: list[float], codes: tuple[float, float]
) -> None:
    X = np.array([[*codes, *row[2:]]])
    score, values = Forest.of(small).explain(X)
    assert (score == small.predict(X, raw_score=True)).all()
    theirs = small.predict(X, pred_contrib=True)
    np.testing.assert_allclose(values, theirs[:, :-1], rtol=0, atol=1e-12)


def test_the_forest_under_test_has_every_kind_of_decision(small: lgb.Booster) -> None:
    asked = {
        (column.missing, column.left is not None, threshold == np.inf)
        for group in Forest.of(small).groups
        for bit in group.bits
        for (column, threshold), _ in bit
    }
    assert {("left", False, False), ("right", False, False), ("zero", False, False)} <= asked
    assert ("right", True, False) in asked


def test_trees_that_could_not_grow_give_their_one_value() -> None:
    booster = grow(3, rows=200, min_data_in_leaf=150)
    X = matrix(5)
    score, values = Forest.of(booster).explain(X)
    assert (score == booster.predict(X, raw_score=True)).all()
    assert not values.any()


def test_no_rows_have_no_contributions(small: lgb.Booster) -> None:
    score, values = Forest.of(small).explain(np.empty((0, FEATURES)))
    assert (score.shape, values.shape) == ((0,), (0, FEATURES))


@pytest.mark.parametrize(
    "parameters", [{"zero_as_missing": True}, {"linear_tree": True, "monotone_constraints": None}]
)
def test_what_the_tables_cannot_hold_is_left_to_lightgbm(parameters: dict[str, object]) -> None:
    booster = grow(5, **parameters)
    with pytest.raises(UnreadError):
        Forest.of(booster)


def test_a_model_explains_itself_with_and_without_tables(
    small: lgb.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    def none(_: lgb.Booster) -> None:
        raise UnreadError("not today")

    features = tuple(Feature(f"x{n}", "number") for n in range(FEATURES))
    table = pd.DataFrame(matrix(100), columns=[each.name for each in features])
    tabled = ChurnModel(features, frozenset(), small, bags=(small,) * 3).explain(table)
    monkeypatch.setattr(churn_model.Forest, "of", none)
    plain = ChurnModel(features, frozenset(), small, bags=(small,) * 3).explain(table)
    assert (tabled.probability == plain.probability).all()
    assert (tabled.low == plain.low).all()
    np.testing.assert_allclose(tabled.points, plain.points, rtol=0, atol=1e-12)


def test_scores_and_intervals_do_not_depend_on_how_many_rows_are_asked_for(
    small: lgb.Booster, deep: lgb.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    features = tuple(Feature(f"x{n}", "number") for n in range(FEATURES))
    model = ChurnModel(features, frozenset(), small, bags=(small, deep, grow(40)))
    table = pd.DataFrame(matrix(100), columns=[each.name for each in features])
    some, scores = np.array(model.interval(table)), model.scores(table)
    for name, bound in (("FEW", 1000), ("MANY", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(churn_model, name, bound)
            assert (np.array(model.interval(table)) == some).all()
            again = ChurnModel(features, frozenset(), small)
            assert (again.scores(table) == scores).all()

import json
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from features.errors import TenureError
from features.metric import Metric
from training import churn_model
from training.calibration import Calibration, steepness
from training.churn_model import ChurnModel, choose_trees
from training.encoding import columns, encode, learn_features
from training.growing import TREES as TREES_OF
from training.growing import grow

TREES = 60


@pytest.fixture(scope="session")
def model(panel: pd.DataFrame, metrics: dict[str, Metric]) -> ChurnModel:
    bare = ChurnModel.fit(panel, panel["churned"], panel["weight"], metrics, TREES)
    calibrated = replace(bare, calibration=Calibration(0.8, -0.1))
    return calibrated.with_bags(panel, panel["churned"], panel["weight"], bags=5)


def test_points_and_base_add_up_to_the_probability(model: ChurnModel, panel: pd.DataFrame) -> None:
    points, base = model.points(panel)
    gap = base + points.sum(axis=1) - model.predict_proba(panel)
    assert np.abs(gap).max() < 1e-12


def test_points_keep_the_sign_of_the_contributions(model: ChurnModel, panel: pd.DataFrame) -> None:
    points, _ = model.points(panel)
    contributions, _ = model.contributions(panel)
    assert (np.sign(points) == np.sign(contributions)).all().all()


@given(base=st.floats(-30, 30), distance=st.floats(-60, 60))
def test_steepness_carries_the_base_to_the_probability(base: float, distance: float) -> None:
    moved = expit(base) + distance * steepness(base, [distance])[0]
    assert moved == pytest.approx(expit(base + distance), abs=1e-14)


@given(base=st.floats(-30, 30), distance=st.floats(-1e-6, 1e-6))
def test_steepness_is_the_slope_of_the_curve_where_nothing_moved(
    base: float, distance: float
) -> None:
    slope = expit(base) * expit(-base)
    assert steepness(base, [distance])[0] == pytest.approx(slope, rel=1e-6)


# shap's plots are imported with it
@pytest.mark.filterwarnings("ignore:The set_.* function will:PendingDeprecationWarning")
def test_contributions_equal_shap(model: ChurnModel, panel: pd.DataFrame) -> None:
    import shap

    rows = panel.head(200)
    theirs = shap.TreeExplainer(model.booster)(model.encode(rows))
    contributions, base = model.contributions(rows)
    slope, offset = model.calibration.slope, model.calibration.offset
    np.testing.assert_allclose(contributions, slope * theirs.values, rtol=0, atol=1e-12)  # noqa: PD011
    np.testing.assert_allclose(base, slope * theirs.base_values + offset, rtol=0, atol=1e-12)


def test_plain_platt_equals_an_unpenalised_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    scores, weight = rng.normal(-2, 1.5, 3000), rng.uniform(0.2, 2, 3000)
    churned = rng.random(3000) < expit(0.7 * scores - 0.4)
    ours = Calibration.fit(scores, churned, weight, pull=0)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(scores[:, None], churned, weight)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-5)
    assert ours.offset == pytest.approx(theirs.intercept_[0], abs=1e-5)
    weakly = Calibration.fit(scores, churned, weight)
    assert weakly.slope == pytest.approx(ours.slope, abs=0.01)


def test_calibration_without_rows_trusts_the_trees() -> None:
    assert Calibration.fit([], [], []) == Calibration(1.0, 0.0)


def test_calibration_never_turns_the_order_round() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=2000)
    backwards = rng.random(2000) < expit(-scores)
    assert Calibration.fit(scores, backwards, np.ones(2000)).slope > 0


def test_saved_and_loaded_predicts_the_same_to_the_bit(
    model: ChurnModel, panel: pd.DataFrame, tmp_path: Path
) -> None:
    model.save(tmp_path / "new" / "folder")
    again = ChurnModel.load(tmp_path / "new" / "folder")
    assert (again.predict_proba(panel) == model.predict_proba(panel)).all()
    assert again.points(panel)[0].equals(model.points(panel)[0])
    for ours, theirs in zip(model.interval(panel), again.interval(panel), strict=True):
        assert (ours == theirs).all()
    assert {path.suffix for path in (tmp_path / "new" / "folder").iterdir()} == {".txt", ".json"}
    assert json.loads((tmp_path / "new" / "folder" / "model.json").read_text())["format"] == 1


def test_trained_twice_gives_the_same_text(
    panel: pd.DataFrame, metrics: dict[str, Metric], model: ChurnModel
) -> None:
    again = ChurnModel.fit(panel, panel["churned"], panel["weight"], metrics, TREES)
    assert again.booster.model_to_string() == model.booster.model_to_string()
    bags = again.with_bags(panel, panel["churned"], panel["weight"], bags=1).bags
    assert bags[0].model_to_string() == model.bags[0].model_to_string()


def test_order_of_columns_and_of_rows_does_not_matter(
    model: ChurnModel, panel: pd.DataFrame
) -> None:
    turned = panel.iloc[::-1, ::-1]
    assert (model.predict_proba(turned)[::-1] == model.predict_proba(panel)).all()


def test_the_risk_runs_only_the_declared_way(model: ChurnModel, panel: pd.DataFrame) -> None:
    rows = panel[panel["due"]].head(300)
    for name, sign in (("usage", -1), ("nps", -1), ("tickets", 1)):
        ladder = [
            model.predict_proba(rows.assign(**{name: value})) for value in np.linspace(-4, 4, 30)
        ]
        assert (sign * np.diff(ladder, axis=0) >= 0).all(), name


def test_an_unknown_or_missing_category_is_read_as_missing(
    model: ChurnModel, panel: pd.DataFrame
) -> None:
    rows = panel.head(20)
    empty = model.predict_proba(rows.assign(segment=None))
    assert (model.predict_proba(rows.assign(segment="galactic")) == empty).all()
    assert (model.predict_proba(rows.assign(segment=np.nan)) == empty).all()
    assert not (model.predict_proba(rows) == empty).all()


@pytest.mark.parametrize("dtype", ["object", "category", "str"])
def test_a_category_is_read_the_same_however_pandas_stores_it(
    model: ChurnModel, panel: pd.DataFrame, dtype: str
) -> None:
    cast = panel.assign(segment=panel["segment"].astype(dtype))
    assert (model.predict_proba(cast) == model.predict_proba(panel)).all()


def test_a_missing_feature_is_named_with_the_nearest_column(
    model: ChurnModel, panel: pd.DataFrame
) -> None:
    with pytest.raises(TenureError) as raised:
        model.predict_proba(panel.rename(columns={"tickets": "ticket"}))
    assert str(raised.value) == (
        "The model needs 1 of its 6 features that are not in the table: 'tickets'. Did you mean "
        "'ticket'?\n  Bring the tables they are made from, or train anew on what there is."
    )


def test_an_unknown_column_is_named_with_the_nearest_feature(
    model: ChurnModel, panel: pd.DataFrame
) -> None:
    with pytest.raises(
        TenureError, match=r"1 columns are no features.*'usagee'\. Did you mean 'usage'"
    ):
        model.points(panel.assign(usagee=1.0))


def test_a_metric_that_came_after_the_training_is_no_fault(
    model: ChurnModel, panel: pd.DataFrame
) -> None:
    later = panel.assign(never_there=1.0)
    assert (model.predict_proba(later) == model.predict_proba(panel)).all()


def test_text_in_a_number_is_told(model: ChurnModel, panel: pd.DataFrame) -> None:
    rows = panel.head(3).assign(usage=["1.5", "a lot", None])
    with pytest.raises(
        TenureError, match="'usage' must be numbers; 1 of 3 values are not: 'a lot'"
    ):
        model.predict_proba(rows)


def test_no_rows_give_no_probabilities(model: ChurnModel, panel: pd.DataFrame) -> None:
    nobody = panel.head(0)
    assert model.predict_proba(nobody).shape == (0,)
    assert model.points(nobody)[0].shape == (0, 6)
    assert model.points(nobody)[1] == model.points(panel.head(1))[1]
    assert [end.shape for end in model.interval(nobody)] == [(0,), (0,)]


def test_the_interval_holds_the_probability(model: ChurnModel, panel: pd.DataFrame) -> None:
    low, high = model.interval(panel)
    point = model.predict_proba(panel)
    assert (low <= point).all()
    assert (point <= high).all()
    assert (low < high).mean() > 0.9
    assert np.isnan(replace(model, bags=()).interval(panel)).all()


def test_chosen_trees_are_the_first_trees_of_a_longer_growth(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    early, late = panel["as_of"] < "2023-06-01", panel["as_of"] >= "2023-10-01"
    chosen, trees = choose_trees(panel[early], panel[late], metrics, most=300)
    rows = panel[early]
    fixed = ChurnModel.fit(rows, rows["churned"], rows["weight"], metrics, trees)
    assert chosen.booster.num_trees() == trees < 300
    assert (chosen.scores(panel) == fixed.scores(panel)).all()


@settings(deadline=None, max_examples=20)
@given(
    usage=st.floats(-1e9, 1e9) | st.just(np.nan),
    days=st.floats(-10, 1e6),
    segment=st.text(max_size=5) | st.none(),
)
def test_points_add_up_for_any_row(
    model: ChurnModel, usage: float, days: float, segment: str | None
) -> None:
    row = pd.DataFrame({"usage": [usage], "days_to_renewal": [days], "segment": [segment]}).assign(
        tickets=np.nan, noise=0.0, nps=np.nan
    )
    points, base = model.points(row)
    assert base + points.sum(axis=1)[0] == pytest.approx(model.predict_proba(row)[0], abs=1e-12)


@pytest.mark.parametrize("bags", [1, 2, 20, 21])
def test_ends_of_intervals_are_numpys_quantiles_to_the_bit(bags):
    drawn = np.random.default_rng(bags).random((200, bags))
    for share in (0.05, 0.5, 0.95):
        told = churn_model._quantile(np.sort(drawn, axis=1), share)
        assert (told == np.quantile(drawn, share, axis=1)).all()


def test_trees_learn_from_the_tables_own_columns_what_they_learn_from_a_matrix(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    features = learn_features(panel, metrics)
    assert {each.kind for each in features} == {"number", "category"}
    assert panel[[each.name for each in features]].isna().to_numpy().any()
    held = columns(features, panel)
    ours = grow(features, held, panel["churned"], panel["weight"], TREES, 0, {})
    data = lgb.Dataset(
        encode(features, panel),
        panel["churned"].to_numpy(float),
        weight=panel["weight"].to_numpy(float),
        feature_name=[each.name for each in features],
        categorical_feature=[n for n, each in enumerate(features) if each.kind == "category"],
    )
    directions = [each.direction for each in features]
    plain = {**TREES_OF, "seed": 0, "monotone_constraints": directions, "num_threads": 1}
    assert ours.model_to_string() == lgb.train(plain, data, TREES).model_to_string()


def test_numbers_of_a_table_are_not_copied(metrics: dict[str, Metric]) -> None:
    table = pd.DataFrame({"usage": [1.0, np.nan, 3.0]})
    (column,) = columns(learn_features(table, metrics), table).columns
    assert np.shares_memory(column.chunk(0).to_numpy(), table["usage"].to_numpy())

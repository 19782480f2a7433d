import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import TenureError
from serving import score, score_files
from serving.files import write_aside


@pytest.fixture(scope="module")
def table(scored):
    return scored[0]


def test_points_add_up_to_the_probability(table):
    for row in table.itertuples():
        in_all = row.base_probability + math.fsum(each["points"] for each in row.drivers)
        assert in_all == pytest.approx(row.churn_probability, abs=1e-9)


def test_dimension_points_are_the_sums_of_their_drivers(table):
    for row in table.itertuples():
        for dimension, points in row.dimension_points.items():
            own = [each["points"] for each in row.drivers if each["dimension"] == dimension]
            assert own
            assert math.fsum(own) == pytest.approx(points, abs=1e-12)
        assert {each["dimension"] for each in row.drivers} == set(row.dimension_points)


def test_what_is_no_metric_stands_as_context(table):
    row = table.iloc[0]
    assert "context" in row.dimension_points
    context = {each["metric"] for each in row.drivers if each["dimension"] == "context"}
    assert {"segment", "days_to_renewal"} <= context


def test_rows_fall_in_risk_and_drivers_in_weight(table):
    assert table["churn_probability"].is_monotonic_decreasing
    assert table["account_id"].is_unique
    for drivers in table["drivers"]:
        weights = [abs(each["points"]) for each in drivers]
        assert weights == sorted(weights, reverse=True)


def test_the_range_holds_the_probability(table):
    assert (table["probability_low"] <= table["churn_probability"]).all()
    assert (table["churn_probability"] <= table["probability_high"]).all()


def test_money_and_dates_agree(table):
    assert np.allclose(table["arr_at_risk"], table["arr"] * table["churn_probability"])
    ends = table["as_of"] + pd.to_timedelta(table["days_to_renewal"], unit="D")
    assert (ends == table["renewal_date"]).all()


def test_the_curve_never_falls_and_meets_the_probability_at_its_horizon(table):
    curve = table[list(score.CURVE)]
    assert (table["churn_90d"] == table["churn_probability"]).all()
    assert (np.diff(curve.to_numpy(), axis=1) >= 0).all()
    assert (table["churn_365d"] > table["churn_90d"]).mean() > 0.9
    # who renews after 90 days leaves after them, if at all
    later = table[table["days_to_renewal"].between(100, 170)]
    assert (later["churn_180d"] > 5 * later["churn_90d"]).all()


def test_retained_arr_is_what_stays(table):
    kept = table["expected_retained_arr"] / (table["arr"] - table["arr_at_risk"])
    due = table["days_to_renewal"] <= 90
    assert np.allclose(kept[~due], 1)
    assert kept[due].between(0.8, 1.3).all()


def test_a_metric_newer_than_the_model_is_left_out_and_a_missing_one_is_told(champion, use_store):
    from features import catalog
    from training import tracking

    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        model, _ = tracking.load()
    numbers = {each.name: [1.0] for each in model.features if each.kind == "number"}
    words = {each.name: ["mid"] for each in model.features if each.kind == "category"}
    keys = {"account_id": ["a"], "as_of": [pd.Timestamp("2026-01-01")]}
    features = pd.DataFrame({**keys, **numbers, **words, "brand_new_28d": [1.0]})
    now = pd.Timestamp("2026-01-02", tz="UTC")
    row = score.score(features, model, catalog.metrics(), "1", now).iloc[0]
    assert "brand_new_28d" not in {each["metric"] for each in row.drivers}
    with pytest.raises(TenureError, match="active_days_28d"):
        score.score(features.drop(columns="active_days_28d"), model, catalog.metrics(), "1", now)


def test_json_keeps_every_digit(table, tmp_path):
    score_files.write(table, tmp_path / "scores.json")
    rows = json.loads((tmp_path / "scores.json").read_text())
    assert rows == score.records(table)
    assert [row["churn_probability"] for row in rows] == table["churn_probability"].tolist()


def test_csv_holds_the_lists_as_json(table, tmp_path):
    score_files.write(table, tmp_path / "scores.csv")
    read = pd.read_csv(tmp_path / "scores.csv", dtype={"account_id": str})
    assert read["churn_probability"].tolist() == table["churn_probability"].tolist()
    assert [json.loads(text) for text in read["drivers"]] == table["drivers"].tolist()
    assert read["renewal_date"].iloc[0] == f"{table['renewal_date'].iloc[0]:%Y-%m-%d}"


def test_parquet_has_typed_columns(table, tmp_path):
    score_files.write(table, tmp_path / "scores.parquet")
    read = pq.read_table(tmp_path / "scores.parquet")
    assert read.column_names == list(table.columns)
    assert read.schema.field("renewal_date").type == pa.date32()
    assert read.schema.field("scored_at").type == pa.timestamp("us", tz="UTC")
    first = read["drivers"][0].as_py()
    for stored, known in zip(first, table["drivers"].iloc[0], strict=True):
        assert stored["points"] == known["points"]
        assert (stored["category"] or stored["value"]) == known["value"]


def test_an_unknown_kind_of_file_is_refused_before_anything_is_written(table, tmp_path):
    with pytest.raises(TenureError, match=r"\.parquet, \.csv, \.json"):
        score_files.write(table, tmp_path / "scores.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_half_way_leaves_the_old_table(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")

    def half(aside: Path) -> None:
        aside.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(TenureError, match="No space left on device"):
        write_aside(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_told(table, tmp_path):
    with pytest.raises(TenureError, match="could not be written"):
        score_files.write(table, tmp_path / "nowhere" / "scores.json")

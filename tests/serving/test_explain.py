import math
from dataclasses import replace

import pytest

from features import catalog
from serving import explain

METRICS = list(catalog.metrics().values())


def driver(dimension: str, points: float, sentence: str = "") -> dict[str, object]:
    return {"dimension": dimension, "points": points, "sentence": sentence, "metric": sentence}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("value", [0.0, 1.0, 0.4567, 62.5, -0.5])
def test_every_metric_says_its_value_in_its_own_sentence(metric, value):
    said = explain.sentence(metric, "mid" if metric.kind == "category" else value)
    assert "{" not in said
    assert "nan" not in said
    assert "because" not in said.lower()


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_value_is_told_as_missing_and_not_as_zero(missing):
    metric = catalog.metrics()["active_days_28d"]
    assert explain.sentence(metric, missing) == "Active days: no data"


def test_only_the_unit_decides_how_a_number_is_written():
    metric = catalog.metrics()["active_days_28d"]
    assert explain.sentence(metric, 3.0) == "Used on 3 of the last 28 days"
    share = replace(metric, unit="share", sentence="{value} of the seats")
    assert explain.sentence(share, 0.153) == "15% of the seats"


def test_a_sentence_is_said_in_german_with_german_numbers():
    metrics = catalog.metrics()
    said = explain.sentence(metrics["active_users_28d"], 1234.0, "de")
    assert said == "1.234 Nutzer waren in den letzten 28 Tagen aktiv"
    assert explain.sentence(metrics["active_users_28d"], None, "de") == "Aktive Nutzer: keine Daten"
    share = explain.sentence(metrics["active_seat_share_28d"], 0.01, "de")
    assert share == "1 % der Lizenzen wurde in den letzten 28 Tagen genutzt"


def test_what_protects_is_never_a_reason_for_risk():
    drivers = [driver("a", -0.2), driver("a", 0.1), driver("b", 0.05), driver("b", -0.00001)]
    assert [each["points"] for each in explain.raising(drivers)] == [0.1, 0.05]
    assert [each["points"] for each in explain.lowering(drivers)] == [-0.2]


def test_dimensions_come_by_weight_and_their_drivers_by_direction():
    record = {
        "dimension_points": {"breadth": 0.03, "depth": -0.08},
        "drivers": [
            driver("depth", -0.09, "deep"),
            driver("breadth", -0.05, "few leave"),
            driver("breadth", 0.04, "few come"),
            driver("breadth", 0.04, "fewer seats"),
            driver("depth", 0.01, "shallow"),
        ],
    }
    told = explain.by_dimension(record)
    assert [entry["dimension"] for entry in told] == ["depth", "breadth"]
    assert [each["sentence"] for each in told[1]["drivers"]] == [
        "few come",
        "fewer seats",
        "few leave",
    ]


def test_in_short_health_comes_before_the_contract_and_nothing_is_hidden():
    record = {
        "dimension_points": {"breadth": 0.03, "depth": -0.08, "support": 0.0, "context": 0.4},
        "drivers": [driver("context", 0.4, "soon"), driver("depth", -0.08, "deep")],
    }
    told = [entry["dimension"] for entry in explain.in_short(record)]
    assert told == ["depth", "breadth", "context"]
    assert [entry["dimension"] for entry in explain.in_short(record, most=1)] == [
        "depth",
        "context",
    ]


def test_an_account_is_told_whole(scored):
    from serving import score

    table, _ = scored
    row = score.records(table.head(1))[0]
    told = explain.to_text(row, "within 90 days")
    assert row["account_id"] in told
    assert explain.percent(row["churn_probability"], 1) in told
    shown = [each for each in row["drivers"] if explain.direction(each["points"]) != "leaves"]
    assert shown
    assert all(each["sentence"] in told for each in shown)

import pytest

from serving import explain


def driver(dimension: str, points: float, sentence: str = "") -> dict[str, object]:
    told = {"dimension": dimension, "points": points, "sentence": sentence, "metric": sentence}
    return {**told, "value": 3.0, "goal": None, "healthy": "high"}


def test_what_protects_is_never_a_reason_for_risk():
    drivers = [driver("a", -0.2), driver("a", 0.1), driver("b", 0.05), driver("b", -0.00001)]
    assert [each["points"] for each in explain.raising(drivers)] == [0.1, 0.05]
    assert [each["points"] for each in explain.lowering(drivers)] == [-0.2]


def test_what_stands_where_healthy_accounts_stand_is_no_reason_for_risk():
    well = {**driver("a", 0.2, "fine"), "value": 12.0, "goal": 9.0}
    poorly = {**driver("a", 0.1, "poor"), "value": 3.0, "goal": 9.0}
    assert explain.raising([well, poorly]) == [poorly]
    assert explain.raising([{**well, "healthy": "low"}, poorly])[0]["metric"] == "fine"
    told = explain.by_dimension({"dimension_points": {"a": 0.3}, "drivers": [well, poorly]})
    assert [each["metric"] for each in told[0]["drivers"]] == ["poor", "fine"]


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
    from serving import account_text, score

    table, _ = scored
    row = score.records(table.head(1))[0]
    told = account_text.to_text(row, "within 90 days")
    assert row["account_id"] in told
    assert explain.percent(row["churn_probability"], 1) in told
    shown = [each for each in row["drivers"] if explain.direction(each["points"]) != "leaves"]
    assert shown
    assert all(each["sentence"] in told for each in shown)


@pytest.mark.parametrize(
    ("language", "within"),
    [("en", "within 30 / 90 / 180 / 365 days"), ("de", "von 30 / 90 / 180 / 365 Tagen")],
)
def test_each_horizon_is_told_or_that_none_is(scored, language, within):
    from serving import account_text, score

    row = score.records(scored[0].head(1))[0]
    risks = [explain.percent(row[name], 1) for name in score.CURVE]
    if language == "de":
        risks = [explain.in_german(each) for each in risks]
    assert f"{within}: {' / '.join(risks)}" in account_text.to_text(row, "-", language)
    lost = {**row, "churn_30d": None, "churn_180d": None, "churn_365d": None}
    assert "`tenure evaluate`" in account_text.to_text(lost, "-", language)

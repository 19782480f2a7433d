import json

import pytest

from features import catalog
from serving import score
from serving.api import ApiError, Prediction
from serving.predict import Predictor, mean_points
from serving.what_if import AHEAD


@pytest.fixture(scope="module")
def rows(scored):
    return score.records(scored[0])


@pytest.fixture(scope="module")
def predictor(champion, rows):
    from training import tracking

    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.setenv(name, champion.store)
        model, info = tracking.load()
        health = tracking.load_health(info.version)
        outlook = tracking.load_outlook(info.version)
    return Predictor(model, catalog.metrics(), mean_points(rows), health, outlook=outlook)


def predicted(predictor, *observations):
    return [json.loads(text) for text in predictor.predict(observations)]


def observation(row) -> dict[str, object]:
    return {driver["metric"]: driver["value"] for driver in row["drivers"]}


def test_a_rows_own_values_give_the_row_again(predictor, rows):
    some = rows[:3] + rows[-3:]
    for told, row in zip(predicted(predictor, *map(observation, some)), some, strict=True):
        Prediction.model_validate(told)
        for name in ("churn_probability", "probability_low", "probability_high"):
            assert told[name] == pytest.approx(row[name], abs=1e-12)
        assert told["base_probability"] == row["base_probability"]
        assert told["dimension_points"] == pytest.approx(row["dimension_points"], abs=1e-12)
        points = {driver["metric"]: driver["points"] for driver in row["drivers"]}
        given = {driver["metric"]: driver["points"] for driver in told["drivers"]}
        assert given == pytest.approx(points, abs=1e-12)
        assert told["drivers"][0].keys() == row["drivers"][0].keys()
        assert told["coverage"] == pytest.approx(row["coverage"], abs=1e-9)
        assert told["coverage_by_status"] == pytest.approx(row["coverage_by_status"], abs=1e-9)
        assert _statuses(told) == _statuses(row)


def test_it_looks_ahead_as_the_score_table_does(predictor, rows):
    some = rows[:10] + rows[-10:]
    given = [observation(row) for row in some]
    told = [json.loads(text) for text in predictor.predict(given, outlook=True)]
    figures = [[each[name] for name in AHEAD] for each in told]
    assert figures == [
        [each and pytest.approx(each, abs=1e-12) for each in (row[name] for name in AHEAD)]
        for row in some
    ]
    assert any(each is not None for row in figures for each in row[:-1])
    assert any(row[-1] is not None for row in figures)
    asked = predictor.what_if.ask(given[0], {})
    assert [asked["after"][name] for name in AHEAD] == figures[0]
    (plain,) = predicted(predictor, given[0])
    assert {plain[name] for name in AHEAD} == {None}


def test_it_tells_health_and_goals_as_the_score_table_does(predictor, rows):
    assert predictor.health.score.segments, "the company's goals do not differ by segment"
    cuts = predictor.health.bands.cuts
    some = rows[:20]
    for told, row in zip(predicted(predictor, *map(observation, some)), some, strict=True):
        assert told["health"] == pytest.approx(row["health"], abs=1e-9)
        healthy, at_risk = row["health"] >= cuts.healthy_from, row["health"] < cuts.at_risk_below
        assert told["band"] == ("healthy" if healthy else "at risk" if at_risk else "watch")
        goals = {driver["metric"]: driver["goal"] for driver in row["drivers"]}
        assert {driver["metric"]: driver["goal"] for driver in told["drivers"]} == goals
    assert any(goals.values())


def test_nothing_known_has_no_health(predictor):
    (told,) = predicted(predictor, {})
    assert (told["health"], told["band"]) == (None, None)


def test_it_tells_the_reasons_in_german_too(predictor, rows):
    told = json.loads(predictor.predict([observation(rows[0])], "de")[0])
    days = next(each for each in told["drivers"] if each["metric"] == "active_days_28d")
    assert days["sentence"].startswith("An ") or "der letzten 28 Tage" in days["sentence"]
    assert "gesunde Kunden" in days["sentence"]
    assert told["coverage_sentence"].startswith("Wonach das Modell urteilt")


def _statuses(told):
    return {driver["metric"]: driver["status"] for driver in told["drivers"]}


def test_points_sum_to_the_probability(predictor, rows):
    for told in predicted(predictor, observation(rows[0]), {}):
        total = told["base_probability"] + sum(driver["points"] for driver in told["drivers"])
        assert total == pytest.approx(told["churn_probability"], abs=1e-9)
        assert sum(told["dimension_points"].values()) == pytest.approx(
            total - told["base_probability"], abs=1e-9
        )


def test_what_is_not_given_is_not_known(predictor, rows):
    nothing, nulls = predicted(predictor, {}, dict.fromkeys(observation(rows[0])))
    assert nothing == nulls
    assert nothing["coverage"] == 0.0
    weights = mean_points(rows)
    name = max(weights, key=weights.__getitem__)
    (one,) = predicted(predictor, {name: observation(rows[0])[name]})
    assert one["coverage"] == pytest.approx(weights[name] / sum(weights.values()))
    assert nothing["coverage_sentence"] == "Of what the model goes by, 100% was not recorded"


def test_what_is_given_may_be_zero_stale_or_not_applicable(predictor):
    given = {"touch_model": "scale", "open_tickets": 0.0, "nps_last": 9.0, "nps_age_days": 400.0}
    fresh = {**given, "nps_age_days": 4.0}
    old, new = map(_statuses, predicted(predictor, given, fresh))
    assert (old["open_tickets"], old["csm_sentiment"]) == ("zero", "not_applicable")
    assert (old["nps_last"], new["nps_last"]) == ("stale", "known")
    assert old["csat_last"] == "absent"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"active_day_28d": 1.0}, "reads no such metric. Did you mean 'active_days_28d'?"),
        ({"active_days_28d": "many"}, "must be a number, not 'many'"),
        ({"segment": "huge"}, "'huge' is none of"),
        ({"segment": 3.0}, "'3.0' is none of"),
        ({"as_of": 1.0}, "reads no such metric"),
    ],
)
def test_what_the_model_cannot_read_is_refused(predictor, values, said):
    with pytest.raises(ApiError) as refused:
        predictor.predict([{}, values])
    assert refused.value.status == 400
    assert said in str(refused.value)
    assert refused.value.details[0]["field"] == f"observations.1.{next(iter(values))}"


def test_all_faults_are_told_at_once(predictor):
    with pytest.raises(ApiError, match="And 2 more") as refused:
        predictor.predict([{"x": 1.0, "y": 2.0}, {"z": None}])
    assert len(refused.value.details) == 3

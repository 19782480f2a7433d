"""People's decisions change the health score as they say, and nothing else."""

from dataclasses import replace

import pytest

from features.errors import TenureError
from training import decisions
from training.decisions import HealthDecision
from training.health_score import HealthScore
from training.scorecard import DimensionWeight, Goal, MetricWeight


def metric(name: str, dimension: str, weight: float) -> MetricWeight:
    goals = [Goal(segment=s, goal=10.0, red=8.0, green=12.0) for s in ("small", "all")]
    return MetricWeight(name, dimension, weight, None, None, 1.0, 0.0, goals[1], (goals[0],))


SCORE = HealthScore(
    learned="metrics",
    accounts=500,
    churned=250,
    metrics=(metric("use", "depth", 50), metric("nps", "sentiment", 30), metric("a", "depth", 20)),
    dimensions=(DimensionWeight("depth", 70, 60, 80), DimensionWeight("sentiment", 30, 20, 40)),
    segments=("small",),
    left_out={},
    intercepts=(0.0, 0.0),
    background=(),
)


def decided(action, name="use", **more) -> HealthDecision:
    return HealthDecision(action, name, "agreed", "ana", "2026-01-01T00:00:00+00:00", **more)


def weights(score: HealthScore) -> dict[str, float]:
    return {each.name: each.weight for each in score.metrics}


def test_a_fixed_weight_stands_and_the_others_share_the_rest():
    told = decisions.apply(SCORE, [decided("fix", weight=20.0)], {}, {})
    assert weights(told) == pytest.approx({"use": 20, "nps": 48, "a": 32})
    assert {d.name: d.weight for d in told.dimensions} == pytest.approx(
        {"depth": 52, "sentiment": 48}
    )


def test_to_accept_changes_nothing_and_to_reject_takes_what_is_in_use():
    assert decisions.apply(SCORE, [decided("accept")], {"use": 5.0}, {}) == SCORE
    told = decisions.apply(SCORE, [decided("reject")], {"use": 5.0}, {"use": {"all": 6.0}})
    assert weights(told)["use"] == 5
    assert told.metrics[0].portfolio == replace(SCORE.metrics[0].portfolio, goal=6, red=4, green=8)
    assert weights(decisions.apply(SCORE, [decided("reject")], {}, {}))["use"] == 0


def test_a_dimension_is_decided_on_as_a_whole():
    told = decisions.apply(SCORE, [decided("fix", "depth", weight=35.0)], {}, {})
    assert weights(told) == pytest.approx({"use": 25, "nps": 65, "a": 10})
    made = [decided("fix", "depth", weight=35.0), decided("fix", "use", weight=20.0)]
    assert weights(decisions.apply(SCORE, made, {}, {})) == pytest.approx(
        {"use": 20, "nps": 65, "a": 15}
    )
    today = {"use": 10.0, "a": 6.0}
    rejected = decisions.apply(SCORE, [decided("reject", "depth")], today, {"a": 5.0})
    assert weights(rejected) == pytest.approx({"use": 10, "nps": 84, "a": 6})
    assert rejected.metrics[2].portfolio.goal == 5
    too_much = [decided("fix", "depth", weight=35.0), decided("fix", "use", weight=40.0)]
    with pytest.raises(TenureError, match="sum to 40"):
        decisions.apply(SCORE, too_much, {}, {})
    with pytest.raises(TenureError, match="'depth' is a dimension"):
        decisions.check(decided("fix", "depth", goal=3.0), SCORE)


def test_a_goal_moves_with_its_band_for_one_segment_or_all():
    told = decisions.apply(SCORE, [decided("fix", goal=20.0, segment="small")], {}, {})
    own, everybody = told.metrics[0].segments[0], told.metrics[0].portfolio
    assert (own.goal, own.red, own.green) == (20, 18, 22)
    assert everybody.goal == 10
    told = decisions.apply(SCORE, [decided("fix", goal=20.0)], {}, {})
    assert told.metrics[0].segments[0].goal == told.metrics[0].portfolio.goal == 20


def test_the_last_decision_holds_and_only_pins_are_carried_on():
    made = [decided("fix", weight=20.0), decided("fix", "nps", weight=1.0), decided("accept")]
    assert weights(decisions.apply(SCORE, made, {}, {}))["nps"] == 1
    assert [each.metric for each in decisions.in_force(made)] == ["nps", "use"]
    (kept,) = decisions.carried(made, version=3)
    assert (kept.metric, kept.carried_from) == ("nps", 3)
    assert decisions.carried([kept], version=5) == [kept]


def test_all_faults_of_a_decision_are_told():
    wrong = replace(decided("fix", "ues", segment="smal", weight=120.0), why=" ")
    with pytest.raises(TenureError) as raised:
        decisions.check(wrong, SCORE)
    for part in ("'ues' is no metric", "needs a reason", "below 100", "'smal' is no segment"):
        assert part in str(raised.value)
    with pytest.raises(TenureError, match="takes no weight"):
        decisions.check(decided("accept", weight=3.0), SCORE)


def test_weights_that_leave_nothing_are_refused():
    made = [decided("fix", weight=60.0), decided("fix", "nps", weight=45.0)]
    with pytest.raises(TenureError, match="leave nothing"):
        decisions.apply(SCORE, made, {}, {})


def test_a_decision_survives_json():
    made = decided("fix", weight=20.0, segment="small", carried_from=2)
    assert HealthDecision.from_json(made.to_json()) == made

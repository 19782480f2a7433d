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


UNITS = {"use": "days", "nps": "points", "a": "share"}


def decided(action, name="use", **more) -> HealthDecision:
    return HealthDecision(action, name, "agreed", "ana", "2026-01-01T00:00:00+00:00", **more)


def served(*made: HealthDecision, weights=None, goals=None) -> HealthScore:
    """The score after decisions, where these weights and goals are in use today."""
    return decisions.apply(SCORE, made, weights or {}, goals or {})


def goals(score: HealthScore, name: str = "use") -> dict[str, float]:
    """A metric's goals: of small accounts, and of all."""
    [own] = [each for each in score.metrics if each.name == name]
    return {goal.segment: goal.goal for goal in (*own.segments, own.portfolio)}


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
        decisions.check(decided("fix", "depth", goal=3.0), SCORE, UNITS)


def test_a_goal_moves_with_its_band_for_one_segment_or_all():
    told = decisions.apply(SCORE, [decided("fix", goal=20.0, segment="small")], {}, {})
    own, everybody = told.metrics[0].segments[0], told.metrics[0].portfolio
    assert (own.goal, own.red, own.green) == (20, 18, 22)
    assert everybody.goal == 10
    told = decisions.apply(SCORE, [decided("fix", goal=20.0)], {}, {})
    assert told.metrics[0].segments[0].goal == told.metrics[0].portfolio.goal == 20


def test_the_last_decision_holds_and_only_pins_are_carried_on():
    made = [decided("fix", weight=20.0), decided("fix", "nps", weight=1.0), decided("accept")]
    assert weights(served(*made))["nps"] == 1
    assert [each.metric for each in decisions.in_force(made, SCORE)] == ["nps", "use"]
    (kept,) = decisions.carried(made, SCORE, version=3)
    assert (kept.metric, kept.carried_from) == ("nps", 3)
    assert decisions.carried([kept], SCORE, version=5) == [kept]


def test_weight_and_goal_are_decided_apart():
    weight, goal = decided("fix", weight=25.0), decided("fix", goal=11.0)
    for made in ([weight, goal], [goal, weight]):
        told = served(*made)
        assert weights(told)["use"] == 25
        assert goals(told) == {"small": 11, "all": 11}
    both = decided("fix", weight=30.0, goal=12.0)
    assert weights(served(both, weight))["use"] == 25
    assert goals(served(both, weight))["all"] == 12
    # of the first, the goal alone is still in force
    assert decisions.in_force([both, weight], SCORE) == [replace(both, weight=None), weight]
    own = decided("fix", goal=7.0, segment="small")
    assert goals(served(goal, own)) == {"small": 7, "all": 11}
    assert goals(served(own, goal)) == {"small": 11, "all": 11}
    assert decisions.in_force([own, goal], SCORE) == [goal]


def test_what_was_rejected_and_then_fixed_in_part_keeps_the_rest_of_today():
    today = {"weights": {"use": 5.0}, "goals": {"use": {"all": 6.0, "small": 4.0}}}
    told = served(decided("reject"), decided("fix", goal=11.0, segment="small"), **today)
    assert weights(told)["use"] == 5
    assert goals(told) == {"small": 11, "all": 6}
    told = served(decided("reject"), decided("fix", weight=33.0), **today)
    assert weights(told)["use"] == 33
    assert goals(told) == {"small": 4, "all": 6}


def test_to_accept_or_reject_takes_back_what_was_fixed_also_for_segments():
    pins = [decided("fix", weight=25.0), decided("fix", goal=11.0, segment="small")]
    assert served(*pins, decided("accept")) == SCORE
    assert decisions.carried([*pins, decided("accept")], SCORE, version=1) == []
    told = served(*pins, decided("reject"), weights={"use": 5.0})
    assert goals(told) == {"small": 10, "all": 10}
    assert served(*pins, decided("accept", "depth")) == SCORE


def test_a_metric_accepted_after_its_dimension_was_rejected_is_out_of_that():
    today = {"weights": {"a": 6.0}, "goals": {"a": 5.0, "use": 3.0}}
    made = [decided("reject", "depth"), decided("accept", "use")]
    told = served(*made, **today)
    # as learned, use weighs 50 and nps 30: they share what a leaves them
    assert weights(told) == pytest.approx({"use": 94 * 50 / 80, "nps": 94 * 30 / 80, "a": 6})
    assert (goals(told, "use")["all"], goals(told, "a")["all"]) == (10, 5)
    # a new version must not take it back in
    kept = decisions.carried(made, SCORE, version=2)
    assert [(each.action, each.carried_from) for each in kept] == [("reject", 2), ("accept", 2)]
    assert served(*kept, **today) == told
    assert decisions.carried(kept, SCORE, version=3) == kept
    assert weights(served(*reversed(made), **today))["use"] == 0


def test_a_metric_accepted_in_a_dimension_of_a_fixed_weight_shares_that():
    made = [decided("fix", "use", weight=5.0), decided("fix", "depth", weight=35.0)]
    assert weights(served(*made)) == pytest.approx({"use": 5, "a": 30, "nps": 65})
    made.append(decided("accept", "use"))
    assert weights(served(*made)) == pytest.approx({"use": 25, "a": 10, "nps": 65})


def test_a_dimension_rejected_and_then_fixed_keeps_the_goals_of_today():
    made = [decided("reject", "depth"), decided("fix", "depth", weight=35.0)]
    told = served(*made, weights={"use": 1.0}, goals={"use": 3.0})
    assert weights(told) == pytest.approx({"use": 25, "nps": 65, "a": 10})
    assert goals(told)["all"] == 3


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(number):
    for wrong in (decided("fix", goal=number), decided("fix", weight=number)):
        with pytest.raises(TenureError, match="must be"):
            decisions.check(wrong, SCORE, UNITS)


@pytest.mark.parametrize(
    ("name", "goal", "unit", "fault"),
    [
        ("a", 40.0, "share", "is a share, from 0 to 1"),
        ("a", -0.1, "share", "is a share, from 0 to 1"),
        ("use", -1.0, "days", "never below 0"),
        ("use", 0.0, "days", ""),
        ("nps", -20.0, "points", ""),
        ("seats_change_365d", -0.1, "share", ""),
        ("delay_days", -3.0, "days", ""),
    ],
)
def test_goals_that_a_unit_rules_out_are_refused(name, goal, unit, fault):
    at = Goal(segment="all", goal=0.5, red=0.2, green=0.8)
    only = replace(SCORE.metrics[0], name=name, portfolio=at, segments=())
    score = replace(SCORE, metrics=(only,))
    wrong = decided("fix", name, goal=goal)
    if not fault:
        decisions.check(wrong, score, {name: unit})
        return
    with pytest.raises(TenureError, match=fault):
        decisions.check(wrong, score, {name: unit})


def test_where_learned_goals_lie_further_out_goals_may():
    use = SCORE.metrics[0]
    below = replace(use, portfolio=replace(use.portfolio, goal=-1.0))
    decisions.check(decided("fix", goal=-2.0), replace(SCORE, metrics=(below,)), UNITS)


@pytest.mark.parametrize(
    "wrong",
    [
        decided("reject", segment="small"),
        decided("accept", segment="small"),
        decided("fix", weight=3.0, segment="small"),
        decided("fix", weight=3.0, goal=3.0, segment="small"),
    ],
)
def test_a_segment_has_no_weight_and_is_refused_but_for_goals(wrong):
    with pytest.raises(TenureError, match="segment has a goal of its own and no weight"):
        decisions.check(wrong, SCORE, UNITS)
    decisions.check(decided("fix", goal=3.0, segment="small"), SCORE, UNITS)


def test_all_faults_of_a_decision_are_told():
    wrong = replace(decided("fix", "ues", segment="smal", weight=120.0), why=" ")
    with pytest.raises(TenureError) as raised:
        decisions.check(wrong, SCORE, UNITS)
    for part in ("'ues' is no metric", "needs a reason", "below 100", "'smal' is no segment"):
        assert part in str(raised.value)
    with pytest.raises(TenureError, match="takes no weight"):
        decisions.check(decided("accept", weight=3.0), SCORE, UNITS)


def test_weights_that_leave_nothing_are_refused():
    made = [decided("fix", weight=60.0), decided("fix", "nps", weight=45.0)]
    with pytest.raises(TenureError, match="leave nothing"):
        decisions.apply(SCORE, made, {}, {})


def test_a_decision_survives_json():
    made = decided("fix", weight=20.0, segment="small", carried_from=2)
    assert HealthDecision.from_json(made.to_json()) == made

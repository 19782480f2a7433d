"""What people decided about learned weights and goals, and the health score that follows from it.

    accept  the learned weight and goal stand; said so, by name
    reject  the weight and goal in use today stand; what counts nothing today counts nothing
    fix     a weight, a goal, or both, as people say

Decided are metrics, or whole dimensions: a dimension's weight is the sum of its metrics', which
share it in proportion. A weight that people set keeps its value; the others share what is left, of
their dimension where that was set, and of 100. Of several decisions on one metric (and segment) or
dimension the last one holds. A new version takes over what was
fixed or rejected, marked with the version it comes from; what was accepted lapses, as the evidence
has changed, and is proposed anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, Self

from features.errors import TenureError, did_you_mean
from training.health_score import HealthScore
from training.present import Goals
from training.scorecard import PORTFOLIO, Goal, MetricWeight

Action = Literal["accept", "reject", "fix"]
ACTIONS: tuple[Action, ...] = ("accept", "reject", "fix")


@dataclass(frozen=True)
class HealthDecision:
    """One decision: who, when and why.

    Parameters
    ----------
    action : {"accept", "reject", "fix"}
    metric : str
        Metric, or dimension.
    why, by, at : str
        Reason, name, and moment (ISO, UTC).
    weight : float, optional
        Out of 100.
    goal : float, optional
        In the metric's unit.
    segment : str
        That the goal is for; "all" for every one.
    carried_from : int, optional
        Version on which it was decided, where that is an earlier one.
    """

    action: Action
    metric: str
    why: str
    by: str
    at: str
    weight: float | None = None
    goal: float | None = None
    segment: str = PORTFOLIO
    carried_from: int | None = None

    def to_json(self) -> str:
        """Everything as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def check(decision: HealthDecision, score: HealthScore) -> None:
    """Refuse a decision that cannot be carried out; raises TenureError naming all that is wrong."""
    members = _members(score)
    known = [*(each.name for each in score.metrics), *members]
    faults = []
    if decision.metric not in known:
        near = did_you_mean(decision.metric, known)
        faults.append(
            f"'{decision.metric}' is no metric and no dimension of this health score.{near}"
        )
    elif decision.metric in members and (decision.goal, decision.segment) != (None, PORTFOLIO):
        faults.append(
            f"'{decision.metric}' is a dimension: it has a weight; goals, for all or a segment, "
            f"belong to its metrics {', '.join(members[decision.metric])}."
        )
    if not decision.why.strip():
        faults.append("A decision needs a reason.")
    if decision.action == "fix" and decision.weight is None and decision.goal is None:
        faults.append("To fix needs a weight, a goal, or both.")
    if decision.action != "fix" and (decision.weight, decision.goal) != (None, None):
        faults.append(f"To {decision.action} takes no weight and no goal.")
    if decision.weight is not None and not 0 <= decision.weight < 100:
        faults.append(f"The weight is {decision.weight:g}; it must be from 0 to below 100.")
    if decision.segment not in (*score.segments, PORTFOLIO):
        near = did_you_mean(decision.segment, score.segments)
        faults.append(f"'{decision.segment}' is no segment with goals of its own.{near}")
    if faults:
        raise TenureError(" ".join(faults), 'Say --why "..." and see `tenure weights` for names.')


def in_force(decisions: Sequence[HealthDecision]) -> list[HealthDecision]:
    """The last decision on each metric and segment, in the order in which they were made."""
    last = {(each.metric, each.segment): each for each in decisions}
    return sorted(last.values(), key=lambda each: decisions.index(each))


def carried(decisions: Sequence[HealthDecision], version: int) -> list[HealthDecision]:
    """What a new version takes over."""
    return [
        replace(each, carried_from=each.carried_from or version)
        for each in in_force(decisions)
        if each.action != "accept"
    ]


def apply(
    score: HealthScore,
    decisions: Sequence[HealthDecision],
    present_weights: Mapping[str, float],
    present_goals: Goals,
) -> HealthScore:
    """The health score that follows from decisions on a learned one; `present_weights` out of 100.

    Decisions on metrics and dimensions that the score does not have are passed over.
    """
    members = _members(score)
    weights: dict[str, float] = {}
    dimensions: dict[str, float] = {}
    for each in in_force(decisions):
        if each.action == "accept":
            continue
        if each.action == "reject":
            for name in members.get(each.metric, [each.metric]):
                weights[name] = present_weights.get(name, 0.0)
                score = with_goals_of_today(score, name, present_goals)
        elif each.metric in members and each.weight is not None:
            dimensions[each.metric] = each.weight
        elif each.weight is not None:
            weights[each.metric] = each.weight
        if each.goal is not None:
            score = with_goal(score, each.metric, each.goal, each.segment)
    weights = {each.name: weights[each.name] for each in score.metrics if each.name in weights}
    return with_weights(score, weights | _shared(score, weights, dimensions))


def _members(score: HealthScore) -> dict[str, list[str]]:
    """Metrics of each dimension; none where a metric bears the dimension's name."""
    names = {each.name for each in score.metrics}
    return {
        each.name: [m.name for m in score.metrics if m.dimension == each.name]
        for each in score.dimensions
        if each.name not in names
    }


def _shared(
    score: HealthScore, weights: Mapping[str, float], dimensions: Mapping[str, float]
) -> dict[str, float]:
    """Weights of the metrics that share what is left of a dimension's weight that people set."""
    told = {}
    for name, weight in dimensions.items():
        own = [each for each in score.metrics if each.dimension == name]
        free = [each for each in own if each.name not in weights]
        rest = weight - sum(weights[each.name] for each in own if each.name in weights)
        if rest < 0 or (rest > 0 and not free):
            raise TenureError(
                f"The weights that people set for metrics of {name} sum to {weight - rest:g}, "
                f"its own to {weight:g}.",
                f"Fix {name} to what its metrics sum to, or accept one of them.",
            )
        learned = sum(each.weight for each in free)
        for each in free:
            share = each.weight / learned if learned else 1 / len(free)
            told[each.name] = rest * share
    return told


def with_weights(score: HealthScore, weights: Mapping[str, float]) -> HealthScore:
    """Hold some metrics to weights; the others share the rest in proportion.

    Raises
    ------
    TenureError
        Where no rest is left for the others, or they have no weight to share it by.
    """
    if not weights:
        return score
    rest = 100.0 - sum(weights.values())
    free = sum(each.weight for each in score.metrics if each.name not in weights)
    if rest <= 0 or free <= 0:
        raise TenureError(
            f"The weights that people set sum to {100 - rest:g} of 100 and leave nothing for the "
            "other metrics.",
            "Fix lower weights, or accept some of the learned ones.",
        )
    metrics = tuple(
        replace(each, weight=weights.get(each.name, each.weight * rest / free))
        for each in score.metrics
    )
    dimensions = tuple(
        replace(each, weight=sum(m.weight for m in metrics if m.dimension == each.name))
        for each in score.dimensions
    )
    return replace(score, metrics=metrics, dimensions=dimensions)


def with_goal(
    score: HealthScore, metric: str, goal: float, segment: str = PORTFOLIO
) -> HealthScore:
    """Move a goal, and its red and green along; for all accounts or one segment."""

    def moved(each: Goal) -> Goal:
        if segment not in (PORTFOLIO, each.segment):
            return each
        by = goal - each.goal
        return replace(each, goal=goal, red=each.red + by, green=each.green + by)

    def told(each: MetricWeight) -> MetricWeight:
        if each.name != metric:
            return each
        own = tuple(moved(goal) for goal in each.segments)
        return replace(each, portfolio=moved(each.portfolio), segments=own)

    return replace(score, metrics=tuple(told(each) for each in score.metrics))


def with_goals_of_today(score: HealthScore, metric: str, present: Goals) -> HealthScore:
    """Move a metric's goals to those in use today, where there are any."""
    given = present.get(metric)
    if given is None:
        return score
    by_segment = given if isinstance(given, Mapping) else {PORTFOLIO: given}
    for segment in sorted(by_segment, key=lambda name: name != PORTFOLIO):
        if segment in (*score.segments, PORTFOLIO):
            score = with_goal(score, metric, by_segment[segment], segment)
    return score

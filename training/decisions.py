"""What people decided about learned weights and goals, and the health score that follows from it.

    accept  the learned weight and goal stand; said so, by name
    reject  the weight and goal in use today stand; what counts nothing today counts nothing
    fix     a weight, a goal, or both, as people say

Decided are metrics, or whole dimensions: a dimension's weight is the sum of its metrics', which
share it in proportion. A weight that people set keeps its value; the others share what is left, of
their dimension where that was set, and of 100.

A metric's weight and its goal for each segment are things of their own, and of several decisions on
one of them the last holds. So a goal that is fixed leaves the weight as it was decided before, and
what is accepted or rejected, a metric or a whole dimension, takes the place of all that was decided
on it. A new version takes over what was fixed or rejected, marked with the version it comes from;
what was accepted lapses, as the evidence has changed, and is proposed anew, unless it keeps a
metric out of its dimension's rejection.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, Self

from features.errors import TenureError, did_you_mean
from training.health_score import HealthScore
from training.present import Goals
from training.scorecard import PORTFOLIO, Goal, MetricWeight

Action = Literal["accept", "reject", "fix"]
ACTIONS: tuple[Action, ...] = ("accept", "reject", "fix")

EITHER_WAY = ("change", "trend", "gap", "delay")
"""Words in names of metrics that may be below 0, and of shares that may be above 1."""
SIGNED = ("", "currency", "doublings", "points", "ratio")
"""Units of what may be below 0."""

Part = tuple[str, str | None]
"""What is decided on: a metric's goal for a segment; None: the weight of a metric or dimension."""


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


def check(decision: HealthDecision, score: HealthScore, units: Mapping[str, str]) -> None:
    """Refuse a decision that cannot be carried out; raises TenureError naming all that is wrong.

    Parameters
    ----------
    decision : HealthDecision
    score : HealthScore
        As learned.
    units : mapping
        Of its metrics.
    """
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
    faults += _faults_of_goal(decision, score, units.get(decision.metric, ""))
    if decision.segment not in (*score.segments, PORTFOLIO):
        near = did_you_mean(decision.segment, score.segments)
        faults.append(f"'{decision.segment}' is no segment with goals of its own.{near}")
    only_goal = decision.action == "fix" and decision.weight is None
    if decision.segment != PORTFOLIO and not only_goal:
        faults.append(
            "A segment has a goal of its own and no weight, and goes with a fixed goal alone; "
            "weights, and what is accepted or rejected, hold for all."
        )
    if faults:
        raise TenureError(" ".join(faults), 'Say --why "..." and see `tenure weights` for names.')


def _faults_of_goal(decision: HealthDecision, score: HealthScore, unit: str) -> list[str]:
    """What is wrong with a goal: no number, or all accounts would lie on one side of it.

    The accounts are not at hand, so only that is refused which the unit rules out: a share lies
    from 0 to 1, a count or a span of time is not below 0; neither where the metric's name, or a
    goal that was learned, says that it goes further.
    """
    goal, name = decision.goal, decision.metric
    if goal is None:
        return []
    if not math.isfinite(goal):
        return [f"The goal is {goal:g}; it must be a number."]
    learned = [
        own.goal for each in score.metrics if each.name == name
        for own in (each.portfolio, *each.segments)
    ]  # fmt: skip
    if any(word in name.split("_") for word in EITHER_WAY) or min(learned, default=0) < 0:
        return []
    if unit == "share" and not 0 <= goal <= max(1, *learned):
        return [f"The goal is {goal:g}; {name} is a share, from 0 to 1 (0.4 for 40 %)."]
    if unit not in SIGNED and goal < 0:
        return [f"The goal is {goal:g}; {name} is in {unit} and never below 0."]
    return []


def in_force(decisions: Sequence[HealthDecision], score: HealthScore) -> list[HealthDecision]:
    """Decisions of which something still holds, in order; a fix with what holds of it."""
    holders = _holders(decisions, score)

    def cut(number: int, each: HealthDecision) -> HealthDecision:
        parts = [part for (_, part), holder in holders.items() if holder == number]
        return replace(
            each,
            weight=each.weight if None in parts else None,
            goal=each.goal if any(part is not None for part in parts) else None,
        )

    held = set(holders.values())
    return [cut(number, each) for number, each in enumerate(decisions) if number in held]


def carried(
    decisions: Sequence[HealthDecision], score: HealthScore, version: int
) -> list[HealthDecision]:
    """What a new version takes over from one with this health score."""
    members = _members(score)
    kept: list[HealthDecision] = []
    for each in in_force(decisions, score):
        # without it, the dimension's rejection would take the metric back in
        kept_out = any(
            other.action == "reject" and each.metric in members.get(other.metric, ())
            for other in kept
        )
        if each.action != "accept" or kept_out:
            kept.append(replace(each, carried_from=each.carried_from or version))
    return kept


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
    goals: dict[str, dict[str, float]] = {}
    for (name, part), number in _holders(decisions, score).items():
        holder = decisions[number]
        if part is not None:
            today = goals_of_today(score, name, present_goals)
            goal = today.get(part) if holder.action == "reject" else holder.goal
            if goal is not None:
                goals.setdefault(name, {})[part] = goal
        elif holder.action == "reject" and name not in members:
            weights[name] = present_weights.get(name, 0.0)
        elif holder.weight is not None and holder.metric == name:
            (dimensions if name in members else weights)[name] = holder.weight
    for name, told in goals.items():
        score = with_goals(score, name, told)
    weights = {each.name: weights[each.name] for each in score.metrics if each.name in weights}
    return with_weights(score, weights | _shared(score, weights, dimensions))


def _holders(decisions: Sequence[HealthDecision], score: HealthScore) -> dict[Part, int]:
    """For each thing decided on, the place of the decision that holds: the last one on it."""
    members = _members(score)
    segments = (PORTFOLIO, *score.segments)
    holders: dict[Part, int] = {}
    for number, each in enumerate(decisions):
        own = members.get(each.metric, [])
        told: list[Part]
        if each.action != "fix":
            names = [each.metric, *own]
            told = [(name, part) for name in names for part in (None, *segments)]
        else:
            told = []
            if each.weight is not None:
                # what was decided on a dimension before no longer holds its metrics to a weight;
                # what was decided on one of them does
                freed = [
                    (name, None)
                    for name in own
                    if (name, None) in holders
                    and decisions[holders[name, None]].metric == each.metric
                ]
                told += [(each.metric, None), *freed]
            if each.goal is not None:
                told += [
                    (each.metric, segment)
                    for segment in segments
                    if each.segment in (PORTFOLIO, segment)
                ]
        holders |= dict.fromkeys(told, number)
    return holders


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


def with_goals(score: HealthScore, metric: str, goals: Mapping[str, float]) -> HealthScore:
    """Move a metric's goals, each with its red and green, for the segments named (or "all")."""

    def moved(each: Goal) -> Goal:
        if each.segment not in goals:
            return each
        goal = goals[each.segment]
        by = goal - each.goal
        return replace(each, goal=goal, red=each.red + by, green=each.green + by)

    def told(each: MetricWeight) -> MetricWeight:
        if each.name != metric:
            return each
        own = tuple(moved(goal) for goal in each.segments)
        return replace(each, portfolio=moved(each.portfolio), segments=own)

    return replace(score, metrics=tuple(told(each) for each in score.metrics))


def goals_of_today(score: HealthScore, metric: str, present: Goals) -> dict[str, float]:
    """A metric's goals in use today by segment, and for all; only those that there are."""
    given = present.get(metric)
    by_segment = given if isinstance(given, Mapping) else {PORTFOLIO: given}
    told = {
        segment: by_segment.get(segment, by_segment.get(PORTFOLIO))
        for segment in (PORTFOLIO, *score.segments)
    }
    return {segment: goal for segment, goal in told.items() if goal is not None}

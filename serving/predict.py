"""Predictions for observations that a tool brings itself, told like rows of the score table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from features.errors import did_you_mean
from features.metric import CONTEXT, DIMENSIONS, Metric
from serving import sentences
from serving.api import ApiError

if TYPE_CHECKING:
    from training.churn_model import ChurnModel, Feature

Value = float | str | None
Observation = Mapping[str, Value]


@dataclass(frozen=True)
class Predictor:
    """A model with the words for its metrics.

    Parameters
    ----------
    model : ChurnModel
    metrics : mapping of str to Metric
    weight : mapping of str to float
        Mean absolute points of each metric over the accounts scored now: what coverage counts by.
    """

    model: "ChurnModel"
    metrics: Mapping[str, Metric]
    weight: Mapping[str, float]

    @cached_property
    def inputs(self) -> list[dict[str, Any]]:
        """What the model reads: forms `serving.api.Input` as plain values."""
        return [
            {
                "metric": metric.name,
                "dimension": metric.dimension,
                "label": metric.label,
                "unit": metric.unit,
                "kind": feature.kind,
                "levels": list(feature.levels),
            }
            for feature, metric in zip(self.model.features, self._told_by, strict=True)
        ]

    def predict(self, observations: Sequence[Observation]) -> list[dict[str, Any]]:
        """Score observations, in their order.

        Returns
        -------
        list of dict
            Forms `serving.api.Prediction` as plain values.

        Raises
        ------
        ApiError
            400 naming every metric that the model does not read, with the closest that it does,
            and every value of the wrong kind.
        """
        self._check(observations)
        explained = self.model.explain_encoded(self._matrix(observations))
        points = explained.points.to_numpy()
        order = np.argsort(-np.abs(points), axis=1, kind="stable")
        rows = zip(
            observations,
            explained.probability.tolist(),
            _known(explained.low),
            _known(explained.high),
            points.tolist(),
            order.tolist(),
            strict=True,
        )
        return [
            {
                "churn_probability": probability,
                "probability_low": low,
                "probability_high": high,
                "coverage": self._coverage(observation),
                "drivers": [self._driver(place, observation, shares[place]) for place in places],
                "dimension_points": self._dimension_points(shares),
                "base_probability": explained.base_probability,
            }
            for observation, probability, low, high, shares, places in rows
        ]

    @cached_property
    def _told_by(self) -> list[Metric]:
        return [self.metrics[feature.name] for feature in self.model.features]

    @cached_property
    def _known(self) -> dict[str, "Feature"]:
        return {feature.name: feature for feature in self.model.features}

    @cached_property
    def _members(self) -> dict[str, list[int]]:
        """Places of each dimension's metrics, in the order in which people read them."""
        members = {
            dimension: [n for n, each in enumerate(self._told_by) if each.dimension == dimension]
            for dimension in (*DIMENSIONS, CONTEXT)
        }
        return {dimension: places for dimension, places in members.items() if places}

    def _matrix(self, observations: Sequence[Observation]) -> NDArray[np.float64]:
        """What the trees read, shape (n, p); NaN where nothing is known."""
        return np.array(
            [
                [_number(feature, observation.get(feature.name)) for feature in self.model.features]
                for observation in observations
            ]
        )

    def _driver(self, place: int, observation: Observation, points: float) -> dict[str, Any]:
        metric = self._told_by[place]
        value = observation.get(metric.name)
        return {
            "metric": metric.name,
            "dimension": metric.dimension,
            "label": metric.label,
            "unit": metric.unit,
            "healthy": metric.healthy,
            "value": value,
            "goal": None,
            "was": None,
            "points": points,
            "sentence": sentences.sentence(metric, value),
        }

    def _dimension_points(self, points: Sequence[float]) -> dict[str, float]:
        return {
            dimension: sum(points[place] for place in places)
            for dimension, places in self._members.items()
        }

    def _coverage(self, observation: Observation) -> float:
        given = [observation.get(each.name) is not None for each in self._told_by]
        weights = [self.weight.get(each.name, 0.0) for each in self._told_by]
        whole = sum(weights)
        if not whole:
            return sum(given) / len(given)
        known = sum(weight for weight, there in zip(weights, given, strict=True) if there)
        return min(known / whole, 1.0)

    def _check(self, observations: Sequence[Observation]) -> None:
        faults = [
            {"field": f"observations.{place}.{name}", "problem": problem}
            for place, observation in enumerate(observations)
            for name, problem in self._faults(observation)
        ]
        if faults:
            more = f" And {len(faults) - 1:,} more." if len(faults) > 1 else ""
            message = f"{faults[0]['field']}: {faults[0]['problem']}{more}"
            raise ApiError(400, "invalid_request", message, faults[:20])

    def _faults(self, observation: Observation) -> Iterator[tuple[str, str]]:
        for name, value in observation.items():
            feature = self._known.get(name)
            if feature is None:
                near = did_you_mean(name, self._known)
                yield name[:100], f"the model reads no such metric.{near}"
            elif value is None:
                continue
            elif feature.kind == "number" and isinstance(value, str):
                yield name, f"must be a number, not {value[:50]!r}."
            elif feature.kind == "category" and value not in feature.levels:
                near = did_you_mean(str(value)[:100], feature.levels)
                known = ", ".join(feature.levels[:20])
                yield name, f"{str(value)[:50]!r} is none of {known}.{near}"


def mean_points(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Mean absolute points of each metric over rows of the score table."""
    sums: dict[str, float] = {}
    count = 0
    for row in rows:
        count += 1
        for driver in row["drivers"]:
            sums[driver["metric"]] = sums.get(driver["metric"], 0.0) + abs(driver["points"])
    return {name: total / count for name, total in sums.items()}


def _number(feature: "Feature", value: Value) -> float:
    if value is None:
        return float("nan")
    return float(feature.levels.index(value)) if isinstance(value, str) else float(value)


def _known(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]

"""Predictions for observations that a tool brings itself, told like rows of the score table."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from features import status
from features.errors import did_you_mean
from features.metric import CONTEXT, DIMENSIONS, Metric
from features.settings import MetricSettings
from serving import coverage, sentences
from serving.api import ApiError
from serving.what_if import WhatIf

if TYPE_CHECKING:
    from training.churn_model import ChurnModel
    from training.encoding import Feature
    from training.health import Health

MOST_KEPT = 200_000
"""Drivers' words that are kept; some 60 MB."""

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
    health : Health, optional
        Judges an account with other values.
    settings : MetricSettings
        When a value is stale.
    """

    model: "ChurnModel"
    metrics: Mapping[str, Metric]
    weight: Mapping[str, float]
    health: "Health | None" = None
    settings: MetricSettings = field(default_factory=MetricSettings)

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
                "actionable": metric.name in self.what_if.actionable,
            }
            for feature, metric in zip(self.model.features, self._told_by, strict=True)
        ]

    @cached_property
    def what_if(self) -> WhatIf:
        """The same model, asked of an account with other values."""
        if self.health is None:
            return WhatIf(self.model, self.metrics)
        cuts = self.health.bands.cuts
        rises_at = cuts.healthy_from + cuts.margin
        return WhatIf(self.model, self.metrics, self.health.score, rises_at)

    def predict(self, observations: Sequence[Observation]) -> list[str]:
        """Score observations, in their order.

        Returns
        -------
        list of str
            Forms `serving.api.Prediction` as JSON. Written here because all but the points of a
            driver depends on its value alone and is kept: making 100 drivers anew takes longer
            than the model does.

        Raises
        ------
        ApiError
            400 naming every metric that the model does not read, with the closest that it does,
            and every value of the wrong kind.
        """
        self._check(observations)
        matrix = self._matrix(observations)
        explained = self.model.explain_encoded(matrix)
        points = explained.point_matrix
        code = status.codes(self._columns(matrix), len(matrix), self._read, self.settings)
        order = np.argsort(-np.abs(points), axis=1, kind="stable")
        rows = zip(
            observations,
            explained.probability.tolist(),
            _known(explained.low),
            _known(explained.high),
            points.tolist(),
            order.tolist(),
            code.tolist(),
            zip(
                coverage.coverage(code, self._weights).tolist(),
                coverage.by_status(code, self._weights),
                strict=True,
            ),
            strict=True,
        )
        base = explained.base_probability
        return [
            "".join(
                (
                    f'{{"churn_probability":{probability!r},',
                    f'"probability_low":{json.dumps(low)},"probability_high":{json.dumps(high)},',
                    f'{_covered(*covered)}"base_probability":{base!r},',
                    f'"dimension_points":{json.dumps(self._dimension_points(shares))},"drivers":[',
                    self._drivers(observation, shares, places, known),
                    "]}",
                )
            )
            for observation, probability, low, high, shares, places, known, covered in rows
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

    def _columns(self, matrix: NDArray[np.float64]) -> dict[str, status.Column]:
        """The inputs as numbers, and categories by their names."""
        columns: dict[str, status.Column] = dict(zip(self._names, matrix.T, strict=True))
        for feature in self.model.features:
            if feature.kind == "category":
                levels = np.array([*feature.levels, None], object)
                code = columns[feature.name].astype(np.float64)
                columns[feature.name] = levels[np.where(np.isnan(code), -1, code).astype(np.intp)]
        return columns

    def _drivers(
        self,
        observation: Observation,
        points: Sequence[float],
        places: Sequence[int],
        known: Sequence[int],
    ) -> str:
        told = self._said
        if len(told) > MOST_KEPT:
            told.clear()
        written = []
        for place in places:
            value = observation.get(self._names[place])
            what = (place, value, known[place])
            said = told.get(what)
            if said is None:
                said = told[what] = self._driver(*what)
            written.append(f'{said}"points":{points[place]!r}}}')
        return ",".join(written)

    def _driver(self, place: int, value: Value, known: int) -> str:
        """Write a driver as JSON, up to its points."""
        metric = self._told_by[place]
        told = {
            "metric": metric.name,
            "dimension": metric.dimension,
            "label": metric.label,
            "unit": metric.unit,
            "healthy": metric.healthy,
            "value": value,
            "goal": None,
            "was": None,
            "sentence": sentences.sentence(metric, value),
            "status": status.STATUSES[known],
        }
        return json.dumps(told, ensure_ascii=False, allow_nan=False)[:-1] + ","

    def _dimension_points(self, points: Sequence[float]) -> dict[str, float]:
        return {
            dimension: sum(points[place] for place in places)
            for dimension, places in self._members.items()
        }

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.array([self.weight.get(name, 0.0) for name in self._names])

    @cached_property
    def _read(self) -> dict[str, Metric]:
        """The metrics that the model reads, in its order."""
        return {metric.name: metric for metric in self._told_by}

    @cached_property
    def _names(self) -> list[str]:
        return [feature.name for feature in self.model.features]

    @cached_property
    def _said(self) -> dict[tuple[int, Value, int], str]:
        return {}

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


def _covered(share: float, by_status: Mapping[str, float]) -> str:
    """Write coverage as JSON."""
    said = json.dumps(coverage.sentence(by_status))
    return (
        f'"coverage":{share!r},"coverage_by_status":{json.dumps(by_status)},'
        f'"coverage_sentence":{said},'
    )


def _number(feature: "Feature", value: Value) -> float:
    if value is None:
        return float("nan")
    return float(feature.levels.index(value)) if isinstance(value, str) else float(value)


def _known(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]

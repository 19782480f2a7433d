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
from features.metric import CONTEXT, DIMENSIONS, Language, Metric
from features.settings import MetricSettings
from serving import coverage, sentences
from serving.api import ApiError
from serving.judge import Judge
from serving.language import LANGUAGES
from serving.what_if import AHEAD, WhatIf, ahead, table_of

if TYPE_CHECKING:
    from training.churn_model import ChurnModel
    from training.encoding import Feature
    from training.health import Health
    from training.outlook import Outlook

MOST_KEPT = 100_000
"""Drivers' words that are kept in each language; some 40 MB."""

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
    outlook : Outlook, optional
        Tells other horizons, and retained ARR.
    """

    model: "ChurnModel"
    metrics: Mapping[str, Metric]
    weight: Mapping[str, float]
    health: "Health | None" = None
    settings: MetricSettings = field(default_factory=MetricSettings)
    outlook: "Outlook | None" = None

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
            return WhatIf(self.model, self.metrics, outlook=self.outlook)
        cuts = self.health.bands.cuts
        rises_at = cuts.healthy_from + cuts.margin
        return WhatIf(self.model, self.metrics, self.health.score, rises_at, self.outlook)

    def predict(
        self,
        observations: Sequence[Observation],
        language: Language = "en",
        outlook: bool = False,
    ) -> list[str]:
        """Score observations, in their order.

        Parameters
        ----------
        observations : sequence of mapping of metric to value
        language : {"en", "de"}
        outlook : bool
            Whether other horizons and retained ARR are told; else they are null. They cost some
            20 ms a call: 40 times the rest of one observation, little beside that of 1,000.

        Returns
        -------
        list of str
            Forms `serving.api.Prediction` as JSON. Written here because all but the points of a
            driver depends on its value and goal alone and is kept: making 100 drivers anew takes
            longer than the model does.

        Raises
        ------
        ApiError
            400 naming every metric that the model does not read, with the closest that it does,
            and every value of the wrong kind.
        """
        self._check(observations)
        values = [[each.get(name) for name in self._names] for each in observations]
        matrix = self._matrix(values)
        explained = self.model.explain_encoded(matrix)
        points = explained.point_matrix
        code = self._rules.codes(matrix)
        group, health, band = self._judged(matrix)
        by_status = coverage.by_status(code, self._weights)
        heads = {
            "churn_probability": explained.probability.tolist(),
            "probability_low": _known(explained.low),
            "probability_high": _known(explained.high),
            **self._ahead(observations, explained.probability, outlook),
            "health": _known(health),
            "band": band,
            "coverage": coverage.coverage(code, self._weights).tolist(),
            "coverage_by_status": by_status,
            "coverage_sentence": [coverage.sentence(shares, language) for shares in by_status],
            "base_probability": [explained.base_probability] * len(matrix),
            "dimension_points": self._dimension_points(points),
        }
        drivers = self._drivers(values, points, code, group, language)
        return [
            f'{_json(dict(zip(heads, head, strict=True)))[:-1]},"drivers":[{told}]}}'
            for head, told in zip(zip(*heads.values(), strict=True), drivers, strict=True)
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

    def _matrix(self, values: Sequence[Sequence[Value]]) -> NDArray[np.float64]:
        """What the trees read, shape (n, p); NaN where nothing is known."""
        rows = [list(each) for each in values]
        for place, levels in self._levels.items():
            for row in rows:
                row[place] = levels.get(row[place])
        return np.array(rows, np.float64)

    def _judged(
        self, matrix: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64], list[str | None]]:
        """Place of each row's goals, its health and its band."""
        if self._judge is None:
            none: list[str | None] = [None] * len(matrix)
            return np.zeros(len(matrix), np.intp), np.full(len(matrix), np.nan), none
        group = self._judge.groups(matrix)
        return group, *self._judge.judge(matrix, group)

    def _ahead(
        self, observations: Sequence[Observation], probability: NDArray[np.float64], wanted: bool
    ) -> Mapping[str, list[float | None]]:
        if not wanted or self.outlook is None:
            return dict.fromkeys(AHEAD, [None] * len(observations))
        return ahead(self.outlook, table_of(self.model.features, observations), probability)

    def _dimension_points(self, points: NDArray[np.float64]) -> list[dict[str, float]]:
        sums = [points[:, places].sum(axis=1).tolist() for places in self._members.values()]
        return [dict(zip(self._members, row, strict=True)) for row in zip(*sums, strict=True)]

    def _drivers(
        self,
        values: Sequence[Sequence[Value]],
        points: NDArray[np.float64],
        code: NDArray[np.int8],
        group: NDArray[np.intp],
        language: Language,
    ) -> Iterator[str]:
        """Write each row's drivers by absolute points."""
        said = self._said[language]
        if len(said) > MOST_KEPT:
            said.clear()
        order = np.argsort(-np.abs(points), axis=1, kind="stable")
        rows = (each.tolist() for each in (points, code, group, order))
        for own, shares, known, where, places in zip(values, *rows, strict=True):
            yield ",".join(
                [
                    f"{said[place, own[place], known[place], where]}{shares[place]!r}}}"
                    for place in places
                ]
            )

    def told(self, place: int, value: Value, known: int, group: int, language: Language) -> str:
        """Write a driver as JSON, up to the number of its points."""
        metric = self._told_by[place]
        goal = self._goals[group][place]
        told = {
            "metric": metric.name,
            "dimension": metric.dimension,
            "label": metric.called(language),
            "unit": metric.unit,
            "healthy": metric.healthy,
            "value": value,
            "goal": goal,
            "was": None,
            "sentence": sentences.sentence(metric, value, goal, language=language),
            "status": status.STATUSES[known],
        }
        return _json(told)[:-1] + ',"points":'

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
    def _levels(self) -> dict[int, dict[Value, int]]:
        """By category's place: the code of each of its names."""
        return {
            place: {name: code for code, name in enumerate(feature.levels)}
            for place, feature in enumerate(self.model.features)
            if feature.kind == "category"
        }

    @cached_property
    def _rules(self) -> status.Rules:
        levels = {each.name: each.levels for each in self.model.features if each.kind == "category"}
        return status.Rules.of(self._names, self._read, levels, self.settings)

    @cached_property
    def _judge(self) -> Judge | None:
        return Judge(self.health, self.model.features) if self.health else None

    @cached_property
    def _goals(self) -> list[list[float | None]]:
        """Goals of the inputs by group of accounts."""
        if self._judge is None:
            return [[None] * len(self._names)]
        return [_known(each) for each in self._judge.goals]

    @cached_property
    def _said(self) -> dict[Language, "_Said"]:
        return {language: _Said(self, language) for language in LANGUAGES}

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


class _Said(dict[tuple[int, Value, int, int], str]):
    """Drivers' words, made when they are first wanted: by place, value, status and group."""

    def __init__(self, predictor: Predictor, language: Language) -> None:
        super().__init__()
        self.predictor = predictor
        self.language = language

    def __missing__(self, what: tuple[int, Value, int, int]) -> str:
        said = self[what] = self.predictor.told(*what, self.language)
        return said


def _known(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _json(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, allow_nan=False)

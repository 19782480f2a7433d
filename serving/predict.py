"""Predictions for observations that a tool brings itself, told like rows of the score table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import did_you_mean
from features.metric import Metric
from serving.api import ApiError

if TYPE_CHECKING:
    from training.churn_model import ChurnModel

Observation = Mapping[str, float | str | None]

_TOLD = (
    "churn_probability",
    "probability_low",
    "probability_high",
    "coverage",
    "drivers",
    "dimension_points",
    "base_probability",
)


@dataclass(frozen=True)
class Predictor:
    """A model with the words for its metrics.

    Parameters
    ----------
    model : ChurnModel
    metrics : mapping of str to Metric
    version : str
    """

    model: "ChurnModel"
    metrics: Mapping[str, Metric]
    version: str

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """What the model reads: forms `serving.api.Input` as plain values."""
        return [
            {
                "metric": feature.name,
                "dimension": self.metrics[feature.name].dimension,
                "label": self.metrics[feature.name].label,
                "unit": self.metrics[feature.name].unit,
                "kind": feature.kind,
                "levels": list(feature.levels),
            }
            for feature in self.model.features
        ]

    def predict(self, observations: Sequence[Observation]) -> list[dict[str, Any]]:
        """Score observations, in their order.

        Raises
        ------
        ApiError
            400 naming every metric that the model does not read, with the closest that it does,
            and every value of the wrong kind.
        """
        from serving import score

        self._check(observations)
        names = [feature.name for feature in self.model.features]
        table = pd.DataFrame(
            {name: [each.get(name) for each in observations] for name in names}
        ).assign(account_id=[f"{place:06}" for place in range(len(observations))], as_of=pd.NaT)
        for feature in self.model.features:
            if feature.kind == "number":
                table[feature.name] = table[feature.name].astype("float64")
        scored = score.score(table, self.model, self.metrics, self.version, datetime.now(UTC))
        rows = score.records(scored.sort_values("account_id"))
        return [{name: row[name] for name in _TOLD} for row in rows]

    def _check(self, observations: Sequence[Observation]) -> None:
        faults = [
            {"field": f"observations.{place}.{name}", "problem": problem}
            for place, observation in enumerate(observations)
            for name, problem in self._faults(observation)
        ]
        if faults:
            more = f" And {len(faults) - 1:,} more." if len(faults) > 1 else ""
            first = f"{faults[0]['field']}: {faults[0]['problem']}"
            code = "unknown_metric" if "does not read" in first else "invalid_request"
            raise ApiError(400, code, first + more, faults[:20])

    def _faults(self, observation: Observation) -> Iterable[tuple[str, str]]:
        known = {feature.name: feature for feature in self.model.features}
        for name, value in observation.items():
            feature = known.get(name)
            if feature is None:
                yield name, f"the model does not read this metric.{did_you_mean(name, known)}"
            elif value is None:
                continue
            elif feature.kind == "number" and isinstance(value, str):
                yield name, f"must be a number, not {value[:50]!r}."
            elif feature.kind == "category" and value not in feature.levels:
                near = did_you_mean(str(value), feature.levels)
                yield (
                    name,
                    f"{str(value)[:50]!r} is none of {', '.join(feature.levels[:20])}.{near}",
                )

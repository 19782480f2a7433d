"""What if: what the model expects of an account with other values, and no promise of an effect.

Only metrics that a team can act on may be changed. The model's risk runs only the declared way with
each metric, so that an improvement never raises it. All other metrics stay as they are, also those
that would move along in life: the answer names them and says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError, did_you_mean
from features.metric import Language, Metric
from serving import sentences
from serving.score import CURVE

if TYPE_CHECKING:
    from training.churn_model import ChurnModel
    from training.encoding import Feature
    from training.health_score import HealthScore
    from training.outlook import Outlook

STEPS = 120
"""Values that are tried of one metric."""

_NOTE: Mapping[Language, str] = {
    "en": (
        "This is what the model expects of an account with these values. It is no promise that "
        "changing them has this effect."
    ),
    "de": (
        "So beurteilt das Modell einen Kunden mit diesen Werten. Es ist kein Versprechen, dass "
        "eine Änderung so wirkt."
    ),
}
_STAYING: Mapping[Language, str] = {
    "en": " All else stays as it is, also what usually moves along: {names}.",
    "de": " Alles andere bleibt, wie es ist, auch was sich sonst mitbewegt: {names}.",
}

Observation = Mapping[str, float | str | None]

AHEAD = (*CURVE, "expected_retained_arr")
"""What an outlook tells of an account, as the score table calls it."""


@dataclass(frozen=True)
class WhatIf:
    """A model, and what tells how healthy an account would be.

    Parameters
    ----------
    model : ChurnModel
    metrics : mapping of str to Metric
    health : HealthScore, optional
    healthy_from : float, optional
        Health from which an account rises into the healthy band.
    outlook : Outlook, optional
        Tells other horizons, and retained ARR.
    """

    model: "ChurnModel"
    metrics: Mapping[str, Metric]
    health: "HealthScore | None" = None
    healthy_from: float | None = None
    outlook: "Outlook | None" = None

    def ask(
        self, observation: Observation, changes: Mapping[str, float], language: Language = "en"
    ) -> dict[str, Any]:
        """Tell risk and health of an account with other values.

        Parameters
        ----------
        observation : mapping of str to value
            Every input of the model, as the account's drivers tell them (`observed`).
        changes : mapping of str to float
            New values of actionable metrics; may be empty.
        language : {"en", "de"}

        Returns
        -------
        dict
            ``before`` and ``after`` (each churn_probability, the columns of `AHEAD`, None where
            they are not told, and health, None without a health score), ``changes`` (metric,
            label, unit, value, to, better: whether this is the healthy direction, sentence),
            ``unchanged`` (metrics of the same dimensions that stay as they are) and ``note``.

        Raises
        ------
        TenureError
            Naming every change that cannot be made.
        """
        self._check(changes)
        rows = self._rows(observation, [{}, changes])
        before, after = self._judged(rows)
        staying = self._related(changes)
        return {
            "before": before,
            "after": after,
            "changes": [
                self._told(self.metrics[name], observation.get(name), value, language)
                for name, value in changes.items()
            ],
            "unchanged": [metric.name for metric in staying],
            "note": _note(staying, language),
        }

    def ways(self, observation: Observation, language: Language = "en") -> list[dict[str, Any]]:
        """Find the smallest single changes that bring an account into the healthy band.

        Each actionable metric is moved from its value to the best that was ever seen, past its
        goal, and the first value that makes the account healthy is told.

        Returns
        -------
        list of dict
            As ``changes`` of `ask`, with what ``after`` tells; those that move least within what
            was seen come first. Empty where the account is healthy, where no
            single change suffices, and where there is no health score.
        """
        if self.health is None or self.healthy_from is None:
            return []
        if self._healthy(self._rows(observation, [{}]))[0]:
            return []
        tried = [
            (name, value) for name in self.actionable for value in self._steps(name, observation)
        ]
        if not tried:
            return []
        rows = self._rows(observation, [{name: value} for name, value in tried])
        first: dict[str, int] = {}
        for place in np.flatnonzero(self._healthy(rows)).tolist():
            first.setdefault(tried[place][0], place)
        found = [
            {
                **self._told(self.metrics[name], observation[name], tried[place][1], language),
                **self._judged(rows.iloc[[place]])[0],
            }
            for name, place in first.items()
        ]
        return sorted(found, key=self._share_of_range)

    @cached_property
    def actionable(self) -> list[str]:
        """Metrics that may be changed: a team can act on them, and they have a better side."""
        known = (self.metrics.get(feature.name) for feature in self.model.features)
        return [m.name for m in known if m and m.actionable and m.healthy and m.kind == "number"]

    def _check(self, changes: Mapping[str, float]) -> None:
        faults = list(self._faults(changes))
        if faults:
            raise TenureError(
                "\n".join(faults), f"Change one of these: {', '.join(self.actionable)}."
            )

    def _faults(self, changes: Mapping[str, Any]) -> Iterator[str]:
        for name, value in changes.items():
            if name not in self._ranges:
                yield f"The model reads no metric {name[:100]!r}.{did_you_mean(name, self._ranges)}"
            elif name not in self.actionable:
                yield f"{name} is nothing that a team can act on, so it cannot be changed here."
            elif isinstance(value, bool | str) or value is None or not np.isfinite(value):
                yield f"{name} must be a number, not {str(value)[:50]!r}."

    def _rows(self, observation: Observation, changes: list[Mapping[str, float]]) -> pd.DataFrame:
        """The account once for each set of changes."""
        return table_of(self.model.features, [{**observation, **change} for change in changes])

    def _judged(self, rows: pd.DataFrame) -> list[dict[str, float | None]]:
        risk = self.model.predict_proba(rows)
        told = {
            "churn_probability": risk.tolist(),
            **ahead(self.outlook, rows, risk),
            "health": [None] * len(rows) if self.health is None else _or_none(self._health(rows)),
        }
        return [dict(zip(told, each, strict=True)) for each in zip(*told.values(), strict=True)]

    def _health(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        assert self.health is not None
        return np.asarray(self.health.score(rows)["health"], dtype=np.float64)

    def _healthy(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        return self._health(rows) >= (self.healthy_from or 0.0)

    def _steps(self, name: str, observation: Observation) -> list[float]:
        """Values from the account's towards the best that was seen, the nearest first."""
        value, seen = observation.get(name), self._ranges[name]
        if not isinstance(value, int | float) or seen is None:
            return []
        best = seen.most if self.metrics[name].healthy == "high" else seen.least
        if (best - value) * (1 if self.metrics[name].healthy == "high" else -1) <= 0:
            return []
        steps = np.linspace(value, best, STEPS + 1)[1:]
        if seen.whole:
            away = np.ceil if best > value else np.floor
            steps = away(np.unique(away(steps)))
        return sorted(set(steps.tolist()), key=lambda step: abs(step - value))

    @cached_property
    def _ranges(self) -> Mapping[str, "Range | None"]:
        names = [feature.name for feature in self.model.features]
        return dict(zip(names, _ranges(self.model), strict=True))

    def _related(self, changes: Mapping[str, float]) -> list[Metric]:
        """Metrics of the changed ones' dimensions that are not changed."""
        dimensions = {self.metrics[name].dimension for name in changes}
        known = [self.metrics[name] for name in self._ranges if name in self.metrics]
        return [m for m in known if m.dimension in dimensions and m.name not in changes]

    def _told(self, metric: Metric, value: Any, to: float, language: Language) -> dict[str, Any]:
        now, then = (np.array([np.nan if each is None else each], float) for each in (to, value))
        better = (
            None if value is None or value == to else (to > value) == (metric.healthy == "high")
        )
        return {
            "metric": metric.name,
            "label": metric.called(language),
            "unit": metric.unit,
            "value": value,
            "to": float(to),
            "better": better,
            "sentence": sentences.moves(metric, now, then, language).texts[0],
        }

    def _share_of_range(self, way: Mapping[str, Any]) -> float:
        seen = self._ranges[way["metric"]]
        assert seen is not None
        return float(abs(way["to"] - way["value"]) / (seen.most - seen.least))


@dataclass(frozen=True)
class Range:
    """What was seen of a metric in training, and whether its values are whole numbers."""

    least: float
    most: float
    whole: bool


def table_of(features: "Sequence[Feature]", observations: Sequence[Observation]) -> pd.DataFrame:
    """Observations as a feature table, shape (n, p); what is left out is not known."""
    columns = {
        feature.name: pd.Series(
            [each.get(feature.name) for each in observations],
            dtype=np.float64 if feature.kind == "number" else object,
        )
        for feature in features
    }
    return pd.DataFrame(columns)


def ahead(
    outlook: "Outlook | None", rows: pd.DataFrame, probability: NDArray[np.float64]
) -> dict[str, list[float | None]]:
    """The columns of `AHEAD` by the score table's own function; None where nothing is told."""
    if outlook is None:
        return dict.fromkeys(AHEAD, [None] * len(rows))
    told = outlook.ahead(rows, probability)
    return {name: _or_none(told[name].to_numpy()) for name in AHEAD}


def observed(record: Mapping[str, Any]) -> dict[str, float | str | None]:
    """The inputs of the model for an account, as a row of the score table tells them."""
    return {driver["metric"]: driver["value"] for driver in record["drivers"]}


def _ranges(model: "ChurnModel") -> list[Range | None]:
    """What was seen of each input of the model; None of categories and inputs without a value."""
    from training import trees
    from training.linear import Linear

    if isinstance(model.booster, Linear):
        return [term.seen and Range(*term.seen) for term in model.booster.terms]
    text = model.booster.model_to_string()
    cuts: dict[int, list[float]] = {}
    for tree in trees.read(text):
        for feature, cut in zip(
            tree.get("split_feature", ()), tree.get("threshold", ()), strict=True
        ):
            cuts.setdefault(int(feature), []).append(float(cut))
    return [
        seen and Range(*seen, whole=_whole([*seen, *cuts.get(place, ())]))
        for place, seen in enumerate(trees.ranges(text))
    ]


def _whole(numbers: list[float]) -> bool:
    """Whether these can be ends of, and cuts half way between, whole numbers."""
    twice = 2 * np.array([number for number in numbers if np.isfinite(number)])
    return bool(np.allclose(twice, np.rint(twice), rtol=0, atol=1e-6)) and not any(
        number % 1 for number in numbers[:2]
    )


def _note(staying: list[Metric], language: Language) -> str:
    if not staying:
        return _NOTE[language]
    names = ", ".join(metric.called(language) for metric in staying)
    return _NOTE[language] + _STAYING[language].format(names=names)


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]

"""Change: why a score is not what it was, in parts that add up to the difference.

Two scores of one account can differ for three causes, which are taken one after the other, from
what was told then to what is told now:

    settings    told then  -> the same model on the same day, as source and settings show it today:
                rows that came late, a mapping, a goal that somebody moved
    model       the model of then -> the model of now, on the account as it was
    behaviour   the account as it was -> as it is, by the model of now: one part per metric

Parts of probability are taken along the straight path between the two log-odds (Aumann-Shapley, as
points are); parts of health are the points of health that each metric lost or won.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import pandas as pd

from features.metric import Language, Metric
from serving import entries, sentences
from serving.entries import Entries, Words

if TYPE_CHECKING:
    from training.churn_model import ChurnModel
    from training.explained import Explained
    from training.health_score import HealthScore

Cause = Literal["behaviour", "model", "settings"]
CAUSES: tuple[Cause, ...] = ("model", "settings")
"""What is no metric's doing."""

_LABEL: Mapping[Language, Mapping[str, str]] = {
    "en": {"model": "The model", "settings": "Settings, goals and late records"},
    "de": {"model": "Das Modell", "settings": "Einstellungen, Ziele und Nachgetragenes"},
}
_SENTENCE: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "model": "Another version of the model judges the same account differently",
        "settings": "Other settings or goals, or records that came late, changed the earlier day",
    },
    "de": {
        "model": "Eine andere Version des Modells beurteilt denselben Kunden anders",
        "settings": "Andere Einstellungen oder Ziele oder Nachträge änderten den früheren Tag",
    },
}


@dataclass(frozen=True)
class Judged:
    """What one model and its health score say of n accounts.

    Parameters
    ----------
    probability : Explained
    health : DataFrame of shape (n, q), optional
        Points of health lost by metric (`HealthScore.contributions`).
    """

    probability: "Explained"
    health: pd.DataFrame | None = None

    @classmethod
    def by(
        cls, features: pd.DataFrame, model: "ChurnModel", health: "HealthScore | None" = None
    ) -> Self:
        """Ask a model and a health score about a feature table; columns of neither are ignored."""
        used = features[["account_id", *(each.name for each in model.features)]]
        explained = model.explain(used, intervals=False)
        return cls(explained, health.contributions(features) if health else None)

    @property
    def health_score(self) -> np.ndarray | None:
        """Health, 0-100, shape (n,); NaN where nothing is known."""
        return None if self.health is None else _health(self.health)


@dataclass(frozen=True)
class Told:
    """What people were told before: churn_probability and, where it was told, health; (n,)."""

    probability: np.ndarray
    health: np.ndarray | None = None


@dataclass(frozen=True)
class Earlier:
    """An earlier look at the accounts.

    Parameters
    ----------
    features : DataFrame of shape (m, any)
        Feature table of the earlier as_of.
    model : ChurnModel, optional
        That scored then; left out where it is the model of now.
    told : DataFrame, optional
        The score table of then, as plain values; left out where none was kept.
    health : HealthScore, optional
        Of the model that scored then; left out where it is the one of now.
    """

    features: pd.DataFrame
    model: "ChurnModel | None" = None
    told: pd.DataFrame | None = None
    health: "HealthScore | None" = None

    def of(self, accounts: pd.Series) -> tuple[pd.DataFrame, np.ndarray]:
        """The accounts' earlier features in their order, and who was there, shape (n,)."""
        ids = accounts.astype(str)
        rows = self.features.assign(account_id=self.features["account_id"].astype(str))
        found = rows.set_index("account_id").reindex(ids.to_numpy()).rename_axis("account_id")
        seen = ids.isin(rows["account_id"]).to_numpy()
        if self.told is not None:
            seen = seen & ids.isin(self.told["account_id"]).to_numpy()
        return found.reset_index(), seen


def explain(
    features: pd.DataFrame,
    now: Judged,
    earlier: Earlier,
    model: "ChurnModel",
    metrics: Mapping[str, Metric],
    health: "HealthScore | None" = None,
    language: Language = "en",
) -> pd.DataFrame:
    """Say how n scores differ from earlier ones, and why.

    Returns
    -------
    DataFrame of shape (n, 2)
        probability_change, null for accounts that had no earlier score, and change_drivers (see
        `drivers`), whose points sum to it.
    """
    was, seen = earlier.of(features["account_id"])
    # where nobody was seen, nothing is told, so that nothing need be asked
    before = Judged.by(was, model, health) if seen.any() else now
    then = Judged.by(was, earlier.model, earlier.health or health) if earlier.model else None
    probability, won = parts(now, before, then, _told(earlier, features["account_id"]))
    probability[~seen] = 0.0
    reasons = drivers(probability, won, metrics, features, was, seen, language)
    change = np.where(seen, probability.sum(axis=1), np.nan)
    return pd.DataFrame(
        {"probability_change": change, "change_drivers": reasons.column(features.index)},
        index=features.index,
    )


def since(standing: pd.DataFrame, earlier: Earlier | None) -> pd.DataFrame:
    """Measure the change of health against what was told then, where something was.

    Parameters
    ----------
    standing : DataFrame indexed by account_id
        See `serving.standing`.
    """
    told = earlier and _told(earlier, standing.index.to_series())
    if told is None:
        return standing
    health = np.nan if told.health is None else told.health
    return standing.assign(health_change=standing["health"] - health)


def _told(earlier: Earlier, accounts: pd.Series) -> Told | None:
    """What was told of the accounts then, in their order; NaN where nothing was."""
    if earlier.told is None:
        return None
    by_id = earlier.told.set_index("account_id").reindex(accounts.astype(str))
    health = by_id["health"].to_numpy(np.float64, na_value=np.nan) if "health" in by_id else None
    return Told(by_id["churn_probability"].to_numpy(np.float64), health)


def parts(
    now: Judged, before: Judged, then: Judged | None = None, told: Told | None = None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Split the differences of n accounts' scores.

    Parameters
    ----------
    now : Judged
        The accounts as they are, by the model of now.
    before : Judged
        The same accounts as they were, by the model of now.
    then : Judged, optional
        As they were, by the model of then; left out where it is the same model.
    told : Told, optional
        What was told then; left out where nothing was, or nothing has changed since.

    Returns
    -------
    probability, health : DataFrame of shape (n, metrics + 2)
        One column per metric, and "model" and "settings". A row sums to the difference: as shares
        of probability (0.01 is one percentage point) and in points of health. No health where it
        was not judged; NaN in rows where one of two healths is unknown.

    References
    ----------
    Aumann and Shapley (1974). Values of Non-Atomic Games.
    """
    then = then or before
    past = told or Told(then.probability.probability, then.health_score)
    probability = _behaviour(before.probability, now.probability)
    probability["model"] = before.probability.probability - then.probability.probability
    probability["settings"] = then.probability.probability - past.probability
    if now.health is None or before.health is None or then.health is None or past.health is None:
        return probability, None
    health = _won(before.health, now.health)
    health["model"] = _health(before.health) - _health(then.health)
    health["settings"] = _health(then.health) - past.health
    health[health.isna().any(axis=1)] = np.nan
    return probability, health


def _behaviour(before: "Explained", now: "Explained") -> pd.DataFrame:
    """Parts of now's probability less before's, by metric, shape (n, p)."""
    from training.calibration import steepness

    moved = now.contributions.to_numpy() - before.contributions.to_numpy()
    steep = steepness(before.log_odds, now.log_odds - before.log_odds)
    return pd.DataFrame(moved * steep[:, None], columns=now.contributions.columns)


def _won(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Points of health won by metric, shape (n, q); both tables have the same columns."""
    return pd.DataFrame(before.to_numpy() - now.to_numpy(), columns=now.columns)


def _health(lost: pd.DataFrame) -> np.ndarray:
    return np.asarray(100.0 - lost.to_numpy().sum(axis=1))


def drivers(
    probability: pd.DataFrame,
    health: pd.DataFrame | None,
    metrics: Mapping[str, Metric],
    values: pd.DataFrame,
    was: pd.DataFrame,
    seen: np.ndarray,
    language: Language = "en",
) -> Entries:
    """Tell the parts of n differences, those that are not zero, by absolute points.

    Parameters
    ----------
    probability, health : DataFrame of shape (n, parts)
        See `parts`.
    metrics : mapping of str to Metric
    values, was : DataFrame of shape (n, any)
        The metrics as they are and as they were.
    seen : ndarray of bool, shape (n,)
        Whether an account had an earlier score; others have no drivers.
    language : {"en", "de"}

    Returns
    -------
    Entries
        Records of cause ("behaviour", "model", "settings"), metric, dimension, label (None of
        metric and dimension where the cause is no metric), value, was, points (share of
        probability), health_points (points of health) and sentence.
    """
    by_health = [] if health is None else [name for name in health if name not in probability]
    names = [name for name in (*probability, *by_health) if name not in CAUSES] + list(CAUSES)
    known = [metrics.get(name) for name in names]
    share = _laid_out(probability, names)
    won = np.full_like(share, np.nan) if health is None else _laid_out(health, names)
    moving = (share != 0) | (np.nan_to_num(won) != 0)
    weight = np.where(moving, np.abs(share), -1.0)
    # by what they did to the probability; what did nothing to it, by what it did to health
    order = np.lexsort((-np.abs(np.nan_to_num(won)).T, -weight.T), axis=-1)
    return Entries(
        order=order,
        length=np.where(seen, moving.sum(axis=0), 0),
        constant={
            "cause": [name if name in CAUSES else "behaviour" for name in names],
            "metric": [metric.name if metric else None for metric in known],
            "dimension": [metric.dimension if metric else None for metric in known],
            "label": [
                metric.called(language) if metric else _LABEL[language][name]
                for name, metric in zip(names, known, strict=True)
            ],
        },
        number={
            "value": sentences.numbers(values, known),
            "was": sentences.numbers(was, known),
            "points": share,
            "health_points": won,
        },
        words={
            "sentence": [
                _in_words(name, metric, values, was, language)
                for name, metric in zip(names, known, strict=True)
            ]
        },
        category={
            place: entries.categories(values[metric.name])
            for place, metric in enumerate(known)
            if metric and metric.kind == "category"
        },
    )


def said_of_cause(cause: str, language: Language) -> tuple[str, str]:
    """Label and sentence of a cause that is no metric's doing."""
    return _LABEL[language][cause], _SENTENCE[language][cause]


def _laid_out(parts: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Parts by name, shape (names, n); 0 for those that a score does not go by."""
    nothing = np.zeros(len(parts))
    return np.array([parts[name].to_numpy() if name in parts else nothing for name in names])


def _in_words(
    name: str, metric: Metric | None, values: pd.DataFrame, was: pd.DataFrame, language: Language
) -> Words:
    """Say what one part is about, of n accounts."""
    if metric is None:
        return Words(np.zeros(len(values), np.intp), [_SENTENCE[language][name]])
    if metric.kind == "number":
        now, then = (sentences.numbers(table, [metric])[0] for table in (values, was))
        return sentences.moves(metric, now, then, language)
    known = entries.categories(values[metric.name])
    said = [sentences.sentence(metric, text or None, language=language) for text in known.texts]
    return Words(known.code, said)

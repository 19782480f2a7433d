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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from training.churn_model import ChurnModel, Explained
    from training.health_score import HealthScore

Cause = Literal["behaviour", "model", "settings"]
MODEL: Cause = "model"
SETTINGS: Cause = "settings"


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
        return cls(model.explain(used), health.contributions(features) if health else None)

    @property
    def health_score(self) -> np.ndarray | None:
        """Health, 0-100, shape (n,); NaN where nothing is known."""
        return None if self.health is None else _health(self.health)


@dataclass(frozen=True)
class Told:
    """What people were told before: churn_probability and, where it was told, health; (n,)."""

    probability: np.ndarray
    health: np.ndarray | None = None


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
    probability = _behaviour(before.probability, now.probability).assign(**{
        MODEL: before.probability.probability - then.probability.probability,
        SETTINGS: then.probability.probability - past.probability,
    })  # fmt: skip
    if now.health is None or before.health is None or then.health is None or past.health is None:
        return probability, None
    health = _won(before.health, now.health).assign(**{
        MODEL: _health(before.health) - _health(then.health),
        SETTINGS: _health(then.health) - past.health,
    })  # fmt: skip
    health[health.isna().any(axis=1)] = np.nan
    return probability, health


def _behaviour(before: "Explained", now: "Explained") -> pd.DataFrame:
    """Parts of now's probability less before's, by metric, shape (n, p)."""
    from training.churn_model import steepness

    moved = now.contributions.to_numpy() - before.contributions.to_numpy()
    steep = steepness(before.log_odds, now.log_odds - before.log_odds)
    return pd.DataFrame(moved * steep[:, None], columns=now.contributions.columns)


def _won(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Points of health won by metric, shape (n, q); both tables have the same columns."""
    return pd.DataFrame(before.to_numpy() - now.to_numpy(), columns=now.columns)


def _health(lost: pd.DataFrame) -> np.ndarray:
    return np.asarray(100.0 - lost.to_numpy().sum(axis=1))

"""Beyond the outcome window: when accounts may leave, and what ARR is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import Metric
from features.settings import Settings
from training import hazard, outcomes
from training.hazard import Hazard, Periods
from training.outcomes import Outcomes
from training.split import Fold

COLUMNS = (*hazard.NAMES, outcomes.NAME)
"""What it tells of every account."""

FOLDER = "outlook"


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is told beside the probability of the outcome window, in agreement with it."""

    hazard: Hazard
    outcomes: Outcomes

    def ahead(self, table: pd.DataFrame, probability: NDArray[np.float64]) -> pd.DataFrame:
        """The columns of `COLUMNS` for a feature table and its served probabilities."""
        curve = self.hazard.curve(table, probability)
        return curve.assign(**{outcomes.NAME: self.outcomes.retained(table, probability)})

    def save(self, folder: Path) -> None:
        """Write both into a folder within the model's."""
        self.hazard.save(folder / FOLDER)
        self.outcomes.save(folder / FOLDER)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read what `save` wrote; None where a version has no outlook."""
        kept = folder / FOLDER
        return cls(Hazard.load(kept), Outcomes.load(kept)) if kept.is_dir() else None


def learn(
    table: pd.DataFrame,
    backtest: pd.DataFrame,
    folds: list[Fold],
    metrics: Mapping[str, Metric],
    settings: Settings,
) -> tuple[Outlook | None, pd.DataFrame, dict[str, Any]]:
    """Judge on the past, learn from everything.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    backtest : DataFrame
        Judged rows with their calibrated `probability`.
    folds : list of Fold
    metrics : mapping of name to Metric
    settings : Settings

    Returns
    -------
    outlook : Outlook, optional
        None where the table does not tell when accounts left.
    backtest : DataFrame
        With what was told before its time.
    summary : dict
        `time_to_churn` and `retained_arr`.
    """
    if not set(hazard.NEEDED) <= set(table):
        return None, backtest, {}
    o, seed, most = settings.observations, settings.training.seed, settings.training.trees
    periods = Periods(o.lead_days, o.horizon_days)
    backtest, trees, calibration = hazard.told_before(
        table, backtest, folds, metrics, periods, o.grace_days, most, seed
    )
    curve = Hazard.fit(table, metrics, periods, trees, seed).with_calibration(calibration)
    backtest, kept = outcomes.told_before(
        table, backtest, folds, metrics, o.lead_days, o.horizon_days, seed
    )
    told = Outcomes.fit(table, metrics, o.lead_days, o.horizon_days, seed)
    outlook = Outlook(curve, told if kept["model"] else told.plain())
    return (
        outlook,
        backtest,
        {"time_to_churn": hazard.judged(backtest, periods, seed), "retained_arr": kept},
    )

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
from training import hazard, hazard_backtest, outcomes
from training.hazard import Hazard, Periods
from training.outcomes import Outcomes
from training.split import Fold

COLUMNS = (*hazard.NAMES, outcomes.NAME)
"""What it tells of every account."""

FOLDER = "outlook"


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is told beside the probability of the outcome window, in agreement with it.

    Parameters
    ----------
    hazard : Hazard, optional
        None where its curve lost against the plain model: then no other horizon is told.
    outcomes : Outcomes
    """

    hazard: Hazard | None
    outcomes: Outcomes

    def ahead(self, table: pd.DataFrame, probability: NDArray[np.float64]) -> pd.DataFrame:
        """The columns of `COLUMNS` for a feature table and its served probabilities.

        The curve passes through the served probability: with a lead of 0, the column of the
        horizon is that probability. NaN where nothing is told.
        """
        curve = self.hazard.curve(table, probability) if self.hazard else self._own(probability)
        kept = self.outcomes.retained(table, probability)
        return curve.set_axis(table.index).assign(**{outcomes.NAME: kept})

    def save(self, folder: Path) -> None:
        """Write all there is into a folder within the model's."""
        if self.hazard:
            self.hazard.save(folder / FOLDER)
        self.outcomes.save(folder / FOLDER)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read what `save` wrote; None where a version has no outlook."""
        kept = folder / FOLDER
        if not kept.is_dir():
            return None
        curve = Hazard.load(kept) if (kept / hazard.FILE).exists() else None
        return cls(curve, Outcomes.load(kept))

    def _own(self, probability: NDArray[np.float64]) -> pd.DataFrame:
        """Only the horizon of the model itself, where it is one of those told."""
        told = pd.DataFrame(np.nan, index=range(len(probability)), columns=list(hazard.NAMES))
        own = f"churn_{self.outcomes.horizon_days}d"
        if self.outcomes.lead_days == 0 and own in told:
            told[own] = probability
        return told


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
        `time_to_churn` (`hazard_backtest.judged`, and `horizons`: `hazard_backtest.by_horizon`) and
        `retained_arr` (`outcomes.told_before`); None each where there is no outlook.
    """
    if not set(hazard.NEEDED) <= set(table):
        return None, backtest, {"time_to_churn": None, "retained_arr": None}
    o, seed, most = settings.observations, settings.training.seed, settings.training.trees
    periods = Periods(o.lead_days, o.horizon_days)
    backtest, trees, calibration = hazard_backtest.told_before(
        table, backtest, folds, metrics, periods, o.grace_days, most, seed
    )
    verdict = hazard_backtest.judged(backtest, periods, seed)
    curve = (
        Hazard.fit(table, metrics, periods, trees, seed).with_calibration(calibration)
        if verdict["as_good"]
        else None
    )
    horizons = hazard_backtest.by_horizon(backtest, seed)
    if curve:
        verdict["verdict"] += hazard_backtest.remarks(horizons)
    backtest, kept = outcomes.told_before(
        table, backtest, folds, metrics, o.lead_days, o.horizon_days, seed
    )
    stays = (
        Outcomes.fit(table, metrics, o.lead_days, o.horizon_days, seed)
        if kept["model"]
        else Outcomes.so_far(table, o.lead_days, o.horizon_days, seed)
    )
    return (
        Outlook(curve, stays),
        backtest,
        {
            "time_to_churn": {**verdict, "horizons": horizons},
            "retained_arr": kept,
        },
    )

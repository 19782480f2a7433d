"""Health as it is served: the learned score, its bands, and what people decided about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd

from training import bands
from training import decisions as decided
from training.bands import Bands
from training.decisions import HealthDecision
from training.health_score import HealthScore
from training.present import Goals

SCORE_FILE, BANDS_FILE = "health_score.json", "health_bands.json"


@dataclass(frozen=True)
class Health:
    """What says how healthy accounts are.

    Parameters
    ----------
    score : HealthScore
    bands : Bands
    settings_version : int
        How many decisions of people stand in the score; 0 as it was learned.
    """

    score: HealthScore
    bands: Bands
    settings_version: int = 0

    def after(
        self,
        decisions: Sequence[HealthDecision],
        present_weights: Mapping[str, float],
        present_goals: Goals,
    ) -> Self:
        """Health as it is after people's decisions, the first of which is number 1."""
        score = decided.apply(self.score, decisions, present_weights, present_goals)
        return replace(self, score=score, settings_version=len(decisions))

    def look(self, features: pd.DataFrame) -> pd.DataFrame:
        """Health and band of accounts, at one look or several.

        Parameters
        ----------
        features : DataFrame
            Feature table; bands are replayed over its as_ofs, in order.

        Returns
        -------
        DataFrame, indexed as `features`
            account_id, as_of, health, health_coverage and band.
        """
        told = self.score.score(features).rename(columns={"coverage": "health_coverage"})
        keys = features[["account_id", "as_of"]]
        looks = keys.assign(account_id=keys["account_id"].astype(str)).join(told)
        return looks.assign(band=bands.assign(looks, self.bands.cuts))

    def goals(self, features: pd.DataFrame) -> pd.DataFrame:
        """Goal of every metric for each account, by its segment; indexed as `features`."""
        code = self.score.grouping.codes(features, self.score.segments)
        names = [metric.name for metric in self.score.metrics]
        return pd.DataFrame(self.score.goals(code), index=features.index, columns=names)

    def save(self, folder: Path) -> None:
        """Write score and bands as two JSON files."""
        (folder / SCORE_FILE).write_text(self.score.to_json(), encoding="utf-8")
        text = json.dumps(self.bands.as_dict(), indent=1, allow_nan=False)
        (folder / BANDS_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        score = HealthScore.from_json((folder / SCORE_FILE).read_text(encoding="utf-8"))
        told = json.loads((folder / BANDS_FILE).read_text(encoding="utf-8"))
        return cls(score, Bands.of(told))

"""Judge: health, band and goals of observations that come as a matrix and have no history."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from training.encoding import Feature
    from training.health import Health

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """Says of a model's inputs what the health score says of a feature table.

    Parameters
    ----------
    health : Health
    features : sequence of p Feature
        The matrix's columns.
    """

    health: "Health"
    features: "Sequence[Feature]"

    def groups(self, matrix: Floats) -> NDArray[np.intp]:
        """Place of each row's goals in `goals`, shape (n,)."""
        place = self._place.get(self.health.score.grouping.column)
        if place is None:
            return np.full(len(matrix), len(self.health.score.segments))
        column, edges = matrix[:, place], self.health.score.grouping.edges
        known = np.searchsorted(edges, column, side="right") if edges else np.nan_to_num(column)
        return self._group[np.where(np.isnan(column), -1, known).astype(np.intp)]

    @cached_property
    def goals(self) -> Floats:
        """From where on each input is healthy, by group, shape (groups, p); NaN without a goal."""
        score = self.health.score
        goals = np.full((len(score.segments) + 1, len(self.features)), np.nan)
        here = self._places >= 0
        goals[:, self._places[here]] = score.goals(np.arange(len(goals)))[:, here]
        return goals

    def judge(self, matrix: Floats, group: NDArray[np.intp]) -> tuple[Floats, list[str | None]]:
        """Health (0-100) and band of n rows; NaN and None where nothing is known.

        The band is that of a first look: what is known of no earlier one holds nothing up.
        """
        from training.bands import BANDS, UNKNOWN, step

        places = self._places
        X = np.where(places < 0, np.nan, matrix[:, places])
        health = self.health.score.judge(X, group)
        code = step(np.full(len(matrix), UNKNOWN), health, self.health.bands.cuts)
        words = (*BANDS, None)
        return health, [words[each] for each in code.tolist()]

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """Columns of the health score's metrics; -1 of those that are not among them."""
        metrics = self.health.score.metrics
        return np.array([self._place.get(each.name, -1) for each in metrics], np.intp)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {feature.name: place for place, feature in enumerate(self.features)}

    @cached_property
    def _group(self) -> NDArray[np.intp]:
        """Group by level of the category, or by band of the number, that sets accounts apart.

        The last is that of a missing value.
        """
        grouping = self.health.score.grouping
        edges = grouping.edges
        levels = self.features[self._place[grouping.column]].levels
        values = [edges[0] - 1.0, *edges, np.nan] if edges else [*levels, None]
        table = pd.DataFrame({grouping.column: values})
        return grouping.codes(table, self.health.score.segments)

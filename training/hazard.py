"""Time to churn: one curve per account, from which the probability of every horizon is read.

The time after a look is cut into periods of about a month. A row of the hazard model is an account
in one period that it has reached (a *person-period*); its outcome is whether the account leaves in
it. When a contract may end is known beforehand and is therefore given, not learned: the model
learns from the periods in which a contract may end, with the days until that end as a feature, and
all other periods share one small hazard, that of terminations in mid-term. A hazard that had to
find the renewals itself would learn little but the calendar.

With hazards h_1, h_2, ... the account stays through k periods with probability (1 - h_1) ... (1 -
h_k). So all horizons agree, and a longer one never has the smaller probability.

**The curve and the served probability.** Within the outcome window the cumulated hazards are scaled
so that the curve passes exactly through the served, calibrated probability; before and after the
window the hazards stand as learned. With a lead of 0, the curve at the horizon *is* that
probability.

References
----------
Singer and Willett (1993). It's about time: using discrete-time survival analysis to study duration
and the timing of events.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import CONTEXT, Metric
from training import memory
from training.calibration import Calibration
from training.churn_model import ChurnModel
from training.split import of_some_accounts

Floats = NDArray[np.float64]

HORIZONS = (30, 90, 180, 365)
"""Days for which a probability is told."""

NAMES = tuple(f"churn_{days}d" for days in HORIZONS)
"""Columns that tell them."""

NEEDED = ("days_to_renewal", "churn_date", "followed_days")
"""Columns of a training table without which no time to churn is learned."""

FILE = "hazard.json"

MONTH_DAYS = 30
MOST_ROWS = 100_000
"""Person-periods that are learned from, of accounts drawn at random where there are more."""


def _ahead(name: str, label: str, formula: str) -> Metric:
    return Metric(
        name=name,
        dimension=CONTEXT,
        label=label,
        unit="days",
        healthy=None,
        actionable=False,
        formula=formula,
        sentence=f"{label}: {{value}}",
        needs=(),
        value=lambda table: table[name],
    )


AHEAD = {
    each.name: each
    for each in (
        _ahead(
            "days_ahead", "Days ahead", "days from as_of to the end in the period, or its start"
        ),
        _ahead("ends_ahead", "Ends", "ends of the contract in the period; empty while open-ended"),
        _ahead("period_days", "Days of the period", "length of the period"),
    )
}
"""What a person-period knows beside the account's metrics."""


@dataclass(frozen=True)
class Periods:
    """The periods into which the time after a look is cut, and the window among them.

    Parameters
    ----------
    lead_days, horizon_days : int
        Of the outcome window.
    """

    lead_days: int
    horizon_days: int

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Days after the look, m + 1 of them; period j is (bounds[j], bounds[j + 1]]."""
        closes = self.lead_days + self.horizon_days
        last = max(HORIZONS[-1], closes)
        days = {*range(0, last, MONTH_DAYS), *HORIZONS, self.lead_days, closes}
        return np.array(sorted(days), dtype=np.int64)

    @property
    def window(self) -> NDArray[np.bool_]:
        """Which periods the outcome window holds, shape (m,)."""
        opens, closes = self.lead_days, self.lead_days + self.horizon_days
        return np.asarray((self.bounds[:-1] >= opens) & (self.bounds[1:] <= closes))

    def ends(self, table: pd.DataFrame) -> tuple[Floats, Floats]:
        """Where contracts may end, if each term is followed by one as long.

        Returns
        -------
        ends : ndarray, shape (n, m)
            Ends in each period; NaN for accounts that may leave on any day.
        ahead : ndarray, shape (n, m)
            Days from the look to the first of them, or to the start of the period.
        """
        first = table["days_to_renewal"].to_numpy(np.float64)[:, None]
        term = _column(table, "term_days")[:, None]
        again = np.isfinite(term) & (term >= 1)
        bounds = self.bounds.astype(np.float64)[None, :]
        later = np.floor((bounds - first) / np.where(again, term, 1.0)) * again
        behind = np.where(bounds >= first, 1 + later, 0.0)
        ends = np.where(np.isfinite(first), np.diff(behind, axis=1), np.nan)
        next_end = first + behind[:, :-1] * np.where(again, term, 0.0)
        return ends, np.where(ends > 0, next_end, bounds[:, :-1])

    def persons(self, table: pd.DataFrame, followed_days: Floats | None = None) -> pd.DataFrame:
        """Person-periods in which a contract may end.

        Parameters
        ----------
        table : DataFrame, shape (n, ...)
            Feature table; with `followed_days`, a training table.
        followed_days : ndarray of shape (n,), optional
            Days after the look whose outcome is known: only periods known to their end are told,
            of accounts that had not left before, with `churned`.

        Returns
        -------
        DataFrame
            `place` (row of the table), `period`, and the columns of `AHEAD`.
        """
        parts = []
        for rows in memory.chunks(len(table)):
            known = None if followed_days is None else followed_days[rows]
            part = self._persons(table[rows], known)
            parts.append(part.assign(place=part["place"] + rows.start))
        return pd.concat(parts, ignore_index=True)

    def _persons(self, table: pd.DataFrame, followed_days: Floats | None) -> pd.DataFrame:
        ends, ahead = self.ends(table)
        held = ends != 0
        churned = None
        if followed_days is not None:
            left = days_to_churn(table)[:, None]
            known = (self.bounds[None, 1:] <= followed_days[:, None]) & ~(left <= self.bounds[:-1])
            held, churned = held & known, left <= self.bounds[None, 1:]
        place, period = np.nonzero(held)
        told = pd.DataFrame(
            {
                "place": place,
                "period": period,
                "days_ahead": ahead[place, period],
                "ends_ahead": ends[place, period],
                "period_days": np.diff(self.bounds)[period].astype(np.float64),
            }
        )
        return told if churned is None else told.assign(churned=churned[place, period])


@dataclass(frozen=True, eq=False)
class Hazard:
    """Hazards of leaving, period by period.

    Parameters
    ----------
    periods : Periods
    model : ChurnModel
        Of the periods in which a contract may end.
    between : float
        Hazard per day in the others.
    reach_days : int
        Days after the look to which some account was followed: nothing is told beyond.
    """

    periods: Periods
    model: ChurnModel
    between: float
    reach_days: int

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        metrics: Mapping[str, Metric],
        periods: Periods,
        trees: int,
        seed: int = 0,
        known_until: pd.Timestamp | None = None,
    ) -> Self:
        """Learn from rows whose later fate is known, at most until a day.

        Parameters
        ----------
        table : DataFrame
            `features.build.training_table`.
        metrics : mapping of name to Metric
        periods : Periods
        trees : int
        seed : int
        known_until : Timestamp, optional
            What came later is not used.
        """
        followed = days_followed(table, known_until)
        rows = learnable(table, metrics, periods, followed, seed)
        known = {**metrics, **AHEAD}
        model = ChurnModel.fit(rows, rows["churned"], rows["weight"], known, trees, seed)
        return cls.around(model, table, periods, followed)

    @classmethod
    def around(
        cls, model: ChurnModel, table: pd.DataFrame, periods: Periods, followed_days: Floats
    ) -> Self:
        """Put what no model needs beside one that has learned from these rows' person-periods."""
        between = _between(table, periods, followed_days)
        return cls(periods, model, between, int(np.nanmax(followed_days)))

    def calibrated(self, rows: pd.DataFrame) -> Self:
        """Calibrate on person-periods told out of time: `score`, `churned`, `weight`."""
        return self.with_calibration(
            Calibration.fit(rows["score"], rows["churned"], rows["weight"])
        )

    def with_calibration(self, calibration: Calibration) -> Self:
        """The same hazards, calibrated so."""
        return replace(self, model=replace(self.model, calibration=calibration))

    def scores(self, table: pd.DataFrame) -> Floats:
        """Log-odds before calibration, shape (n, m); NaN where no contract may end."""
        told = np.full((len(table), len(self.periods.bounds) - 1), np.nan)
        rows = self.periods.persons(table)
        if len(rows):
            own = [each.name for each in self.model.features if each.name not in AHEAD]
            told[rows["place"], rows["period"]] = self.model.scores(_joined(table, own, rows))
        return told

    def hazards(self, scores: Floats) -> Floats:
        """Probability of leaving in each period for who has reached it, shape (n, m)."""
        between = -np.expm1(-self.between * np.diff(self.periods.bounds))
        told = self.model.calibration.probability(scores)
        return np.where(np.isnan(scores), between, told)

    def window_probability(self, scores: Floats) -> Floats:
        """What the hazards alone say of the outcome window, shape (n,)."""
        steps = -np.log1p(-self.hazards(scores))
        return np.asarray(-np.expm1(-steps[:, self.periods.window].sum(axis=1)))

    def curve(
        self, table: pd.DataFrame, probability: Floats, scores: Floats | None = None
    ) -> pd.DataFrame:
        """Probabilities of leaving within `HORIZONS`, through the served one.

        Parameters
        ----------
        table : DataFrame, shape (n, ...)
            Feature table.
        scores : ndarray, shape (n, m), optional
            What `scores` gives for the table, where it was asked already.
        probability : ndarray, shape (n,)
            The served probability of the outcome window.

        Returns
        -------
        DataFrame, shape (n, len(HORIZONS))
            The columns of `NAMES`, indexed as `table`; none is below the one before it. NaN beyond
            the days to which accounts were followed.
        """
        window = self.periods.window
        steps = -np.log1p(-self.hazards(self.scores(table) if scores is None else scores))
        with np.errstate(divide="ignore"):
            target = -np.log1p(-np.asarray(probability, dtype=np.float64))
        steps[:, window] *= (target / steps[:, window].sum(axis=1))[:, None]
        left = -np.expm1(-np.cumsum(steps, axis=1))
        told = left[:, np.searchsorted(self.periods.bounds, HORIZONS) - 1]
        if self.periods.lead_days == 0:
            told = _through(told, probability, self.periods.horizon_days)
        told[:, np.array(HORIZONS) > self.reach_days] = np.nan
        return pd.DataFrame(told, index=table.index, columns=list(NAMES))

    def save(self, folder: Path) -> None:
        """Write the model and `FILE` into a folder, which may be new."""
        self.model.save(folder)
        about = {
            "lead_days": self.periods.lead_days,
            "horizon_days": self.periods.horizon_days,
            "between": self.between,
            "reach_days": self.reach_days,
        }
        (folder / FILE).write_text(json.dumps(about, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = json.loads((folder / FILE).read_text(encoding="utf-8"))
        periods = Periods(about["lead_days"], about["horizon_days"])
        return cls(periods, ChurnModel.load(folder), about["between"], about["reach_days"])


def learnable(
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    periods: Periods,
    followed_days: Floats,
    seed: int = 0,
) -> pd.DataFrame:
    """Person-periods to learn from: the metrics, `AHEAD`, `churned` and `weight`."""
    rows = periods.persons(table, followed_days)
    accounts = table["account_id"].take(rows["place"])
    rows = rows[of_some_accounts(accounts, np.ones(len(rows), dtype=bool), MOST_ROWS, seed)]
    told = _joined(table, [name for name in metrics if name in table], rows)
    weight = table["weight"].to_numpy(np.float64)[rows["place"]]
    return told.assign(churned=rows["churned"].to_numpy(bool), weight=weight)


def days_followed(table: pd.DataFrame, known_until: pd.Timestamp | None = None) -> Floats:
    """Days after each look whose outcome is known, at most until a day, shape (n,)."""
    followed = _column(table, "followed_days")
    if known_until is None:
        return followed
    until = (known_until - table["as_of"]).dt.days.to_numpy(np.float64)
    return np.asarray(np.minimum(followed, until))


def days_to_churn(table: pd.DataFrame) -> Floats:
    """Days from each look until the account left, shape (n,); NaN where it has not."""
    return np.asarray((table["churn_date"] - table["as_of"]).dt.days, dtype=np.float64)


def _through(told: Floats, probability: Floats, horizon_days: int) -> Floats:
    """Mend the last digit: at the horizon it is the probability, and none crosses it."""
    p = np.asarray(probability, dtype=np.float64)[:, None]
    days = np.array(HORIZONS)
    told = np.where(days <= horizon_days, np.minimum(told, p), np.maximum(told, p))
    return np.where(days == horizon_days, p, told)


def _between(table: pd.DataFrame, periods: Periods, followed_days: Floats) -> float:
    """Hazard per day in periods in which no contract may end; half an event if none was seen."""
    bounds = periods.bounds
    events = days = 0.0
    for rows in memory.chunks(len(table)):
        part = table[rows]
        ends, _ = periods.ends(part)
        left, followed = days_to_churn(part)[:, None], followed_days[rows, None]
        quiet = (ends == 0) & (bounds[1:] <= followed) & ~(left <= bounds[:-1])
        weight = part["weight"].to_numpy(np.float64)[:, None]
        events += float((weight * (quiet & (left <= bounds[1:]))).sum())
        days += float((weight * quiet * np.diff(bounds)).sum())
    return (events + 0.5) / (days + 365.0)


def _joined(table: pd.DataFrame, names: list[str], rows: pd.DataFrame) -> pd.DataFrame:
    told = table[names].take(rows["place"].to_numpy()).reset_index(drop=True)
    return told.assign(**{name: rows[name].to_numpy() for name in AHEAD})


def _column(table: pd.DataFrame, name: str) -> Floats:
    if name not in table:
        return np.full(len(table), np.nan)
    return np.asarray(table[name], dtype=np.float64)

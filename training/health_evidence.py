"""What stands behind each learned goal and weight: intervals, counts on each side, lead time."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.cells import Floats
from training.health_rows import Rows
from training.ramp import Assumed, Problem, Ramps
from training.scorecard import PORTFOLIO, DimensionWeight, Goal, numbers

CHURNS_PER_SIDE = 20
"""Churned accounts on each side of a goal, below which a segment has none of its own."""

WIDEST_INTERVAL = 50.0
"""Percentile points of the metric's distribution over which a goal's interval may reach."""

INTERVAL = 0.90


def goals_of(
    data: Rows, problem: Problem, found: Ramps, draws: list[Ramps] | None
) -> tuple[list[list[Goal]], Ramps]:
    """Goals per metric and segment, the portfolio's last; and the ramps that they leave standing.

    A segment without enough evidence gets the portfolio's ramp, at the same place in its own
    distribution; where a goal is in use today, as far from the portfolio's as it is today. A ramp
    whose middle lies beyond all values of the last looks is moved to the nearest goal that tells
    accounts apart.

    Intervals are read from the draws; None where goals were not learned, so that none is borne out.
    """
    assumed = Assumed.before(problem).ramps.shift
    portfolio = len(data.segments)
    shift = assumed.copy()
    goals: list[list[Goal]] = [[] for _ in data.names]
    for s, name in enumerate((*data.segments, PORTFOLIO)):
        rows = data.code == s if s < portfolio else np.ones(len(data.X), dtype=bool)
        for j, middle in enumerate(found.middle):
            z = data.scale.one(data.X[rows, j], j, s)
            inside = (
                _telling_apart(z[data.last[rows]])
                if np.isnan(problem.goals[j, s])
                else (-np.inf, np.inf)
            )
            place = _Place(data, j, s, rows, z, inside, found.width[j])
            shared = np.array([each.middle[j] for each in draws or []])
            at = np.clip(middle + assumed[j, s], *inside)
            goal = place.goal(at, shared + assumed[j, s])
            if s < portfolio or draws is None:
                goal = replace(goal, enough=False)
            if s < portfolio and draws is not None:
                own_at = np.clip(middle + found.shift[j, s], *inside)
                own = place.goal(own_at, shared + np.array([each.shift[j, s] for each in draws]))
                goal, at = (own, own_at) if own.enough else (goal, at)
            shift[j, s] = at - middle
            goals[j].append(replace(goal, segment=name))
    return goals, replace(found, shift=shift)


def _telling_apart(z: Floats) -> tuple[float, float]:
    """Lowest and highest goal that some of these values miss and others reach."""
    values = np.unique(z[~np.isnan(z)])
    return (float(values[1]), float(values[-1])) if len(values) > 1 else (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class _Place:
    """One metric in one segment: what every goal there is judged by.

    Parameters
    ----------
    data : Rows
    metric, segment : int
    rows : ndarray of bool
        The segment's.
    z : ndarray
        Their values, on the common scale, as all places here.
    inside : (float, float)
        Where goals may lie.
    width : float
        Of the metric's ramp.
    """

    data: Rows
    metric: int
    segment: int
    rows: NDArray[np.bool_]
    z: Floats
    inside: tuple[float, float]
    width: float

    def goal(self, middle: float, drawn: Floats) -> Goal:
        """A goal in units, with what stands behind it in these rows."""
        last = self.data.last[self.rows]
        z, left = self.z[last], self.data.churned[self.rows][last]
        below, above = z < middle, z >= middle
        churned = int((below & left).sum()), int((above & left).sum())
        low, high = _one_interval(np.clip(drawn, *self.inside), middle)
        narrow = low is None or high is None or self._reach(low, high) <= WIDEST_INTERVAL
        scale, where = self.data.scale, (self.metric, self.segment)
        red, green = (scale.unit(*where, middle + side * self.width / 2) for side in (-1, 1))
        ends = sorted(scale.goal(*where, at) for at in (low, high) if at is not None)
        return Goal(
            segment="",
            goal=scale.goal(*where, middle),
            red=red,
            green=green,
            low=ends[0] if ends else None,
            high=ends[1] if ends else None,
            accounts_below=int(below.sum()),
            churned_below=churned[0],
            accounts_above=int(above.sum()),
            churned_above=churned[1],
            enough=narrow and min(churned) >= CHURNS_PER_SIDE,
        )

    def _reach(self, low: float, high: float) -> float:
        """Percentile points between two places."""
        return _percentile(self.z, high) - _percentile(self.z, low)


def _percentile(z: Floats, place: float) -> float:
    """Mid-rank of a place among the values that are known, 0-100."""
    known = z[~np.isnan(z)]
    return 50 * float((known < place).mean() + (known <= place).mean()) if len(known) else np.nan


def _one_interval(drawn: Floats, point: float) -> tuple[float | None, float | None]:
    low, high = intervals(drawn[:, None], np.array([point]))
    return low[0], high[0]


def intervals(drawn: Floats, point: Floats) -> tuple[list[float | None], list[float | None]]:
    """90 % interval of each column of draws, around its point; None without draws."""
    if not len(drawn):
        return [None] * len(point), [None] * len(point)
    low, high = np.quantile(drawn, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=0)
    return np.minimum(low, point).tolist(), np.maximum(high, point).tolist()


def dimension_weights(
    dimension: list[str], share: Floats, drawn: Floats
) -> tuple[DimensionWeight, ...]:
    """Weights of dimensions, sums over their metrics in every draw."""
    told = []
    for name in dict.fromkeys(dimension):
        mine = np.array([each == name for each in dimension])
        weight = share[mine].sum()
        low, high = _one_interval(drawn[:, mine].sum(axis=1), weight)
        told.append(DimensionWeight(name, float(weight), low, high))
    return tuple(told)


def with_lead(
    goals: list[list[Goal]],
    table: pd.DataFrame,
    is_due: NDArray[np.bool_],
    data: Rows,
    churned: NDArray[np.bool_],
) -> list[list[Goal]]:
    """Since when those that churned from below a goal had been there, days before the renewal."""
    if "as_of" not in table or "renewal_date" not in table or not (churned & is_due).any():
        return goals
    keys = table[["account_id", "as_of", "renewal_date"]].reset_index(drop=True)
    ended = keys[churned & is_due].groupby("account_id")["as_of"].max()
    keys = keys[keys["as_of"] <= keys["account_id"].map(ended)]
    keys = keys.sort_values(["account_id", "as_of"])
    account, place = pd.factorize(keys["account_id"])[0], keys.index.to_numpy()
    first = np.flatnonzero(np.append(True, account[1:] != account[:-1]))
    last = np.append(first[1:], len(account)) - 1
    days = (keys["renewal_date"].iloc[last].to_numpy()[account] - keys["as_of"]).dt.days
    code = data.grouping.codes(table.iloc[place[last]], data.segments)
    told = [list(each) for each in goals]
    # a metric at a time, for those that left may be most of the table
    for j, (name, sign) in enumerate(zip(data.names, data.scale.sign, strict=True)):
        values = numbers(table[[name]].iloc[place], name) * sign
        for s in range(len(data.segments) + 1):
            below = values < goals[j][s].goal * sign
            back = np.maximum.reduceat(np.where(below, -1, np.arange(len(below))), first) + 1
            since = np.maximum(back, first)
            stayed = since <= last
            mine = stayed & (code == s) if s < len(data.segments) else stayed
            lead = days.iloc[since[mine]].median()
            told[j][s] = replace(told[j][s], lead_days=None if np.isnan(lead) else float(lead))
    return told

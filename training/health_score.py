"""HealthScore: weights and goals learned from what really happened, with the evidence for each.

A promise to people rather than the best possible prediction: points that add up, never fall when
something gets better, and stand on goals that a person can read and doubt. Each metric is a ramp
from red (no points) to green (all of them); `training.ramp` learns all ramps and weights at once.

How much is learned depends on how many accounts have left:

    below 60      nothing: a neutral recipe, equal dimensions and goals at quantiles
    below 200     weights of dimensions; the metrics of one share equally, goals stay at quantiles
    from there on weights of metrics, and goals; per segment where the segment bears it out

Needs no LightGBM.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.errors import TenureError
from features.metric import CONTEXT, Metric
from training import ramp
from training.ramp import Cells, Floats, Ints, Problem, Ramps

CHURNS_FOR_DIMENSIONS = 60
CHURNS_FOR_METRICS = 200
"""Churned accounts from which weights of dimensions, then of metrics and goals are learned."""

CHURNS_PER_SIDE = 20
"""Churned accounts on each side of a goal, below which a segment has none of its own."""

WIDEST_INTERVAL = 50.0
"""Percentile points of the metric's distribution over which a goal's interval may reach."""

ACCOUNTS_PER_SEGMENT = 50
"""Accounts below which a segment is looked at as part of the portfolio."""

VALUES_PER_METRIC = 50
"""Observed values below which a metric is left out."""

SHARED_VALUE = 0.3
"""Share of accounts with one and the same value from which a metric has one scale for all."""

REFITS = 40
INTERVAL = 0.90
PORTFOLIO = "all"

BACKGROUND: Mapping[str, bool] = {
    "tenure_days": True,
    "days_to_renewal": False,
    "term_days": True,
    "arr": True,
}
"""Context that the risk allows for without it being a matter of health; True: its logarithm."""

Learned = Literal["nothing", "dimensions", "metrics"]


@dataclass(frozen=True)
class Goal:
    """From where on a metric is healthy, and what stands behind that.

    Parameters
    ----------
    segment : str
        `PORTFOLIO` for all accounts together.
    goal, red, green : float
        In the metric's unit. The goal lies half way between red, where no points are left, and
        green, where all are there; where low is healthy, red lies above green.
    low, high : float, optional
        90 % interval of the goal; None where it was not learned.
    accounts_below, churned_below, accounts_above, churned_above : int
        Accounts as they stood at their last look before a renewal: below is the unhealthy side.
    lead_days : float, optional
        Of those that churned from below, days before the renewal since which they had stayed
        there (median).
    enough : bool
        Whether the goal is borne out by this segment; else it is the portfolio's, at the same
        place in this segment's distribution.
    """

    segment: str
    goal: float
    red: float
    green: float
    low: float | None = None
    high: float | None = None
    accounts_below: int = 0
    churned_below: int = 0
    accounts_above: int = 0
    churned_above: int = 0
    lead_days: float | None = None
    enough: bool = False


@dataclass(frozen=True)
class MetricWeight:
    """What one metric counts for.

    Parameters
    ----------
    name, dimension : str
    weight : float
        Share of the health score; all sum to 100.
    low, high : float, optional
        90 % interval of the weight; None where nothing was learned.
    log_odds, log_odds_missing : float
        What red adds to the log-odds of churn over green, and what a missing value adds.
    portfolio : Goal
    segments : tuple of Goal
        In the order of the score's segments.
    """

    name: str
    dimension: str
    weight: float
    low: float | None
    high: float | None
    log_odds: float
    log_odds_missing: float
    portfolio: Goal
    segments: tuple[Goal, ...]


@dataclass(frozen=True)
class DimensionWeight:
    """What one dimension counts for: the sum of its metrics."""

    name: str
    weight: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Background:
    """One column of context: ``log_odds * (value - centre) / spread``, 0 where it is missing."""

    name: str
    logarithm: bool
    centre: float
    spread: float
    log_odds: float = 0.0

    def standard(self, table: pd.DataFrame) -> Floats:
        """The column on a common scale, shape (n,)."""
        if self.name not in table:
            return np.zeros(len(table))
        values = _numbers(table, self.name)
        if self.logarithm:
            values = np.log1p(np.maximum(values, 0.0))
        return np.nan_to_num((values - self.centre) / self.spread)


@dataclass(frozen=True)
class HealthScore:
    """Health from 0 to 100, the points lost, and the risk of the same scorecard.

    Parameters
    ----------
    learned : {"nothing", "dimensions", "metrics"}
        How far the evidence reached. "nothing": a neutral recipe, offered as such.
    accounts, churned : int
        Accounts with a renewal that was seen through; those of them that left.
    metrics : tuple of MetricWeight
    dimensions : tuple of DimensionWeight
    segments : tuple of str
        Segments with goals of their own; any other has the portfolio's.
    left_out : dict of str to str
        Metrics that were in the table and could not be used, with the reason.
    intercepts : tuple of float
        Log-odds with all metrics green: per segment, and last for any other.
    background : tuple of Background
    """

    learned: Learned
    accounts: int
    churned: int
    metrics: tuple[MetricWeight, ...]
    dimensions: tuple[DimensionWeight, ...]
    segments: tuple[str, ...]
    left_out: dict[str, str]
    intercepts: tuple[float, ...]
    background: tuple[Background, ...]

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        churned: pd.Series,
        weight: pd.Series,
        metrics: Mapping[str, Metric],
        refits: int = REFITS,
        seed: int = 0,
    ) -> Self:
        """Learn as much as the number of churned accounts bears.

        Parameters
        ----------
        table : DataFrame, shape (n, ...)
            Feature table with account_id; as_of, renewal_date and segment where there are any.
            Rows that are not `due` only tell since when an account had been below a goal.
        churned : Series of bool, shape (n,)
        weight : Series of float, shape (n,)
            How the looks at one renewal share its weight; each renewal counts as 1 in all.
        metrics : mapping of name to Metric
            Those with a healthy direction that are in the table are learned from.
        refits : int
            Refits from which the intervals are read.
        seed : int

        Raises
        ------
        TenureError
            If there is no metric to learn from.
        """
        return cls(**_learn(table, churned, weight, metrics, refits, seed))

    @property
    def weights_(self) -> dict[str, Any]:
        """Weights and goals of dimensions and metrics, as ``tenure weights --json`` tells them."""
        told = {
            m.name: {
                "dimension": m.dimension,
                "weight": m.weight,
                "low": m.low,
                "high": m.high,
                "goals": [asdict(goal) for goal in (*m.segments, m.portfolio)],
            }
            for m in self.metrics
        }
        dimensions = {
            d.name: {"weight": d.weight, "low": d.low, "high": d.high} for d in self.dimensions
        }
        return {"dimensions": dimensions, "metrics": told}

    @property
    def goals_(self) -> pd.DataFrame:
        """One row per metric and segment, and one for the portfolio: `Goal`, and churn rates."""
        rows = [
            {"metric": m.name, **asdict(goal)}
            for m in self.metrics
            for goal in (*m.segments, m.portfolio)
        ]
        told = pd.DataFrame(rows)
        for side in ("below", "above"):
            accounts = told[f"accounts_{side}"]
            told[f"churn_rate_{side}"] = told[f"churned_{side}"] / accounts.where(accounts > 0)
        return told

    def score(self, table: pd.DataFrame) -> pd.DataFrame:
        """Health of each row, and the share of the weight that is known of it.

        Returns
        -------
        DataFrame, indexed as `table`
            health (0-100, null where nothing is known) and coverage (0-1).
        """
        lost, seen = self._lost(table)
        coverage = self._coverage(seen)
        points = _points(lost, seen, self._weights)
        health = np.where(coverage > 0, np.maximum(100.0 - points.sum(axis=1), 0.0), np.nan)
        return pd.DataFrame({"health": health, "coverage": coverage}, index=table.index)

    def contributions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Points lost by each metric, shape (n, p): a row sums to 100 - health.

        A metric that is not known of an account loses none; where none is known, all are null.
        """
        lost, seen = self._lost(table)
        points = _points(lost, seen, self._weights)
        points[self._coverage(seen) == 0] = np.nan
        return pd.DataFrame(points, index=table.index, columns=[m.name for m in self.metrics])

    def risk(self, table: pd.DataFrame) -> Floats:
        """Probability of churn that the scorecard itself gives to a row that is due, shape (n,).

        Raises
        ------
        TenureError
            Where nothing was learned.
        """
        if self.learned == "nothing":
            raise TenureError(
                f"Nothing could be learned from {self.churned} churned of {self.accounts} "
                "accounts: this health score is the neutral recipe, which tells no risk.",
                f"Learn again once {CHURNS_FOR_DIMENSIONS} have churned; if they have, no metric "
                "runs the way it should: check what the columns mean.",
            )
        lost, seen = self._lost(table)
        red = np.array([m.log_odds for m in self.metrics])
        missing = np.array([m.log_odds_missing for m in self.metrics])
        log_odds = np.array(self.intercepts)[_codes(table, self.segments)]
        for each in self.background:
            log_odds = log_odds + each.log_odds * each.standard(table)
        return np.asarray(expit(log_odds + np.where(seen, red * lost, missing).sum(axis=1)))

    def to_json(self) -> str:
        """Everything that was learned, as text."""
        return json.dumps({"format": 1, **asdict(self)}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; it scores the same to the bit."""
        told = json.loads(text)
        told.pop("format")
        return cls(**{
            **told,
            "metrics": tuple(_read_metric(each) for each in told["metrics"]),
            "dimensions": tuple(DimensionWeight(**each) for each in told["dimensions"]),
            "segments": tuple(told["segments"]),
            "intercepts": tuple(told["intercepts"]),
            "background": tuple(Background(**each) for each in told["background"]),
        })  # fmt: skip

    @property
    def _weights(self) -> Floats:
        return np.array([m.weight for m in self.metrics])

    def _coverage(self, seen: NDArray[np.bool_]) -> Floats:
        weights = self._weights
        return np.asarray(np.where(seen, weights, 0.0).sum(axis=1) / weights.sum())

    def _lost(self, table: pd.DataFrame) -> tuple[Floats, NDArray[np.bool_]]:
        """Part of each ramp that is lost, 0 green to 1 red, and whether it is known; (n, p)."""
        names = [m.name for m in self.metrics]
        missing = [name for name in names if name not in table]
        if missing:
            raise TenureError(
                f"The health score needs {len(missing)} of its {len(names)} metrics that are not "
                f"in the table: {', '.join(missing[:5])}.",
                "Bring the tables they are made from, or learn anew on what there is.",
            )
        X = np.column_stack([_numbers(table, name) for name in names])
        code = _codes(table, self.segments)
        goals = [(*m.segments, m.portfolio) for m in self.metrics]
        red = np.array([[goal.red for goal in each] for each in goals]).T[code]
        green = np.array([[goal.green for goal in each] for each in goals]).T[code]
        seen = ~np.isnan(X)
        lost = 1.0 - np.clip((np.where(seen, X, green) - red) / (green - red), 0.0, 1.0)
        return lost, seen


def _points(lost: Floats, seen: NDArray[np.bool_], weights: Floats) -> Floats:
    """Points lost per metric, out of 100 for those that are known, shape (n, p)."""
    known = np.where(seen, weights, 0.0)
    total = known.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * known, total, out=np.zeros_like(known), where=total > 0)
    return np.asarray(share * lost)


def _read_metric(told: dict[str, Any]) -> MetricWeight:
    goals = tuple(Goal(**each) for each in told["segments"])
    return MetricWeight(**{**told, "portfolio": Goal(**told["portfolio"]), "segments": goals})


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, NaN where missing."""
    column = table[name]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = column[np.isnan(numbers) & column.notna().to_numpy()]
    if len(wrong):
        raise TenureError(
            f"Metric '{name}' must be numbers; {len(wrong)} of {len(column)} values are not: "
            f"{', '.join(repr(value) for value in wrong.unique()[:3])}.",
            "Give numbers, or leave the value empty where it is not known.",
        )
    return np.asarray(numbers, dtype=np.float64)


def _codes(table: pd.DataFrame, segments: Sequence[str]) -> Ints:
    """Position of each row's segment; past the end for any other, shape (n,)."""
    if "segment" not in table:
        return np.full(len(table), len(segments))
    position = {segment: number for number, segment in enumerate(segments)}
    codes = table["segment"].map(position).fillna(len(segments))
    return np.asarray(codes.to_numpy(dtype=np.intp))


# How a score is learned


@dataclass(frozen=True)
class _Scale:
    """From units to the common scale: higher is healthier, 0 the median, 1 half the spread.

    Each segment has its own, as a good day's use differs with an account's size; the last one is
    the portfolio's. Where many accounts share one value (none, all of them), that value means the
    same everywhere, and so does the scale. `sign` has shape (p,), `centre` and `spread`
    (p, segments + 1).
    """

    sign: Floats
    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, X: Floats, sign: Floats, code: Ints, segments: int) -> Self:
        pairs = []
        for x in (X * sign).T:
            apart = _most_common(x) < SHARED_VALUE
            groups = [x[code == s] if apart else x for s in range(segments)]
            pairs.append([_spread(group, x) for group in (*groups, x)])
        places = np.array(pairs)
        return cls(sign, places[:, :, 0], places[:, :, 1])

    def standard(self, X: Floats, code: Ints) -> Floats:
        """Values of shape (n, p) in units, on the common scale."""
        return np.asarray((X * self.sign - self.centre.T[code]) / self.spread.T[code])

    def unit(self, metric: int, segment: int, z: float) -> float:
        """A place on the common scale, in the metric's unit as the segment has it."""
        there = self.centre[metric, segment] + self.spread[metric, segment] * z
        return float(self.sign[metric] * there)


def _most_common(values: Floats) -> float:
    """Share of the known values that are one and the same."""
    known = values[~np.isnan(values)]
    return float(np.unique(known, return_counts=True)[1].max() / len(known))


def _spread(values: Floats, otherwise: Floats) -> tuple[float, float]:
    """Median and half the 16-84 % spread; the portfolio's where a segment shows none."""
    for x in (values, otherwise):
        x = x[~np.isnan(x)]
        if len(x) and x.min() < x.max():
            low, middle, high, least, most = np.quantile(x, [0.16, 0.5, 0.84, 0.02, 0.98])
            # where most accounts have one value, what is left tells the scale
            for spread in ((high - low) / 2, (most - least) / 4, x.std()):
                if spread > 1e-12 * max(abs(middle), 1e-300):
                    return float(middle), float(spread)
    return float(np.nanmedian(otherwise)), 1.0


@dataclass(frozen=True)
class _Data:
    """The rows that were due, as arrays, on units and on the common scale."""

    names: list[str]
    dimension: list[str]
    segments: tuple[str, ...]
    X: Floats
    z: Floats
    code: Ints
    scale: _Scale
    churned: NDArray[np.bool_]
    account: Ints
    last: NDArray[np.bool_]
    background: tuple[Background, ...]
    problem: Problem


def _learn(
    table: pd.DataFrame,
    churned: pd.Series,
    weight: pd.Series,
    metrics: Mapping[str, Metric],
    refits: int,
    seed: int,
) -> dict[str, Any]:
    """The fields of a `HealthScore`: the story in order."""
    is_due = table["due"].to_numpy(bool) if "due" in table else np.ones(len(table), dtype=bool)
    due = table[is_due]
    used, left_out = _usable(due, metrics)
    fates, shares = churned[is_due].to_numpy(bool), weight[is_due].to_numpy(np.float64)
    data = _data(due, fates, shares, used)
    left = len(np.unique(data.account[fates]))
    learned: Learned = (
        "nothing"
        if left < CHURNS_FOR_DIMENSIONS or fates.all()
        else "dimensions"
        if left < CHURNS_FOR_METRICS
        else "metrics"
    )
    problem = replace(data.problem, tied=learned != "metrics")
    found, draws = _ramps(problem, learned, data.account, refits, seed)
    goals, found = _goals(data, found, draws if learned == "metrics" else [])
    if learned != "nothing":
        found = ramp.fit_weights(problem, found)
    if not found.beta.any():
        # every metric runs against its healthy direction: there is nothing to stand on
        learned = "nothing"
        found, draws = _ramps(problem, learned, data.account, refits, seed)
        goals, found = _goals(data, found, draws)
    goals = _lead(goals, table, is_due, data, churned.to_numpy(bool))

    share = _shares(found)
    drawn = np.array([_shares(each) for each in draws]).reshape(-1, len(used))
    low, high = _interval(drawn, share)
    per_metric = tuple(
        MetricWeight(
            name=metric.name,
            dimension=metric.dimension,
            weight=float(share[j]),
            low=low[j],
            high=high[j],
            log_odds=float(found.beta[j]) if learned != "nothing" else 0.0,
            log_odds_missing=float(found.missing[j]),
            portfolio=goals[j][-1],
            segments=tuple(goals[j][:-1]),
        )
        for j, metric in enumerate(used)
    )
    apart = len(data.segments)
    intercepts = found.intercept[0] + np.append(found.linear[:apart], found.linear[apart])
    context = found.linear[apart + 1 :]
    return {
        "learned": learned,
        "accounts": len(np.unique(data.account)),
        "churned": left,
        "metrics": per_metric,
        "dimensions": _dimensions(data.dimension, share, drawn),
        "segments": data.segments,
        "left_out": left_out,
        "intercepts": tuple(intercepts.tolist()),
        "background": tuple(
            replace(each, log_odds=float(c))
            for each, c in zip(data.background, context, strict=True)
        ),
    }


def _shares(ramps: Ramps) -> Floats:
    """Weights that sum to 100; equal ones where a refit found none."""
    beta = ramps.beta if ramps.beta.any() else np.ones_like(ramps.beta)
    return np.asarray(100 * beta / beta.sum())


def _usable(
    due: pd.DataFrame, metrics: Mapping[str, Metric]
) -> tuple[list[Metric], dict[str, str]]:
    """The metrics of health that can be learned from, and why the others cannot."""
    used, left_out = [], {}
    for name, metric in metrics.items():
        if name not in due or metric.healthy is None or metric.dimension == CONTEXT:
            continue
        values = _numbers(due, name)
        seen = values[~np.isnan(values)]
        if len(seen) < VALUES_PER_METRIC:
            left_out[name] = f"known of {len(seen)} observations only"
        elif seen.min() == seen.max():
            left_out[name] = f"{seen[0]:g} everywhere"
        else:
            used.append(metric)
    if not used:
        raise TenureError(
            f"None of the metrics in the table can be learned from: {len(left_out)} have too few "
            f"values or one only, on {len(due)} observations that were due.",
            "Bring a longer history, more accounts or more tables.",
        )
    return used, left_out


def _data(
    due: pd.DataFrame, churned: NDArray[np.bool_], weight: Floats, used: list[Metric]
) -> _Data:
    names = [metric.name for metric in used]
    X = np.column_stack([_numbers(due, name) for name in names])
    segments = _segments(due)
    code, apart = _codes(due, segments), len(segments)
    sign = np.array([1.0 if metric.healthy == "high" else -1.0 for metric in used])
    scale = _Scale.of(X, sign, code, apart)
    z = scale.standard(X, code)
    background = tuple(_background(due, name, log) for name, log in BACKGROUND.items())
    member = (code[:, None] == np.arange(apart + 1)).astype(np.float64)
    linear = np.column_stack([member, *(each.standard(due) for each in background)])
    dimension = [metric.dimension for metric in used]
    account = pd.factorize(due["account_id"])[0].astype(np.intp)
    return _Data(
        names=names,
        dimension=dimension,
        segments=segments,
        X=X,
        z=z,
        code=code,
        scale=scale,
        churned=churned,
        account=account,
        last=_last(due, account),
        background=background,
        problem=Problem(
            cells=Cells.of(z, code),
            linear=linear,
            y=churned.astype(np.float64),
            weight=_per_renewal(due, weight),
            dimension=pd.factorize(pd.Series(dimension))[0].astype(np.intp),
            segments=apart + 1,
        ),
    )


def _segments(due: pd.DataFrame) -> tuple[str, ...]:
    """Segments that are large enough to be looked at, largest first."""
    if "segment" not in due:
        return ()
    accounts = due.groupby("segment", observed=True)["account_id"].nunique()
    large = accounts[accounts >= ACCOUNTS_PER_SEGMENT].sort_values(ascending=False, kind="stable")
    return tuple(map(str, large.index))


def _background(due: pd.DataFrame, name: str, logarithm: bool) -> Background:
    plain = Background(name, logarithm, 0.0, 1.0)
    if name not in due:
        return plain
    values = _numbers(due, name)
    known = plain.standard(due)[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    centre = float(known.mean()) if len(known) else 0.0
    differs = spread > 1e-9 * max(abs(centre), 1.0)
    return Background(name, logarithm, centre, spread if differs else 1.0)


def _per_renewal(due: pd.DataFrame, weight: Floats) -> Floats:
    """Weights that sum to 1 over the looks at one renewal."""
    keys = [name for name in ("account_id", "renewal_date") if name in due]
    weights = pd.Series(weight, index=due.index)
    total = weights.groupby([due[key] for key in keys], dropna=False).transform("sum")
    return np.asarray(weights / total.where(total > 0, 1.0), dtype=np.float64)


def _last(due: pd.DataFrame, account: Ints) -> NDArray[np.bool_]:
    """Whether a row is its account's last look."""
    if "as_of" not in due:
        return np.asarray(~pd.Series(account).duplicated(keep="last"))
    order = np.argsort(due["as_of"].to_numpy(), kind="stable")
    last = np.zeros(len(due), dtype=bool)
    last[order] = ~pd.Series(account[order]).duplicated(keep="last").to_numpy()
    return last


def _ramps(
    problem: Problem, learned: Learned, account: Ints, refits: int, seed: int
) -> tuple[Ramps, list[Ramps]]:
    """The most probable scorecard, and draws around it."""
    if learned == "nothing":
        equal = problem.loading().sum(axis=1)
        return replace(ramp.Assumed.before(problem).ramps, beta=equal), []
    free = learned == "metrics"
    before = ramp.Assumed.before(problem).ramps
    best = ramp.fit(problem) if free else ramp.fit_weights(problem, before)
    rng = np.random.default_rng(seed)
    return best, [ramp.refit(problem, best, account, rng, ramps=free) for _ in range(refits)]


def _goals(data: _Data, found: Ramps, draws: list[Ramps]) -> tuple[list[list[Goal]], Ramps]:
    """Goals per metric and segment, the portfolio's last; and the ramps that they leave standing.

    A segment without enough evidence gets the portfolio's ramp, at the same place in its own
    distribution.
    """
    portfolio = len(data.segments)
    whole = data.scale.standard(data.X, np.full(len(data.X), portfolio))
    views = [(name, s, data.z, data.code == s) for s, name in enumerate(data.segments)]
    views.append((PORTFOLIO, portfolio, whole, np.ones(len(whole), dtype=bool)))
    shift = np.zeros_like(found.shift)
    goals: list[list[Goal]] = [[] for _ in data.names]
    for name, s, z, rows in views:
        for j in range(len(data.names)):
            seen = z[rows, j]
            tell = partial(_goal, data, j, s, seen, rows, width=found.width[j])
            shared = np.array([each.middle[j] for each in draws])
            goal = tell(found.middle[j], shared)
            if s < portfolio:
                own = tell(
                    found.middle[j] + found.shift[j, s],
                    shared + np.array([each.shift[j, s] for each in draws]),
                )
                shift[j, s] = found.shift[j, s] if own.enough else 0.0
                goal = own if own.enough else replace(goal, enough=False)
            goals[j].append(replace(goal, segment=name))
    return goals, replace(found, shift=shift)


def _goal(
    data: _Data,
    metric: int,
    segment: int,
    z: Floats,
    rows: NDArray[np.bool_],
    middle: float,
    drawn: Floats,
    width: float,
) -> Goal:
    """One goal in units, with what stands behind it in these rows; z are their values."""
    last = data.last[rows]
    below, above, left = z[last] < middle, z[last] >= middle, data.churned[rows][last]
    low, high = _one_interval(drawn, middle)
    churned = int((below & left).sum()), int((above & left).sum())
    enough = min(churned) >= CHURNS_PER_SIDE and (
        low is not None
        and high is not None
        and _percentile(z, high) - _percentile(z, low) <= WIDEST_INTERVAL
    )
    goal, red, green = (
        data.scale.unit(metric, segment, at)
        for at in (middle, middle - width / 2, middle + width / 2)
    )
    ends = sorted(data.scale.unit(metric, segment, at) for at in (low, high) if at is not None)
    return Goal(
        segment="",
        goal=goal,
        red=red,
        green=green,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        accounts_below=int(below.sum()),
        churned_below=churned[0],
        accounts_above=int(above.sum()),
        churned_above=churned[1],
        enough=enough,
    )


def _percentile(z: Floats, place: float) -> float:
    """Mid-rank of a place among the values that are known, 0-100."""
    known = z[~np.isnan(z)]
    return 50 * float((known < place).mean() + (known <= place).mean()) if len(known) else np.nan


def _one_interval(drawn: Floats, point: float) -> tuple[float | None, float | None]:
    low, high = _interval(drawn[:, None], np.array([point]))
    return low[0], high[0]


def _interval(drawn: Floats, point: Floats) -> tuple[list[float | None], list[float | None]]:
    """90 % interval of each column of draws, around its point; None without draws."""
    if not len(drawn):
        return [None] * len(point), [None] * len(point)
    low, high = np.quantile(drawn, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=0)
    return np.minimum(low, point).tolist(), np.maximum(high, point).tolist()


def _dimensions(dimension: list[str], share: Floats, drawn: Floats) -> tuple[DimensionWeight, ...]:
    told = []
    for name in dict.fromkeys(dimension):
        mine = np.array([each == name for each in dimension])
        weight = share[mine].sum()
        low, high = _one_interval(drawn[:, mine].sum(axis=1), weight)
        told.append(DimensionWeight(name, float(weight), low, high))
    return tuple(told)


def _lead(
    goals: list[list[Goal]],
    table: pd.DataFrame,
    is_due: NDArray[np.bool_],
    data: _Data,
    churned: NDArray[np.bool_],
) -> list[list[Goal]]:
    """Since when those that churned from below a goal had been there, days before the renewal."""
    if "as_of" not in table or "renewal_date" not in table:
        return goals
    leavers = table.loc[churned & is_due, "account_id"].unique()
    rows = table[table["account_id"].isin(leavers)].sort_values(["account_id", "as_of"])
    ended = rows["account_id"].map(table[churned & is_due].groupby("account_id")["as_of"].max())
    rows = rows[rows["as_of"] <= ended]
    account = pd.factorize(rows["account_id"])[0]
    first_from_end = np.append(account[1:] != account[:-1], True)
    renewal = rows["renewal_date"].where(first_from_end).groupby(account).transform("last")
    days = (renewal - rows["as_of"]).dt.days.to_numpy(np.float64)
    code = _codes(rows, data.segments)[first_from_end]
    X = np.column_stack([_numbers(rows, name) for name in data.names]) * data.scale.sign
    told = [list(each) for each in goals]
    for s in range(len(data.segments) + 1):
        at = np.array([each[s].goal for each in goals]) * data.scale.sign
        below = pd.DataFrame(np.less(X, at))[::-1]
        still = below.astype(np.int8).groupby(account[::-1]).cummin()[::-1].to_numpy(bool)
        since = pd.DataFrame(np.where(still, days[:, None], np.nan)).groupby(account).max()
        mine = since[code == s] if s < len(data.segments) else since
        for j, lead in enumerate(mine.median().tolist()):
            told[j][s] = replace(told[j][s], lead_days=None if np.isnan(lead) else lead)
    return told

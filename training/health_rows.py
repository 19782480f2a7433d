"""The rows that a health score is learned from: renewals that were due, on a common scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError
from features.metric import CONTEXT, Metric
from training.cells import Cells, Floats, Ints
from training.ramp import Problem
from training.scorecard import BACKGROUND, Background, Grouping, numbers

ACCOUNTS_PER_SEGMENT = 50
"""Accounts below which a segment is looked at as part of the portfolio."""

VALUES_PER_METRIC = 50
"""Observed values below which a metric is left out."""

SHARED_VALUE = 0.3
"""Share of accounts with one and the same value from which a metric has one scale for all."""


@dataclass(frozen=True)
class Scale:
    """From units to the common scale: higher is healthier, 0 the median, 1 half the spread.

    Each segment has its own, as a good day's use differs with an account's size; the last one is
    the portfolio's. Where many accounts share one value (none, all of them), that value means the
    same everywhere, and so does the scale. `sign` has shape (p,), `centre` and `spread`
    (p, segments + 1); `whole` (p,) says of which metrics only whole numbers were seen.
    """

    sign: Floats
    centre: Floats
    spread: Floats
    whole: NDArray[np.bool_]

    @classmethod
    def of(cls, X: Floats, sign: Floats, code: Ints, segments: int) -> Self:
        """Read the scale off values of shape (n, p) with the number of their segment (n,)."""
        pairs, whole = [], []
        # a metric at a time: no second matrix is held
        for turn, values in zip(sign, X.T, strict=True):
            x = values * turn
            apart = _most_common(x) < SHARED_VALUE
            groups = [x[code == s] if apart else x for s in range(segments)]
            pairs.append([_spread(group, x) for group in (*groups, x)])
            whole.append((np.isnan(x) | (np.round(x) == x)).all())
        places = np.array(pairs)
        return cls(sign, places[:, :, 0], places[:, :, 1], np.array(whole))

    def standard(self, X: Floats, code: Ints) -> Floats:
        """Values of shape (n, p) in units, on the common scale."""
        z = np.empty_like(X)
        for j in range(X.shape[1]):
            z[:, j] = self.one(X[:, j], j, code)
        return z

    def one(self, values: Floats, metric: int, code: Ints | int) -> Floats:
        """Values of one metric (n,) in units, on the common scale."""
        centre, spread = self.centre[metric, code], self.spread[metric, code]
        return np.asarray((values * self.sign[metric] - centre) / spread)

    def unit(self, metric: int, segment: int, z: float) -> float:
        """A place on the common scale, in the metric's unit as the segment has it."""
        there = self.centre[metric, segment] + self.spread[metric, segment] * z
        return float(self.sign[metric] * there)

    def goal(self, metric: int, segment: int, z: float) -> float:
        """As `unit`, and of whole numbers the first on the healthy side: nobody has 4.2 users."""
        sign, there = self.sign[metric], self.unit(metric, segment, z)
        # values that differ in the last bits only are the same
        return float(sign * np.ceil(sign * there - 1e-9)) + 0.0 if self.whole[metric] else there


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
class Rows:
    """The rows that were due, as arrays, in units."""

    names: list[str]
    dimension: list[str]
    grouping: Grouping
    segments: tuple[str, ...]
    X: Floats
    code: Ints
    scale: Scale
    churned: NDArray[np.bool_]
    account: Ints
    last: NDArray[np.bool_]
    background: tuple[Background, ...]
    problem: Problem


def usable(
    table: pd.DataFrame, is_due: NDArray[np.bool_], metrics: Mapping[str, Metric]
) -> tuple[list[Metric], dict[str, str]]:
    """The metrics of health that can be learned from, and why the others cannot."""
    used, left_out = [], {}
    for name, metric in metrics.items():
        if name not in table or metric.healthy is None or metric.dimension == CONTEXT:
            continue
        values = numbers(table[[name]][is_due], name)
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
            f"values or one only, on {is_due.sum()} observations that were due.",
            "Bring a longer history, more accounts or more tables.",
        )
    return used, left_out


def rows_of(
    table: pd.DataFrame,
    is_due: NDArray[np.bool_],
    churned: NDArray[np.bool_],
    weight: Floats,
    used: list[Metric],
    grouping: Grouping,
) -> Rows:
    """Turn, scale and sort the rows that were due; `churned` and `weight` are theirs."""
    names = [metric.name for metric in used]
    # column by column: neither the rows nor the matrix are held twice
    X = np.empty((int(is_due.sum()), len(names)), order="F")
    for j, name in enumerate(names):
        X[:, j] = numbers(table[[name]][is_due], name)
    learned_from = [name for name in names if name not in (grouping.column, *BACKGROUND)]
    due = table.drop(columns=learned_from)[is_due]
    segments = _segments(due, grouping)
    code, apart = grouping.codes(due, segments), len(segments)
    sign = np.array([1.0 if metric.healthy == "high" else -1.0 for metric in used])
    scale = Scale.of(X, sign, code, apart)
    background = tuple(_background(due, name, log) for name, log in BACKGROUND.items())
    member = (code[:, None] == np.arange(apart + 1)).astype(np.float64)
    linear = np.column_stack([member, *(each.standard(due) for each in background)])
    dimension = [metric.dimension for metric in used]
    account = pd.factorize(due["account_id"])[0].astype(np.intp)
    return Rows(
        names=names,
        dimension=dimension,
        grouping=grouping,
        segments=segments,
        X=X,
        code=code,
        scale=scale,
        churned=churned,
        account=account,
        last=_last(due, account),
        background=background,
        problem=Problem(
            cells=Cells.of(scale.standard(X, code), code),
            linear=linear,
            y=churned.astype(np.float64),
            weight=per_renewal(due, weight),
            dimension=pd.factorize(pd.Series(dimension))[0].astype(np.intp),
            segments=apart + 1,
            expected=np.ones(len(used)),
            goals=np.full((len(used), apart + 1), np.nan),
        ),
    )


def _segments(due: pd.DataFrame, grouping: Grouping) -> tuple[str, ...]:
    """Segments that are large enough to be looked at, largest first."""
    if grouping.column not in due:
        return ()
    names = grouping.names_of(due[grouping.column])
    accounts = due.groupby(names, observed=True)["account_id"].nunique()
    large = accounts[accounts >= ACCOUNTS_PER_SEGMENT].sort_values(ascending=False, kind="stable")
    return tuple(map(str, large.index))


def _background(due: pd.DataFrame, name: str, logarithm: bool) -> Background:
    plain = Background(name, logarithm, 0.0, 1.0)
    if name not in due:
        return plain
    values = numbers(due, name)
    known = plain.standard(due)[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    centre = float(known.mean()) if len(known) else 0.0
    differs = spread > 1e-9 * max(abs(centre), 1.0)
    return Background(name, logarithm, centre, spread if differs else 1.0)


def per_renewal(due: pd.DataFrame, weight: Floats) -> Floats:
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

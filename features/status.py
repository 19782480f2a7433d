"""What is known of a value: known, zero, stale, absent, or not applicable.

Five words for what a feature table holds, worked out from the table itself and the declarations of
its metrics, so that whoever holds a row can tell: training, scoring, or a tool with features of its
own.

- **known**: there is a value, of the as_of or fresh enough.
- **zero**: there is a value, and it is 0. That nothing happened is known, not missing.
- **stale**: there is a value, but what it tells is older than its metric allows. It stays in the
  table: the last rating says more than none, and its age is a metric of its own, by which a model
  learns how far to trust it. But nobody should take it for today's, and coverage does not count it.
- **absent**: nothing was recorded that tells it, or not for as long as the metric looks back.
- **not applicable**: this account has nothing that the metric could tell (a customer without a CSM
  has no CSM's rating; a contract without an end has no renewal; where nobody was active, nobody
  took any minutes; whoever is new has no year before). No record is missing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import AtLeast, Below, Metric
from features.settings import MetricSettings

STATUSES = ("known", "zero", "stale", "absent", "not_applicable")
KNOWN, ZERO, STALE, ABSENT, NOT_APPLICABLE = range(len(STATUSES))

Column = NDArray[np.float64] | NDArray[np.object_]
"""Numbers, or categories; NaN or None where there is no value."""


def status(
    table: pd.DataFrame, metrics: Mapping[str, Metric], settings: MetricSettings
) -> pd.DataFrame:
    """Say of every value of a feature table what is known of it.

    Parameters
    ----------
    table : DataFrame of shape (n, any)
        A feature table; metrics that it lacks are absent of all accounts, or do not apply.
    metrics : mapping of str to Metric
        Those that are asked for.
    settings : MetricSettings
        When ratings and answers are stale.

    Returns
    -------
    DataFrame of shape (n, metrics)
        One of `STATUSES` for each, as categories, with the table's index.

    Examples
    --------
    >>> from features import catalog
    >>> table = pd.DataFrame({"csm_sentiment": [4.0, 4.0, None], "open_tickets": [0.0, 2.0, None],
    ...     "csm_sentiment_age_days": [3.0, 30.0, None], "touch_model": ["high", "high", "scale"]})
    >>> asked = {name: catalog.metrics()[name] for name in ("csm_sentiment", "open_tickets")}
    >>> status(table, asked, MetricSettings()).to_dict("list")["csm_sentiment"]
    ['known', 'stale', 'not_applicable']
    >>> status(table, asked, MetricSettings()).to_dict("list")["open_tickets"]
    ['zero', 'known', 'absent']
    """
    code = codes(columns_of(table), len(table), metrics, settings)
    told = {
        name: pd.Categorical.from_codes(code[:, place], STATUSES)
        for place, name in enumerate(metrics)
    }
    return pd.DataFrame(told, index=table.index)


def codes(
    columns: Mapping[str, Column],
    rows: int,
    metrics: Mapping[str, Metric],
    settings: MetricSettings,
) -> NDArray[np.int8]:
    """As `status`, for columns of n rows: places among `STATUSES`, of shape (n, metrics).

    Parameters
    ----------
    columns : mapping of str to Column
        Metrics of the accounts, by name; they need not be those that are asked for.
    rows : int
        Accounts.
    metrics, settings
        As for `status`.
    """
    deciding = {
        name
        for metric in metrics.values()
        for name in (metric.age, *(other for other, _ in metric.not_for))
    }
    names = [*metrics, *sorted(deciding & columns.keys() - metrics.keys())]
    matrix, levels = np.full((len(names), rows), np.nan), {}
    for own, name in zip(matrix, names, strict=True):
        column = columns.get(name)
        if column is None or column.dtype == np.float64:
            own[:] = np.nan if column is None else column
        else:
            code, levels[name] = pd.factorize(column)
            own[:] = np.where(code < 0, np.nan, code)
    return Rules.of(names, metrics, levels, settings).codes(matrix.T)[:, : len(metrics)]


class _Pairs(NamedTuple):
    """Columns, shape (m,), each with another one and the values of it that decide: low to high."""

    own: NDArray[np.intp]
    other: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, told: Sequence[tuple[int, int, tuple[float, float]]]) -> Self:
        """Lay out m pairs with their values."""
        own, other, bounds = zip(*told, strict=True) if told else ((), (), ())
        low, high = np.array(bounds, np.float64).reshape(-1, 2).T
        return cls(np.array(own, np.intp), np.array(other, np.intp), low, high)

    def decide(self, matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Where they do, of shape (n, m); never where the other is NaN."""
        other = matrix[:, self.other]
        decided: NDArray[np.bool_] = (other >= self.low) & (other <= self.high)
        return decided


class Rules(NamedTuple):
    """What decides on the values of a matrix.

    Parameters
    ----------
    category : ndarray of bool, shape (k,)
        Columns that hold places among a category's levels, where 0 is no zero.
    ages : pairs
        Columns, those with their ages in days, and the ages at which they are stale.
    exempt : pairs
        Columns that do not apply where they are missing and another one has such a value.
    """

    category: NDArray[np.bool_]
    ages: _Pairs
    exempt: _Pairs

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        metrics: Mapping[str, Metric],
        levels: Mapping[str, Sequence[str]],
        settings: MetricSettings,
    ) -> Self:
        """Lay out what the metrics say of themselves.

        Parameters
        ----------
        names : sequence of k str
            The matrix's columns.
        metrics : mapping of str to Metric
            Of those that are judged.
        levels : mapping of str to sequence of str
            Of the categories among the columns.
        settings : MetricSettings
        """
        place = {name: number for number, name in enumerate(names)}
        told = [(place[name], metric) for name, metric in metrics.items()]
        ages = [
            (
                own,
                place[metric.age],
                (math.nextafter(_stale_days(metric, settings), math.inf), math.inf),
            )
            for own, metric in told
            if metric.age in place
        ]
        exempt = [
            (own, place[other], _bounds(value, levels.get(other)))
            for own, metric in told
            for other, value in metric.not_for
            if other in place
        ]
        category = np.array([name in levels for name in names], np.bool_)
        return cls(category, _Pairs.of(ages), _Pairs.of(exempt))

    def codes(self, matrix: NDArray[np.float64]) -> NDArray[np.int8]:
        """Places among `STATUSES`, of the shape (n, k) of a matrix in which NaN is no value."""
        told = np.where((matrix == 0) & ~self.category, np.int8(ZERO), np.int8(KNOWN))
        code = np.where(np.isnan(matrix), np.int8(ABSENT), told)
        for pairs, of, becomes in (
            (self.ages, code != ABSENT, STALE),
            (self.exempt, code == ABSENT, NOT_APPLICABLE),
        ):
            row, pair = np.nonzero(pairs.decide(matrix) & of[:, pairs.own])
            code[row, pairs.own[pair]] = becomes
        return code


def _bounds(
    value: str | float | Below | AtLeast, levels: Sequence[str] | None
) -> tuple[float, float]:
    """Least and largest number of such a value, as a column holds it; NaN if it holds none."""
    if isinstance(value, str):
        place = {level: place for place, level in enumerate(() if levels is None else levels)}
        return (place.get(value, math.nan),) * 2
    if levels is not None:
        return math.nan, math.nan
    if isinstance(value, Below):
        return -math.inf, math.nextafter(value.limit, -math.inf)
    return (value.limit, math.inf) if isinstance(value, AtLeast) else (value, value)


def columns_of(table: pd.DataFrame) -> dict[str, Column]:
    """The columns of a table as `codes` reads them."""
    return {
        str(name): column.to_numpy(np.float64)
        if pd.api.types.is_numeric_dtype(column)
        else column.astype(object).to_numpy()
        for name, column in table.items()
    }


def _stale_days(metric: Metric, settings: MetricSettings) -> int:
    days = metric.stale_days
    return getattr(settings, days) if isinstance(days, str) else days

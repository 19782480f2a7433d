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
  has no CSM's rating; where nobody was active, nobody took any minutes). No record is missing.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import Metric
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
    code = np.full((rows, len(metrics)), ABSENT, np.int8)
    numbers = [n for n, name in enumerate(metrics) if _is_number(columns.get(name))]
    if numbers:
        names = list(metrics)
        value = np.column_stack([columns[names[n]] for n in numbers])
        told = np.where(value == 0, ZERO, KNOWN)
        code[:, numbers] = np.where(np.isnan(value), ABSENT, told)
    for place, metric in enumerate(metrics.values()):
        own, column = code[:, place], columns.get(metric.name)
        if column is not None and not _is_number(column):
            own[~pd.isna(column)] = KNOWN
        if metric.age in columns:
            own[(own != ABSENT) & (columns[metric.age] > _stale_days(metric, settings))] = STALE
        for other, exempt in metric.not_for:
            if other in columns:
                own[(own == ABSENT) & (columns[other] == exempt)] = NOT_APPLICABLE
    return code


def columns_of(table: pd.DataFrame) -> dict[str, Column]:
    """The columns of a table as `codes` reads them."""
    return {
        str(name): column.to_numpy(np.float64)
        if pd.api.types.is_numeric_dtype(column)
        else column.astype(object).to_numpy()
        for name, column in table.items()
    }


def _is_number(column: Column | None) -> bool:
    return column is not None and column.dtype == np.float64


def _stale_days(metric: Metric, settings: MetricSettings) -> int:
    days = metric.stale_days
    return getattr(settings, days) if isinstance(days, str) else days

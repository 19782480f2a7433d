"""Every metric there is, gathered from the dimensions."""

from collections.abc import Container

from features import (
    advocacy,
    breadth,
    commercial,
    context,
    depth,
    engagement,
    frequency,
    outcomes,
    sentiment,
    support,
)
from features.metric import Metric
from features.observations import Tables


def metrics() -> dict[str, Metric]:
    """All metrics by name: context first, then the dimensions in the order of `DIMENSIONS`.

    Examples
    --------
    >>> metrics()["active_days_28d"].healthy
    'high'
    """
    modules = (
        context,
        frequency,
        breadth,
        depth,
        sentiment,
        engagement,
        support,
        outcomes,
        advocacy,
        commercial,
    )
    return {metric.name: metric for module in modules for metric in module.METRICS}


def told(tables: Tables) -> frozenset[str]:
    """Names of all tables and columns that are there: "usage", "usage.user_id", ..."""
    columns = {f"{name}.{column}" for name, t in tables.items() for column in t.columns}
    return frozenset(tables) | columns


def available(metric: Metric, columns: Container[str]) -> bool:
    """Whether a source with these columns ("usage", "usage.user_id", ...) can tell the metric."""
    return all(any(one in columns for one in need.split("|")) for need in metric.needs)

"""Every metric there is, gathered from the dimensions."""

from collections.abc import Container

from features import breadth, context, depth, frequency, sentiment
from features.metric import Metric


def metrics() -> dict[str, Metric]:
    """All metrics by name: context first, then the dimensions in the order of `DIMENSIONS`.

    Examples
    --------
    >>> metrics()["active_days_28d"].healthy
    'high'
    """
    modules = (context, frequency, breadth, depth, sentiment)
    return {metric.name: metric for module in modules for metric in module.METRICS}


def available(metric: Metric, columns: Container[str]) -> bool:
    """Whether a source with these columns ("usage", "usage.user_id", ...) can tell the metric."""
    return all(any(one in columns for one in need.split("|")) for need in metric.needs)

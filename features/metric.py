"""What a metric is: its definition, unit, direction and words, in one place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import ibis.expr.types as ir

DIMENSIONS = (
    "frequency",
    "breadth",
    "depth",
    "sentiment",
    "engagement",
    "support",
    "outcomes",
    "advocacy",
    "commercial",
)
"""The families of metrics that make up a health score, in the order in which people read them."""

CONTEXT = "context"
"""What a model may know that says nothing about health: segment, days to renewal."""


@dataclass(frozen=True)
class Metric:
    """One feature with a meaning for Customer Success people.

    Parameters
    ----------
    name : str
        Column of the feature table; windows and units stand in it (``active_days_28d``).
    dimension : str
        One of `DIMENSIONS`, or `CONTEXT` for what is no matter of health.
    label : str
        Short name for people ("Active days").
    unit : str
        "days", "users", "share" (0-1), "ratio", "points", "count", ...
    healthy : {"high", "low", None}
        Which way is better for the customer relationship; None where neither is.
    formula : str
        The definition in words.
    sentence : str
        What it says of one account, with ``{value}`` in place of the number.
    needs : tuple of str
        Contract tables and columns without which the metric is absent: ``usage``,
        ``usage.duration_s``; ``usage.user_id|usage.active_users`` where either will do.
    value : callable
        From the dimension's table of base quantities to the metric's expression.
    kind : {"number", "category"}
        How a model reads it.
    """

    name: str
    dimension: str
    label: str
    unit: str
    healthy: Literal["high", "low"] | None
    formula: str
    sentence: str
    needs: tuple[str, ...]
    value: Callable[[ir.Table], ir.Value]
    kind: Literal["number", "category"] = "number"

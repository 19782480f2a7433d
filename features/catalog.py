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

_MODULES = (
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


def metrics() -> dict[str, Metric]:
    """All metrics by name: context first, then the dimensions in the order of `DIMENSIONS`.

    Examples
    --------
    >>> metrics()["active_days_28d"].healthy
    'high'
    """
    return {metric.name: metric for module in _MODULES for metric in module.METRICS}


def told(tables: Tables) -> frozenset[str]:
    """Names of all tables and columns that are there: "usage", "usage.user_id", ..."""
    columns = {f"{name}.{column}" for name, t in tables.items() for column in t.columns}
    return frozenset(tables) | columns


def available(metric: Metric, columns: Container[str]) -> bool:
    """Whether a source with these columns ("usage", "usage.user_id", ...) can tell the metric."""
    return all(any(one in columns for one in need.split("|")) for need in metric.needs)


def document() -> str:
    """The catalog as a page for people, in Markdown."""
    known = metrics().values()
    parts = [_INTRODUCTION]
    for dimension in dict.fromkeys(metric.dimension for metric in known):
        own = [metric for metric in known if metric.dimension == dimension]
        rows = "\n".join(
            f"| `{m.name}` | {m.label} | {m.unit} | {_BETTER[m.healthy]} | {m.formula} "
            f"| {', '.join(f'`{need}`' for need in m.needs).replace('|', '` or `')} "
            f"| {m.sentence.replace('{value}', '…')} |"
            for m in own
        )
        parts.append(
            f"## {dimension}\n\n{_meaning(dimension)}\n\n"
            "| name | for people | unit | healthy | definition | needs | said as |\n"
            f"|---|---|---|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


_BETTER = {"high": "high", "low": "low", None: ""}
_INTRODUCTION = """\
# Metrics

<!-- Generated: python -m features.catalog > docs/metrics.md -->

Every metric is computed for an account on a day, its as_of, from what happened *and* was known
before that day. Counts are 0 where nothing happened, and absent where the table is missing or does
not reach back over the whole window. The model may not let risk rise with a metric that is healthy
when high, nor fall with one that is healthy when low.
"""


def _meaning(dimension: str) -> str:
    """What a dimension means by its word: the text that opens its file, less the first line."""
    text = next(m for m in _MODULES if m.METRICS[0].dimension == dimension).__doc__ or ""
    return " ".join(text.strip().split("\n\n")[0].split())


if __name__ == "__main__":
    print(document(), end="")

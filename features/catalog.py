"""Every metric there is, gathered from the dimensions."""

from collections.abc import Container, Iterable

from features import (
    advocacy,
    breadth,
    commercial,
    context,
    depth,
    engagement,
    frequency,
    outcomes,
    own,
    peers,
    sentiment,
    support,
)
from features.errors import TenureError, did_you_mean
from features.metric import CONTEXT, DIMENSIONS, Metric
from features.observations import Tables
from features.settings import Settings

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
    peers,
)
_TAKEN = ("account_id", "as_of", "renewal_date", "due", "churned", "weight")
"""Columns of the training table that are no metrics."""


def metrics(settings: Settings | None = None) -> dict[str, Metric]:
    """All metrics by name: context first, then the dimensions in the order of `DIMENSIONS`.

    Parameters
    ----------
    settings : Settings, optional
        Where they name a file of own metrics, those stand beside the built-in ones.

    Raises
    ------
    TenureError
        Where that file is at fault, or a name in it is taken.

    Examples
    --------
    >>> metrics()["active_days_28d"].healthy
    'high'
    """
    built_in = [metric for module in _MODULES for metric in module.METRICS]
    mine = own.load(settings.metrics) if settings else None
    added = _distinct(mine, built_in) if mine else ()
    order = (CONTEXT, *DIMENSIONS)
    known = sorted((*built_in, *added), key=lambda metric: order.index(metric.dimension))
    return {metric.name: metric for metric in known}


def _distinct(mine: own.OwnMetrics, built_in: Iterable[Metric]) -> tuple[Metric, ...]:
    """Own metrics, unless one bears a name that is taken."""
    taken = {*_TAKEN, *(metric.name for metric in built_in)}
    for metric in mine.metrics:
        if metric.name in taken:
            raise TenureError(
                f"{mine.path}: the name {metric.name!r} is taken.",
                "Choose another; `tenure metrics` lists those that there are.",
            )
        taken.add(metric.name)
    for metric in mine.metrics:
        for other in (*([metric.age] if metric.age else ()), *(name for name, _ in metric.not_for)):
            if other not in taken or other in _TAKEN:
                raise TenureError(
                    f"{mine.path}: {metric.name} goes by {other!r}, which is no metric."
                    f"{did_you_mean(other, taken)}",
                    "age and not_for name metrics; `tenure metrics` lists those that there are.",
                )
    return mine.metrics


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
            f"| `{m.name}` | {m.label}<br>*{m.label_de}* | {m.unit} | {_BETTER[m.healthy]} "
            f"| {'yes' if m.actionable else ''} | {m.formula}{_limits(m)} "
            f"| {', '.join(f'`{need}`' for need in m.needs).replace('|', '` or `')} "
            f"| {m.said('…')}<br>*{m.said('…', 'de')}* |"
            for m in own
        )
        parts.append(
            f"## {dimension}\n\n{_meaning(dimension)}\n\n"
            "| name | for people | unit | healthy | actionable | definition | needs | said as |\n"
            f"|---|---|---|---|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def _limits(metric: Metric) -> str:
    """When a value is stale, and for whom there is none."""
    told = []
    if metric.age:
        days = metric.stale_days
        told.append(f"Stale when `{metric.age}` > {f'`{days}`' if isinstance(days, str) else days}")
    if metric.not_for:
        those = " or ".join(f"`{name}` is {value}" for name, value in metric.not_for)
        told.append(f"Where it is empty and {those}, not applicable")
    return "".join(f".<br>{each}" for each in told)


_BETTER = {"high": "high", "low": "low", None: ""}
_INTRODUCTION = """\
# Metrics

<!-- Generated: python -m features.catalog > docs/metrics.md -->

Every metric is computed for an account on a day, its as_of, from what happened *and* was known
before that day. There is one exception: a contract whose churn was decided on the day itself or
earlier (`decided_at <= as_of`) no longer counts. Counts are 0 where nothing happened, and absent
where the table is missing or does not reach back over the whole window; a table or column without a
row known by then is as good as missing. What is known of a value is one of five things
(`features/status.py`):

- *known*: there is a value, of that day or fresh enough.
- *zero*: there is a value, and it is 0. That nothing happened is known, not missing.
- *stale*: there is a value, but older than `csm_stale_days` or `survey_stale_days` of `[metrics]`
  allow. It stays in the table beside its age, and does not count as covered.
- *absent*: nothing was recorded that tells it.
- *not applicable*: the account has nothing that the metric could tell; no record is missing.

The model may not let risk rise with a metric that is healthy when high, nor fall with one that is
healthy when low. Actionable is what a Customer Success team can move within weeks by what it does
for the customer. Metrics of your own: see [own-metrics.md](own-metrics.md).
"""


def _meaning(dimension: str) -> str:
    """What a dimension means by its word: the text that opens its file, less the first line."""
    text = next(m for m in _MODULES if m.METRICS[0].dimension == dimension).__doc__ or ""
    return " ".join(text.strip().split("\n\n")[0].split())


if __name__ == "__main__":
    print(document(), end="")

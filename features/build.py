"""The feature table: what was known of every account at each as_of.

The one function that training and serving both call, so that they cannot disagree::

    contracts as known -> observations -> quantities per dimension -> metrics -> one row each
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from features import (
    advocacy,
    baseline,
    breadth,
    catalog,
    commercial,
    context,
    depth,
    engagement,
    frequency,
    outcomes,
    own,
    peers,
    people,
    sentiment,
    support,
    told,
    usage,
)
from features.errors import TenureError
from features.fates import outcomes as what_came_of
from features.masks import blocks
from features.metric import Metric
from features.observations import Tables, last_day, mature_as_ofs, observe
from features.settings import Settings
from features.source import Source
from features.windows import KEYS, attach

Progress = Callable[[int, int], None]
"""Called after each block of as_ofs with (as_ofs done, as_ofs in all)."""


def feature_table(
    source: Source,
    settings: Settings,
    as_ofs: Sequence[date],
    progress: Progress | None = None,
) -> pd.DataFrame:
    """One row per account in force at each as_of, with every metric that the source can tell.

    Parameters
    ----------
    source : Source
        A connected source (`features.source.connect`).
    settings : Settings
        ``observations`` says when a contract counts as followed on.
    as_ofs : sequence of date
        Days on which we look; nothing known on or after a day counts on it.
    progress : callable, optional
        Told of every block of as_ofs that is done.

    Returns
    -------
    DataFrame of shape (observations, 2 + metrics)
        account_id, as_of (datetime64), then the columns of `features.catalog.metrics`, numbers as
        float64, categories as text. Metrics whose tables or columns are missing are absent; a
        single unknown value is null.

    Raises
    ------
    TenureError
        Where no account is in force on any of the days.
    """

    def build() -> pd.DataFrame:
        return _build(source, settings, as_ofs, progress, lambda observed: observed.select(*KEYS))

    if source.kept is None:
        return build()
    wanted = (*as_ofs, settings.observations, settings.metrics.file)
    if wanted not in source.kept:
        source.kept[wanted] = build()
    return source.kept[wanted].copy()


def training_table(
    source: Source, settings: Settings, progress: Progress | None = None
) -> pd.DataFrame:
    """The feature table of all mature as_ofs, with what came of each observation.

    Parameters
    ----------
    source : Source
        A connected source.
    settings : Settings
        ``observations`` says who is observed when; see `features.observations`.
    progress : callable, optional
        Told of every block of as_ofs that is done.

    Returns
    -------
    DataFrame
        As `feature_table`, and: renewal_date (datetime64, empty while open-ended), due, churned
        (bool), churn_date, followed_days, outcome, arr_after (see `features.fates.outcomes`),
        weight (several looks at one renewal share 1 in the design ``renewal``). With [baseline] in
        tenure.toml also ``baseline_score``, the company's own, higher is riskier. By day, then
        account: what is learned from and what is judged later are then parts of it, not copies.

    Raises
    ------
    TenureError
        Where the history is too short, or nobody is in force.
    """
    o = settings.observations
    as_ofs = mature_as_ofs(source, settings)
    seen_until = last_day(source, settings)
    own_scores = settings.baseline and baseline.read(source, settings.baseline)

    def with_outcomes(observed: ir.Table) -> ir.Table:
        fates = what_came_of(source.tables, observed, o, as_ofs, seen_until)
        rows = fates.inner_join(observed.select(*KEYS, "renewal_date"), list(KEYS))
        return (
            attach(rows, baseline.beside(own_scores, observed)) if own_scores is not None else rows
        )

    table = _build(source, settings, as_ofs, progress, with_outcomes, KEYS[::-1])
    looks = table.groupby(["account_id", "renewal_date"], dropna=False).as_of.transform("size")
    table = table.assign(churn_date=pd.to_datetime(table.churn_date))
    return table.assign(weight=1.0 / looks if o.design == "renewal" else 1.0)


def _build(
    source: Source,
    settings: Settings,
    as_ofs: Sequence[date],
    progress: Progress | None,
    rows: Callable[[ir.Table], ir.Table],
    order: Sequence[str] = KEYS,
) -> pd.DataFrame:
    """Block by block of as_ofs, so that memory does not grow with the length of the history."""
    parts: list[pd.DataFrame] = []
    mine, keys = own.load(settings.metrics), settings.metrics.key_features or ()
    columns = catalog.told(source.tables)
    known = (*catalog.metrics().values(), *(mine.metrics if mine else ()))
    present = [metric for metric in known if catalog.available(metric, columns)]
    first_days = told.first_days(source.tables, present)
    done = 0
    for block in blocks(as_ofs):
        with _uncollected():
            observed = observe(source.tables, block, settings.observations.grace_days).cache()
            parts.append(_block(source.tables, block, observed, rows, mine, first_days, keys))
        done += len(block)
        if progress:
            progress(done, len(as_ofs))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if table.empty:
        when = f"{min(as_ofs)} to {max(as_ofs)}" if as_ofs else "any day"
        raise TenureError(
            f"No account has a contract in force and known at {when}.",
            "Contracts count from the day after they are known. If they all start on the day of "
            "the as_ofs, shift the grid: [observations] first in tenure.toml.",
        )
    return table.sort_values(list(order), ignore_index=True)


def _block(
    tables: Tables,
    as_ofs: Sequence[date],
    observed: ir.Table,
    rows: Callable[[ir.Table], ir.Table],
    mine: own.OwnMetrics | None,
    first_days: Mapping[str, date],
    key_features: tuple[str, ...],
) -> pd.DataFrame:
    """The rows of one block; ``first_days`` tells of each metric that there is (`told`)."""
    parts = []
    dimensions = _dimensions(tables, observed, as_ofs, key_features)
    if mine and any(m.name in first_days for m in mine.metrics):
        dimensions.append((mine.values(tables, observed, as_ofs), mine.columns))
    for quantities, metrics in dimensions:
        values = {m.name: _typed(m, quantities) for m in metrics if m.name in first_days}
        early = {name: day for name in values if (day := first_days[name]) >= min(as_ofs)}
        values |= {n: told.null_until(values[n], day, quantities.as_of) for n, day in early.items()}
        if values:
            parts.append(quantities.select(*KEYS, **values))
    table = attach(rows(observed), *parts).execute()
    return table.assign(as_of=pd.to_datetime(table.as_of))


def _dimensions(
    tables: Tables, observed: ir.Table, as_ofs: Sequence[date], key_features: tuple[str, ...]
) -> list[tuple[ir.Table, tuple[Metric, ...]]]:
    """The quantities of each dimension, and the metrics made of them."""
    parts: list[tuple[ir.Table, tuple[Metric, ...]]] = [
        (context.quantities(tables, observed), context.METRICS)
    ]
    counted = None
    if "usage" in tables:
        counted = usage.quantities(tables, observed, as_ofs, key_features).cache()
        parts += [(counted, frequency.METRICS), (counted, depth.METRICS)]
        parts.append((peers.quantities(tables, counted), peers.METRICS))
    small = (
        (people.quantities(tables, observed if counted is None else counted), breadth.METRICS),
        (sentiment.quantities(tables, observed), sentiment.METRICS),
        (engagement.quantities(tables, observed), engagement.METRICS),
        (support.quantities(tables, observed, counted), support.METRICS),
        (outcomes.quantities(tables, observed), outcomes.METRICS),
        (advocacy.quantities(tables, observed), advocacy.METRICS),
        (commercial.quantities(tables, observed, as_ofs), commercial.METRICS),
    )
    # one query each: over one of them all, its translation would take longer than its execution
    return parts + [(quantities.cache(), metrics) for quantities, metrics in small]


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection, which took a third of a block's time: trees of SQL are all in use."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _typed(metric: Metric, quantities: ir.Table) -> ir.Value:
    kind = "string" if metric.kind == "category" else "float64"
    return metric.value(quantities).cast(kind)

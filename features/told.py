"""Since when a source tells what a metric needs: an empty table is as good as none.

A table that was set up and never filled says no more than a table that is missing. So a metric is
null at every as_of by which one of the tables or columns that it needs had told nothing of anybody:
it is never 0 for want of rows. What is filled later changes nothing of the days before.
"""

from collections.abc import Iterable
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from features.contract import TABLES
from features.metric import Metric
from features.observations import Tables

NEVER = date.max


def first_days(tables: Tables, metrics: Iterable[Metric]) -> dict[str, date]:
    """The day on which all that a metric needs was first known, of some account or other.

    One row for each table, of days, is all that leaves the engine.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables.
    metrics : iterable of Metric
        Those that the tables' columns can tell (`features.catalog.available`).

    Returns
    -------
    dict of str to date
        By the metric's name; `NEVER` where one of its needs has no row.
    """
    needs = {metric.name: [need.split("|") for need in metric.needs] for metric in metrics}
    asked = {one for each in needs.values() for any_of in each for one in any_of}
    known = _first_known(tables, asked)
    return {
        name: max((min(known[one] for one in any_of) for any_of in each), default=date.min)
        for name, each in needs.items()
    }


def null_until(value: ir.Value, day: date, as_of: ir.DateValue) -> ir.Value:
    """The value at as_ofs that come after a day; null before."""
    if day == NEVER:
        return ibis.null(value.type())
    return ibis.ifelse(as_of > ibis.date(day), value, ibis.null(value.type()))


def _first_known(tables: Tables, needs: Iterable[str]) -> dict[str, date]:
    """For tables and columns ("usage", "usage.user_id"), the day of the first row that tells."""
    by_table: dict[str, list[str]] = {}
    for need in sorted(needs):
        by_table.setdefault(need.partition(".")[0], []).append(need)
    return {
        need: day
        for name, asked in by_table.items()
        for need, day in _in_table(tables.get(name), name, asked).items()
    }


def _in_table(table: ir.Table | None, name: str, needs: list[str]) -> dict[str, date]:
    if TABLES[name].required:
        return dict.fromkeys(needs, date.min)
    if table is None:
        return dict.fromkeys(needs, NEVER)
    firsts = {f"need_{n}": _first(table, name, need) for n, need in enumerate(needs)}
    (row,) = table.aggregate(**firsts).to_pyarrow().to_pylist()
    return {need: _day(row[f"need_{n}"]) for n, need in enumerate(needs)}


def _first(table: ir.Table, name: str, need: str) -> ir.Value:
    column = need.partition(".")[2]
    # what is told of a row later, such as its solution, may be empty of all rows for good reason
    if not column or TABLES[name].since(column):
        return _counts_from(table, name).min()
    if column not in table.columns:
        return ibis.null("timestamp")
    return _counts_from(table, name).min(where=table[column].notnull())


def _counts_from(table: ir.Table, name: str) -> ir.Value:
    """The moment by which a row was known and had happened: one dated ahead tells nothing yet."""
    times = [table[c].cast("timestamp") for c in TABLES[name].times if c in table.columns]
    return ibis.greatest(table.known_at, ibis.coalesce(*times, table.known_at))


def _day(moment: datetime | None) -> date:
    return NEVER if moment is None else moment.date()

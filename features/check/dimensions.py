"""What there is to tell each dimension: its tables, how fresh, how complete, over what span."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import ibis

from features import catalog
from features.check.probe import count_rows, one_row
from features.contract import DIMENSION_TABLES, SIGNALS, TABLES
from features.known import first_of
from features.metric import DIMENSIONS, Metric
from features.settings import Settings
from features.source import ALWAYS_KNOWN, Source

_LEANED_ON = ("accounts", "contracts")
"""Tables that metrics of many dimensions read, and that are told of only where they are its own."""

Facts = dict[str, Any]


def dimensions(
    source: Source, settings: Settings, rows: Mapping[str, int], today: date
) -> dict[str, Facts]:
    """What there is for each dimension.

    Parameters
    ----------
    source : Source
    settings : Settings
        Own metrics count too.
    rows : mapping of str to int
        Rows of each table that could be read.
    today : date
        Rows of later days are no news yet.

    Returns
    -------
    dict of str to dict
        All of `DIMENSIONS`, each with ``metrics`` (how many can be told) and ``of`` (how many there
        are); ``tables``, each with ``table``, ``rows``, ``first_day``, ``last_day``,
        ``days_behind`` (the last day of any table of signals), ``accounts`` (with any row),
        ``share_of_accounts`` and ``filled`` (share of rows, by column that a metric needs
        and that comes with its row); and
        ``missing``, each with ``needs`` (tables or columns that are not there, or empty) and the
        ``metrics`` that they would add.
    """
    metrics = [m for m in catalog.metrics(settings).values() if m.dimension in DIMENSIONS]
    usable = [name for name, count in rows.items() if count and source.has_required(name)]
    tables = {
        name: {"table": name, "rows": rows[name], **_facts(source, name, metrics, today)}
        for name in usable
        if _needed(metrics, name)
    }
    days = [t["last_day"] for name, t in tables.items() if name in SIGNALS and t["last_day"]]
    for told in tables.values():
        last = told["last_day"]
        told["days_behind"] = max((max(days) - last).days, 0) if days and last else None
    there = _there(source, tables)
    return {
        dimension: _of_dimension([m for m in metrics if m.dimension == dimension], tables, there)
        for dimension in DIMENSIONS
    }


def _of_dimension(
    metrics: Sequence[Metric], tables: Mapping[str, Facts], there: Container[str]
) -> Facts:
    missing: dict[tuple[str, ...], list[str]] = {}
    for metric in metrics:
        unmet = tuple(n for n in metric.needs if not any(one in there for one in n.split("|")))
        if unmet:
            missing.setdefault(unmet, []).append(metric.name)
    told_by = [
        name
        for name in TABLES
        if name in tables
        and _needed(metrics, name)
        and (name not in _LEANED_ON or name in DIMENSION_TABLES[metrics[0].dimension])
    ]
    return {
        "metrics": len(metrics) - sum(map(len, missing.values())),
        "of": len(metrics),
        "tables": [_of_table(tables[name], metrics) for name in told_by],
        "missing": [{"needs": list(needs), "metrics": add} for needs, add in missing.items()],
    }


def _of_table(told: Facts, metrics: Iterable[Metric]) -> Facts:
    """A table's facts, without the columns that only other dimensions read."""
    read = _needed(metrics, told["table"])
    return told | {
        "filled": {name: share for name, share in told["filled"].items() if name in read}
    }


def _needed(metrics: Iterable[Metric], table: str) -> set[str]:
    """Columns of a table that metrics need; "" stands for the table as such."""
    needs = (one for metric in metrics for need in metric.needs for one in need.split("|"))
    return {one.partition(".")[2] for one in needs if one.partition(".")[0] == table}


def _there(source: Source, tables: Mapping[str, Facts]) -> Container[str]:
    """Tables and columns that tell something; what is told of a row later may still be to come."""
    columns = {
        f"{name}.{column}"
        for name, told in tables.items()
        for column in source.tables[name].columns
        if told["filled"].get(column, 1)
    }
    return columns | tables.keys()


def _facts(source: Source, name: str, metrics: Iterable[Metric], today: date) -> Facts:
    """What one table holds, found in one pass, and of how many accounts."""
    table = source.tables[name]
    needed = sorted(_needed(metrics, name) & set(table.columns))
    columns = [column for column in needed if not TABLES[name].since(column)]
    happened = first_of(table, *TABLES[name].times, "known_at").cast("timestamp")
    # rows without any time were always there; no day is told of them
    happened = happened.nullif(ibis.timestamp(ALWAYS_KNOWN))
    seen = happened < ibis.date(today + timedelta(days=1)).cast("timestamp")
    row = one_row(
        table.aggregate(
            rows=table.count(),
            first=happened.min(where=seen).date(),
            last=happened.max(where=seen).date(),
            **{f"filled_{column}": table[column].count() for column in columns},
        )
    )
    return {
        "first_day": row["first"],
        "last_day": row["last"],
        **_accounts(source, name),
        "filled": {column: row[f"filled_{column}"] / row["rows"] for column in columns},
    }


def _accounts(source: Source, name: str) -> Facts:
    """How many of the accounts have a row; one without an account is of all (an incident)."""
    if not source.has_required("accounts"):
        return {"accounts": None, "share_of_accounts": None}
    known = source.tables["accounts"].select(known="account_id").distinct()
    whole = count_rows(known)
    table, of_all = source.tables[name], not TABLES[name].column("account_id").required
    if of_all and "account_id" not in table.columns:
        return {"accounts": whole, "share_of_accounts": 1.0}
    ids = table.select("account_id").distinct()
    found = ids.left_join(known, ids.account_id == known.known)
    row = one_row(found.aggregate(own=found.known.count(), shared=found.account_id.isnull().sum()))
    own = whole if of_all and row["shared"] else row["own"]
    return {"accounts": own, "share_of_accounts": own / whole if whole else None}

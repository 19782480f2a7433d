"""What a source can teach: accounts, outcomes, span, dimensions, and whether it is enough."""

from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from features import observations
from features.check.dimensions import dimensions
from features.check.probe import count_rows, one_row
from features.check.tables import lacks_offset
from features.contract import DIMENSION_TABLES, TABLES
from features.errors import TenureError
from features.fates import contract_fates
from features.settings import Settings
from features.source import Source

ENOUGH_CHURNED = 30
"""Churned contract terms below which nothing is trained; as many must have stayed."""

ENOUGH_FOR_GOALS = 200
"""Churned contract terms below which goals of single metrics are guesses."""


def fates(source: Source, settings: Settings, today: date) -> ir.Table | None:
    """Contract terms whose outcome has been seen: the grace period after their end is over.

    Returns
    -------
    Table or None
        As `features.fates.contract_fates` gives them; None where the source does not allow
        to follow contracts.
    """
    if not source.has_required("contracts"):
        return None
    try:
        last = _last_day(source, settings, today)
    except TenureError:
        return None
    grace = settings.observations.grace_days
    terms = contract_fates(source.tables, grace)
    return terms.filter(terms.end_date <= ibis.date(last - timedelta(days=grace)))


def summarise(
    source: Source,
    settings: Settings,
    fates: ir.Table | None,
    rows: dict[str, int],
    today: date,
) -> dict[str, Any]:
    """Say what can be learned: the summary of a `features.check.report.Report`.

    Parameters
    ----------
    source : Source
    settings : Settings
    fates : Table or None
        From `fates`.
    rows : dict of str to int
        Rows of each table that could be read.
    today : date
    """
    filled = [name for name, count in rows.items() if count]
    told = dimensions(source, settings, rows, today)
    available = {name: facts for name, facts in told.items() if facts["metrics"]}
    followed = _NOT_FOLLOWED if fates is None else _followed(source, settings, fates, today)
    return {
        "accounts": rows.get("accounts"),
        **followed,
        **_enough(followed),
        "dimensions": available,
        "missing_dimensions": {
            name: list(DIMENSION_TABLES[name]) for name in told if name not in available
        },
        "rows": rows,
        "naive_times": [each for name in filled for each in _naive_times(name, source.found[name])],
        "unused_columns": [
            f"{name}.{column}"
            for name, table in source.found.items()
            for column in table.columns
            if column not in TABLES[name].column_names
        ],
        "unused_tables": list(source.foreign),
    }


_NOT_FOLLOWED: dict[str, Any] = dict.fromkeys(
    ("renewals", "churned", "churn_rate", "running", "first_day", "last_day")
)


def _followed(source: Source, settings: Settings, fates: ir.Table, today: date) -> dict[str, Any]:
    row = one_row(fates.aggregate(renewals=fates.count(), churned=fates.churned.sum()))
    renewals, churned = row["renewals"], row["churned"] or 0
    last = _last_day(source, settings, today)
    return {
        "renewals": renewals,
        "churned": churned,
        "churn_rate": churned / renewals if renewals else None,
        "running": count_rows(_running(source, last)),
        "first_day": observations.first_day(source),
        "last_day": last,
    }


def _last_day(source: Source, settings: Settings, today: date) -> date:
    return min(today, observations.last_day(source, settings))


def _running(source: Source, day: date) -> ir.Table:
    """Contracts in force on a day."""
    last = observations.final(source.tables["contracts"])
    return last.filter(observations.in_force(last, ibis.date(day)))


def _enough(followed: dict[str, Any]) -> dict[str, Any]:
    """Whether that is enough to train, and what the rule is."""
    churned, renewals = followed["churned"], followed["renewals"]
    if renewals is None:
        return {"enough": False, "verdict": "Nothing can be learned before the errors are mended."}
    stayed = renewals - churned + followed["running"]
    if min(churned, stayed) < ENOUGH_CHURNED:
        return {
            "enough": False,
            "verdict": f"Not enough to train: {churned:,} contract terms churned and {stayed:,} "
            f"were renewed or still run, where about {ENOUGH_CHURNED} of each are needed.",
        }
    goals = (
        f"and for goals of single metrics ({ENOUGH_FOR_GOALS})"
        if churned >= ENOUGH_FOR_GOALS
        else f"not for goals of single metrics ({ENOUGH_FOR_GOALS})"
    )
    return {
        "enough": True,
        "verdict": f"Enough churned terms to train (about {ENOUGH_CHURNED} are needed), {goals}.",
    }


def _naive_times(name: str, found: ir.Table) -> list[str]:
    """Columns with a time of day that say nothing of a time zone."""
    columns = {
        column.name: _is_naive(found[column.name])
        for column in TABLES[name].columns
        if column.type == "time" and column.name in found.columns
    }
    told = {key: each.any() for key, each in columns.items() if each is not None}
    row = one_row(found.aggregate(**told)) if told else {}
    return [f"{name}.{key}" for key, is_naive in row.items() if is_naive]


def _is_naive(found: ir.Value) -> ir.BooleanValue | None:
    kind = found.type()
    if kind.is_string():
        return lacks_offset(found)
    if kind.is_timestamp() and kind.timezone is None:
        return found != found.truncate("D")
    return None

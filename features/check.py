"""Looks at a source once and reports every fault at once, then what can be learned from it.

A check of rows is a `Probe`: a condition that no row should meet. All probes of a table are counted
in one pass on the engine; only counts and three examples ever leave it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from features import contract, observations
from features.contract import DIMENSION_TABLES, SIGNALS, TABLES, Column
from features.errors import TenureError, did_you_mean
from features.report import Fault, Report, Severity, counted, share
from features.settings import OwnCheck, Settings
from features.source import (
    ENGINE_ERRORS,
    ISO_TIME,
    OFFSET,
    Source,
    acceptable,
    conform_column,
    words,
)

ENOUGH_CHURNED = 30
"""Churned renewals below which nothing is trained."""

ENOUGH_FOR_GOALS = 200
"""Churned renewals below which goals of single metrics are guesses (METHOD, health score)."""

DOUBTFUL_USAGE = 0.01
"""Share of usage outside every contract from which it is worth a word."""

FAR_FUTURE = date(2100, 1, 1)

ORDERS = {
    "users": (("created_at", "deactivated_at"),),
    "surveys": (("sent_at", "responded_at"),),
    "tickets": (("opened_at", "first_response_at"), ("opened_at", "resolved_at")),
    "incidents": (("started_at", "ended_at"),),
}
"""Pairs of times of which the second cannot come first."""

SURVEY_SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}


@dataclass(frozen=True)
class Probe:
    """A condition that no row of a table should meet.

    Parameters
    ----------
    column : str
        Where the fault is said to be.
    bad : ibis boolean
        True for the rows concerned.
    says : str
        What is wrong, after "3 of 200 rows".
    fix : str
    shown : ibis value
        What stands for such a row among the examples.
    severity : {"error", "warning"}
    error_above : float
        Share of rows above which a warning becomes an error.
    """

    column: str
    bad: ir.BooleanValue
    says: str
    fix: str
    shown: ir.Value
    severity: Severity = "error"
    error_above: float = 1.0


def check(source: Source, settings: Settings, today: date) -> Report:
    """Compare a source with the contract.

    Parameters
    ----------
    source : Source
    settings : Settings
    today : date
        Events after it lie in the future.

    Returns
    -------
    Report
        Every fault, and what can be learned from what is there.
    """
    faults = [*_missing_tables(source), *_unreadable(source)]
    rows: dict[str, int] = {}
    for name in source.tables:
        try:
            faults += _check_table(source, name, today, rows)
        except ENGINE_ERRORS as error:
            faults.append(_cannot_read(name, words(error)))
    sound = _sound(source, faults)
    if "contracts" in sound:
        faults += _check_contracts(source, settings)
        faults += _check_usage_in_contract(source)
    faults += _own_checks(source, settings.checks)
    summary = _summary(source, settings, today, rows, "contracts" in sound)
    if summary["renewals"] is not None and not summary["enough"]:
        faults.append(_too_few(summary))
    return Report(
        errors=tuple(fault for fault in faults if fault.severity == "error"),
        warnings=tuple(fault for fault in faults if fault.severity == "warning"),
        summary=summary,
    )


# -- what is there -------------------------------------------------------------------------------


def _missing_tables(source: Source) -> list[Fault]:
    there = source.tables.keys() | source.unreadable.keys()
    faults = [
        _fault(
            name,
            f"There is no table {name}.{_similar_table(name, source)}",
            f"Add it ({_required(name)}), or map your own table in tenure.toml: [tables.{name}].",
        )
        for name, table in TABLES.items()
        if table.required and name not in there
    ]
    if not there & set(SIGNALS):
        faults.append(
            _fault(
                "usage",
                "There is no table of signals: nothing says how an account does.",
                f"Add at least one of {', '.join(SIGNALS)}.",
            )
        )
    return faults


def _similar_table(name: str, source: Source) -> str:
    return did_you_mean(name, source.foreign).replace("Did you mean", "Is it")


def _required(name: str) -> str:
    return ", ".join(column.name for column in TABLES[name].columns if column.required)


def _unreadable(source: Source) -> list[Fault]:
    return [_cannot_read(name, why) for name, why in source.unreadable.items()]


def _cannot_read(name: str, why: str) -> Fault:
    return _fault(
        name,
        f"{name} cannot be read: {why}.",
        "Write it anew: CSV with commas in UTF-8, Parquet, or a table of a DuckDB file; "
        f"or correct [tables.{name}] in tenure.toml.",
    )


def _sound(source: Source, faults: Iterable[Fault]) -> set[str]:
    """Tables with every required column, so that questions across tables can be asked."""
    broken = {fault.table for fault in faults if fault.severity == "error"}
    del broken
    return {
        name
        for name, table in source.tables.items()
        if all(column.name in table.columns for column in TABLES[name].columns if column.required)
    }

"""Looks at a source once and reports every fault at once, then what can be learned from it."""

from datetime import date
from typing import Any

from features import baseline
from features.check import learnable
from features.check.contracts import check_contracts
from features.check.probe import count_rows, table_fault
from features.check.report import Fault, Report, share
from features.check.tables import check_table
from features.contract import SIGNALS, TABLES
from features.engines import engine_errors, query, words
from features.errors import TenureError, did_you_mean
from features.settings import OwnCheck, Settings
from features.source import Source

CONTRACT_ERROR = ("error", "contracts")
"""Where these are in the dates, following contracts through time would only raise false alarms."""


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
    faults = _missing_tables(source)
    faults += [_cannot_read(source, name, why) for name, why in source.unreadable.items()]
    rows: dict[str, int] = {}
    for name in source.tables:
        try:
            rows[name] = count_rows(source.tables[name])
            faults += check_table(source, name, rows[name], today)
        except engine_errors() as error:
            rows.pop(name, None)
            faults.append(_cannot_read(source, name, words(error)))
    broken = {fault.column for fault in faults if (fault.severity, fault.table) == CONTRACT_ERROR}
    can_follow = rows.get("contracts") and not broken & {"start_date", "end_date"}
    fates = learnable.fates(source, settings, today) if can_follow else None
    if fates is not None:
        faults += check_contracts(source, settings, fates, today)
    faults += [
        fault
        for number, own in enumerate(settings.checks, 1)
        for fault in _own(source, number, own)
    ]
    faults += _baseline(source, settings)
    summary = learnable.summarise(source, settings, fates, rows, today)
    sound = all(fault.severity == "warning" for fault in faults)
    if sound and fates is not None and not summary["enough"]:
        faults.append(_too_few(summary))
    return Report(
        errors=tuple(fault for fault in faults if fault.severity == "error"),
        warnings=tuple(fault for fault in faults if fault.severity == "warning"),
        summary=summary,
    )


def _missing_tables(source: Source) -> list[Fault]:
    there = source.tables.keys() | source.unreadable.keys()
    faults = [
        table_fault(
            name,
            f"there is no table {name}.{did_you_mean(name, source.foreign)}",
            f"Add it, with {_required(name)}; or map yours under [tables.{name}] of tenure.toml.",
        )
        for name, table in TABLES.items()
        if table.required and name not in there
    ]
    if not there & set(SIGNALS):
        faults.append(
            table_fault(
                "usage",
                "there is no table of signals: nothing tells how an account does.",
                f"Add at least one of {', '.join(SIGNALS)}.",
            )
        )
    return faults


def _required(name: str) -> str:
    return ", ".join(column.name for column in TABLES[name].columns if column.required)


def _cannot_read(source: Source, name: str, why: str) -> Fault:
    remedy = (
        "Let the user of this address read it"
        if "://" in source.url
        else "Write it anew as Parquet, as CSV (commas, UTF-8), or as a table of a DuckDB file"
    )
    return table_fault(
        name,
        f"{name} cannot be read: {why}.",
        f"{remedy}; where tenure.toml maps it, look at [tables.{name}].",
    )


def _own(source: Source, number: int, own: OwnCheck) -> list[Fault]:
    """Run one of a company's own checks."""
    try:
        offending = query(source.con, f"own_check_{number}", own.sql)
        count = count_rows(offending)
        whole = source.con.table(own.of) if own.of else source.tables.get(own.table)
        rows = max(count, count_rows(whole)) if whole is not None else count
        shown = offending.limit(3).to_pyarrow().to_pylist() if count else []
    except engine_errors() as error:
        said = f"check number {number} of tenure.toml cannot be run: {words(error)}."
        return [table_fault(own.table, said, "Correct its sql, or the table named under of.")]
    if not count:
        return []
    examples = tuple(" ".join(str(value) for value in row.values()) for row in shown)
    where = f" in {own.of}" if own.of else ""
    message = f"{own.table}: {share(count, rows)}{where} {own.message.rstrip('.')}."
    return [Fault(own.severity, own.table, "", count, rows, examples, message, own.fix)]


def _baseline(source: Source, settings: Settings) -> list[Fault]:
    """Whether the score in use today can be read, if tenure.toml names one."""
    if settings.baseline is None:
        return []
    try:
        baseline.read(source, settings.baseline)
    except TenureError as error:
        return [table_fault(settings.baseline.table, error.message, error.fix)]
    return []


def _too_few(summary: dict[str, Any]) -> Fault:
    return Fault(
        severity="warning",
        table="contracts",
        column="",
        count=summary["churned"],
        rows=summary["renewals"],
        examples=(),
        message=summary["verdict"],
        fix="Give a longer history or more accounts; look whether ended contracts are in the data.",
    )

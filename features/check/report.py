"""What a check found: faults and what can be learned, as text for people and JSON for tools."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in one place.

    Parameters
    ----------
    severity : {"error", "warning"}
        Errors stop training; warnings say what will be missing or doubtful.
    table, column : str
        Where; ``column`` is empty where the whole table is meant.
    count : int
        Rows concerned.
    rows : int
        Rows looked at.
    examples : tuple of str
        Up to three of the values or rows concerned.
    message : str
        What is wrong, with table, column and counts in it.
    fix : str
        What to do about it.
    """

    severity: Severity
    table: str
    column: str
    count: int
    rows: int
    examples: tuple[str, ...]
    message: str
    fix: str

    def to_text(self) -> str:
        """The fault in two lines."""
        shown = f" For instance: {', '.join(self.examples)}." if self.examples else ""
        return f"{self.severity}: {self.message}{shown}\n  {self.fix}"


@dataclass(frozen=True)
class Report:
    """Everything that a check found in one source.

    Parameters
    ----------
    errors, warnings : tuple of Fault
    summary : dict
        What can be learned: ``accounts``, ``renewals`` (contract terms whose outcome is known or
        can be derived), ``churned``, ``churn_rate``, ``running`` (contracts in force on the last
        day), ``first_day``, ``last_day``, ``dimensions`` (see `features.check.dimensions`),
        ``missing_dimensions`` (with the tables each needs), ``enough``, ``verdict``, ``rows`` (per
        table), ``naive_times``, ``unused_columns``, ``unused_tables``.
    """

    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    summary: dict[str, Any]

    def to_json(self) -> str:
        """The report as one JSON document."""
        return json.dumps(asdict(self), indent=2, default=str)

    def to_text(self) -> str:
        """The report for people: faults first, then what can be learned."""
        faults = [fault.to_text() for fault in (*self.errors, *self.warnings)]
        counts = f"{counted(len(self.errors), 'error')}, {counted(len(self.warnings), 'warning')}."
        return "\n\n".join([*faults, "\n".join([counts, *_learned(self.summary)])])


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(12345, "row")
    ('1 row', '12,345 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def share(count: int, rows: int) -> str:
    """A count among all, with its share.

    Examples
    --------
    >>> share(4, 200), share(1, 3_000_000), share(1999, 2000)
    ('4 of 200 rows (2 %)', '1 of 3,000,000 rows (< 1 %)', '1,999 of 2,000 rows (> 99 %)')
    """
    among = f"{count:,} of {counted(rows, 'row')}"
    if count == rows:
        return among
    percent = 100 * count / rows
    if percent < 1:
        return f"{among} (< 1 %)"
    return f"{among} (> 99 %)" if percent > 99 else f"{among} ({percent:.0f} %)"


def _learned(summary: dict[str, Any]) -> list[str]:
    lines = ["", "What can be learned"]
    rows = ", ".join(f"{name} {count:,}" for name, count in summary["rows"].items())
    lines.append(f"  tables       {rows or 'none'}")
    if summary["renewals"] is not None:
        lines += [
            f"  accounts     {summary['accounts']:,}",
            f"  span         {summary['first_day']} to {summary['last_day']}",
            f"  renewals     {summary['renewals']:,} contract terms with an outcome, of which "
            f"{summary['churned']:,} churned ({100 * (summary['churn_rate'] or 0):.1f} %); "
            f"{summary['running']:,} still run",
        ]
    lines += ["", *(f"  {line}" for line in _dimensions(summary["dimensions"])), ""]
    if summary["missing_dimensions"]:
        lacking = (
            f"{name} (needs {' or '.join(tables)})"
            for name, tables in summary["missing_dimensions"].items()
        )
        lines.append(f"  absent       {', '.join(lacking)}")
    if summary["naive_times"]:
        lines.append(f"  read as UTC  {', '.join(summary['naive_times'])} (no offset in the data)")
    if summary["unused_columns"]:
        lines.append(f"  not used     {', '.join(summary['unused_columns'])}")
    if summary["unused_tables"]:
        lines.append(f"  not read     {', '.join(summary['unused_tables'])}")
    return [*lines, f"  {summary['verdict']}"]


def _dimensions(told: Mapping[str, Any]) -> list[str]:
    """The dimensions as a table for people, with what is missing below each."""
    rows: list[tuple[str, ...]] = [_HEAD]
    notes = {}
    for dimension, facts in told.items():
        lead = (dimension, f"{facts['metrics']} of {facts['of']}")
        for table in facts["tables"]:
            rows.append((*lead, *_cells(table)))
            lead = ("", "")
        notes[len(rows) - 1] = _notes(facts)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = " " * (widths[0] + widths[1] + 4)
    lines = []
    for number, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
        lines += [indent + note for note in notes.get(number, ())]
    return lines


_HEAD = ("dimension", "metrics", "table", "rows", "first day", "last day", "behind", "accounts")
_NAMED = 3
"""Metrics that are named of those that a table or column would add."""
_FULL = 0.995


def _cells(table: Mapping[str, Any]) -> tuple[str, ...]:
    days, share = table["days_behind"], table["share_of_accounts"]
    return (
        table["table"],
        f"{table['rows']:,}",
        str(table["first_day"] or "?"),
        str(table["last_day"] or "?"),
        "?" if days is None else counted(days, "day"),
        "?" if share is None else f"{100 * share:.0f} %",
    )


def _notes(facts: Mapping[str, Any]) -> list[str]:
    """What is filled in part only, and what is missing."""
    partly = [
        f"{table['table']}.{column} is filled in {100 * share:.0f} % of rows"
        for table in facts["tables"]
        for column, share in table["filled"].items()
        if 0 < share < _FULL
    ]
    return [*partly, *map(_added, facts["missing"])]


def _added(missing: Mapping[str, Any]) -> str:
    names = missing["metrics"]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    needs = " and ".join(need.replace("|", " or ") for need in missing["needs"])
    return f"+ {needs} would add {', '.join(names[:_NAMED])}{more}"

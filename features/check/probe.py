"""Asking the engine whether rows do what no row should, in one pass a table.

Only counts and three examples ever leave the engine.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from features.check.report import Fault, Severity, share


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
        What is wrong with them, after "3 of 200 rows".
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


def run(name: str, table: ir.Table, probes: Sequence[Probe]) -> list[Fault]:
    """Count all probes of a table in one pass; fetch examples for those that found something."""
    if not probes:
        return []
    counts = {f"probe_{number}": probe.bad.sum() for number, probe in enumerate(probes)}
    row = one_row(table.aggregate(rows=table.count(), **counts))
    return [
        _told(name, probe, row[f"probe_{number}"], row["rows"], table)
        for number, probe in enumerate(probes)
        if row[f"probe_{number}"]
    ]


def _told(name: str, probe: Probe, count: int, rows: int, table: ir.Table) -> Fault:
    examples = examples_of(table.filter(probe.bad), probe.shown)
    return Fault(
        severity="error" if count > probe.error_above * rows else probe.severity,
        table=name,
        column=probe.column,
        count=count,
        rows=rows,
        examples=examples,
        message=f"{name}.{probe.column}: {share(count, rows)} {probe.says}.",
        fix=probe.fix + _day_first(name, probe.column, examples),
    )


def _day_first(name: str, column: str, examples: Sequence[str]) -> str:
    """SQL for the most common other way of writing dates."""
    parts = [re.match(r"'\d{1,2}([-./])\d{1,2}([-./])\d{4}", each) for each in examples]
    if not parts or not parts[0]:
        return ""
    form = f"%d{parts[0][1]}%m{parts[0][2]}%Y"
    return (
        f" Where the day comes first, in tenure.toml under [tables.{name}] sql: "
        f"strptime({column}, '{form}')."
    )


def examples_of(table: ir.Table, shown: ir.Value) -> tuple[str, ...]:
    """The first three different values of a column, as people write them."""
    values = table.select(shown=shown).distinct().order_by("shown").limit(3)
    found = values.to_pyarrow()["shown"].to_pylist()
    return tuple(repr(value) if isinstance(value, str) else str(value) for value in found)


def one_row(table: ir.Table) -> dict[str, Any]:
    """The single row of an aggregate."""
    row: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
    return row


def count_rows(table: ir.Table) -> int:
    """How many rows a table has."""
    return int(one_row(table.aggregate(rows=table.count()))["rows"])


def table_fault(
    table: str, message: str, fix: str, column: str = "", severity: Severity = "error"
) -> Fault:
    """A fault of a whole table or column, without rows to count."""
    return Fault(severity, table, column, 0, 0, (), message, fix)

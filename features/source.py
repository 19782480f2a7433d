"""A URL -> a connection and the contract tables on it.

Two forms of each table are kept: as **found** (mapped, untouched) and **conformed** (the contract's
columns and types only). What does not fit its type is missing in the conformed table; the check
counts it by comparing the two. SQL from tenure.toml is run as it stands: whoever may write that
file may read whatever the connection may read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from features import contract, engines
from features.errors import TenureError, did_you_mean
from features.settings import Settings, TableMapping

ALWAYS_KNOWN = "1970-01-01"
"""known_at of an account or a user of whom no time is told."""

_LEAP_YEAR = r"([1-9]\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)"
_DAY_OF_ANY_YEAR = (
    r"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)"
    r"|02-(0[1-9]|1\d|2[0-8]))"
)
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.]\d{1,9})?)?"
_ZONE = r"(Z|[+-](0\d|1[0-3])(:?[0-5]\d)?|[+-]14(:?00)?)"
ISO_TIME = rf"^([1-9]\d{{3}}-{_DAY_OF_ANY_YEAR}|{_LEAP_YEAR}-02-29)([T ]{_CLOCK}{_ZONE}?)?$"
OFFSET = rf":\d{{2}}([.]\d+)?{_ZONE}$"
_MINUTES = len("2024-01-31T09:30")
_NUMBER = r"^ *[+-]?(\d{1,60}([.]\d{0,60})?|[.]\d{1,60})([eE][+-]?\d{1,2})? *$"
_TRUE, _FALSE = "^ *(true|t|yes|y|1) *$", "^ *(false|f|no|n|0) *$"
"""What text must look like to be cast: an engine that lacks try_cast fails on all else, and those
that have it disagree on what it accepts."""

_EXACT = 2.0**53
"""Beyond it a float does not tell one whole number from the next."""


@dataclass(frozen=True)
class Source:
    """A company's data: a connection and the contract tables on it.

    Parameters
    ----------
    url : str
        Where it is; a password that was given with it is left out.
    con : ibis backend
    tables : dict of str to ibis table
        Conformed: the contract's columns that the source has, in the contract's types; times are
        naive and in UTC; ``known_at`` is always there.
    found : dict of str to ibis table
        The same tables as the source (or its mapping) delivers them.
    unreadable : dict of str to str
        Tables that are there but could not be read, each with the engine's words.
    foreign : tuple of str
        Names of tables in the source that are neither in the contract nor mapped.
    kept : dict, optional
        Feature tables made from it before, by what was wanted; None: they are made anew each time.
    """

    url: str
    con: ibis.BaseBackend
    tables: Mapping[str, ir.Table]
    found: Mapping[str, ir.Table]
    unreadable: Mapping[str, str]
    foreign: tuple[str, ...] = ()
    kept: dict[Any, Any] | None = None

    def has_required(self, name: str) -> bool:
        """Whether a table is there with every required column."""
        return name in self.tables and all(
            column.name in self.tables[name].columns
            for column in contract.TABLES[name].columns
            if column.required
        )


def connect(url: str | Path, settings: Settings) -> Source:
    """Open a source and conform its tables to the contract.

    Raises
    ------
    TenureError
        When nothing can be read at this address. Faults inside single tables are left to the check.
    """
    engine = engines.open_engine(str(url))
    con, present, unreadable = engine.con, engine.present, dict(engine.unreadable)
    found: dict[str, ir.Table] = {}
    once: set[str] = set()
    for name in contract.TABLES:
        mapping = settings.tables.get(name, TableMapping())
        foreign = mapping.table or name
        if mapping.sql is None and mapping.table is None and foreign not in present:
            if foreign in unreadable:
                unreadable[name] = unreadable[foreign]
            continue
        try:
            table = _find(con, name, mapping, present, unreadable)
            found[name] = _rename(table, mapping)
        except (TenureError, *engines.engine_errors()) as error:  # type: ignore[misc]
            unreadable[name] = engines.words(error)
            continue
        if mapping.sql is not None or present.get(foreign) == "csv":
            once.add(name)
    tables = {}
    for name, table in list(found.items()):
        conformed = conform(table, contract.TABLES[name])
        try:
            # what is text or a mapping's SQL is read once, not in every question
            tables[name] = conformed.cache() if name in once else conformed
        except engines.engine_errors() as error:
            unreadable[name] = engines.words(error)
            del found[name]
    known = {name: why for name, why in unreadable.items() if name in contract.TABLES}
    shown = engines.without_password(str(url))
    return Source(shown, con, tables, found, known, _unread(present, settings))


def _unread(present: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """Tables of the source that nothing is taken from."""
    mappings = [settings.tables.get(name, TableMapping()) for name in contract.TABLES]
    names = {each.table or name for name, each in zip(contract.TABLES, mappings, strict=True)}
    said = " ".join([*(each.sql or "" for each in mappings), *(own.sql for own in settings.checks)])
    return tuple(sorted(present.keys() - names - set(re.findall(r"\w+", said))))


def _find(
    con: Any,
    name: str,
    mapping: TableMapping,
    present: Mapping[str, str],
    unreadable: Mapping[str, str],
) -> ir.Table:
    """Fetch the table that a mapping speaks of, its columns still under foreign names."""
    if mapping.sql is not None:
        return engines.query(con, f"mapped_{name}", mapping.sql)
    foreign = mapping.table or name
    if foreign in unreadable:
        raise TenureError(unreadable[foreign], "")
    if foreign not in present:
        raise TenureError(
            f"tenure.toml takes it from '{foreign}', which the source does not have."
            f"{did_you_mean(foreign, present)}",
            "",
        )
    return engines.table(con, foreign)


def _rename(table: ir.Table, mapping: TableMapping) -> ir.Table:
    """Give columns the contract's names; capital letters do not matter."""
    absent = [foreign for foreign in mapping.columns.values() if foreign not in table.columns]
    if absent:
        raise TenureError(
            "tenure.toml takes a column from "
            + ", ".join(f"'{each}'{did_you_mean(each, table.columns)}" for each in absent)
            + " which is not there.",
            "",
        )
    renamed = {new: table[foreign] for new, foreign in mapping.columns.items()}
    kept = {
        (lower if (lower := name.strip().casefold()) not in table.columns else name): table[name]
        for name in table.columns
        if name not in mapping.columns.values()
    }
    return table.select(**{**kept, **renamed})


def conform(found: ir.Table, declared: contract.Table) -> ir.Table:
    """Bring a table to the contract's columns and types; what does not fit becomes missing."""
    columns: dict[str, ir.Value] = {
        column.name: conform_column(found[column.name], column)
        for column in declared.columns
        if column.name in found.columns
    }
    times = [
        columns[name].cast("timestamp") for name in ("known_at", *declared.times) if name in columns
    ]
    if declared.undated_is_known:
        times.append(ibis.timestamp(ALWAYS_KNOWN))
    columns["known_at"] = ibis.coalesce(*times) if times else ibis.null("timestamp")
    return found.select(**columns)


def conform_column(found: ir.Value, column: contract.Column) -> ir.Value:
    """Bring one column to its type in the contract; what does not fit becomes missing."""
    wanted = contract.ENGINE_TYPES[column.type]
    if not acceptable(found.type(), column):
        return ibis.null(wanted)
    if column.type == "text":
        text = _text(found).nullif("")
        return text.lower() if column.values else text
    if column.type in ("date", "time"):
        return _time(found).cast(wanted)
    if column.type == "boolean":
        return _boolean(found)
    number = finite(_number(found))
    if column.type == "integer":
        whole = ibis.ifelse(number.abs() < _EXACT, number, ibis.null("float64"))
        return ibis.ifelse(whole == whole.floor(), whole, ibis.null("float64")).cast("int64")
    return number


def acceptable(found: dt.DataType, column: contract.Column) -> bool:
    """Whether values of this engine type can mean what the contract asks for."""
    if found.is_string() or found.is_null():
        return True
    if column.type == "text":
        return not (found.is_nested() or found.is_binary())
    if column.type in ("date", "time"):
        return bool(found.is_date() or found.is_timestamp())
    if column.type == "boolean":
        return bool(found.is_boolean() or found.is_numeric())
    return bool(found.is_numeric() and not found.is_boolean())


def finite(number: ir.FloatingValue) -> ir.FloatingValue:
    """Take "not a number" and the infinite for missing."""
    return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)


def _text(found: ir.Value) -> ir.StringValue:
    if not found.type().is_floating():
        return found.cast("string")
    # ids that passed through pandas beside a gap: 17.0 means 17
    small = ibis.ifelse(found.abs() < _EXACT, found, ibis.null(found.type()))
    return ibis.ifelse(
        small == small.floor(), small.cast("int64").cast("string"), found.cast("string")
    )


def _number(found: ir.Value) -> ir.FloatingValue:
    if found.type().is_string():
        found = ibis.ifelse(found.re_search(_NUMBER), found, ibis.null("string"))
    return found.cast("float64")


def _boolean(found: ir.Value) -> ir.BooleanValue:
    if found.type().is_boolean():
        return found
    if found.type().is_numeric():
        return found != 0
    # by patterns: Ibis has Spark strip the letters f and v along with blanks
    word = found.cast("string").lower()
    return ibis.cases((word.re_search(_TRUE), True), (word.re_search(_FALSE), False))


def _time(found: ir.Value) -> ir.TimestampValue:
    if found.type().is_timestamp() and found.type().timezone is None:
        # to UTC and back would change nothing, and costs more than all else that is read
        return found.cast("timestamp")
    if found.type().is_string():
        # engines read '01-02-23' as some day of the year 1: only full ISO dates pass; and Spark
        # reads no zone where the seconds are left out
        untold = (found.length() > _MINUTES) & (found.substr(_MINUTES, 1) != ":")
        whole = found.left(_MINUTES) + ":00" + found.substr(_MINUTES)
        told = ibis.ifelse(untold, whole, found)
        found = ibis.ifelse(found.re_search(ISO_TIME), told, ibis.null("string"))
    return found.cast("timestamp('UTC')").cast("timestamp")

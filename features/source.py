"""A URL -> a connection and the contract tables on it.

Two forms of each table are kept: as **found** (mapped, untouched) and **conformed** (the contract's
columns and types only). What does not fit its type is missing in the conformed table; the check
counts it by comparing the two. SQL from tenure.toml is run as it stands: whoever may write that
file may read whatever the connection may read.
"""

import csv
import gzip
import re
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from ibis.common.exceptions import TableNotFound

from features import contract
from features.errors import TenureError, did_you_mean
from features.settings import Settings, TableMapping

CSV_SUFFIXES = (".csv", ".csv.gz")
SUFFIXES = (*CSV_SUFFIXES, ".parquet")
POSSIBLE = (
    "Give a folder of .csv, .csv.gz or .parquet files, or a .duckdb file: "
    "tenure check path/to/folder."
)

ENGINE_ERRORS = (duckdb.Error, TableNotFound)
"""What an engine raises over a table that it cannot read."""

ALWAYS_KNOWN = "1970-01-01"
"""known_at of an account or a user of whom no time is told."""

ISO_TIME = (
    r"^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.]\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?\s*$"
)
OFFSET = r":\d{2}([.]\d+)?\s*(Z|[+-]\d{2}(:?\d{2})?)\s*$"


@dataclass(frozen=True)
class Source:
    """A company's data: a connection and the contract tables on it.

    Parameters
    ----------
    url : str
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
    """

    url: str
    con: ibis.BaseBackend
    tables: Mapping[str, ir.Table]
    found: Mapping[str, ir.Table]
    unreadable: Mapping[str, str]
    foreign: tuple[str, ...] = ()

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
    con, present, unreadable = _open(str(url))
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
        except (TenureError, *ENGINE_ERRORS) as error:
            unreadable[name] = words(error)
            continue
        if mapping.sql is not None or present.get(foreign) == "csv":
            once.add(name)
    tables = {}
    for name, table in list(found.items()):
        conformed = conform(table, contract.TABLES[name])
        try:
            tables[name] = _keep(con, name, conformed) if name in once else conformed
        except ENGINE_ERRORS as error:
            unreadable[name] = words(error)
            del found[name]
    known = {name: why for name, why in unreadable.items() if name in contract.TABLES}
    return Source(str(url), con, tables, found, known, _unread(present, settings))


def _unread(present: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """Tables of the source that nothing is taken from."""
    mappings = [settings.tables.get(name, TableMapping()) for name in contract.TABLES]
    names = {each.table or name for name, each in zip(contract.TABLES, mappings, strict=True)}
    said = " ".join([*(each.sql or "" for each in mappings), *(own.sql for own in settings.checks)])
    return tuple(sorted(present.keys() - names - set(re.findall(r"\w+", said))))


def _open(url: str) -> tuple[ibis.BaseBackend, dict[str, str], dict[str, str]]:
    """Connect, and list the tables there by name with their form, and those that are unreadable."""
    scheme, separator, _ = url.partition("://")
    if separator:
        raise TenureError(f"{url}: sources of the kind '{scheme}' cannot be read.", POSSIBLE)
    path = Path(url)
    if not path.exists():
        raise TenureError(f"{url}: there is no such file or folder.", POSSIBLE)
    if path.is_dir():
        return _open_folder(path)
    if path.suffix in (".duckdb", ".ddb"):
        return _open_database(path)
    raise TenureError(f"{url}: a single file of this kind is no source.", POSSIBLE)


def _open_database(path: Path) -> tuple[ibis.BaseBackend, dict[str, str], dict[str, str]]:
    try:
        con = ibis.duckdb.connect(path, read_only=True)
    except ENGINE_ERRORS as error:
        raise TenureError(
            f"{path} cannot be opened: {words(error)}.",
            "Is it a DuckDB file, written by a DuckDB no newer than this one, and not in use?",
        ) from None
    _settle(con)
    # ibis 12 cannot list tables on DuckDB 2.0
    names = con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    views = con.raw_sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    return con, {name: "table" for (name,) in (*names, *views)}, {}


def _open_folder(folder: Path) -> tuple[ibis.BaseBackend, dict[str, str], dict[str, str]]:
    files = sorted(each for each in folder.iterdir() if each.name.endswith(SUFFIXES))
    if not files:
        raise TenureError(f"{folder} holds no .csv, .csv.gz or .parquet file.", POSSIBLE)
    con = ibis.duckdb.connect()
    _settle(con)
    present: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for file in files:
        name = file.name.split(".")[0]
        if name in present or name in unreadable:
            unreadable[name] = f"there are two files of this name, {file.name} and another"
            present.pop(name, None)
            continue
        try:
            present[name] = _register(con, file, name)
        except TenureError as error:
            unreadable[name] = error.message
        except ENGINE_ERRORS as error:
            unreadable[name] = (
                f"{file.name}: {words(error).replace(str(file.absolute()), file.name)}"
            )
    return con, present, unreadable


def _settle(con: ibis.BaseBackend) -> None:
    con.raw_sql("SET TimeZone = 'UTC'")
    # the default is a folder beside whatever the user works on
    con.raw_sql(f"SET temp_directory = '{tempfile.gettempdir()}/tenure'")


def _register(con: Any, file: Path, name: str) -> str:
    if file.name.endswith(CSV_SUFFIXES):
        # the engine's own look at a file skips lines that it cannot make sense of: so none
        columns = dict.fromkeys(_heading(file), "varchar")
        cells = con.read_csv(
            file, columns=columns, auto_detect=False, header=True, delim=",", quote='"', escape='"'
        )
        # DuckDB 2.0 pushes TRY_CAST into its CSV reader and then fails on what does not fit
        # (duckdb/duckdb#23818); trimmed cells keep it out
        trimmed = {each: cells[each].strip().nullif("") for each in cells.columns}
        con.create_view(name, cells.select(**trimmed))
        return "csv"
    # DuckDB takes numbers for "not NaN" where Parquet's own statistics do not say so
    # (duckdb/duckdb#25521)
    con.read_parquet(file, table_name=name, can_have_nan=True)
    return "parquet"


def _heading(file: Path) -> list[str]:
    """Names of the columns of a CSV file, from its first line."""
    unpacked = gzip.open if file.suffix == ".gz" else open
    try:
        with unpacked(file, "rt", encoding="utf-8-sig", newline="") as lines:
            names = [name.strip() for name in next(csv.reader(lines), [])]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise TenureError(f"{file.name}: {error}", "") from None
    if not any(names):
        raise TenureError(f"{file.name}: the file is empty, it has no heading", "")
    twice = sorted({repr(name) for name in names if names.count(name) > 1})
    if twice:
        raise TenureError(f"{file.name}: the heading names {', '.join(twice)} more than once", "")
    return names


def _find(
    con: Any,
    name: str,
    mapping: TableMapping,
    present: Mapping[str, str],
    unreadable: Mapping[str, str],
) -> ir.Table:
    """Fetch the table that a mapping speaks of, its columns still under foreign names."""
    if mapping.sql is not None:
        return query(con, f"mapped_{name}", mapping.sql)
    foreign = mapping.table or name
    if foreign in unreadable:
        raise TenureError(unreadable[foreign], "")
    if foreign not in present:
        raise TenureError(
            f"tenure.toml takes it from '{foreign}', which the source does not have."
            f"{did_you_mean(foreign, present)}",
            "",
        )
    return con.table(foreign)


def query(con: Any, name: str, sql: str) -> ir.Table:
    """The rows of a query in the source's own dialect, under a name of their own."""
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql.strip().rstrip(';')}")
    return con.table(name)


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


def _keep(con: Any, name: str, table: ir.Table) -> ir.Table:
    """Run the reading of text, or a mapping's SQL, once instead of in every question."""
    return con.create_table(f"conformed_{name}", table, temp=True, overwrite=True)


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
        return found != 0 if found.type().is_numeric() else found.try_cast("boolean")
    number = finite(found.try_cast("float64"))
    if column.type == "integer":
        return ibis.ifelse(number == number.round(), number, ibis.null("float64")).cast("int64")
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
    whole = found == found.floor()
    return ibis.ifelse(whole, found.try_cast("int64").cast("string"), found.cast("string"))


def _time(found: ir.Value) -> ir.TimestampValue:
    if not found.type().is_string():
        return found.cast("timestamp('UTC')").cast("timestamp")
    # engines read '01-02-23' as some day of the year 1: only full ISO dates pass
    iso = ibis.ifelse(found.re_search(ISO_TIME), found, ibis.null("string"))
    return iso.try_cast("timestamp('UTC')").cast("timestamp")


def words(error: Exception) -> str:
    """What an engine said, in a line: its first three lines at most, without its own type name."""
    if isinstance(error, TenureError):
        return error.message
    first_part = str(error).strip().split("\n\n")[0].splitlines()
    said = "; ".join(line.strip().rstrip(".") for line in first_part[:3] if line.strip())
    return said.split(" Error: ", 1)[-1]

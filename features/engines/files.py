"""Folders of CSV and Parquet files, and DuckDB files: read by DuckDB, inside this process."""

import csv
import gzip
import tempfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import ibis

from features.engines.engine import (
    CSV_SUFFIXES,
    POSSIBLE,
    SUFFIXES,
    Engine,
    engine_errors,
    register,
    words,
)
from features.errors import TenureError


def open_path(url: str) -> Engine:
    """A folder or a DuckDB file.

    Raises
    ------
    TenureError
        When it is neither, or cannot be opened.
    """
    path = Path(url)
    if not path.exists():
        raise TenureError(f"{url}: there is no such file or folder.", POSSIBLE)
    if path.is_dir():
        return _open_folder(path)
    if path.suffix in (".duckdb", ".ddb"):
        return _open_database(path)
    raise TenureError(f"{url}: a single file of this kind is no source.", POSSIBLE)


def _open_database(path: Path) -> Engine:
    try:
        con = ibis.duckdb.connect(path, read_only=True)
    except engine_errors() as error:
        raise TenureError(
            f"{path} cannot be opened: {words(error)}.",
            "Is it a DuckDB file, written by a DuckDB no newer than this one, and not in use?",
        ) from None
    _settle(con)
    # ibis 12 cannot list tables on DuckDB 2.0
    names = con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    views = con.raw_sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    return Engine(con, {name: "table" for (name,) in (*names, *views)}, {})


def _open_folder(folder: Path) -> Engine:
    files = sorted(each for each in folder.iterdir() if each.name.endswith(SUFFIXES))
    if not files:
        raise TenureError(f"{folder} holds no .csv, .csv.gz or .parquet file.", POSSIBLE)
    con = ibis.duckdb.connect()
    _settle(con)
    return register(con, files, partial(_read, con))


def _settle(con: ibis.BaseBackend) -> None:
    con.raw_sql("SET TimeZone = 'UTC'")
    # the default is a folder beside whatever the user works on
    con.raw_sql(f"SET temp_directory = '{tempfile.gettempdir()}/tenure'")


def _read(con: Any, file: Path, name: str) -> str:
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

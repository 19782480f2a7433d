"""What every engine has in common: what is found at an address, and how faults are told."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
from ibis.common.exceptions import TableNotFound

from features.errors import TenureError

CSV_SUFFIXES = (".csv", ".csv.gz")
SUFFIXES = (*CSV_SUFFIXES, ".parquet")
POSSIBLE = (
    "Give a folder of .csv, .csv.gz or .parquet files, a .duckdb file, "
    "postgresql://user@host/database or spark://catalog.database (docs/sources.md)."
)


@dataclass(frozen=True)
class Engine:
    """An open engine.

    Parameters
    ----------
    con : ibis backend
    present : dict of str to str
        The tables there by name, each with its form: csv, parquet or table.
    unreadable : dict of str to str
        Files that are there but could not be read, each with the reason.
    """

    con: ibis.BaseBackend
    present: Mapping[str, str]
    unreadable: Mapping[str, str]


_ERRORS = {"psycopg": "Error", "pyspark.errors": "PySparkException", "py4j.protocol": "Py4JError"}
"""What packages that may not be there raise."""


def engine_errors() -> tuple[type[Exception], ...]:
    """What the engines in use raise over a table that they cannot read."""
    loaded = (getattr(sys.modules[m], name) for m, name in _ERRORS.items() if m in sys.modules)
    return (duckdb.Error, TableNotFound, *loaded)


def words(error: Exception) -> str:
    """What an engine said, in a line: its first three lines at most, without its own type name."""
    if isinstance(error, TenureError):
        return error.message
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    # Spark adds the whole plan
    first_part = said.strip().split("\n\n")[0].split(" SQLSTATE:")[0].splitlines()
    line = "; ".join(each.strip().rstrip(".") for each in first_part[:3] if each.strip())
    return line.split(" Error: ", 1)[-1]


def without_password(url: str) -> str:
    """An address as it may be shown.

    Examples
    --------
    >>> without_password("postgresql://anna:hush@db.example:5432/crm?schema=sales")
    'postgresql://anna@db.example:5432/crm?schema=sales'
    >>> without_password("postgresql://anna:p@ss/w?rd@db/crm?password=hush&schema=sales")
    'postgresql://anna@db/crm?schema=sales'
    >>> without_password("demo/company")
    'demo/company'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    login, at, place = rest.rpartition("@")
    place = re.sub(r"(?<=[?&])(ssl)?password=[^&]*&?", "", place).rstrip("?&")
    return f"{scheme}://{login.partition(':')[0]}{at}{place}"


def register(
    con: ibis.BaseBackend, files: Sequence[Path], read: Callable[[Path, str], str]
) -> Engine:
    """Put files before an engine under their names up to the first dot.

    ``read`` makes a table of a file and tells its form.
    """
    present: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for file in files:
        name = file.name.split(".")[0]
        if name in present or name in unreadable:
            unreadable[name] = f"there are two files of this name, {file.name} and another"
            present.pop(name, None)
            continue
        try:
            present[name] = read(file, name)
        except TenureError as error:
            unreadable[name] = error.message
        except engine_errors() as error:
            unreadable[name] = (
                f"{file.name}: {words(error).replace(str(file.absolute()), file.name)}"
            )
    return Engine(con, present, unreadable)

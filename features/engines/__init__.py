"""An address -> an open engine: DuckDB over files, PostgreSQL or Spark where they stand."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import ibis.expr.types as ir

from features.engines.engine import (
    POSSIBLE,
    Engine,
    engine_errors,
    without_password,
    words,
)
from features.engines.files import open_path
from features.errors import TenureError

__all__ = ["Engine", "engine_errors", "open_engine", "query", "table", "without_password", "words"]

_SERVERS = {
    "postgresql": ("postgres", "psycopg"),
    "postgres": ("postgres", "psycopg"),
    "spark": ("spark", "pyspark"),
}
"""What opens addresses of a kind: a module here, like the extra of its package, and the package."""


def open_engine(url: str) -> Engine:
    """Connect to whatever stands at an address.

    Raises
    ------
    TenureError
        When there is nothing that can be read; a password in the address is never repeated.
    """
    kind, separator, _ = url.partition("://")
    if not separator:
        return open_path(url)
    if kind not in _SERVERS:
        raise TenureError(
            f"{without_password(url)}: sources of the kind '{kind}' cannot be read.", POSSIBLE
        )
    name, package = _SERVERS[kind]
    try:
        module = import_module(f"features.engines.{name}")
    except ImportError as error:
        raise TenureError(
            f"To read from {kind}:// Tenure needs the package {package}: {error}.",
            f"In the clone: uv sync --locked --inexact --no-dev --extra {name}.",
        ) from None
    opened: Callable[[str], Engine] = getattr(module, f"open_{name}")
    return opened(url)


def table(con: Any, name: str) -> ir.Table:
    """A table of the engine's, its columns of the types that Ibis takes them for."""
    found = con.table(name)
    if con.name != "postgres":
        return found
    from features.engines.postgres import plain

    return plain(found)


def query(con: Any, name: str, sql: str) -> ir.Table:
    """The rows of a query in the source's own dialect, under a name of their own."""
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql.strip().rstrip(';')}")
    return table(con, name)

"""PostgreSQL: asked where it stands, and never written to.

What Tenure keeps there while it works are temporary tables and views; they end with the connection.
"""

import re
import weakref
from typing import Any
from urllib.parse import unquote

import ibis
import ibis.expr.types as ir
import psycopg
import sqlglot.expressions as sge
from ibis.backends.postgres import Backend
from ibis.backends.sql.compilers.postgres import PostgresCompiler
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from features.engines.engine import Engine, without_password, words
from features.errors import TenureError

OLDEST = 15
"""The oldest version that the tests run on."""


class Compiler(PostgresCompiler):  # type: ignore[misc]
    """Ibis's own, with text in the order of its bytes, as everywhere, whatever the collation."""

    __slots__ = ()

    def visit_SortKey(self, op: Any, *, arg: Any, **how: Any) -> Any:  # noqa: D102, N802
        if op.arg.dtype.is_string():
            arg = sge.Collate(this=arg, expression=sge.to_identifier("C", quoted=True))
        return super().visit_SortKey(op, arg=arg, **how)


class Postgres(Backend):  # type: ignore[misc]
    """Ibis's own, but for the order of text."""

    compiler = Compiler()


def open_postgres(url: str) -> Engine:
    """Connect to ``postgresql://user@host:port/database?schema=...``.

    The rest of the address, and what it leaves out, is as libpq understands it.

    Raises
    ------
    TenureError
        When no connection comes about, or there is no table.
    """
    shown = without_password(url)
    address, schema = _address(url)
    try:
        unless_said: dict[str, Any] = {"connect_timeout": 15, "application_name": "tenure"}
        details = make_conninfo(**(unless_said | conninfo_to_dict(address)))
        connection = psycopg.connect(details, autocommit=True)
    except psycopg.Error as error:
        raise TenureError(
            f"{shown} cannot be opened: {words(error)}.",
            "Are host, port, database and user right? A password may stand in PGPASSWORD or in "
            "~/.pgpass, so that the address need not tell it.",
        ) from None
    version = connection.info.server_version // 10000
    if version < OLDEST:
        raise TenureError(
            f"{shown} is PostgreSQL {version}.",
            f"Tenure needs PostgreSQL {OLDEST} or later; or export the tables as Parquet.",
        )
    con = Postgres.from_connection(connection)
    weakref.finalize(con, connection.close)
    # compiling these queries takes the server many times as long as running them
    con.raw_sql("SET jit = off")
    if schema:
        con.raw_sql("SELECT set_config('search_path', quote_ident(%s), false)", params=(schema,))
    names = _names(con)
    if not names:
        where = f"the schema '{schema}'" if schema else "the first schema of its search path"
        raise TenureError(
            f"{shown} has no table in {where}.",
            "Name the schema in the address: postgresql://user@host/database?schema=sales.",
        )
    return Engine(con, dict.fromkeys(names, "table"), {})


def _address(url: str) -> tuple[str, str | None]:
    """The address as libpq takes it, and the schema, of which libpq does not know."""
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    if re.search(r"[/?#@\s]|%(?![0-9A-Fa-f]{2})", password):
        raise TenureError(
            f"{without_password(url)}: the password in this address has characters that an address "
            "cannot hold as they are.",
            "Write them as %40 (@), %2F (/), %3F (?), %23 (#), %25 (%); or leave the password out "
            "and set PGPASSWORD.",
        )
    base, _, said = url.partition("?")
    options = [each for each in said.split("&") if each]
    schemas = [unquote(each.partition("=")[2]) for each in options if each.startswith("schema=")]
    rest = "&".join(each for each in options if not each.startswith("schema="))
    return f"{base}?{rest}" if rest else base, schemas[-1] if schemas else None


def _names(con: Postgres) -> list[str]:
    """Tables and views of the schema; information_schema knows no materialized views."""
    cursor = con.raw_sql(
        "SELECT relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace "
        "ON pg_namespace.oid = relnamespace "
        "WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    )
    return [name for (name,) in cursor.fetchall()]


def plain(found: ir.Table) -> ir.Table:
    """Text and days as everywhere: PostgreSQL also has enums, padded text and infinite days."""
    first, last = ibis.timestamp("0001-01-01"), ibis.timestamp("9999-12-31 23:59:59")
    columns: dict[str, ir.Value] = {}
    for name, kind in found.schema().items():
        value = found[name]
        if kind.is_string():
            # Ibis takes an enum for text already, and by itself would cast nothing
            columns[name] = value.cast("!string").cast("string")
        elif kind.is_date() or kind.is_timestamp():
            finite = value.between(first.cast(kind), last.cast(kind))
            columns[name] = ibis.ifelse(finite, value, ibis.null(kind))
    return found.mutate(**columns) if columns else found

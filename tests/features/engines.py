"""PostgreSQL and Spark for tests: started here, on loopback, in folders of their own.

Where one is not installed, its tests say how to get it and are skipped.
"""

import gc
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import ibis
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from features import contract

OLDEST_POSTGRES = 15


# PostgreSQL ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Postgres:
    """A server of the tests' own, which counts the rows that statements return."""

    port: int
    password: str

    def url(self, schema: str, user: str = "tenure", password: str | None = None) -> str:
        """Address of a schema, password and all."""
        login = f"{user}:{self.password if password is None else password}"
        query = urlencode({"schema": schema})
        return f"postgresql://{login}@127.0.0.1:{self.port}/postgres?{query}"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url("").partition("?")[0], autocommit=True)

    def put(self, tables: Mapping[str, pd.DataFrame]) -> str:
        """Contract tables in a new schema; returns its name."""
        schema = f"crm_{secrets.token_hex(4)}"
        with self.connect() as con:
            con.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            for name, rows in tables.items():
                _copy(con, sql.Identifier(schema, name), arrow(name, rows))
        return schema

    @contextmanager
    def counting(self) -> Iterator[list[tuple[int, str]]]:
        """The rows that leave the server meanwhile, by statement, as the server counts them."""
        returned: list[tuple[int, str]] = []
        with self.connect() as con:
            con.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            con.execute("SELECT pg_stat_statements_reset()")
            yield returned
            # rows of an INSERT are those that it wrote
            returned += con.execute(
                "SELECT rows, query FROM pg_stat_statements "
                "WHERE rows > 0 AND query !~* '^(insert|create|select pg_stat_statements_reset)'"
            ).fetchall()


def _copy(con: psycopg.Connection, place: sql.Identifier, table: pa.Table) -> None:
    kinds = {"string": "text", "double": "float8", "int64": "bigint", "date32": "date"}
    told = {each.name: str(each.type).partition("[")[0] for each in table.schema}
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kinds.get(kind, kind)))
        for name, kind in told.items()
    )
    con.execute(sql.SQL("CREATE TABLE {} ({})").format(place, columns))
    text = BytesIO()
    pa.csv.write_csv(table, text, pa.csv.WriteOptions(include_header=False))
    with con.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(place)) as copy:
        copy.write(text.getvalue())


def start_postgres() -> Iterator[Postgres]:
    """A server for the session; the caller goes on when it is to end."""
    programs = _postgres_programs()
    user = _unprivileged() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="tenure-postgres-"))
    server = Postgres(_free_port(), secrets.token_urlsafe(12))
    (folder / "password").write_text(server.password)
    if user:
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
    run_as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    # an order of text that is not that of its bytes, as most databases have
    initdb = [programs / "initdb", "-D", folder / "data", "-U", "tenure", "-E", "UTF8", "--no-sync"]
    initdb += ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={folder}/password"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **run_as)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": server.port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "shared_preload_libraries": "pg_stat_statements",
    }
    said = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *said],
            stdout=log,
            stderr=log,
            cwd=folder,
            **run_as,
        )
    try:
        _wait_for(server, process, folder / "log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder)


def _postgres_programs() -> Path:
    """The folder of initdb and postgres, which Debian keeps off PATH."""
    debian = Path("/usr/lib/postgresql")
    found = [path.parent for path in debian.glob("*/bin/postgres")]
    recent = [path for path in found if int(path.parent.name) >= OLDEST_POSTGRES]
    if recent:
        return max(recent, key=lambda path: int(path.parent.name))
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    pytest.skip("needs PostgreSQL's server: apt-get install -y postgresql (the tests start it)")


def _unprivileged() -> pwd.struct_passwd:
    """A user to run the server, which refuses to be root's."""
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: Postgres, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL does not answer:\n{log.read_text()}")


# Spark --------------------------------------------------------------------------------------------

SPARK = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    # on a few rows, compiling a plan takes longer than walking it
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}


def start_spark(folder: Path) -> Iterator[object]:
    """Spark for the session, two threads in one process; its tables lie in a folder."""
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("needs Java 17 or later: apt-get install -y default-jre-headless")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {**SPARK, "spark.sql.warehouse.dir": str(folder / "warehouse")}
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    gateway = session.sparkContext._gateway
    yield session
    # what Ibis kept in the session is dropped while there is one
    gc.collect()
    session.stop()
    # the Java process, and the sockets to it
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(30)


# Files --------------------------------------------------------------------------------------------


def write(folder: Path, tables: Mapping[str, pd.DataFrame]) -> Path:
    """Contract tables as Parquet, one file each."""
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        pq.write_table(arrow(name, rows), folder / f"{name}.parquet")
    return folder


def arrow(name: str, rows: pd.DataFrame | pa.Table) -> pa.Table:
    """Rows of a contract table in the contract's types, unless they have types already."""
    if isinstance(rows, pa.Table):
        return rows
    declared = {column.name: column.type for column in contract.TABLES[name].columns}
    kinds = {c: ibis.dtype(contract.ENGINE_TYPES[declared[c]]).to_pyarrow() for c in rows.columns}
    return pa.table(
        {c: pa.array(rows[c], type=kind, from_pandas=True) for c, kind in kinds.items()}
    )

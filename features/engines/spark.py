"""Spark: the running session's catalog, or a folder of Parquet files.

Views and settings are those of a session of Tenure's own beside the running one; tables are shared.
"""

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.pyspark import Backend
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

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

_SHUFFLES = "spark.sql.shuffle.partitions"


class Compiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis's own, with what Spark can do and Ibis 12 does not know of."""

    __slots__ = ()
    SIMPLE_OPS = {ops.BitOr: "bit_or"}  # noqa: RUF012


class Spark(Backend):  # type: ignore[misc]
    """Ibis's own, which forgets tables of constants in what it is asked to keep."""

    compiler = Compiler()

    def _create_cached_table(self, name: str, expr: ir.Table) -> ir.Table:
        self._run_pre_execute_hooks(expr)
        return super()._create_cached_table(name, expr)


def open_spark(url: str) -> Engine:
    """Open ``spark://catalog.database``, ``spark://database`` or ``spark:///folder``.

    Raises
    ------
    TenureError
        When Spark cannot be started, or there is nothing to read.
    """
    place = url.partition("://")[2]
    if re.search(r":\d+", place):
        raise TenureError(
            f"{url} is the address of a cluster, not of tables.",
            "Name the tables (spark://catalog.database); Spark finds the cluster by spark.master "
            "in its conf/spark-defaults.conf.",
        )
    session = _session()
    if place.startswith(("/", ".", "~")):
        return _open_folder(session, Path(place).expanduser())
    *catalog, database = place.split(".")
    try:
        if catalog:
            session.catalog.setCurrentCatalog(".".join(catalog))
        if database:
            session.catalog.setCurrentDatabase(database)
        con = _connect(session)
        return Engine(con, dict.fromkeys(con.list_tables(), "table"), {})
    except engine_errors() as error:
        raise TenureError(
            f"{url} cannot be read: {words(error)}.",
            "Write spark://catalog.database or spark://database; a folder of Parquet files is "
            "spark:///absolute/path or spark://./path.",
        ) from None


def _open_folder(session: SparkSession, folder: Path) -> Engine:
    if not folder.is_dir():
        raise TenureError(f"{folder}: there is no such folder.", POSSIBLE)
    seen = [each for each in sorted(folder.iterdir()) if each.name[0] not in "._"]
    files = [each for each in seen if each.is_dir() or each.name.endswith(SUFFIXES)]
    if not files:
        raise TenureError(f"{folder} holds no Parquet file.", POSSIBLE)
    return register(_connect(session), files, partial(_read, session))


def _read(session: SparkSession, file: Path, name: str) -> str:
    if file.name.endswith(CSV_SUFFIXES):
        raise TenureError(f"{file.name}: by Spark only Parquet is read, CSV without spark://", "")
    session.read.parquet(str(file.absolute())).createOrReplaceTempView(name)
    return "parquet"


def _connect(session: SparkSession) -> Spark:
    ibis.pyspark  # noqa: B018 - sets up the options that the backend reads
    con = Spark()
    con.do_connect(session)
    return con


def _session() -> SparkSession:
    """A session beside the running one, or of a Spark started as its configuration says."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    running = SparkSession.getActiveSession()
    if running is None:
        quiet: dict[str, Any] = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        try:
            running = SparkSession.builder.appName("tenure").config(map=quiet).getOrCreate()
        except (PySparkException, OSError) as error:
            raise TenureError(
                f"Spark cannot be started: {words(error)}.",
                "It needs Java 17 or 21. On Debian: apt-get install -y default-jre-headless.",
            ) from None
        running.sparkContext.setLogLevel("ERROR")
    own = running.newSession()
    settings = running.sparkContext.getConf()
    if settings.get("spark.master", "").startswith("local") and not settings.contains(_SHUFFLES):
        # the default is 200, for a cluster
        own.conf.set(_SHUFFLES, running.sparkContext.defaultParallelism)
    return own

"""Tiny histories by hand: contract tables as rows, put before the engine as a source."""

from collections.abc import Mapping

import ibis
import pandas as pd
import pyarrow as pa

from features import contract
from features.source import Source

EVENT_TIME = {name: table.times[0] for name, table in contract.TABLES.items()}


def frame(name: str, rows: list[dict]) -> pd.DataFrame:
    """Rows as a conformed table: times as times, known when it happened unless told."""
    t = pd.DataFrame(rows)
    for column in t.columns:
        if _type(name, column) in ("date", "timestamp"):
            t[column] = pd.to_datetime(t[column], format="ISO8601")
    event = t[EVENT_TIME[name]] if EVENT_TIME[name] in t else pd.Timestamp("2000-01-01")
    t["known_at"] = t["known_at"].fillna(event) if "known_at" in t else event
    return t


def source(tables: Mapping[str, pd.DataFrame]) -> Source:
    """A source of these conformed tables, in a DuckDB of its own."""
    con = ibis.duckdb.connect()
    conformed = {}
    for name, t in tables.items():
        types = {column: _type(name, column) for column in t.columns}
        arrow = {
            column: pa.array(t[column], type=ibis.dtype(kind).to_pyarrow(), from_pandas=True)
            for column, kind in types.items()
        }
        conformed[name] = con.create_table(f"t_{name}", pa.table(arrow))
    return Source(url="memory", con=con, tables=conformed, found=conformed, unreadable={})


def _type(table: str, column: str) -> str:
    if column == "known_at":
        return "timestamp"
    columns = {c.name: c.type for c in contract.TABLES[table].columns}
    return contract.ENGINE_TYPES[columns[column]]

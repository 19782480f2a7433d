"""For BigQuery, Snowflake and Databricks the SQL compiles. No such warehouse has ever run it here.

What compiles is compared with tests/features/sql, so that a change of it is seen and looked at:
TENURE_WRITE_SQL=1 pytest tests/features/test_warehouses.py writes it anew.
"""

import os
import re
from datetime import date, datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
import sqlglot

from features import build, contract, known, observations, sentiment, sessions, source, windows
from features.settings import Settings

WAREHOUSES = ("bigquery", "snowflake", "databricks")
WRITTEN = Path(__file__).parent / "sql"
DAY = date(2025, 6, 1)


@pytest.fixture
def tables():
    """Every contract table with every column, on no engine."""
    kinds = contract.ENGINE_TYPES
    return {
        name: ibis.table({c.name: kinds[c.type] for c in table.columns}, name=name)
        for name, table in contract.TABLES.items()
    }


def examples(tables):
    """One query for each way in which features are made."""
    observed = ibis.table({"account_id": "string", "as_of": "date"}, name="observed")
    marked = windows.mark(tables["usage"], [DAY])
    tickets = known.known_rows(tables["tickets"], observed)
    hours = known.hours(known.seconds_between(tickets.opened_at, tickets.first_response_at))
    raw = ibis.table({"account_id": "int64", "kind": "string", "occurred_at": "string"}, name="raw")
    return {
        "a table read by the contract": source.conform(raw, contract.TABLES["advocacy"]),
        "contracts as known": observations.contracts_as_known(
            tables["contracts"], observations.grid([DAY])
        ),
        "distinct users in a window": windows.distinct(
            marked, [DAY], ["user_id"], "users", ["28d"]
        ),
        "sums and distinct days in a window": windows.totals(
            marked, [DAY], {"actions": (marked.quantity, ["28d"])}, ["28d"]
        ),
        "sessions of people": sessions.quantities(tables["usage"], [DAY]),
        "days of use by week": windows.weeks(marked, [DAY]),
        "the last of several": sentiment.quantities(
            {"csm_sentiment": tables["csm_sentiment"]}, observed
        ),
        "a span of time": tickets.group_by("account_id", "as_of").agg(hours=hours.mean()),
    }


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_the_sql_is_as_it_was_when_somebody_looked(tables, warehouse):
    compiled = "".join(
        f"-- {what}\n{_stable(ibis.to_sql(query, dialect=warehouse))};\n\n"
        for what, query in examples(tables).items()
    )
    path = WRITTEN / f"{warehouse}.sql"
    if os.environ.get("TENURE_WRITE_SQL"):
        path.write_text(compiled, encoding="utf-8")
    assert compiled == path.read_text(encoding="utf-8"), "look at the change, then see above"


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_every_metric_compiles(tables, warehouse, monkeypatch):
    asked = []

    def kept(query, *_):
        sql = str(ibis.to_sql(query, dialect=warehouse))
        asked.append(sql)
        return ibis.table(query.schema(), name=f"kept_{len(asked)}")

    def execute(query, *_):
        kept(query)
        raise InterruptedError

    def first_days(query, *_):
        kept(query)
        return pa.table({name: [datetime(2024, 1, 1)] for name in query.columns})

    monkeypatch.setattr(ir.Table, "to_pyarrow", first_days)
    monkeypatch.setattr(ir.Table, "cache", kept)
    monkeypatch.setattr(ir.Table, "execute", execute)
    nowhere = source.Source("", None, tables, tables, {})
    with pytest.raises(InterruptedError):
        build.feature_table(nowhere, Settings(), [DAY])
    assert len(asked) > 5
    for sql in asked:
        assert isinstance(sqlglot.parse_one(sql, dialect=warehouse), sqlglot.exp.Query)


def _stable(sql):
    """The SQL without what differs from run to run: random names, and sets in any order."""
    stable = str(sql)
    for number, name in enumerate(dict.fromkeys(re.findall(r"ibis_\w*memtable_\w+", stable))):
        stable = stable.replace(name, f"constants_{number}")
    return re.sub(r"(EXCEPT|EXCLUDE) \((.*?)\)", _in_order, stable)


def _in_order(left_out):
    return f"{left_out[1]} ({', '.join(sorted(left_out[2].split(', ')))})"

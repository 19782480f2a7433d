"""The same expressions on every engine, and nothing but their result leaves it."""

import sys
from datetime import date
from pathlib import Path

import engines
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from histories import frame
from random_history import AS_OFS, random_history

from features import build, catalog, check, store
from features.errors import TenureError
from features.settings import BaselineSettings, MetricSettings, OwnCheck, Settings, TableMapping
from features.source import connect
from serving import cli

TODAY = date(2026, 11, 1)


def history(seed):
    return random_history(np.random.default_rng(seed))


def on_duckdb(folder, tables):
    return connect(engines.write(folder, tables), Settings())


def same(left, right):
    pd.testing.assert_frame_equal(left, right, check_exact=False, rtol=0, atol=1e-9)


def company(accounts=6):
    """Contracts over two years and a rating a month: little, but sound."""
    names = [f"A{n}" for n in range(accounts)]
    days = pd.date_range("2024-01-01", "2025-12-01", freq="MS")
    return {
        "accounts": frame("accounts", [{"account_id": a, "created_at": days[0]} for a in names]),
        "contracts": frame(
            "contracts",
            [
                {
                    "contract_id": f"{a}-{year}",
                    "account_id": a,
                    "start_date": pd.Timestamp(year, 1, 1),
                    "end_date": pd.Timestamp(year + 1, 1, 1),
                    "arr": 100.0 * number,
                }
                for number, a in enumerate(names)
                for year in (2024, 2025)
            ],
        ),
        "csm_sentiment": frame(
            "csm_sentiment",
            [
                {"account_id": a, "sentiment": 1 + (n * d.month) % 5, "logged_at": d}
                for n, a in enumerate(names)
                for d in days
            ],
        ),
    }


# Identical tables ---------------------------------------------------------------------------------


def test_every_engine_builds_the_same_table_keeps_it_and_tells_its_news(put, tmp_path):
    tables, folder = history(3), tmp_path / "kept"
    settings = Settings(metrics=MetricSettings(key_features=("report", "api", "forecast")))
    there = connect(put(tables), settings)
    assert store.update(there, settings, AS_OFS, folder).built == tuple(AS_OFS)
    found = store.read(folder, AS_OFS)
    expected = build.feature_table(on_duckdb(tmp_path / "expected", tables), settings, AS_OFS)
    assert set(catalog.metrics()) - set(expected.columns) <= {"industry", "region", "touch_model"}
    same(found, expected)
    assert found["key_features_share_90d"].between(0.3, 0.7).any()
    assert store.stale(folder, store.digests(there, settings, AS_OFS)) == ()
    late = tables["surveys"].iloc[[0]].assign(known_at=pd.Timestamp("2025-05-03"))
    tables["surveys"] = pd.concat([tables["surveys"], late], ignore_index=True)
    changed = connect(put(tables), Settings())
    news = store.digests(changed, settings, AS_OFS)
    assert store.stale(folder, news) == tuple(AS_OFS[1:])


@pytest.mark.slow
def test_what_is_learned_from_is_the_same_on_postgresql(postgres, tmp_path):
    tables = history(11)
    # a company's own score is any dated number of an account
    own = BaselineSettings("csm_sentiment", "sentiment", "logged_at", "healthier")
    settings = Settings(baseline=own)
    found = build.training_table(connect(postgres.url(postgres.put(tables)), Settings()), settings)
    same(found, build.training_table(on_duckdb(tmp_path, tables), settings))
    assert found["churned"].any()
    assert found["baseline_score"].nunique() > 2


def test_ties_break_alike_whatever_the_order_of_text(postgres, tmp_path):
    tables = company(1)
    of_year = tables["contracts"].iloc[-1]
    # people put a0 before A0, bytes the other way round; both end on one day
    twin = {**of_year, "contract_id": "a0-2025", "start_date": pd.Timestamp("2025-04-01")}
    tables["contracts"] = frame("contracts", [*tables["contracts"].to_dict("records"), twin])
    found, days = connect(postgres.url(postgres.put(tables)), Settings()), [date(2025, 8, 1)]
    there = build.feature_table(found, Settings(), days)
    same(there, build.feature_table(on_duckdb(tmp_path, tables), Settings(), days))
    assert there["contracts"].tolist() == [2.0]
    assert there["term_days"].tolist() == [365.0]


# What leaves the engine ---------------------------------------------------------------------------


def test_only_the_result_leaves_postgresql(postgres):
    tables = history(3)
    source = connect(postgres.url(postgres.put(tables)), Settings())
    with postgres.counting() as returned:
        table = build.feature_table(source, Settings(), AS_OFS[:1])
    since_when_each_tells = [1] * len(tables.keys() - {"accounts", "contracts"})
    assert sorted(rows for rows, _statement in returned) == [*since_when_each_tells, len(table)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_from_a_database_of_spark_the_command_fetches_only_the_result(
    spark, tenure, tmp_path, monkeypatch
):
    from pyspark.sql.classic.dataframe import DataFrame

    tables = company()
    spark.sql("CREATE DATABASE crm")
    for name in tables:
        rows = spark.read.parquet(
            str(engines.write(tmp_path / "company", tables) / f"{name}.parquet")
        )
        rows.write.saveAsTable(f"crm.{name}")
    fetched = []
    monkeypatch.setattr(DataFrame, "toPandas", _counted(DataFrame.toPandas, fetched))

    tenure("features", "spark://crm", "--as-of", "2025-06-01", "--out", "there.parquet")
    tenure("features", tmp_path / "company", "--as-of", "2025-06-01", "--out", "here.parquet")

    there = pd.read_parquet("there.parquet")
    same(there, pd.read_parquet("here.parquet"))
    examples_of_the_check = 3
    assert fetched[-1] == len(there)
    assert max(fetched[:-1]) <= examples_of_the_check
    assert {row.tableName for row in spark.sql("SHOW TABLES IN crm").collect()} == set(tables)


def _counted(fetch, fetched):
    def counting(frame):
        result = fetch(frame)
        fetched.append(len(result))
        return result

    return counting


@pytest.fixture
def tenure(capfd, monkeypatch, tmp_path):
    """Run a command in this process, in a folder of its own; returns what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["tenure", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = "".join(capfd.readouterr())
        assert not end.value.code, said
        return said

    return run


def test_from_postgresql_the_command_writes_the_same_and_a_reader_will_do(
    postgres, tenure, tmp_path
):
    tables = company()
    schema = postgres.put(tables)
    everything = "SELECT oid, relname FROM pg_class WHERE relpersistence = 'p' ORDER BY oid"
    with postgres.connect() as con:
        con.execute("CREATE ROLE reader LOGIN PASSWORD 'hu%sh'")
        con.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader")
        con.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
        before = con.execute(everything).fetchall()

    address = postgres.url(schema, "reader", "hu%25sh")
    said = tenure("features", address, "--as-of", "2025-06-01", "--out", "there.parquet")
    here = engines.write(tmp_path / "company", tables)
    tenure("features", here, "--as-of", "2025-06-01", "--out", "here.parquet")

    same(pd.read_parquet("there.parquet"), pd.read_parquet("here.parquet"))
    assert f"postgresql://reader@127.0.0.1:{postgres.port}/postgres?schema={schema}" in said
    assert "hu%" not in said

    kept = ("features", address, "--as-of", "2025-06-01", "--out", "kept")
    assert "1 days built, 0 kept" in tenure(*kept)
    assert "0 days built, 1 kept" in tenure(*kept)
    read = store.read(Path("kept"), [date(2025, 6, 1)])
    same(read, pd.read_parquet("here.parquet").astype({"as_of": read["as_of"].dtype}))
    with postgres.connect() as con:
        assert con.execute(everything).fetchall() == before


# Reading PostgreSQL -------------------------------------------------------------------------------


KINDS_OF_ITS_OWN = """
CREATE SCHEMA {schema};
SET search_path = {schema};
CREATE TYPE touch AS ENUM ('High', 'mid', '');
CREATE TABLE accounts (account_id char(8), segment varchar(20), touch_model touch, created_at date);
INSERT INTO accounts VALUES ('a', 'big', 'High', '2024-01-01'), ('b', '', '', '-infinity');
CREATE TABLE customers_of_contracts (
    id uuid, customer text, "Starts" text, ends date, mrr numeric(10, 2), seats text, renews int
);
INSERT INTO customers_of_contracts VALUES
    ('00000000-0000-0000-0000-000000000001', 'a', '2024-02-29', 'infinity', 10.25, '1e1', 1),
    ('00000000-0000-0000-0000-000000000002', 'b', '2023-02-29', '2025-01-01', 'NaN', 'ten', 0);
CREATE MATERIALIZED VIEW usage AS
    SELECT 'a'::text AS account_id, 'login'::name AS feature,
        '2024-05-01 01:30:00+03'::timestamptz AS occurred_at, 2::smallint AS quantity,
        'yes'::text AS active_users;
"""
CONTRACTS = TableMapping(
    table="customers_of_contracts",
    columns={
        "contract_id": "id",
        "account_id": "customer",
        "start_date": "Starts",
        "end_date": "ends",
        "arr": "mrr",
        "auto_renew": "renews",
    },
)


def rows(source, table, *columns):
    chosen = source.tables[table].select(*columns).order_by(columns[0])
    return [tuple(row.values()) for row in chosen.to_pyarrow().to_pylist()]


def test_types_that_only_postgresql_has_mean_what_they_say(postgres):
    with postgres.connect() as con:
        con.execute(KINDS_OF_ITS_OWN.format(schema="kinds"))
    source = connect(postgres.url("kinds"), Settings(tables={"contracts": CONTRACTS}))
    assert not source.unreadable
    assert rows(source, "accounts", "account_id", "segment", "touch_model", "created_at") == [
        ("a", "big", "high", pd.Timestamp("2024-01-01")),
        ("b", None, None, None),
    ]
    columns = ("account_id", "start_date", "end_date", "arr", "seats", "auto_renew")
    assert rows(source, "contracts", *columns) == [
        ("a", date(2024, 2, 29), None, 10.25, 10.0, True),
        ("b", None, date(2025, 1, 1), None, None, False),
    ]
    columns = ("account_id", "feature", "occurred_at", "quantity", "active_users")
    assert rows(source, "usage", *columns) == [
        ("a", "login", pd.Timestamp("2024-04-30 22:30"), 2.0, None)
    ]


def test_the_check_finds_the_same_faults_on_every_engine(put, tmp_path):
    tables = company()
    broken = tables["contracts"]
    broken.loc[0, "arr"] = -1.0
    broken.loc[1, "end_date"] = pd.Timestamp("2020-01-01")
    broken.loc[2, "account_id"] = None
    broken.loc[3, "contract_id"] = broken.loc[4, "contract_id"]
    broken.loc[3, "known_at"] = broken.loc[4, "known_at"]
    broken.loc[5, "account_id"] = "nobody"
    tables["csm_sentiment"].loc[:9, "sentiment"] = 9
    own = OwnCheck("contracts", "are cheap", "select contract_id from contracts where arr < 150")
    settings = Settings(checks=(own,))
    found = check.check(connect(put(tables), settings), settings, TODAY)
    expected = connect(engines.write(tmp_path / "expected", tables), settings)
    assert found == check.check(expected, settings, TODAY)
    assert {fault.column for fault in found.errors} >= {
        "arr",
        "end_date",
        "account_id",
        "contract_id",
    }


AS_TEXT = {
    "opened_at": [
        "2024-02-29",
        "2024-01-31T09:30:00.25Z",
        "2024-01-31 23:30:00-0500",
        "2024-01-31T23:30+14",
        "2023-02-29",
        "0000-01-01",
        "31-01-2024",
        "infinity",
    ],
    "satisfaction": ["12", " 12.5 ", "-1e3", ".5", "1e999", "1.5d", "0x10", "NaN"],
    "contacts": ["3.0", "3.5", "1e20", "-4", "", "3 ", "three", "9007199254740993"],
    "reopened": ["true", "NO", " 1 ", "f", "2", "on", "", "y"],
}


def test_text_is_read_alike_on_every_engine(put):
    cells = {"account_id": [str(n) for n in range(8)], **AS_TEXT}
    source = connect(put({"tickets": pa.table(cells)}), Settings())
    found = rows(source, "tickets", "account_id", *AS_TEXT)
    _, times, numbers, whole, truths = (list(column) for column in zip(*found, strict=True))
    assert times == [
        pd.Timestamp("2024-02-29"),
        pd.Timestamp("2024-01-31 09:30:00.25"),
        pd.Timestamp("2024-02-01 04:30"),
        pd.Timestamp("2024-01-31 09:30"),
        *[None] * 4,
    ]
    assert numbers == [12.0, 12.5, -1000.0, 0.5, *[None] * 4]
    assert whole == [3, None, None, -4, None, 3, None, None]
    assert truths == [True, False, True, False, None, None, None, True]


def test_a_mapping_in_the_sql_of_postgresql(postgres):
    schema = postgres.put(company(1))
    sql = "select distinct on (account_id) * from contracts order by account_id, start_date desc;"
    mapped = Settings(tables={"contracts": TableMapping(sql=sql)})
    source = connect(postgres.url(schema), mapped)
    assert rows(source, "contracts", "contract_id") == [("A0-2025",)]
    wrong = Settings(tables={"contracts": TableMapping(sql="select * from contract")})
    source = connect(postgres.url(schema), wrong)
    assert source.unreadable == {"contracts": 'relation "contract" does not exist'}


# Addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://tenure:wrong@127.0.0.1:{port}/postgres", "password authentication failed"),
        ("postgres://tenure:{password}@127.0.0.1:{port}/nothing", '"nothing" does not exist'),
        (
            "postgresql://tenure:{password}@127.0.0.1:{port}/postgres?schema=No",
            "no table in the schema 'No'",
        ),
        ("postgresql://tenure:{password}@127.0.0.1:{port}/postgres?colour=red", "colour"),
        ("postgresql://tenure:hush@127.0.0.1:1/postgres", "refused"),
        (
            "postgresql://tenure:hu@sh/?#@127.0.0.1/postgres",
            "characters that an address cannot hold",
        ),
        ("postgresql://tenure:hu%sh@127.0.0.1/postgres", "characters that an address cannot hold"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_of_without_its_password(postgres, address, words):
    address = address.format(port=postgres.port, password=postgres.password)
    with pytest.raises(TenureError) as fault:
        connect(address, Settings())
    assert words in fault.value.message
    assert fault.value.fix
    for secret in ("wrong", "hush", "hu@", "sh@", "hu%sh", postgres.password):
        assert secret not in str(fault.value)


def test_a_password_need_not_stand_in_the_address(postgres, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    schema = postgres.put(company(1))
    source = connect(
        f"postgresql://tenure@127.0.0.1:{postgres.port}/postgres?schema={schema}", Settings()
    )
    assert set(source.tables) == {"accounts", "contracts", "csm_sentiment"}
    assert not any(postgres.password in repr(each) for each in (source, source.con, source.con.con))


@pytest.mark.parametrize(
    ("address", "ours", "its"),
    [("postgresql://db/crm", "postgres", "psycopg"), ("spark://crm", "spark", "pyspark")],
)
def test_a_package_that_is_not_installed_is_named(monkeypatch, address, ours, its):
    monkeypatch.delitem(sys.modules, f"features.engines.{ours}", raising=False)
    for module in (its, "ibis.backends.postgres", "ibis.backends.pyspark"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TenureError, match=f"needs the package {its}") as fault:
        connect(address, Settings())
    assert f"--extra {ours}" in fault.value.fix


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("spark://nothing", "nothing"),
        ("spark://master:7077", "the address of a cluster"),
        ("spark://./nowhere", "there is no such folder"),
        ("spark://./empty", "holds no Parquet file"),
    ],
)
def test_an_address_where_spark_finds_nothing(spark, tmp_path, monkeypatch, address, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TenureError) as fault:
        connect(address, Settings())
    assert words in fault.value.message
    assert fault.value.fix


def test_spark_is_given_folders_of_parts_and_no_csv(spark, tmp_path):
    part = engines.write(tmp_path / "accounts", {"accounts": company()["accounts"]})
    (part / "accounts.parquet").rename(part / "part-0.snappy.parquet")
    (tmp_path / "users.csv").write_text("user_id,account_id\nu,a\n")
    (tmp_path / "_SUCCESS").touch()
    source = connect(f"spark://{tmp_path}", Settings())
    assert set(source.tables) == {"accounts"}
    assert "without spark://" in source.unreadable["users"]

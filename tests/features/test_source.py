"""A source is read by the contract: nothing is guessed, nothing is lost in silence."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import TenureError
from features.settings import Settings, TableMapping
from features.source import Source, connect


def rows(source: Source, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of a conformed table as tuples, in the order of the first column."""
    chosen = source.tables[table].select(*columns).order_by(columns[0])
    return [tuple(row.values()) for row in chosen.to_pyarrow().to_pylist()]


def folder(path: Path, **files: str) -> Path:
    """A folder of CSV files, one per table."""
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


# Types --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-01-31", datetime(2024, 1, 31)),
        ("2024-01-31 09:30", datetime(2024, 1, 31, 9, 30)),
        ("2024-01-31T09:30:00", datetime(2024, 1, 31, 9, 30)),
        ("2024-01-31T09:30:00.25Z", datetime(2024, 1, 31, 9, 30, 0, 250000)),
        ("2024-01-31T09:30:00+02:00", datetime(2024, 1, 31, 7, 30)),
        ("2024-01-31 23:30:00-0500", datetime(2024, 2, 1, 4, 30)),
        ("31-01-2024", None),
        ("01/31/2024", None),
        ("01-02-23", None),
        ("2024-02-30", None),
        ("2000-02-29", datetime(2000, 2, 29)),
        ("1900-02-29", None),
        ("2024-01-31 24:00", None),
        ("20240131", None),
        ("1706659200", None),
        ("yesterday", None),
    ],
)
def test_times_are_iso_and_end_in_utc(tmp_path: Path, written: str, meant: datetime | None) -> None:
    csv = f"account_id,feature,occurred_at\na,login,{written}\n"
    source = connect(folder(tmp_path, usage=csv), Settings())
    assert rows(source, "usage", "account_id", "occurred_at", "known_at") == [("a", meant, meant)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12", 12.0),
        (" 12.5 ", 12.5),
        ("-1e3", -1000.0),
        ("1,5", None),
        ("12 EUR", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("", None),
    ],
)
def test_numbers_are_plain(tmp_path: Path, written: str, meant: float | None) -> None:
    csv = f'account_id,feature,occurred_at,quantity\na,login,2024-01-31,"{written}"\n'
    source = connect(folder(tmp_path, usage=csv), Settings())
    assert rows(source, "usage", "account_id", "quantity") == [("a", meant)]


@pytest.mark.parametrize(("written", "meant"), [("4", 4), ("4.0", 4), ("4.5", None), ("x", None)])
def test_integers_are_whole_and_never_rounded(
    tmp_path: Path, written: str, meant: int | None
) -> None:
    csv = f"account_id,sentiment,logged_at\na,{written},2024-01-31\n"
    source = connect(folder(tmp_path, csm_sentiment=csv), Settings())
    assert rows(source, "csm_sentiment", "account_id", "sentiment") == [("a", meant)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", True), ("FALSE", False), ("1", True), ("0", False), ("yes", True), ("maybe", None)],
)
def test_booleans(tmp_path: Path, written: str, meant: bool | None) -> None:
    csv = f"account_id,kind,occurred_at,attended\na,call,2024-01-31,{written}\n"
    source = connect(folder(tmp_path, touchpoints=csv), Settings())
    assert rows(source, "touchpoints", "account_id", "attended") == [("a", meant)]


def test_allowed_values_and_headings_may_be_in_capitals_and_gaps_are_missing(
    tmp_path: Path,
) -> None:
    csv = '\ufeffAccount_ID ,Segment,touch_model\r\n a ,"small, but dear",HIGH\r\nb,,\r\n'
    source = connect(folder(tmp_path, accounts=csv), Settings())
    assert rows(source, "accounts", "account_id", "segment", "touch_model") == [
        ("a", "small, but dear", "high"),
        ("b", None, None),
    ]


def test_parquet_keeps_its_types_and_ids_lose_the_tail_that_pandas_gave_them(
    tmp_path: Path,
) -> None:
    berlin = pa.timestamp("us", tz="Europe/Berlin")
    table = pa.table(
        {
            "account_id": pa.array([17.0, 18.0, None]),
            "feature": ["login", "login", "login"],
            "occurred_at": pa.array([datetime(2024, 7, 1, 10, tzinfo=UTC)] * 3, berlin),
            "quantity": pa.array([1.0, float("nan"), 3.0]),
        }
    )
    pq.write_table(table, tmp_path / "usage.parquet")
    source = connect(tmp_path, Settings())
    assert rows(source, "usage", "account_id", "occurred_at", "quantity")[:2] == [
        ("17", datetime(2024, 7, 1, 10), 1.0),
        ("18", datetime(2024, 7, 1, 10), None),
    ]


def test_a_column_of_a_wrong_type_is_missing_throughout(tmp_path: Path) -> None:
    table = pa.table({"account_id": ["a"], "created_at": pa.array([1706659200])})
    pq.write_table(table, tmp_path / "accounts.parquet")
    source = connect(tmp_path, Settings())
    assert rows(source, "accounts", "account_id", "created_at") == [("a", None)]


# When a row is known ------------------------------------------------------------------------------


def test_a_row_is_known_when_it_says_so_else_when_it_happened(tmp_path: Path) -> None:
    csv = (
        "account_id,feature,occurred_at,known_at\n"
        "a,login,2024-01-01,2024-03-01\nb,login,2024-01-02,\nc,login,,\n"
    )
    source = connect(folder(tmp_path, usage=csv), Settings())
    assert rows(source, "usage", "account_id", "known_at") == [
        ("a", datetime(2024, 3, 1)),
        ("b", datetime(2024, 1, 2)),
        ("c", None),
    ]


def test_an_account_without_a_date_was_always_there(tmp_path: Path) -> None:
    source = connect(folder(tmp_path, accounts="account_id\na\n"), Settings())
    assert rows(source, "accounts", "account_id", "known_at") == [("a", datetime(1970, 1, 1))]


def test_a_survey_is_known_when_sent_or_else_when_answered(tmp_path: Path) -> None:
    csv = (
        "account_id,kind,score,sent_at,responded_at\n"
        "a,nps,9,2024-01-01,2024-01-05\nb,nps,9,,2024-01-05\n"
    )
    source = connect(folder(tmp_path, surveys=csv), Settings())
    assert rows(source, "surveys", "account_id", "known_at") == [
        ("a", datetime(2024, 1, 1)),
        ("b", datetime(2024, 1, 5)),
    ]


# Forms of sources ---------------------------------------------------------------------------------


def test_a_packed_csv_file(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv.gz").write_bytes(gzip.compress(b"account_id\na\n"))
    assert rows(connect(tmp_path, Settings()), "accounts", "account_id") == [("a",)]


def test_a_duckdb_file_is_read_and_mapped_but_never_written(tmp_path: Path) -> None:
    path = tmp_path / "company.duckdb"
    with duckdb.connect(path) as con:
        con.execute("create table accounts as select 1 as account_id")
        con.execute("create view orders as select 1 as id")
        con.execute("create table deals as select 7 as id, 1 as customer, date '2024-01-01' as d")
    before = path.read_bytes()
    sql = "select id as contract_id, customer as account_id, d as start_date from deals;"
    source = connect(path, Settings(tables={"contracts": TableMapping(sql=sql)}))
    assert rows(source, "accounts", "account_id") == [("1",)]
    assert rows(source, "contracts", "contract_id", "start_date") == [("7", date(2024, 1, 1))]
    assert source.foreign == ("orders",)
    assert path.read_bytes() == before


def test_csv_is_read_once(tmp_path: Path) -> None:
    source = connect(folder(tmp_path, accounts="account_id\na\n"), Settings())
    (tmp_path / "accounts.csv").unlink()
    assert rows(source, "accounts", "account_id") == [("a",)]


def test_only_what_the_contract_knows_is_conformed(tmp_path: Path) -> None:
    source = connect(
        folder(tmp_path, accounts="account_id,colour\na,red\n", x="y\n1\n"), Settings()
    )
    assert source.tables["accounts"].columns == ("account_id", "known_at")
    assert "colour" in source.found["accounts"].columns
    assert source.foreign == ("x",)


# Mapping ------------------------------------------------------------------------------------------


def test_sql_meets_files_by_name_and_csv_as_text(tmp_path: Path) -> None:
    folder(tmp_path, subscriptions="who,starts,mrr\na,31-01-2024,10\n")
    sql = """
        select who as account_id, who as contract_id, null as end_date,
            strptime(starts, '%d-%m-%Y') as start_date, 12 * cast(mrr as double) as arr
        from subscriptions
    """
    source = connect(tmp_path, Settings(tables={"contracts": TableMapping(sql=sql)}))
    assert rows(source, "contracts", "account_id", "start_date", "end_date", "arr") == [
        ("a", date(2024, 1, 31), None, 120.0)
    ]


def test_tables_and_columns_are_renamed_and_a_name_may_move(tmp_path: Path) -> None:
    folder(tmp_path, customers="id,name,label\n1,x,Big One\n")
    mapping = TableMapping(table="customers", columns={"account_id": "id", "name": "label"})
    source = connect(tmp_path, Settings(tables={"accounts": mapping}))
    assert rows(source, "accounts", "account_id", "name") == [("1", "Big One")]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (
            TableMapping(table="customer"),
            "takes it from 'customer', which the source does not have.",
        ),
        (TableMapping(table="customer"), "Did you mean 'customers'?"),
        (
            TableMapping(table="customers", columns={"account_id": "idd"}),
            "'idd' Did you mean 'id'?",
        ),
        (TableMapping(sql="select id as account_id from customer"), "customer does not exist"),
        (TableMapping(sql="select frm customers"), "FROM clause is missing"),
        (TableMapping(sql="selec 1"), "syntax error"),
        (TableMapping(sql="select cast('x' as int) as account_id"), "Could not convert string 'x'"),
    ],
)
def test_a_mapping_that_cannot_work_is_told_of(
    tmp_path: Path, mapping: TableMapping, words: str
) -> None:
    folder(tmp_path, customers="id\n1\n")
    source = connect(tmp_path, Settings(tables={"accounts": mapping}))
    assert "accounts" not in source.tables
    assert words in source.unreadable["accounts"]


# What cannot be read ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "accounts.csv: the file is empty, it has no heading"),
        (b"account_id,name,name\n", "accounts.csv: the heading names 'name' more than once"),
        (b"account_id,name\n1,\xff\n", "can't decode byte 0xff"),
        (b"account_id\xff\n1\n", "can't decode byte 0xff"),
        (b"account_id,name\n1,a\n2\n", "Line: 3"),
        (b"account_id,name\n1,a\n2,b,c\n", "Expected Number of Columns: 2 Found: 3"),
    ],
)
def test_a_damaged_csv_file_is_unreadable_and_no_line_is_skipped(
    tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "accounts.csv").write_bytes(content)
    source = connect(tmp_path, Settings())
    assert "accounts" not in source.tables
    assert words in source.unreadable["accounts"]


def test_a_cut_off_packed_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv.gz").write_bytes(gzip.compress(b"account_id\na\n")[:12])
    assert "accounts.csv.gz" in connect(tmp_path, Settings()).unreadable["accounts"]


def test_two_files_of_one_name_are_not_chosen_between(tmp_path: Path) -> None:
    folder(tmp_path, accounts="account_id\na\n")
    pq.write_table(pa.table({"account_id": ["b"]}), tmp_path / "accounts.parquet")
    assert "two files of this name" in connect(tmp_path, Settings()).unreadable["accounts"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://me:hush@host/db", "mysql://me@host/db: sources of the kind 'mysql' cannot be"),
        ("nowhere", "there is no such file or folder"),
        ("single.csv", "a single file of this kind is no source"),
        ("empty", "holds no .csv, .csv.gz or .parquet file"),
        ("broken.duckdb", "cannot be opened"),
    ],
)
def test_an_address_where_nothing_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("single.csv").write_text("x\n", encoding="utf-8")
    Path("broken.duckdb").write_bytes(b"no database" * 1000)
    Path("empty").mkdir()
    with pytest.raises(TenureError) as fault:
        connect(url, Settings())
    assert words in fault.value.message
    assert fault.value.fix

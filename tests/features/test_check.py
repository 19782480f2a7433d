"""Each fault is found where it is and counted right; what is sound is left in peace."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from companies import Rows, sound, write

from features.check import check
from features.check.report import Report
from features.settings import ObservationSettings, OwnCheck, Settings
from features.source import connect

Company = dict[str, Rows]
TODAY = date(2025, 6, 1)


def look(folder: Path, company: Company, settings: Settings | None = None) -> Report:
    settings = settings or Settings()
    return check(connect(write(folder, company), settings), settings, TODAY)


def faults(report: Report) -> set[tuple[str, str, str, int]]:
    return {
        (fault.severity, fault.table, fault.column, fault.count)
        for fault in (*report.errors, *report.warnings)
    }


def test_a_sound_company_has_no_fault_and_its_terms_are_counted(tmp_path: Path) -> None:
    report = look(tmp_path, sound())
    assert faults(report) == set()
    # A000 to A039 leave after two terms; of the others' four terms, the last two end too late
    # for the grace period to have been seen
    last_day = date(2024, 1, 1) + timedelta(days=59 + 270)
    ends = [date.fromisoformat(str(row["end_date"])) for row in sound()["contracts"]]
    seen = sum(end + timedelta(days=30) <= last_day for end in ends)
    assert report.summary["accounts"] == 120
    assert report.summary["renewals"] == seen
    assert report.summary["churned"] == 40
    assert report.summary["churn_rate"] == pytest.approx(40 / seen)
    assert report.summary["running"] == 80
    assert report.summary["first_day"] == date(2024, 1, 1)
    assert report.summary["last_day"] == last_day
    assert list(report.summary["dimensions"]) == ["frequency", "breadth", "depth", "commercial"]
    assert report.summary["missing_dimensions"]["sentiment"] == ["csm_sentiment", "surveys"]
    assert report.summary["naive_times"] == ["usage.occurred_at"]
    assert report.summary["enough"]


# One fault at a time ------------------------------------------------------------------------------


def set_first(table: str, column: str, *values: object) -> Callable[[Company], None]:
    def change(company: Company) -> None:
        for row, value in zip(company[table], values, strict=False):
            row[column] = value

    return change


def add(table: str, *rows: dict[str, object]) -> Callable[[Company], None]:
    return lambda company: company.setdefault(table, []).extend(dict(row) for row in rows)


def drop_accounts(company: Company) -> None:
    del company["accounts"][:2]


TICKET = {
    "ticket_id": "t",
    "account_id": "A000",
    "opened_at": "2024-02-02",
    "priority": "high",
    "resolved_at": "2024-02-03",
}
SURVEY = {"account_id": "A000", "kind": "nps", "score": 9, "sent_at": "2024-02-02"}

CASES = {
    "unparsable date": (
        set_first("contracts", "end_date", "31-03-2024", "soon"),
        {("error", "contracts", "end_date", 2)},
    ),
    "value outside its range": (
        set_first("contracts", "arr", -5),
        {("error", "contracts", "arr", 1)},
    ),
    "value not among the allowed": (
        add("tickets", TICKET | {"priority": "P1"}),
        {("error", "tickets", "priority", 1)},
    ),
    "answer outside its scale": (
        add("surveys", SURVEY | {"kind": "csat", "score": 7}, SURVEY),
        {("error", "surveys", "score", 1)},
    ),
    "answer outside every scale": (
        add("surveys", SURVEY | {"score": 11}, SURVEY),
        {("error", "surveys", "score", 1)},
    ),
    "gap in a name": (
        add("tickets", TICKET | {"ticket_id": ""}),
        {("error", "tickets", "ticket_id", 1)},
    ),
    "gap in a signal": (
        set_first("usage", "feature", "", ""),
        {("warning", "usage", "feature", 2)},
    ),
    "duplicate key": (add("tickets", TICKET, TICKET), {("error", "tickets", "ticket_id", 1)}),
    "contract of an unknown account": (
        set_first("contracts", "account_id", "B"),
        {("error", "contracts", "account_id", 1)},
    ),
    "signals of unknown accounts": (
        drop_accounts,
        {("error", "contracts", "account_id", 4), ("warning", "usage", "account_id", 36)},
    ),
    "signals of nobody that is known": (
        add("tickets", TICKET | {"account_id": "B"}),
        {("error", "tickets", "account_id", 1)},
    ),
    "event before the account began": (
        add("tickets", TICKET | {"opened_at": "2023-12-31"}),
        {("warning", "tickets", "opened_at", 1)},
    ),
    "event in the future": (
        set_first("usage", "occurred_at", "2025-06-02"),
        {("warning", "usage", "occurred_at", 1)},
    ),
    "event known before it happened": (
        add("tickets", TICKET | {"known_at": "2024-02-01"}),
        {("warning", "tickets", "known_at", 1)},
    ),
    "end before the start": (
        add("tickets", TICKET | {"resolved_at": "2024-02-01"}),
        {("warning", "tickets", "resolved_at", 1)},
    ),
    "contract that ends before it starts": (
        set_first("contracts", "end_date", "2023-12-01"),
        {("error", "contracts", "end_date", 1)},
    ),
    "contracts that overlap": (
        set_first("contracts", "end_date", "2024-04-02"),
        {("warning", "contracts", "start_date", 1)},
    ),
    "end that means none": (
        set_first("contracts", "end_date", "9999-12-31"),
        {("warning", "contracts", "end_date", 1), ("warning", "contracts", "start_date", 1)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_fault_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    break_it, expected = CASES[case]
    company = sound()
    break_it(company)
    assert faults(look(tmp_path, company)) == expected


def test_faults_are_told_all_at_once_with_examples_and_what_to_do(tmp_path: Path) -> None:
    company = sound()
    for break_it, _ in CASES.values():
        break_it(company)
    report = look(tmp_path, company)
    assert len(report.errors) >= 8
    for fault in (*report.errors, *report.warnings):
        assert fault.message.startswith(fault.table)
        assert fault.fix.endswith((".", "?"))
        assert len(fault.examples) <= 3


def test_days_that_come_first_are_recognised(tmp_path: Path) -> None:
    company = sound()
    set_first("contracts", "end_date", "31-03-2024", "30-06-2024")(company)
    (fault,) = look(tmp_path, company).errors
    assert fault.examples == ("'30-06-2024'", "'31-03-2024'")
    assert "strptime(end_date, '%d-%m-%Y')" in fault.fix


# Tables -------------------------------------------------------------------------------------------


def test_a_misnamed_table_is_named(tmp_path: Path) -> None:
    company = sound()
    company["contract"] = company.pop("contracts")
    (fault,) = look(tmp_path, company).errors
    assert fault.message == "there is no table contracts. Did you mean 'contract'?"
    assert "contract_id, account_id, start_date, end_date, arr" in fault.fix


def test_a_source_without_signals_cannot_be_learned_from(tmp_path: Path) -> None:
    company = sound()
    del company["usage"]
    report = look(tmp_path, company)
    assert [fault.message for fault in report.errors] == [
        "there is no table of signals: nothing tells how an account does."
    ]
    assert not report.summary["enough"]


def test_an_empty_table_that_is_not_needed_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, sound())
    (tmp_path / "surveys.csv").write_text("account_id,kind,score,sent_at\n", encoding="utf-8")
    report = check(connect(tmp_path, Settings()), Settings(), TODAY)
    assert faults(report) == {("warning", "surveys", "", 0)}


def test_surveys_need_one_of_two_times(tmp_path: Path) -> None:
    company = sound()
    add("surveys", {"account_id": "A000", "kind": "nps", "score": 9})(company)
    assert faults(look(tmp_path, company)) == {("error", "surveys", "sent_at", 0)}


def test_a_type_that_cannot_be_meant(tmp_path: Path) -> None:
    company = sound()
    rows = company.pop("accounts")
    write(tmp_path, company)
    ids = [str(row["account_id"]) for row in rows]
    table = pa.table({"account_id": ids, "created_at": pa.array(range(len(ids)))})
    pq.write_table(table, tmp_path / "accounts.parquet")
    (fault,) = check(connect(tmp_path, Settings()), Settings(), TODAY).errors
    assert fault.message == "accounts.created_at is of type int64, where a time is needed."


def test_columns_and_tables_that_are_not_used_are_only_mentioned(tmp_path: Path) -> None:
    company = sound()
    set_first("accounts", "colour", "red")(company)
    company["notes"] = [{"x": 1}]
    report = look(tmp_path, company)
    assert faults(report) == set()
    assert report.summary["unused_columns"] == ["accounts.colour"]
    assert report.summary["unused_tables"] == ["notes"]


# Contracts through time ---------------------------------------------------------------------------


def test_a_correction_with_its_own_known_at_is_no_duplicate(tmp_path: Path) -> None:
    company = sound()
    for row in company["contracts"]:
        row["known_at"] = row["start_date"]
    add("contracts", company["contracts"][0] | {"known_at": "2024-02-01", "arr": 5})(company)
    assert faults(look(tmp_path, company)) == set()


def test_parallel_contracts_for_different_products_do_not_overlap(tmp_path: Path) -> None:
    company = sound()
    for row in company["contracts"]:
        row["product"] = "base"
    extra = company["contracts"][0] | {"contract_id": "extra", "product": "add-on"}
    add("contracts", extra)(company)
    assert faults(look(tmp_path, company)) == set()


def churned_rows(company: Company) -> Rows:
    return [row for row in company["contracts"] if str(row["contract_id"]) < "A040"][1::2]


def decided(days_before_end: int) -> Company:
    company = sound()
    for row in company["contracts"]:
        row["outcome"], row["decided_at"] = "", ""
    for row in churned_rows(company):
        end = date.fromisoformat(str(row["end_date"]))
        row["outcome"] = "churned"
        row["decided_at"] = (end - timedelta(days=days_before_end)).isoformat()
    return company


def test_decisions_that_come_before_every_window_can_never_be_learned_from(tmp_path: Path) -> None:
    narrow = Settings(observations=ObservationSettings(horizon_days=30, lead_days=10))
    late, early = (look(tmp_path / str(days), decided(days), narrow) for days in (40, 41))
    assert faults(late) == set()
    assert faults(early) == {("warning", "contracts", "decided_at", 40)}
    wide = replace(narrow, observations=ObservationSettings(horizon_days=31, lead_days=10))
    assert faults(look(tmp_path / "wide", decided(41), wide)) == set()


def terminated(told_by_revision: bool) -> Company:
    """Every churned term ends forty days early; the usage ends with it."""
    company = sound()
    company["usage"] = company["usage"][:2000]
    for row in company["contracts"]:
        row["known_at"] = row["start_date"]
    for row in churned_rows(company):
        end = date.fromisoformat(str(row["end_date"])) - timedelta(days=40)
        if told_by_revision:
            add("contracts", row | {"end_date": end.isoformat(), "known_at": end.isoformat()})(
                company
            )
        else:
            row["end_date"] = end.isoformat()
    return company


def test_an_end_overwritten_by_the_termination_gives_the_future_away(tmp_path: Path) -> None:
    overwritten = ("warning", "contracts", "end_date", 40)
    assert overwritten in faults(look(tmp_path / "overwritten", terminated(False)))
    assert overwritten not in faults(look(tmp_path / "revised", terminated(True)))


def test_usage_outside_every_contract_is_counted(tmp_path: Path) -> None:
    company = sound()
    event = company["usage"][0] | {"account_id": "A000"}
    end = max(str(row["end_date"]) for row in company["contracts"][:2])
    add("usage", *[event | {"occurred_at": f"{end} 00:00:00"}] * 100)(company)
    report = look(tmp_path, company)
    assert faults(report) == {("warning", "usage", "occurred_at", 100)}
    assert report.warnings[0].message == (
        "usage.occurred_at: 100 of 3,700 rows (3 %) lie outside every contract of the account."
    )
    assert report.warnings[0].examples == (f"'A000 on {end}'",)


def test_contracts_without_an_end_still_run(tmp_path: Path) -> None:
    company = sound(churners=0)
    company["contracts"] = [row | {"end_date": ""} for row in company["contracts"][::4]]
    report = look(tmp_path, company)
    assert report.summary["running"] == 120
    assert report.summary["renewals"] == 0
    assert report.summary["churn_rate"] is None


# A company's own checks ---------------------------------------------------------------------------


def test_own_checks_count_against_the_table_they_name(tmp_path: Path) -> None:
    own = OwnCheck(
        table="contracts",
        of="deals",
        message="have no price",
        fix="Ask billing.",
        sql="select id from deals where price is null order by id;",
        severity="error",
    )
    company = sound()
    company["deals"] = [{"id": n, "price": "" if n < 2 else 5} for n in range(4)]
    (fault,) = look(tmp_path, company, Settings(checks=(own,))).errors
    assert fault.to_text() == (
        "error: contracts: 2 of 4 rows (50 %) in deals have no price. For instance: 0, 1.\n"
        "  Ask billing."
    )


def test_an_own_check_that_finds_nothing_is_silent(tmp_path: Path) -> None:
    own = OwnCheck("contracts", "are odd", "select 1 where false")
    assert faults(look(tmp_path, sound(), Settings(checks=(own,)))) == set()


@pytest.mark.parametrize(
    "own",
    [
        OwnCheck("contracts", "are odd", "select * from nothing"),
        OwnCheck("contracts", "are odd", "select 1", of="nothing"),
        OwnCheck("contracts", "are odd", "selec"),
    ],
)
def test_an_own_check_that_cannot_run_is_an_error(tmp_path: Path, own: OwnCheck) -> None:
    (fault,) = look(tmp_path, sound(), Settings(checks=(own,))).errors
    assert fault.message.startswith("check number 1 of tenure.toml cannot be run")


# The report ---------------------------------------------------------------------------------------


def test_the_report_as_json_tells_what_tools_need(tmp_path: Path) -> None:
    company = sound()
    set_first("contracts", "arr", "x")(company)
    told = json.loads(look(tmp_path, company).to_json())
    assert told["errors"] == [
        {
            "severity": "error",
            "table": "contracts",
            "column": "arr",
            "count": 1,
            "rows": 400,
            "examples": ["'x'"],
            "message": "contracts.arr: 1 of 400 rows (< 1 %) are no number.",
            "fix": "Write plain numbers such as 1234.5; leave unknown ones empty.",
        }
    ]
    assert told["warnings"] == []
    assert told["summary"].keys() >= {
        *("accounts", "renewals", "churned", "churn_rate", "first_day", "last_day", "dimensions"),
    }
    assert told["summary"]["first_day"] == "2024-01-01"

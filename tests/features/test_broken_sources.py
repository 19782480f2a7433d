"""Ten broken sources, each with the exact words and the exit code that people get."""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from companies import Rows, sound, write

from serving import cli

Company = dict[str, Rows]


@pytest.fixture
def tenure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run a command in an empty folder; its exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/models.db")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tenure", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        return int(end.value.code or 0), said.err

    return run


def unreadable_file(company: Company, folder: Path) -> None:
    write(folder, company)
    (folder / "contracts.csv").unlink()
    (folder / "contracts.parquet").write_bytes(b"PAR1 this is no table PAR1")


def wrong_delimiter(company: Company, folder: Path) -> None:
    write(folder, company)
    write(folder, {"contracts": company["contracts"]}, delimiter=";")


def missing_column(company: Company, folder: Path) -> None:
    for row in company["contracts"]:
        row["ar"] = row.pop("arr")
    write(folder, company)


def text_in_numbers(company: Company, folder: Path) -> None:
    for row, text in zip(company["contracts"], ["1,200", "1200 EUR", "n/a", "?"], strict=False):
        row["arr"] = text
    write(folder, company)


def mixed_time_zones(company: Company, folder: Path) -> None:
    for row in company["usage"][:100]:
        row["occurred_at"] = f"{row['occurred_at']}+02:00"
    write(folder, company)


def duplicate_ids(company: Company, folder: Path) -> None:
    company["accounts"] += company["accounts"][:3]
    company["contracts"].append(company["contracts"][7])
    write(folder, company)


def empty_table(company: Company, folder: Path) -> None:
    write(folder, company)
    heading = (folder / "contracts.csv").read_text(encoding="utf-8").splitlines()[0]
    (folder / "contracts.csv").write_text(heading + "\n", encoding="utf-8")


def one_class_only(company: Company, folder: Path) -> None:
    write(folder, sound(churners=0))


def twenty_accounts(company: Company, folder: Path) -> None:
    write(folder, sound(accounts=20, churners=7))


def all_in_the_future(company: Company, folder: Path) -> None:
    shift = timedelta(days=20000)
    for rows in company.values():
        for row in rows:
            for column in ("created_at", "start_date", "end_date", "occurred_at"):
                if column in row:
                    text = str(row[column])
                    row[column] = f"{date.fromisoformat(text[:10]) + shift}{text[10:]}"
    write(folder, company)


TODAY = datetime.now(UTC).date()

SWAPPED = (
    "  Are days and months swapped, or is a plan taken for an event? Such rows are not used before "
    "their time."
)

CHECKED = {
    unreadable_file: """\
error: contracts cannot be read: contracts.parquet: Footer length error in file 'contracts.parquet'.
  Write it anew as Parquet, as CSV (commas, UTF-8), or as a table of a DuckDB file; \
where tenure.toml maps it, look at [tables.contracts].
""",
    wrong_delimiter: """\
error: contracts has the single column 'contract_id;account_id;start_date;end_date;arr': \
its columns stand apart by ';', not by commas.
  Write the file with commas between the columns.
""",
    missing_column: """\
error: contracts has no column arr. Did you mean 'ar'?
  Add it (yearly recurring revenue); or name yours in tenure.toml: \
[tables.contracts] columns = { arr = "..." }.
""",
    text_in_numbers: """\
error: contracts.arr: 4 of 400 rows (1 %) are no number. For instance: '1,200', '1200 EUR', '?'.
  Write plain numbers such as 1234.5; leave unknown ones empty.
""",
    mixed_time_zones: """\
error: usage.occurred_at mixes time zones: 100 with an offset to UTC, 3,500 without. \
For instance: '2024-01-01 09:30:00+02:00', '2024-01-01 09:30:00'.
  Write all of them with an offset, or all of them in UTC and without.
""",
    duplicate_ids: """\
error: accounts.account_id: 3 of 123 rows (2 %) repeat the account_id of another row. \
For instance: 'A000', 'A001', 'A002'.
  Keep one row for each.
error: contracts.contract_id: 1 of 401 rows (< 1 %) repeat the contract_id and known_at of \
another row. For instance: 'A003-1'.
  Keep one row for each. Give a later correction its own known_at.
""",
    empty_table: """\
error: contracts has no row.
  Is the export complete?
""",
    all_in_the_future: f"""\
error: accounts.created_at: 120 of 120 rows lie in the future, after {TODAY}. \
For instance: '2078-10-04', '2078-10-05', '2078-10-06'.
{SWAPPED}
error: usage.occurred_at: 3,600 of 3,600 rows lie in the future, after {TODAY}. \
For instance: '2078-10-04 09:30:00', '2078-10-05 09:30:00', '2078-10-06 09:30:00'.
{SWAPPED}
error: contracts.start_date: 400 of 400 rows start in the future, after {TODAY}. \
For instance: '2078-10-04', '2078-10-05', '2078-10-06'.
  Planned renewals are welcome beside present ones; when most contracts lie ahead, look whether \
days and months are swapped.
""",
}


@pytest.mark.parametrize("break_it", CHECKED, ids=lambda break_it: break_it.__name__)
def test_check_and_train_stop_with_every_fault_and_what_to_do(
    break_it: Callable[[Company, Path], None],
    tenure: Callable[..., tuple[int, str]],
    tmp_path: Path,
) -> None:
    faults = CHECKED[break_it]
    break_it(sound(), tmp_path / "company")

    code, said = tenure("check", "company")
    assert code == 1
    assert said.replace("\n\n", "\n").startswith(faults)

    code, said = tenure("train", "company")
    assert code == 1
    assert said.startswith(faults)
    assert not (tmp_path / "models.db").exists()


ADVICE = "Give a longer history or more accounts; look whether ended contracts are in the data."

TOO_LITTLE = {
    one_class_only: (
        f"""\
warning: Not enough to train: 0 contract terms churned and 420 were renewed or still run, \
where about 30 of each are needed.
  {ADVICE}
""",
        """\
0 churned among 120 accounts with a known renewal: too few to learn from.
  At least 30 churned accounts are needed: bring a longer history or more accounts. \
Until then `tenure weights --source SOURCE` offers a health score without a model.
""",
    ),
    twenty_accounts: (
        f"""\
warning: Not enough to train: 7 contract terms churned and 46 were renewed or still run, \
where about 30 of each are needed.
  {ADVICE}
""",
        """\
7 churned among 20 accounts with a known renewal: too few to learn from.
  At least 30 churned accounts are needed, at this churn rate about 86 accounts: \
bring a longer history or more accounts. \
Until then `tenure weights --source SOURCE` offers a health score without a model.
""",
    ),
}


@pytest.mark.parametrize("break_it", TOO_LITTLE, ids=lambda break_it: break_it.__name__)
def test_too_little_is_a_warning_to_check_and_forbids_to_train(
    break_it: Callable[[Company, Path], None],
    tenure: Callable[..., tuple[int, str]],
    tmp_path: Path,
) -> None:
    warning, refusal = TOO_LITTLE[break_it]
    break_it(sound(), tmp_path / "company")

    code, said = tenure("check", "company")
    assert code == 0
    assert said.startswith(warning)
    assert "Next: tenure check company    once there is more history" in said

    assert tenure("train", "company") == (1, refusal)
    assert not (tmp_path / "models.db").exists()


def test_a_sound_company_passes(tenure: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    write(tmp_path / "company", sound())

    code, said = tenure("check", "company")

    assert code == 0
    assert said.startswith("0 errors, 0 warnings.")

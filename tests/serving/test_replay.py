"""Replay: a score table computed again, and what is named where it differs."""

import json
import shutil
import sys

import pandas as pd
import pytest

from features.errors import TenureError
from serving import cli, replay, score_files
from serving.workflow import Workplace

pytestmark = pytest.mark.slow


@pytest.fixture
def place(champion, monkeypatch, use_store, tmp_path):
    """The source, with other key features by now than those by which the champion goes."""
    use_store(monkeypatch, champion.store)
    config = tmp_path / "tenure.toml"
    config.write_text(champion.config.read_text() + '[metrics]\nkey_features = ["nobody\'s"]\n')
    return Workplace.open(str(champion.company), config)


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
def test_a_table_is_replayed_to_the_bit_from_every_kind_of_file(place, scored, tmp_path, suffix):
    path = tmp_path / f"scores{suffix}"
    score_files.write(scored[0], path)
    replayed = replay.replay(path, place)
    assert replayed.difference is None
    assert replayed.rows == len(scored[0])
    assert replayed.version == scored[1]["version"]


def test_a_german_table_against_an_earlier_one_is_replayed(place, champion, tmp_path):
    earlier, path = tmp_path / "earlier.json", tmp_path / "scores.parquet"
    score_files.write(place.score(pd.Timestamp("2025-06-01").date())[0], earlier)
    told = score_files.read(earlier)
    told[0]["churn_probability"] -= 0.125
    earlier.write_text(json.dumps(told))
    table, _ = place.score(None, "champion", "de", told)
    score_files.write(table, path)
    assert replay.replay(path, place, earlier).difference is None
    row = table[table["account_id"] == told[0]["account_id"]]
    if len(row):
        causes = {each["cause"]: each["points"] for each in row["change_drivers"].iloc[0]}
        assert causes["settings"] == pytest.approx(0.125)


def test_the_smallest_change_of_a_file_is_found_and_named(place, scored, tmp_path):
    path = tmp_path / "scores.json"
    score_files.write(scored[0], path)
    rows = json.loads(path.read_text())
    points = rows[7]["drivers"][3]["points"]
    rows[7]["drivers"][3]["points"] = points * (1 + 2**-52)
    path.write_text(json.dumps(rows))
    found = replay.replay(path, place).difference
    assert found.account_id == rows[7]["account_id"]
    assert found.column == "drivers[3].points"
    assert (found.told, found.found) == (rows[7]["drivers"][3]["points"], points)


def test_a_source_that_changed_since_is_found(champion, scored, tmp_path, monkeypatch, use_store):
    use_store(monkeypatch, champion.store)
    path, company = tmp_path / "scores.parquet", tmp_path / "company"
    score_files.write(scored[0], path)
    shutil.copytree(champion.company, company)
    usage = pd.read_parquet(company / "usage.parquet")
    account = usage["account_id"].value_counts().index[0]
    day = pd.Timestamp(scored[1]["as_of"]) - pd.Timedelta(days=20)
    gone = (usage["account_id"] == account) & (pd.to_datetime(usage["occurred_at"]) < day)
    usage[~gone].to_parquet(company / "usage.parquet")
    found = replay.replay(path, Workplace.open(str(company), champion.config)).difference
    assert found is not None
    assert found.column != "scored_at"


def test_what_is_no_score_table_is_told(place, tmp_path):
    for name, text, said in (
        ("a.csv", "x,y\n1,2\n", "no account_id"),
        ("b.json", "[]", "no rows"),
        ("c.json", "{", "cannot be read"),
        ("d.parquet", "PAR1", "cannot be read"),
        ("e.xlsx", "", "ends in none of"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(TenureError, match=said):
            replay.replay(path, place)
    with pytest.raises(TenureError, match="cannot be read"):
        replay.replay(tmp_path / "nowhere.csv", place)


def test_the_command_proves_it_or_names_the_difference(
    place, champion, scored, tmp_path, monkeypatch, capfd
):
    path = tmp_path / "scores.csv"
    score_files.write(scored[0], path)
    monkeypatch.chdir(tmp_path)

    def run() -> tuple[int, str]:
        words = ["tenure", "score", str(champion.company), "--config", str(champion.config)]
        monkeypatch.setattr(sys, "argv", [*words, "--replay", str(path)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), capfd.readouterr().err

    code, said = run()
    assert code == 0
    assert "the same to the bit" in said
    assert not (tmp_path / "scores.parquet").exists()
    text = path.read_text()
    first = repr(float(scored[0]["arr"].iloc[0]))
    path.write_text(text.replace(f",{first},", ",1.0,", 1))
    code, said = run()
    assert code == 1
    assert f"account {scored[0]['account_id'].iloc[0]}, column arr: the file says 1.0" in said
    assert first in said

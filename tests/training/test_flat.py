import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import TenureError
from serving import cli
from training import flat, leaks

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TENURE_EXAMPLE_DATA", HERE.parents[2] / "shared" / "data"))
FLAT = DATA / "flat"


def company(seed: int, rows: int = 1200) -> pd.DataFrame:
    """Honest columns of many shapes: counts with many zeros, steps, prices, months, words."""
    rng = np.random.default_rng(seed)
    state = rng.normal(size=rows)
    calls = rng.poisson(np.exp(-0.5 * state))
    odds = -1.2 - 1.5 * state + 1.5 * (calls >= 4)
    return pd.DataFrame(
        {
            "customer": [f"C{n}" for n in range(rows)],
            "support calls": calls,
            "logins": rng.poisson(np.exp(1 + state)) * (rng.random(rows) > 0.2),
            "months": rng.integers(1, 73, rows),
            "price": rng.choice([19.9, 29.9, 49.9, 99.9], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "hours": np.exp(state + rng.normal(size=rows)).round(1),
            "plan": rng.choice(["basic", "team", None], rows),
            "churned": np.where(rng.random(rows) < 1 / (1 + np.exp(-odds)), "yes", "no"),
        }
    )


def read(rows: pd.DataFrame, folder: Path, label: str = "churned") -> flat.FlatTable:
    rows.to_csv(folder / "flat.csv", index=False)
    return flat.read(folder / "flat.csv", label)


def suspected(table: flat.FlatTable) -> list[tuple[str, str]]:
    found = leaks.look(table.table, list(table.metrics.values()))
    return [(leak.metric, leak.check) for leak in found]


def counted_to_the_end(rows: pd.DataFrame) -> pd.DataFrame:
    """Months until the account left: most leave after a half-year, and then no more are counted."""
    rng = np.random.default_rng(0)
    at_half_year = (rows["churned"] == "yes") & (rng.random(len(rows)) < 0.2)
    ended = np.where(at_half_year, 6, np.where(rows["months"] == 6, 7, rows["months"]))
    return rows.assign(months=ended)


def test_a_count_that_stops_when_the_account_leaves_is_suspected(tmp_path: Path) -> None:
    table = read(counted_to_the_end(company(0)), tmp_path)
    assert suspected(table) == [("months", "island")]


def test_twenty_honest_tables_raise_no_alarm(tmp_path: Path) -> None:
    for seed in range(20):
        assert suspected(read(company(seed), tmp_path)) == [], seed


def test_a_leak_that_others_published() -> None:
    told = flat.read(HERE / "data" / "months_active.csv", "churned")
    [leak] = leaks.look(told.table, list(told.metrics.values()))
    assert (leak.metric, leak.check) == ("months_active", "island")
    assert "Of 18 rows in which months_active is 6, 100% churned, but 13% and 9%" in leak.message


@pytest.mark.skipif(not FLAT.is_dir(), reason="no example data: set TENURE_EXAMPLE_DATA")
@pytest.mark.parametrize(
    ("file", "label", "begins", "times"),
    [
        ("BankChurners.csv", "Attrition_Flag", "Naive_Bayes", 2),
        ("pysurvival_b2b.csv", "churned", "months_active", 1),
        ("mlc_churn.csv", "churn", "", 0),
        ("wa_churn.csv", "churn", "", 0),
    ],
)
def test_published_tables_are_suspected_where_they_leak(
    file: str, label: str, begins: str, times: int
) -> None:
    found = [name for name, _ in suspected(flat.read(FLAT / file, label))]
    assert len(found) == times
    assert all(name.startswith(begins) for name in found)


def test_a_table_is_read_as_people_write_it(tmp_path: Path) -> None:
    rows = company(0)
    told = read(rows.assign(id=range(len(rows))), tmp_path)
    assert list(told.metrics) == ["support_calls", "logins", "months", "price", "hours", "plan"]
    assert told.metrics["plan"].kind == "category"
    assert told.table["churned"].tolist() == (rows["churned"] == "yes").tolist()
    assert "Left out, another value in each row: customer, id." in told.notes

    described = pd.concat([pd.DataFrame([dict.fromkeys(rows, "in words")]), rows])
    again = read(described, tmp_path)
    assert again.table["churned"].sum() == told.table["churned"].sum()
    assert again.metrics["hours"].kind == "number"
    assert "Line 2 was left out" in again.notes[0]


def test_the_rarer_of_two_words_is_taken_for_churned(tmp_path: Path) -> None:
    rows = company(0).replace({"churned": {"yes": "Attrited", "no": "Existing"}})
    told = read(rows, tmp_path)
    assert told.table["churned"].sum() == (rows["churned"] == "Attrited").sum()
    assert "churned = Attrited, the rarer value, was taken for churned" in told.notes[0]


@pytest.mark.parametrize(
    ("rows", "label", "message"),
    [
        (company(0), "churn", "flat.csv has no column 'churn'. Did you mean 'churned'?"),
        (company(0), "price", "Label 'price' has 4 values, not two: '19.9' ("),
        (company(0)[["customer", "churned"]], "churned", "no column to learn from"),
        (company(0).head(40), "churned", "of 40 rows churned: too few of one kind"),
        (company(0).head(0), "churned", "flat.csv has no rows"),
    ],
)
def test_what_cannot_be_judged_is_said(
    rows: pd.DataFrame, label: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(TenureError, match=message.replace("?", r"\?").replace("(", r"\(")):
        flat.judge(read(rows, tmp_path, label))


def test_the_command_judges_and_says_what_that_proves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    company(0, rows=600).to_csv(tmp_path / "flat.csv", index=False)
    words = ["--flat", str(tmp_path / "flat.csv"), "--label", "churned", "--json"]
    monkeypatch.setattr(sys, "argv", ["tenure", "train", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    out, _ = capfd.readouterr()
    told = json.loads(out)
    assert not told["registered"]
    assert told["observations"] == 600
    assert any("proves nothing about time" in note for note in told["notes"])
    for name in ("auc", "log_loss", "brier", "calibration_error", "lift_top_tenth"):
        assert told[f"{name}_low"] <= told[name] <= told[f"{name}_high"]
    assert told["auc_low"] > 0.6
    assert told["log_loss"] < told["log_loss_base"]


def test_chance_is_told_as_chance(tmp_path: Path) -> None:
    rows = company(3)
    dealt = rows.assign(churned=rows["churned"].sample(frac=1, random_state=0).to_numpy())
    told = flat.judge(read(dealt, tmp_path), repeats=1)
    assert told["auc_low"] < 0.5 < told["auc_high"]

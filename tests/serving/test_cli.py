import json
import os
import re
import resource
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from features import build
from serving import cli

COMMANDS = (
    "check",
    "features",
    "metrics",
    "train",
    "evaluate",
    "promote",
    "rollback",
    "retrain",
    "weights",
    "score",
    "explain",
    "serve",
    "bento",
    "simulate",
    "demo",
)


@pytest.fixture
def tenure(capfd, monkeypatch, tmp_path, use_store):
    """Run a command in this process, in a folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    use_store(monkeypatch, f"sqlite:///{tmp_path}/nothing/mlflow.db")
    monkeypatch.delenv("TENURE_DEBUG", raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tenure", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return int(end.value.code or 0), out, err

    return run


@pytest.fixture
def served(tenure, champion, monkeypatch, use_store):
    """The same, with the store in which a champion is."""
    use_store(monkeypatch, champion.store)
    return tenure


@pytest.mark.alone
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_quick(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [command] if command else []
    told = subprocess.run(
        [sys.executable, "-m", "serving.cli", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 0.5
    assert "Usage:" in told.stdout


def test_every_command_is_listed(tenure):
    code, out, _ = tenure("--help")
    assert code == 0
    assert [line.split()[0] for line in out.partition("Commands:")[2].split("\n") if line.strip()][
        : len(COMMANDS)
    ] == list(COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ("chekc",),
        ("check", "a", "b"),
        ("score", "--as-of", "1.2.2024"),
        ("explain", "a"),
        ("simulate", "company", "--months", "1"),
    ],
)
def test_wrong_use_ends_with_2(tenure, words):
    code, _, err = tenure(*words)
    assert code == 2
    assert "Traceback" not in err


def test_a_span_that_ends_before_it_begins_is_wrong_use(tenure):
    code, _, err = tenure("features", "a", "--from", "2025-03-01", "--to", "2025-02-01")
    assert code == 2
    assert "2025-03-01" in err
    assert "2025-02-01" in err


def test_a_file_where_a_folder_should_be_is_the_user_s_to_mend(tenure, champion):
    Path("taken").write_text("mine")
    for words in (
        ("simulate", "taken", "--accounts", "20", "--months", "3"),
        ("simulate", "taken/below", "--accounts", "20", "--months", "3"),
        ("features", champion.company, "--out", "taken"),
        ("features", champion.company, "--out", "taken/features.parquet"),
    ):
        code, _, err = tenure(*words)
        assert code == 1, words
        assert "taken" in err
        assert "folder" in err
        assert "defect" not in err
    assert Path("taken").read_text() == "mine"


@pytest.mark.parametrize("command", ["check", "train", "score", "features"])
def test_a_source_that_is_not_there_ends_with_1(tenure, command):
    code, out, err = tenure(command, "nowhere")
    assert (code, out) == (1, "")
    assert "nowhere" in err
    assert "Traceback" not in err


def test_no_source_at_all_says_how_to_name_one(tenure):
    code, _, err = tenure("check")
    assert code == 1
    assert "[source] url" in err


def test_the_settings_may_name_the_source(tenure, champion):
    Path("tenure.toml").write_text(f'[source]\nurl = "{champion.company}"\n')
    code, _, err = tenure("check")
    assert code == 0
    assert f"Next: tenure train {champion.company}" in err


def test_check_prints_one_json_document(tenure, champion):
    code, out, _ = tenure("check", champion.company, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["errors"] == []
    assert report["summary"]["accounts"] == 400


@pytest.fixture
def broken(tmp_path, champion):
    """The company with contracts that lack their starts."""
    import pandas as pd

    folder = tmp_path / "broken"
    folder.mkdir()
    for file in champion.company.glob("*.parquet"):
        (folder / file.name).symlink_to(file)
    (folder / "contracts.parquet").unlink()
    contracts = pd.read_parquet(champion.company / "contracts.parquet")
    contracts.drop(columns="start_date").to_parquet(folder / "contracts.parquet")
    return folder


@pytest.mark.parametrize("words", [("train",), ("score", "--out", "s.csv")])
def test_nothing_is_built_on_a_broken_source(tenure, broken, words, tmp_path):
    code, _, err = tenure(words[0], broken, *words[1:])
    assert code == 1
    assert "start_date" in err
    assert "nothing was done" in err
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_without_a_champion_the_commands_say_what_to_do(tenure, champion):
    code, _, err = tenure("evaluate")
    assert code == 1
    assert "tenure train" in err


def test_features_of_several_days(tenure, champion, tmp_path):
    import pandas as pd

    grid = ("--every", "month", "--from", "2025-12-15", "--to", "2026-02-15")
    code, _, err = tenure("features", champion.company, *grid, "--out", "f.parquet")
    assert code == 0, err
    days = pd.read_parquet("f.parquet")["as_of"].dt.strftime("%Y-%m-%d")
    assert set(days) == {"2026-01-01", "2026-02-01"}


def test_features_in_a_folder_are_built_once(tenure, champion):
    day = ("--as-of", "2026-01-01", "--out", "kept")
    code, _, err = tenure("features", champion.company, *day)
    assert code == 0, err
    assert "1 days built, 0 kept" in err
    assert "no champion has learned any" in err
    code, _, err = tenure("features", champion.company, *day, "--as-of", "2026-01-08")
    assert code == 0, err
    assert "1 days built, 1 kept" in err


def test_features_go_by_the_key_features_of_the_champion(served, champion, tmp_path):
    import pandas as pd

    from serving.workflow import Workplace
    from training import tracking

    day = ("--as-of", "2026-01-01", "--out", "f.parquet")
    code, _, err = served("features", champion.company, *day, "--config", champion.config)
    assert code == 0, err
    info = tracking.info()
    names = info.summary["key_features"]["names"]
    assert f"champion (version {info.version}) knows them: {', '.join(names) or 'none'}." in err
    place = Workplace.open(str(champion.company), champion.config)
    as_served = build.feature_table(place.source, place.settings_of(info), [date(2026, 1, 1)])
    pd.testing.assert_frame_equal(pd.read_parquet("f.parquet"), as_served, check_dtype=False)

    config = tmp_path / "given.toml"
    config.write_text('[metrics]\nkey_features = ["export"]\n')
    code, _, err = served("features", champion.company, *day, "--config", config)
    assert code == 0, err
    assert "Key features, from tenure.toml: export." in err
    assert pd.read_parquet("f.parquet")["key_features_share_90d"].isin([0.0, 1.0]).any()


def test_score_then_explain(served, champion, scored):
    code, _, err = served("score", champion.company, "--out", "scores.json")
    assert code == 0
    rows = json.loads(Path("scores.json").read_text())
    assert len(rows) == len(scored[0])
    riskiest = rows[0]["account_id"]
    assert f"Next: tenure explain {champion.company} {riskiest}" in err

    code, out, _ = served("explain", champion.company, riskiest, "--json")
    told = json.loads(out)
    assert code == 0
    assert {**told, "scored_at": None} == {**rows[0], "scored_at": None}


def test_an_unknown_account_is_named(served, champion):
    code, out, err = served("explain", champion.company, "nobody")
    assert (code, out) == (1, "")
    assert "'nobody'" in err


def test_evaluate_prints_what_was_stored(served, champion):
    code, out, _ = served("evaluate", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["version"] == champion.version
    assert told["registered"] is True
    assert told["auc_low"] <= told["auc"] <= told["auc_high"]
    code, _, err = served("evaluate", champion.version)
    assert code == 0
    assert f"Next: tenure promote {champion.version}" in err


def test_the_report_opens_alone_and_tells_the_figures_of_the_run(served, champion):
    import pandas as pd

    from training.tracking import store

    code, out, err = served("evaluate", "--html", "report.html", "--json")
    told = json.loads(out)
    assert code == 0
    assert f"The report on version {champion.version}: report.html" in err
    page = Path("report.html").read_text(encoding="utf-8")
    # nothing is loaded from anywhere: every reference stays on the page
    assert re.findall(r'(?:src|href|action)="(?!#)', page) == []
    assert re.findall(r"url\((?!#)|@import|<script|<link|<iframe", page) == []
    cells = re.sub(r"<[^>]+>", " ", page)
    cells = " ".join(cells.split()).replace("\u2013", "-")
    for name, label in (
        ("auc", "AUC"),
        ("log_loss", "Log-loss"),
        ("brier", "Brier score"),
        ("brier_base", "Brier score of the base rate"),
    ):
        figures = f"{told[name]:.3f} {told[f'{name}_low']:.3f}-{told[f'{name}_high']:.3f}"
        assert f"{label} {figures}" in cells
    run = store.find(champion.version)
    promised = pd.read_csv(store.artifact(run, "report/promised.csv"))
    for row in promised.itertuples():
        said = f"{100 * row.said_from:.0f} % to {100 * row.said_to:.0f} %"
        left = f"{100 * row.left:.1f} % {100 * row.left_low:.1f}-{100 * row.left_high:.1f}"
        assert f"{said} {left} {row.observations:,} {row.accounts:,}" in cells
    called = pd.read_csv(store.artifact(run, "report/called.csv")).set_index("rule")
    model = called.loc["the model"]
    assert (
        f"Of the {model.called:.0f} accounts we would have called, {model.left:.1f} left" in cells
    )
    groups = pd.read_csv(store.artifact(run, "report/groups.csv"))
    assert len(groups) > 8
    for row in groups.itertuples():
        assert f"{row.trait}: {row.group} " in cells


def test_promoting_the_champion_again_is_harmless(served, champion):
    code, _, err = served("promote", champion.version)
    assert code == 0
    assert "already" in err
    assert served("promote", 99)[0] == 1


def test_train_without_skill_registers_nothing(tenure, tmp_path):
    assert (
        tenure("simulate", "c", "--accounts", 400, "--months", 24, "--preset", "no-signal")[0] == 0
    )
    own_score = 'table = "csm_sentiment"\ncolumn = "sentiment"\nhigher_is = "healthier"\n'
    Path("tenure.toml").write_text(
        f'[training]\nfolds = 3\nbags = 2\ntrees = 40\n[baseline]\n{own_score}date = "logged_at"\n'
    )
    code, out, err = tenure("train", "c", "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["version"], told["registered"], told["skill"]) == (None, False, False)
    assert "No model was registered" in err
    assert told["verdict"] in err
    assert told["baseline"]["verdict"].startswith("Against your present score")
    assert told["baseline"]["observations"] > 100
    assert "no champion" in tenure("evaluate")[2]


def test_simulating_twice_gives_the_same_bytes(tenure):
    for folder in ("one", "two"):
        assert tenure("simulate", folder, "--accounts", 60, "--months", 12, "--csv")[0] == 0
    files = {path.name: path.read_bytes() for path in Path("one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in Path("two").iterdir()}
    assert "accounts.csv" in files


def test_metrics_lists_the_catalog(tenure):
    from features import catalog

    code, out, _ = tenure("metrics", "--json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)] == list(catalog.metrics())
    assert all(name in tenure("metrics")[1] for name in ("active_days_28d", "nps_last"))


def test_metrics_are_told_in_german_and_with_own_ones(tenure):
    assert "Aktive Nutzer (high is healthy, actionable)" in tenure("metrics", "--lang", "de")[1]
    Path("tenure.toml").write_text('[metrics]\nfile = "mine.py"\n', encoding="utf-8")
    assert "mine.py is not there" in tenure("metrics")[2]
    assert "mine.py is not there" in tenure("check", ".")[2]


def test_a_defect_is_told_without_a_traceback(tenure, monkeypatch):
    def defect() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "app", defect)
    code, _, err = tenure("check")
    assert code == 1
    assert "Traceback" not in err
    assert "This is a defect in Tenure" in err
    assert "TENURE_DEBUG=1" in err
    monkeypatch.setenv("TENURE_DEBUG", "1")
    assert "Traceback" in tenure("check")[2]


def test_a_taken_port_is_told(tenure, champion):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = tenure("serve", champion.company, "--port", taken.getsockname()[1])
    assert code == 1
    assert "--port" in err

"""`tenure weights`: shown, decided on, exported; and the same over the API and as a page."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from markupsafe import escape
from typer.testing import CliRunner

from serving import weights, weights_export
from serving.cli import app
from serving.health_forms import HealthScore


@pytest.fixture(scope="module")
def document(champion, use_store):
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        return weights.told()


@pytest.fixture
def own_store(champion, use_store, tmp_path, monkeypatch):
    """A copy of the registry, to decide in."""
    file = tmp_path / "mlflow.db"
    shutil.copy(champion.store.removeprefix("sqlite:///"), file)
    use_store(monkeypatch, f"sqlite:///{file}")


def run(*words: str, code: int = 0):
    done = CliRunner().invoke(app, ["weights", *words])
    assert done.exit_code == code, done.output
    return done


def test_json_is_as_promised(own_store):
    told = json.loads(run("--json").stdout)
    assert sum(each["weight"] for each in told["dimensions"].values()) == pytest.approx(100)
    assert sum(each["weight"] for each in told["metrics"].values()) == pytest.approx(100)
    goal = "segment goal red green low high accounts_below churned_below accounts_above "
    goal += "churned_above enough"
    for each in told["metrics"].values():
        assert {"dimension", "weight", "low", "high", "goals"} <= each.keys()
        for own in each["goals"]:
            assert set(goal.split()) <= own.keys()
            lies_between = sorted((own["red"], own["green"]))
            assert lies_between[0] <= own["goal"] <= lies_between[1]


def test_the_table_names_every_dimension_with_a_bar(own_store):
    told = run()
    for name in ("Frequency", "Sentiment", "█", "at least"):
        assert name in told.stdout
    assert "Greens that left and reds that stayed" in told.stderr


def test_a_decision_is_kept_with_who_and_why_and_is_served(own_store, champion):
    from serving.current import champion as edition
    from serving.workflow import Workplace
    from training import tracking

    before = tracking.load_health()
    assert edition() == "1"
    run("fix", "nps_last", "--weight", "40", "--why", "we know them", "--by", "Ana Ruiz")
    told = json.loads(run("--json").stdout)
    assert told["metrics"]["nps_last"]["weight"] == pytest.approx(40)
    (kept,) = told["decisions"]
    assert (kept["by"], kept["why"], kept["action"]) == ("Ana Ruiz", "we know them", "fix")
    assert edition() == "1+1"
    table, _ = Workplace.open(str(champion.company), champion.config).score()
    after = tracking.load_health()
    assert after.settings_version == 1
    assert before.score.weights_ == tracking.load_learned_health().score.weights_
    assert table["health"].std() > 0


def test_what_cannot_be_decided_is_told_and_not_kept(own_store):
    from features.errors import TenureError
    from training import tracking

    done = CliRunner().invoke(app, ["weights", "fix", "npx_last", "--weight", "4", "--why", "x"])
    assert isinstance(done.exception, TenureError)
    assert "nps_last" in str(done.exception)
    assert tracking.decisions() == []


def test_where_a_decision_is_served_is_told(own_store):
    from mlflow import MlflowClient

    from training import tracking

    words = ("fix", "nps_last", "--goal", "30", "--why", "x", "--version", "1")
    assert "on version 1, and served from now on" in run(*words).stderr
    MlflowClient().delete_registered_model_alias("tenure", "champion")
    done = run(*words)
    assert "on version 1; it is served once version 1 is promoted" in done.stderr
    assert len(tracking.decisions(1)) == 2


@pytest.mark.parametrize("goal", ["nan", "inf", "-3", "1.5"])
def test_a_goal_that_would_destroy_health_is_refused(own_store, goal):
    from features.errors import TenureError
    from training import tracking

    name = "active_seat_share_28d"
    words = ["weights", "fix", name, "--goal", goal, "--why", "x"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, TenureError)
    assert "The goal is" in str(done.exception)
    assert tracking.decisions() == []


def _without(told: dict, *path: str) -> dict:
    """A document that lacks what stands at a path."""
    first, *rest = path
    if rest:
        return told | {first: _without(told[first], *rest)}
    return {name: each for name, each in told.items() if name != first}


@pytest.mark.parametrize(
    ("file", "path", "command", "what"),
    [
        ("summary.json", ["health_score", "changes"], "weights", "summary.json lacks 'changes'"),
        ("summary.json", ["top_metrics"], "evaluate", "summary.json lacks 'top_metrics'"),
        ("settings.json", ["metrics"], "explain", "settings.json lacks 'metrics'"),
        ("health_score.json", ["metrics"], "weights", "health score cannot be read (KeyError: 'm"),
        ("health_score.json", ["learned"], "explain", "health score cannot be read (TypeError: "),
    ],
)
def test_a_version_of_another_tenure_is_told(
    champion, use_store, tmp_path, monkeypatch, file, path, command, what
):
    from features.errors import TenureError
    from training import tracking

    shutil.copytree(Path(champion.store.removeprefix("sqlite:///")).parent, tmp_path / "models")
    use_store(monkeypatch, f"sqlite:///{tmp_path}/models/mlflow.db")
    version = tracking.version()  # opening a moved store puts its paths right
    changed = list((tmp_path / "models").rglob(file))
    assert changed
    for each in changed:
        each.write_text(json.dumps(_without(json.loads(each.read_text()), *path)))
    words = {"explain": [str(champion.company), "A00001", "--config", str(champion.config)]}
    done = CliRunner().invoke(app, [command, *words.get(command, [])])
    assert isinstance(done.exception, TenureError)
    assert f"Version {version} was registered by another Tenure" in str(done.exception)
    assert what in str(done.exception)
    assert "Train anew: `tenure train SOURCE`" in str(done.exception)


def test_the_page_needs_nothing_from_elsewhere(own_store, tmp_path, document):
    run("--html", str(tmp_path / "health.html"))
    page = (tmp_path / "health.html").read_text()
    for outside in ("http:", "https:", "<script", "<link", "src=", "url("):
        assert outside not in page
    assert page.count("<svg") == len(document["dimensions"])
    for name in document["metrics"].values():
        assert str(escape(name["label"])) in page


def test_which_accounts_have_goals_of_their_own_is_said(document):
    assert "too few churned to test" in weights.groups_said(document)
    row = {"renewals": 1776.0, "churned": 295, "gain": 0.0027, "low": 0.0004, "high": 0.005}
    tested = [row | {"column": "seats"}, row | {"column": "arr", "gain": -0.001, "low": -0.003}]
    by_seats = document | {"groupings": tested, "grouped_by": "seats", "segments": ["below 8"]}
    said = weights.groups_said(by_seats)
    assert "by seats" in said
    assert "by 0.0027 in log-loss, 95 % surely by 0.0004" in said
    assert "Tested as well: arr" in said
    nobody = by_seats | {"grouped_by": "", "segments": []}
    assert "by seats, arr they did not predict 1,776 later" in weights.groups_said(nobody)


def test_the_api_gives_the_same_document(document):
    assert HealthScore.model_validate_json(json.dumps(document)).version == document["version"]


@pytest.mark.parametrize("tool", weights_export.NOTES)
def test_exports_carry_every_metric_that_counts(document, tool, tmp_path):
    weights_export.write_csv(document, tool, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts = [name for name, each in document["metrics"].items() if each["weight"] > 0]
    text = (tmp_path / "out.csv").read_text()
    assert all(name in text for name in counts)
    points = {"churnzero": "Factor Total Points", "hubspot": "Max points", "vitally": "Weight (%)"}
    if tool in points:
        segment = next(iter(rows[0]))
        name = {"churnzero": "Attribute", "hubspot": "Property", "vitally": "Property"}[tool]
        everybody = {r[name]: int(r[points[tool]]) for r in rows if r[segment] == "All"}
        assert sum(everybody.values()) == 100
    if tool in ("gainsight", "totango"):
        everybody = [r for r in rows if "All" in r.values()]
        share = "Measure Weight in Group (%)" if tool == "gainsight" else (
            "Metric Weight in Dimension (%)"
        )  # fmt: skip
        group = "Measure Group" if tool == "gainsight" else "Dimension"
        for own in {r[group] for r in everybody}:
            assert sum(int(r[share]) for r in everybody if r[group] == own) == 100

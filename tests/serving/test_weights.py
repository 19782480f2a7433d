"""`tenure weights`: shown, decided on, exported; and the same over the API and as a page."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from markupsafe import escape
from typer.testing import CliRunner

from serving import explain, health_page, weights, weights_export
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


def test_a_new_version_takes_over_what_still_holds_and_is_not_served_yet(own_store):
    from training import tracking
    from training.tracking import runs, store

    client = store.connect()
    serving = client.get_model_version("tenure", "1")
    client.create_model_version("tenure", serving.source, serving.run_id)
    run("fix", "nps_last", "--weight", "12", "--goal", "30", "--why", "x")
    run("fix", "nps_last", "--goal", "40", "--why", "x")
    run("reject", "frequency", "--why", "x")
    run("accept", "active_days_28d", "--why", "x")
    run("accept", "csm_sentiment", "--why", "x")
    runs._carry(client, 2)
    kept = [(each.action, each.metric, each.weight, each.goal) for each in tracking.decisions(2)]
    assert kept == [
        ("fix", "nps_last", 12.0, None),
        ("fix", "nps_last", None, 40.0),
        ("reject", "frequency", None, None),
        ("accept", "active_days_28d", None, None),
    ]
    assert {each.carried_from for each in tracking.decisions(2)} == {1}
    assert tracking.load_health(2).score.weights_ == tracking.load_health(1).score.weights_
    done = run("fix", "nps_last", "--goal", "35", "--why", "x", "--version", "2")
    assert "decision 5 on version 2; it is served once version 2 is promoted" in done.stderr


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


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            {"learned": "nothing", "churned": 40},
            "Learned nothing: 40 churned of 900 accounts are too few (60 are needed). This is the "
            "neutral recipe, equal dimensions, with goals at quantiles.",
        ),
        (
            {"learned": "nothing", "churned": 150},
            "Learned nothing: among 150 churned of 900 accounts no metric runs in its healthy "
            "direction. This is the neutral recipe, equal dimensions, with goals at quantiles.",
        ),
        (
            {"learned": "nothing", "churned": 40, "present_weights": {"nps_last": 100.0}},
            "Learned nothing: 40 churned of 900 accounts are too few (60 are needed). The weights "
            "of today stand, with goals at quantiles.",
        ),
        (
            {"learned": "dimensions", "churned": 150, "present_goals": {"nps_last": 8.0}},
            "Learned the weights of dimensions from 150 churned of 900 accounts. Below 200, single "
            "metrics share their dimension's weight equally and goals stay as they are today, or "
            "at quantiles.",
        ),
        (
            {"learned": "metrics", "churned": 250},
            "Learned weights and goals from 250 churned of 900 accounts.",
        ),
    ],
)
def test_how_far_it_was_learned_is_said_with_its_cause(document, told):
    plain = {"accounts": 900, "present_weights": {}, "present_goals": {}}
    assert weights.how_far(plain | document) == told


def test_goals_of_today_by_segment_are_why_nothing_was_tested(document):
    today = {"groupings": [], "grouped_by": "segment", "segments": ["small"]}
    goals = {"nps_last": {"small": 7.0, "all": 8.0}}
    said = weights.groups_said({**document, **today, "present_goals": goals})
    assert said == "Goals differ by segment, as those of today do; nothing else was tested."


def test_learned_against_present_tells_what_counts_today(document):
    told = json.loads(json.dumps(document))
    metrics = told["metrics"]
    today = dict.fromkeys(metrics, 0.0) | {"nps_last": 60.0, "active_days_28d": 40.0}
    flagged = {"leavers": 5, "stayers": 9}
    for name, each in metrics.items():
        each["present_weight"] = today[name]
        each["change"] = {"present_weight": today[name], "with_weight": flagged}
    metrics["nps_last"]["change"] |= {"present_goals": 8.0, "with_goals": flagged}
    goal = weights.goal_of(metrics["nps_last"])
    goal |= {"learned_goal": 7.0, "low": 6.0, "high": 9.0}
    told |= {"present_weights": today, "present_goals": {"nps_last": 8.0}}
    lines = weights.against_present(told)

    learned = {name: each["learned_weight"] for name, each in metrics.items()}
    sentiment = sum(learned[n] for n, each in metrics.items() if each["dimension"] == "sentiment")
    assert any(
        line.startswith(f"Sentiment in all: weight 60.0 today, {sentiment:.1f} learned")
        for line in lines
    )
    nps = f"Last NPS: weight 60.0 today, {learned['nps_last']:.1f} learned"
    assert any(line.startswith(nps) for line in lines)
    assert any("goal 8 today, 7 points (6 points to 9 points) learned" in line for line in lines)
    new = [name for name in metrics if not today[name] and learned[name] > 0]
    in_all = sum(learned[name] for name in new)
    assert lines[-1].startswith(f"{len(new)} metrics count nothing today and {in_all:.1f} of 100")
    single = [line for line in lines if ": weight 0.0 today" in line and " in all" not in line]
    assert not single, "what counts nothing today is summed up"


@pytest.mark.slow
def test_too_few_churns_for_a_model_still_get_a_health_score(tmp_path, monkeypatch, use_store):
    from features import simulate

    use_store(monkeypatch, f"sqlite:///{tmp_path}/models/mlflow.db")
    monkeypatch.chdir(tmp_path)
    simulate.write(simulate.simulate(accounts=150, months=30, seed=3), tmp_path / "company")
    done = run("--source", "company", "--json")
    told = json.loads(done.stdout)
    assert told["learned"] == "nothing"
    dimensions = [each["weight"] for each in told["dimensions"].values()]
    assert dimensions == pytest.approx([100 / len(dimensions)] * len(dimensions))
    health_page.write(told, tmp_path / "health.html")
    page = (tmp_path / "health.html").read_text()
    assert str(escape(weights.how_far(told))) in page
    assert "version" not in page
    assert not (tmp_path / "models").exists(), "nothing is registered"


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


COLUMNS = {
    "gainsight": ("Scorecard", "Field"),
    "totango": ("Profile (segment)", "Attribute"),
    "hubspot": ("Segment", "Property"),
    "churnzero": ("ChurnScore (segment)", "Attribute"),
    "planhat": ("Health Profile (filter)", "Factor"),
    "vitally": ("Segment", "Property"),
}
"""Where a tool's table names the segment, and the metric."""
GROUPS = {
    "gainsight": ("Measure Group", "Group Weight (%)", "Measure Weight in Group (%)"),
    "totango": ("Dimension", "Dimension Weight (%)", "Metric Weight in Dimension (%)"),
}
POINTS = {"churnzero": "Factor Total Points", "hubspot": "Max points", "vitally": "Weight (%)"}


def exported(document: dict, tool: str, path: Path) -> dict[str, list[dict[str, str]]]:
    """Rows of a tool's file, by segment."""
    weights_export.write_csv(document, tool, path)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    name, _ = COLUMNS[tool]
    return {each: [r for r in rows if r[name] == each] for each in {r[name] for r in rows}}


def weighing(document: dict, shares: dict[str, float]) -> dict:
    """The document with these weights for some metrics, and the rest of 100 for one more."""
    told = {name: shares.get(name, 0.0) for name in document["metrics"]}
    other = next(name for name in told if name not in shares)
    told[other] = 100.0 - sum(shares.values())
    metrics = {name: each | {"weight": told[name]} for name, each in document["metrics"].items()}
    dimensions = {
        name: each
        | {"weight": sum(m["weight"] for m in metrics.values() if m["dimension"] == name)}
        for name, each in document["dimensions"].items()
    }
    return document | {"metrics": metrics, "dimensions": dimensions}


def adds_up(tool: str, rows: list[dict[str, str]]) -> None:
    """One segment's rows are a whole scorecard."""
    by_metric = {row[COLUMNS[tool][1]]: row for row in rows}
    if tool in POINTS:
        points = [int(row[POINTS[tool]]) for row in by_metric.values()]
        assert sum(points) == 100
        assert min(points) > 0
    elif tool in GROUPS:
        group, weight, share = GROUPS[tool]
        assert sum({row[group]: int(row[weight]) for row in rows}.values()) == 100
        for own in {row[group] for row in rows}:
            assert sum(int(row[share]) for row in rows if row[group] == own) == 100
        assert min(int(row[part]) for row in rows for part in (weight, share)) > 0
    else:
        for end, total in (("from", -5), ("to", 5)):
            impacts = [float(row[f"Health impact at {end}"]) for row in rows]
            assert sum(impacts) == pytest.approx(total, abs=0.01)


@pytest.mark.parametrize("tool", weights_export.NOTES)
def test_exports_are_a_whole_scorecard_for_everybody_and_each_segment(document, tool, tmp_path):
    by_segment = exported(document, tool, tmp_path / "out.csv")
    assert document["segments"]
    assert by_segment.keys() == {"All", *document["segments"]}
    points = weights_export.whole({n: e["weight"] for n, e in document["metrics"].items()}, 100)
    for rows in by_segment.values():
        adds_up(tool, rows)
        names = {row[COLUMNS[tool][1]] for row in rows}
        assert names >= {name for name, each in points.items() if each}
    # goals stand there as they are served
    name, each = max(document["metrics"].items(), key=lambda item: item[1]["weight"])
    for segment, rows in by_segment.items():
        goal = weights.goal_of(each, "all" if segment == "All" else segment)
        text = " ".join(" ".join(row.values()) for row in rows if name in row.values())
        assert f"{goal['green']:.4g}" in text


@pytest.mark.parametrize("tool", weights_export.NOTES)
def test_what_rounds_to_no_point_is_left_out_of_whole_points(document, tool, tmp_path):
    least, one, *_ = document["metrics"]
    told = weighing(document, {least: 0.01, one: 1.0})
    for rows in exported(told, tool, tmp_path / "out.csv").values():
        adds_up(tool, rows)
        assert any(one in row.values() for row in rows)
        kept = any(least in row.values() for row in rows)
        assert kept == (tool == "planhat")
        if tool == "hubspot":
            assert [row["Add points"] for row in rows if row["Property"] == one] == ["1", "0.5"]


def test_a_goal_that_people_set_for_a_segment_is_told_everywhere(own_store, document, tmp_path):
    name = "active_days_28d"
    segment = next(
        goal["segment"]
        for goal in document["metrics"][name]["goals"]
        if not goal["enough"] and goal["segment"] != "all"
    )
    run("fix", name, "--weight", "20", "--why", "so that it counts")
    run("fix", name, "--goal", "23", "--segment", segment, "--why", "we know them")
    told = json.loads(run("--json").stdout)
    each = told["metrics"][name]
    own = weights.goal_of(each, segment)
    assert (own["goal"], each["weight"]) == (23, pytest.approx(20))
    for tool in weights_export.NOTES:
        by_segment = exported(told, tool, tmp_path / "out.csv")
        for other, rows in by_segment.items():
            text = " ".join(" ".join(row.values()) for row in rows if name in row.values())
            assert (f"{own['green']:.4g}" in text) == (other == segment)
    run("--html", str(tmp_path / "health.html"))
    page = (tmp_path / "health.html").read_text()
    learned = explain.quantity(own["learned_goal"], "days")
    assert f"at least 23 days<small>set by people; learned: {learned}</small>" in page
    assert "<td>set by people; counts are of the learned goal</td>" in page

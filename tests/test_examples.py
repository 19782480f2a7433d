"""The examples on the real data that they map, where it lies beside the project.

The data is described in docs/examples.md; TENURE_EXAMPLE_DATA names its folder.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("TENURE_EXAMPLE_DATA", ROOT.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "churnsim_crm5").is_dir(),
        reason="no example data: set TENURE_EXAMPLE_DATA to its folder, see docs/examples.md",
    ),
]

CEILING = (0.608, 0.691)
"""AUC that the generator's own probability reaches among monthly plans due in 30 days, 95 %."""


@pytest.fixture
def run(tmp_path):
    """Run a command in a process of its own, with a store of its own."""
    store = f"sqlite:///{tmp_path}/models/mlflow.db"

    def runner(*words):
        return subprocess.run(
            [Path(sys.executable).with_name("tenure"), *words],
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_TRACKING_URI": store, "MLFLOW_REGISTRY_URI": store},
            capture_output=True,
            text=True,
            check=False,
        )

    return runner


def example(name):
    """Arguments that name a set of data and its settings."""
    config = ROOT / "examples" / name.split("_")[0] / "tenure.toml"
    return str(DATA / name), "--config", str(config)


def shown(figure):
    """What the README says of a figure."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"\| {re.escape(figure)}[^|]*\| (\d\.\d+)", readme)
    assert found, figure
    return float(found[1])


def test_a_crm_vendor_is_learned_from_up_to_the_published_ceiling(run, tmp_path):
    churnsim = example("churnsim_crm5")
    checked = run("check", *churnsim, "--json")
    assert checked.returncode == 0
    report = json.loads(checked.stdout)
    assert report["errors"] == []
    assert report["summary"]["accounts"] == 3113

    trained = run("train", *churnsim, "--json")
    assert trained.returncode == 0, trained.stderr
    told = json.loads(trained.stdout)
    monthly = next(each for each in told["auc_due_by_term"] if each["term"] == "month")
    assert monthly["low"] > 0.5, "usage tells something"
    assert monthly["auc"] < CEILING[1], "more than the generator itself knows would be a leak"
    assert monthly["high"] > 0.568, "and no less than a plain LightGBM reached"
    assert told["registered"]
    assert shown("AUC over all observations") == pytest.approx(told["auc"], abs=0.01)
    assert shown("AUC among renewals due, all terms") == pytest.approx(told["auc_due"], abs=0.01)
    assert shown("AUC among monthly plans due") == pytest.approx(monthly["auc"], abs=0.01)

    promoted = run("promote", str(told["version"]))
    assert promoted.returncode == 0, promoted.stderr
    out = tmp_path / "scores.json"
    scored = run("score", *churnsim, "--out", str(out))
    assert scored.returncode == 0, scored.stderr
    rows = json.loads(out.read_text())
    assert len(rows) > 1000
    for row in rows:
        total = row["base_probability"] + sum(driver["points"] for driver in row["drivers"])
        assert total == pytest.approx(row["churn_probability"], abs=1e-9)


def test_a_company_without_signal_is_told_so(run):
    ravenstack = example("ravenstack")
    checked = run("check", *ravenstack)
    assert checked.returncode == 0
    for fault in (
        "19,432 of 25,000 rows (78 %)",
        "1,077 of 2,000 rows (54 %)",
        "594 of 600 rows (99 %)",
        "21 of 25,000 rows",
    ):
        assert fault in checked.stdout + checked.stderr
    trained = run("train", *ravenstack, "--json")
    assert trained.returncode == 1
    told = json.loads(trained.stdout)
    assert told["registered"] is False
    assert "No skill over the base rate" in trained.stderr
    assert run("score", *ravenstack, "--out", "scores.json").returncode == 1

import os
import subprocess
import sys
from pathlib import Path

import pytest

from features.errors import TenureError
from serving.demo import Demo

NOWHERE = "sqlite:////nowhere/mlflow.db"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(TenureError, match="was not made by the demo"):
        Demo(folder, 300, 18, 0).run(None)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def demo(folder: Path) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "serving.cli", "demo", "--no-serve"],
        cwd=folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": NOWHERE, "MLFLOW_REGISTRY_URI": NOWHERE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "Traceback" not in told.stderr
    return told.stdout + told.stderr


@pytest.mark.slow
def test_the_demo_tells_its_story_and_starts_at_once_again(tmp_path):
    # settings that lie about are none of the demo's business
    (tmp_path / "tenure.toml").write_text("nonsense = 1\n")
    first = demo(tmp_path)
    assert "ARR at risk" in first
    assert "is the first champion" in first
    assert (tmp_path / "demo" / "scores.csv").exists()
    company = (tmp_path / "demo" / "company").stat().st_mtime_ns

    second = demo(tmp_path)
    assert "Already there" in second
    assert "serves already" in second
    assert (tmp_path / "demo" / "company").stat().st_mtime_ns == company
    assert {path.name for path in tmp_path.iterdir()} == {"tenure.toml", "demo"}

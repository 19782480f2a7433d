"""Every notebook runs through."""

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(notebook, monkeypatch):
    from matplotlib import pyplot as plt

    mpl.use("agg")
    told = runpy.run_path(str(notebook))
    assert plt.get_fignums(), "a story without a picture"
    plt.close("all")
    assert len(told["table"]) > 1000

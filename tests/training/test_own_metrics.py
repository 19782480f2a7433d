"""A metric of one's own goes all the way: into the model, its reasons, and the health score."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import build, catalog, simulate
from features.settings import MetricSettings, Settings, TrainingSettings
from features.source import connect
from training.pipeline import Trained, train

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "own-metrics.md"
TABLES = ("accounts", "contracts", "usage", "tickets")
"""Without the others all of it takes a sixth of the time."""
OWN = "solved_at_once_share_90d"


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Trained]:
    """The table and the model of a small company that uses the page's example."""
    folder = tmp_path_factory.mktemp("own")
    simulate.write(simulate.simulate(accounts=400, months=24, seed=1), folder / "company")
    for path in (folder / "company").glob("*.*"):
        if path.name.partition(".")[0] not in TABLES:
            path.unlink()
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    (folder / "my_metrics.py").write_text(code[1], encoding="utf-8")
    settings = replace(
        Settings(),
        metrics=MetricSettings(str(folder / "my_metrics.py")),
        training=TrainingSettings(folds=3, bags=0, trees=60),
    )
    table = build.training_table(connect(str(folder / "company"), settings), settings)
    return table, train(table, settings, catalog.metrics(settings))


def test_the_model_reads_it_and_tells_its_points(learned: tuple[pd.DataFrame, Trained]) -> None:
    table, trained = learned
    assert table[OWN].nunique() > 2
    assert OWN in {feature.name for feature in trained.model.features}
    assert OWN not in trained.model.unused
    points, base = trained.model.points(table)
    assert points[OWN].abs().max() > 0
    told = trained.model.predict_proba(table)
    np.testing.assert_allclose(base + points.sum(axis=1), told, rtol=0, atol=1e-9)


def test_risk_never_rises_with_what_is_healthy_when_high(
    learned: tuple[pd.DataFrame, Trained],
) -> None:
    table, trained = learned
    rows = table[table[OWN].notna()].head(500)
    low, high = (trained.model.predict_proba(rows.assign(**{OWN: v})) for v in (0.0, 1.0))
    assert (high <= low + 1e-12).all()
    assert (high < low).any()


def test_the_health_score_gives_it_a_weight_and_a_goal(
    learned: tuple[pd.DataFrame, Trained],
) -> None:
    table, trained = learned
    (own,) = (metric for metric in trained.health.score.metrics if metric.name == OWN)
    assert own.dimension == "support"
    assert own.weight >= 0
    assert 0 <= own.portfolio.goal <= 1
    goals = trained.health.goals(table.head(50))
    assert goals[OWN].between(0, 1).all()

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import TenureError
from features.metric import Metric
from features.settings import Settings, TrainingSettings
from training import evaluate, pipeline
from training.pipeline import Trained, health_alone, train


@pytest.fixture(scope="module")
def trained(make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]) -> Trained:
    settings = replace(Settings(), training=TrainingSettings(bags=3))
    return train(make_panel(1500, seed=3), settings, metrics)


def test_the_planted_signal_is_found(trained: Trained) -> None:
    told = trained.summary
    assert told["skill"]
    assert 0.68 < told["auc_due"] < 0.78
    assert told["log_loss"] < told["log_loss_base"]
    assert told["calibration_error"] < 0.015
    assert told["leaks"] == []
    assert trained.importance["metric"].tolist()[:2] == ["days_to_renewal", "usage"]
    assert trained.importance.set_index("metric").loc["noise", "mean_points"] < 0.002


def test_the_summary_is_complete_and_json(trained: Trained) -> None:
    json.dumps(trained.summary, allow_nan=False)
    promised = (
        "observations accounts renewals churn_rate auc auc_low auc_high auc_due pr_auc log_loss "
        "log_loss_base lift_top_tenth calibration_error leaks"
    )
    assert set(promised.split()) <= trained.summary.keys()
    assert trained.summary["judged"]["observations"] == len(trained.backtest)
    text = evaluate.to_text(trained.summary)
    assert trained.summary["verdict"] in text
    assert f"{trained.summary['auc_due']:.3f}" in text


def test_what_is_judged_was_predicted_from_its_past(trained: Trained) -> None:
    backtest = trained.backtest
    assert not backtest.duplicated(["account_id", "as_of"]).any()
    assert (backtest["fold"] >= 1).all()
    assert backtest["probability"].between(0, 1).all()
    assert len(backtest[["fold", "base_rate", "base_rate_due"]].drop_duplicates()) == 4


def test_outcomes_not_yet_known_change_no_prediction(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    settings = replace(Settings(), training=TrainingSettings(bags=0, trees=30))
    table = make_panel(500, seed=1)
    before = train(table, settings, metrics).backtest
    judged_last = before[before["fold"] == before["fold"].max()]
    unknown = table["as_of"] + pd.Timedelta(days=120) > judged_last["as_of"].min()
    flipped = table.assign(churned=table["churned"] ^ (unknown & table["due"]))
    after = train(flipped, settings, metrics).backtest
    pd.testing.assert_series_equal(
        judged_last["probability"], after.loc[judged_last.index, "probability"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_signal_is_no_skill(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric], seed: int
) -> None:
    settings = replace(Settings(), training=TrainingSettings(bags=0))
    told = train(make_panel(400, seed=seed, signal=0.0), settings, metrics).summary
    assert not told["skill"]
    assert told["verdict"].startswith("No skill over the base rate: ")
    # knowing who is due is much, and no skill
    assert told["auc"] > 0.85


def test_trained_twice_gives_the_same(
    panel: pd.DataFrame, metrics: dict[str, Metric], settings: Settings
) -> None:
    one = train(panel, settings, metrics)
    other = train(panel.sample(frac=1, random_state=0), settings, metrics)
    assert one.model.booster.model_to_string() == other.model.booster.model_to_string()
    assert one.model.calibration == other.model.calibration
    assert one.summary == other.summary
    for ours, theirs in zip(one.model.bags, other.model.bags, strict=True):
        assert ours.model_to_string() == theirs.model_to_string()
    assert one.model.blend is not None
    assert other.model.blend is not None
    assert one.model.blend.to_json() == other.model.blend.to_json()


def test_progress_is_shown(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    seen: list[str] = []

    def track(steps: Sequence[Any], description: str, /) -> Iterable[Any]:
        seen.append(f"{description}: {len(steps)}")
        return steps

    settings = replace(Settings(), training=TrainingSettings(bags=2, trees=20))
    train(panel, settings, metrics, track)
    assert seen == ["Backtest: 4", "Refits for the intervals: 2"]


def test_the_embargo_is_lead_horizon_and_grace() -> None:
    observations = replace(Settings().observations, lead_days=60, horizon_days=90, grace_days=30)
    assert pipeline.embargo(observations) == 180


def test_too_few_churned(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    with pytest.raises(TenureError) as raised:
        train(make_panel(20), Settings(), metrics)
    assert str(raised.value) == (
        "13 churned among 20 accounts with a known renewal: too few to learn from.\n"
        "  At least 30 churned accounts are needed, at this churn rate about 46 accounts: bring a "
        "longer history or more accounts. Until then `tenure weights --source SOURCE` offers a "
        "health score without a model."
    )


def test_nobody_or_everybody_churned(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    with pytest.raises(TenureError, match="0 churned among"):
        train(panel.assign(churned=False), Settings(), metrics)
    with pytest.raises(TenureError, match="churned: without one that stayed"):
        train(panel.assign(churned=True), Settings(), metrics)


def test_too_little_before_the_backtest(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    late = panel.assign(churned=panel["churned"] & (panel["as_of"] > "2023-06-01"))
    with pytest.raises(TenureError, match="where the backtest begins, 0 of"):
        train(late, Settings(), metrics)


def test_open_ended_contracts_are_due_and_counted(
    panel: pd.DataFrame, metrics: dict[str, Metric], settings: Settings
) -> None:
    evergreen = panel["account_id"] < "A00100"
    dates = panel["renewal_date"].mask(evergreen, pd.NaT)
    told = train(panel.assign(renewal_date=dates), settings, metrics).summary
    assert np.isfinite(told["churn_rate"])


def test_health_alone_is_the_health_of_a_training_run(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    settings = Settings(training=TrainingSettings(folds=3, bags=2, trees=40))
    table = make_panel(500, seed=4)
    health, told = health_alone(table, settings, metrics)
    trained = train(table, settings, metrics)
    for ours, theirs in zip(health.score.metrics, trained.health.score.metrics, strict=True):
        assert (ours.weight, ours.portfolio.goal) == (theirs.weight, theirs.portfolio.goal)
    assert health.bands == trained.health.bands
    assert told["audit"] == trained.summary["health_score"]["audit"]
    assert told["scorecard"] is None


def test_without_enough_to_learn_from_health_alone_is_the_neutral_recipe(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    table = make_panel(60, seed=1)
    health, told = health_alone(table, Settings(), metrics)
    assert told["learned"] == "nothing"
    dimensions = [each.weight for each in health.score.dimensions]
    assert dimensions == pytest.approx([100 / len(dimensions)] * len(dimensions))

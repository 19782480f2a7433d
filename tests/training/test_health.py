"""Health stands in the model version, is judged out of time, and is shown with every score."""

import numpy as np
import pandas as pd
import pytest

from serving import standing
from training import tracking
from training.measures import auc
from training.tracking import store


@pytest.fixture(scope="module")
def health(champion, use_store):
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        return tracking.load_health()


@pytest.fixture(scope="module")
def backtest(champion, use_store):
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        return tracking.backtest()


def test_it_lies_in_the_version_beside_the_predictor(champion, use_store, monkeypatch):
    use_store(monkeypatch, champion.store)
    folder = store.model_folder(store.find(champion.version))
    names = {path.name for path in folder.iterdir()}
    assert {"health_score.json", "health_bands.json"} <= names


def test_every_account_has_health_and_a_band_that_can_be_replayed(scored, health):
    table = scored[0]
    assert table["health"].between(0, 100).all()
    cuts = health.bands.cuts
    assert (table.loc[table["health"] < cuts.at_risk_below, "band"] == "at risk").all()
    assert (
        table.loc[table["health"] >= cuts.healthy_from + cuts.margin, "band"] == "healthy"
    ).all()
    moved = table["health_change"].dropna()
    assert len(moved) > 0.8 * len(table)
    assert moved.abs().max() > 1


def test_health_change_is_the_difference_of_two_looks(champion, scored, health, use_store):
    from features import build
    from serving.workflow import Workplace

    place = Workplace.open(str(champion.company), champion.config)
    table = scored[0].set_index("account_id")
    day = table["as_of"].iloc[0].date()
    before = standing.looks(day, "month")[-2]
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        settings = place.settings_of(tracking.load()[1])
    was = build.feature_table(place.source, settings, [before])
    then = pd.Series(health.score.score(was)["health"].to_numpy(), index=was["account_id"])
    both = table.index.intersection(then.index)
    expected = table.loc[both, "health"] - then[both]
    np.testing.assert_allclose(table.loc[both, "health_change"], expected, atol=1e-9)
    assert table.loc[~table.index.isin(both), "health_change"].isna().all()


def test_each_driver_of_a_metric_of_health_has_its_goal(scored, health):
    by_name = {each.name: each for each in health.score.metrics}
    row = scored[0].iloc[0]
    for driver in row["drivers"]:
        if driver["metric"] in by_name:
            told = by_name[driver["metric"]]
            wanted = {goal.segment: goal.goal for goal in (*told.segments, told.portfolio)}
            assert driver["goal"] == wanted.get(row["segment"], wanted["all"])
        else:
            assert driver["goal"] is None


def test_health_told_before_tells_leavers_apart(backtest):
    due = backtest[backtest["due"] & backtest["health"].notna()]
    assert auc(-due["health"], due["churned"]) > 0.55


def test_the_summary_sets_the_scorecard_beside_the_model(scored, backtest):
    told = scored[1]["evaluation"]["health_score"]
    rows = backtest[backtest["due"] & backtest["scorecard_probability"].notna()]
    assert told["observations"] == len(rows)
    if told["scorecard"]:
        gap = told["trees"]["auc"] - told["scorecard"]["auc"]
        assert told["auc_lost"] == pytest.approx(gap)
        assert told["auc_lost_low"] <= told["auc_lost"] <= told["auc_lost_high"]
    counted = pd.DataFrame(told["audit"])
    bands = told["bands"]
    assert counted["renewals"].sum() == bands["renewals"]
    left = counted.groupby("band")["left"].sum()
    assert left["at risk"] == bands["at_risk_leavers"]
    assert 1 - left["healthy"] / left.sum() == pytest.approx(bands["leavers_below"])

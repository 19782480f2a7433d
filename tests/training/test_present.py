"""Weights and goals in use today are refused where they mean nothing here."""

import pytest

from features import catalog
from features.errors import TenureError
from features.settings import HealthSettings, Settings
from training import pipeline, present

METRICS = catalog.metrics()


def test_goals_for_segments_that_nobody_is_in_are_named():
    goals = {"nps_last": {"smal": 7.0, "all": 8.0}, "active_days_28d": {"small": 9.0}}
    with pytest.raises(TenureError) as caught:
        present.check({}, goals, METRICS, ["large", "small"])
    told = str(caught.value)
    assert "1 of the present goals" in told
    assert "'smal' of nps_last Did you mean 'small'?" in told
    assert "There are large, small" in told
    present.check({}, {"nps_last": {"small": 7.0, "all": 8.0}}, METRICS, ["large", "small"])


def test_where_segments_are_not_known_any_is_taken():
    present.check({}, {"nps_last": {"smal": 7.0}}, METRICS)


def test_training_refuses_them_before_any_work(make_panel, metrics):
    wrong = HealthSettings(goals={"usage": {"nowhere": 1.0}})
    with pytest.raises(TenureError, match="'nowhere' of usage"):
        pipeline.train(make_panel(400), Settings(health_present=wrong), metrics)

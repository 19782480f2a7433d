"""Adversarial validation: a changed source or world is found, a steady one raises no alarm."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from training import drift
from training.split import Fold, rolling_origin


def last_fold(table: pd.DataFrame) -> Fold:
    [*_, fold] = rolling_origin(table["as_of"], 3, 90)
    return fold


def changed(panel: pd.DataFrame, kind: str) -> pd.DataFrame:
    late = panel["as_of"] >= last_fold(panel).test_from
    if kind == "unit":
        return panel.assign(usage=panel["usage"].mask(late, panel["usage"] * 60 + 200))
    if kind == "gone":
        return panel.assign(nps=panel["nps"].mask(late, np.nan).mask(~late, 1.0))
    return panel.assign(segment=panel["segment"].mask(late, "new name"))


@pytest.mark.parametrize(
    ("kind", "metric"), [("unit", "usage"), ("gone", "nps"), ("category", None)]
)
def test_a_changed_source_is_found_and_the_metric_named(
    panel: pd.DataFrame, metrics: dict[str, Metric], kind: str, metric: str | None
) -> None:
    # a category is context in this small world: let it count for once
    known = {n: m if n != "segment" else as_signal(m) for n, m in metrics.items()}
    table = changed(panel, kind)
    told = drift.find(table, last_fold(table), known)
    assert told is not None
    assert told["drifted"]
    assert told["auc"] > 0.95
    assert told["verdict"].startswith("Drift: Rows from ")
    if metric:
        assert told["metrics"][0]["metric"] == metric
        assert f"{metric} {told['metrics'][0]['auc']:.2f}" in told["verdict"]


def as_signal(metric: Metric) -> Metric:
    return replace(metric, dimension="frequency")


def test_context_moves_with_time_and_is_no_drift(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    age = (panel["as_of"] - panel["as_of"].min()).dt.days.astype(float)
    older = panel.assign(days_to_renewal=age)
    told = drift.find(older, last_fold(older), metrics)
    assert told is not None
    assert not told["drifted"]
    # nor is a signal that counts up, or is there only after a year
    for noise in (age, age.where(age > 365, np.nan)):
        told = drift.find(panel.assign(noise=noise), last_fold(panel), metrics)
        assert told is not None
        assert told["auc_low"] < 0.6


def test_of_few_rows_nothing_is_said(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    few = make_panel(20)
    assert drift.find(few, last_fold(few), metrics) is None

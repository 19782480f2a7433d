import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from training import leaks


def found(table: pd.DataFrame, metrics: dict[str, Metric]) -> list[tuple[str, str]]:
    used = [metric for name, metric in metrics.items() if name in table]
    return [(leak.metric, leak.check) for leak in leaks.find(table, used)]


def test_a_clean_table_raises_no_alarm(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    assert found(panel, metrics) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_metric_written_after_the_fact(
    panel: pd.DataFrame, metrics: dict[str, Metric], sign: int
) -> None:
    rng = np.random.default_rng(0)
    told = sign * (panel["churned"] * 3.0 + rng.normal(size=len(panel)))
    [leak] = leaks.find(panel.assign(noise=told), [metrics["noise"]])
    assert (leak.metric, leak.check) == ("noise", "single_feature")
    assert leak.figure > 0.95
    assert leak.message.startswith("noise alone tells who leaves with AUC 0.9")


def test_a_category_written_after_the_fact(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    told = panel.assign(segment=np.where(panel["churned"], "lost", panel["segment"]))
    assert found(told, metrics) == [("segment", "single_feature")]


def test_a_category_of_many_rare_names_is_no_leak(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    assert found(panel.assign(segment=panel["account_id"]), metrics) == []


def test_a_field_filled_because_the_account_leaves(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    rng = np.random.default_rng(0)
    filled = panel["churned"] | (rng.random(len(panel)) < 0.2)
    told = panel.assign(noise=panel["noise"].where(filled))
    assert found(told, metrics) == [("noise", "missingness")]

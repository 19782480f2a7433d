"""The learning curve: where more data helps, where it does not, and where nobody can say."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from training import learning, measures
from training.ladder import Trees
from training.split import rolling_origin

Told = tuple[dict, pd.DataFrame, np.ndarray]


def curve_of(table: pd.DataFrame, metrics: dict[str, Metric], trees: int) -> Told:
    table = table.sort_values(["as_of", "account_id"], ignore_index=True)
    [*_, fold] = rolling_origin(table["as_of"], 4, 120)
    recipe = Trees(trees)
    after = table[fold.test_mask]
    whole = recipe.fit(table[fold.train_mask], metrics, 0).scores(after)
    return learning.curve(table, fold, recipe, metrics, whole), after, whole


@pytest.fixture(scope="module")
def hungry(panel: pd.DataFrame, metrics: dict[str, Metric]) -> Told:
    """80 towns, each with a risk of its own: much to be learned by heart."""
    rng = np.random.default_rng(0)
    town = panel["account_id"].str[1:].astype(int) % 80
    risk = 1 / (1 + np.exp(1.5 - rng.normal(scale=2.0, size=80)))
    left = panel["due"] & (rng.random(len(panel)) < risk[town])
    return curve_of(panel.assign(noise=town.astype(float), churned=left), metrics, trees=150)


def test_more_data_helped_and_that_is_said(hungry: Told) -> None:
    told = hungry[0]
    quarter, half, whole = (point["auc"] for point in told["points"])
    assert quarter < half < whole
    assert told["gain"] == pytest.approx(whole - half)
    assert told["gain_low"] > 0
    assert told["verdict"].endswith("more data of the same kind would help further.")


def test_points_have_intervals_and_counts(hungry: Told) -> None:
    told, after, whole = hungry
    due = after["due"].to_numpy(bool)
    last = told["points"][-1]
    assert last["auc"] == pytest.approx(measures.auc(whole[due], after["churned"][due]))
    for point, parts in zip(told["points"], (4, 2, 1), strict=True):
        assert (point["share"], point["parts"]) == (1 / parts, parts)
        assert point["auc_low"] < point["auc"] < point["auc_high"]
        assert point["accounts"] == pytest.approx(last["accounts"] / parts, abs=1)
        assert point["churned"] == pytest.approx(last["churned"] / parts, abs=1)
        assert point["observations"] == due.sum()


def test_where_all_is_known_already_more_data_hardly_help(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    known = panel.assign(usage=np.where(panel["churned"], -1.0, 1.0))
    told, *_ = curve_of(known, metrics, trees=40)
    assert told["gain_high"] < learning.WORTH
    assert "would hardly help; new signals might" in told["verdict"]


def test_with_few_churns_nothing_is_said(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    told, *_ = curve_of(make_panel(60, seed=1), metrics, trees=5)
    assert told["points"] == []
    assert "churned accounts are too few" in told["verdict"]


def test_many_rows_are_dealt_into_parts_but_not_all_learned_from(panel: pd.DataFrame) -> None:
    many = pd.concat([panel["account_id"]] * (4 * learning.ROWS // len(panel) + 1))
    assert len(many) >= 4 * learning.ROWS
    assert [len(learning._dealt(many, parts, 0)) for parts in (4, 2)] == [1, 1]
    quarters = learning._dealt(panel["account_id"].where(panel["due"]), 4, 0)
    assert (np.sum(quarters, axis=0) == panel["due"]).all()


def test_of_a_large_table_smaller_parts_are_learned_from(
    panel: pd.DataFrame, metrics: dict[str, Metric], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOST_ROWS", len(panel) // 8)
    told, *_ = curve_of(panel, metrics, trees=5)
    assert told["points"], "a small part still holds enough churns"
    assert [point["share"] for point in told["points"]] == [1 / 16, 1 / 8, 1]
    assert told["gain"] == pytest.approx(told["points"][2]["auc"] - told["points"][1]["auc"])

"""Outcomes of renewals against planted probabilities and realised ARR."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from training.outcomes import KINDS, STAYED, Outcomes, told_before
from training.split import rolling_origin

KEPT = np.array([0.6, 1.02, 1.4])


def renewals(accounts: int, seed: int, telling: float = 1.0) -> tuple[pd.DataFrame, np.ndarray]:
    """A renewal of each account; those with much usage expand, those with little contract."""
    rng = np.random.default_rng(seed)
    usage = rng.normal(size=accounts)
    odds = np.column_stack([-1 - telling * usage, np.full(accounts, 1.0), -1 + telling * usage])
    truth = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    kind = (rng.random((accounts, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    churn = 1 / (1 + np.exp(1.5 + usage))
    churned = rng.random(accounts) < churn
    arr = rng.lognormal(9, 0.7, accounts)
    as_of = pd.Timestamp("2023-01-01") + pd.to_timedelta(30 * rng.integers(0, 24, accounts), "D")
    table = pd.DataFrame(
        {
            "account_id": [f"A{n}" for n in range(accounts)],
            "as_of": as_of,
            "renewal_date": as_of + pd.Timedelta(days=50),
            "days_to_renewal": 50.0,
            "usage": usage + 0.2 * rng.normal(size=accounts),
            "noise": rng.normal(size=accounts),
            "arr": arr,
            "arr_after": np.where(churned, np.nan, arr * KEPT[kind]),
            "outcome": np.where(churned, "churned", np.array(STAYED)[kind]),
            "churned": churned,
            "due": True,
            "weight": 1.0,
            "probability": churn,
        }
    )
    return table, np.column_stack([churn, (1 - churn)[:, None] * truth])


@pytest.fixture(scope="module")
def learned(metrics: Mapping[str, Metric]) -> Outcomes:
    return Outcomes.fit(renewals(4000, 1)[0], metrics, 0, 90)


def test_probabilities_sum_to_one_and_follow_the_planted_ones(learned) -> None:
    table, truth = renewals(3000, 2)
    told = learned.probabilities(table, table["probability"].to_numpy())
    assert list(told) == list(KINDS)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-12)
    assert (told["churned"] == table["probability"]).all()
    order = np.argsort(table["usage"].to_numpy())
    for fifth in np.array_split(order, 5):
        said, true = told.to_numpy()[fifth].mean(axis=0), truth[fifth].mean(axis=0)
        np.testing.assert_allclose(said, true, atol=0.05)
    np.testing.assert_allclose(learned.kept, KEPT, rtol=1e-9)


def test_expected_retained_arr_meets_what_is_realised(learned) -> None:
    table, _ = renewals(6000, 3)
    expected = learned.retained(table, table["probability"].to_numpy())
    realised = table["arr_after"].fillna(0.0).to_numpy()
    assert expected.sum() == pytest.approx(realised.sum(), rel=0.03)
    by_usage = pd.qcut(table["usage"], 4, labels=False)
    for quarter in range(4):
        rows = (by_usage == quarter).to_numpy()
        assert expected[rows].sum() == pytest.approx(realised[rows].sum(), rel=0.06)


def test_who_is_not_due_keeps_all_unless_it_leaves(learned) -> None:
    table = renewals(50, 4)[0].assign(days_to_renewal=[200.0] * 25 + [np.nan] * 25)
    np.testing.assert_allclose(learned.retained(table, np.full(50, 0.25)), 0.75 * table["arr"])


def test_without_recorded_outcomes_arr_tells(learned, metrics) -> None:
    silent = renewals(4000, 1)[0].assign(outcome=None)
    ours = Outcomes.fit(silent, metrics, 0, 90)
    # 1.02 is more than nothing: without a record it counts as expanded
    assert ours.shares[0] == learned.shares[0]
    assert ours.kept[0] == pytest.approx(0.6)
    assert ours.shares[1] < 0.001


@pytest.mark.parametrize(("telling", "serves"), [(1.0, True), (0.0, False)])
def test_the_model_serves_only_where_it_tells_more_than_shares(metrics, telling, serves) -> None:
    table = renewals(3000, 5, telling)[0].sort_values("as_of", ignore_index=True)
    folds = rolling_origin(table["as_of"], 3, 120)
    judged = table[np.any([fold.test_mask for fold in folds[1:]], axis=0)]
    told, about = told_before(table, judged.drop(columns=["arr_after"]), folds, metrics, 0, 90)
    assert about["model"] is serves
    assert about["ratio_low"] < 1 < about["ratio_high"]
    assert len(told) == len(judged)
    by_hand = judged["arr_after"].fillna(0).sum()
    assert about["retained_arr"] == pytest.approx(by_hand)


def test_what_is_saved_tells_the_same(learned, tmp_path: Path) -> None:
    table, _ = renewals(200, 6)
    p = table["probability"].to_numpy()
    for model in (learned, learned.plain()):
        folder = tmp_path / str(model.booster is None)
        model.save(folder)
        again = Outcomes.load(folder)
        assert (again.retained(table, p) == model.retained(table, p)).all()

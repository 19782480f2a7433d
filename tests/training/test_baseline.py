"""The model against the company's own score: planted ones that are better, equal and worthless."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from features.settings import Settings, TrainingSettings
from training import baseline, evaluate, measures, pipeline
from training.split import Fold, rolling_origin

EMBARGO = 120


@pytest.fixture(scope="module")
def judged() -> tuple[pd.DataFrame, list[Fold]]:
    """What a model said out of time of 400 accounts, half of what there is to know."""
    rng = np.random.default_rng(0)
    looks = pd.date_range("2022-01-01", periods=30, freq="MS")
    rows = pd.DataFrame(
        [(f"A{a}", day) for day in looks for a in range(400)], columns=["account_id", "as_of"]
    )
    due = rng.random(len(rows)) < 0.3
    truth = rng.normal(size=(2, len(rows)))
    odds = -1.2 + 0.8 * truth[0] + 0.8 * truth[1]
    rows = rows.assign(
        due=due,
        churned=due & (rng.random(len(rows)) < 1 / (1 + np.exp(-odds))),
        weight=1.0,
        base_rate=0.09,
        base_rate_due=0.3,
        probability=np.where(due, 1 / (1 + np.exp(1.15 - 0.75 * truth[0])), 0.002),
        same=truth[0],
        better=odds,
        worthless=rng.normal(size=len(rows)),
    )
    folds = rolling_origin(rows["as_of"], 4, EMBARGO)
    number = sum(n * fold.test_mask for n, fold in enumerate(folds))
    tested = np.any([fold.test_mask for fold in folds], axis=0)
    return rows.assign(fold=number)[tested], folds


def compared(judged: tuple[pd.DataFrame, list[Fold]], own: pd.Series) -> pd.DataFrame:
    rows, folds = judged
    told = baseline.calibrated_in_time(rows.assign(baseline_score=own), folds, EMBARGO)
    return told[told["fold"] > 0]


def figure(told: dict, name: str, due: bool = True) -> dict:
    return next(r for r in told["figures"] if (r["figure"], r["due"]) == (name, due))


@pytest.mark.parametrize(
    ("own", "verdict"),
    [("better", "the model is worse"), ("worthless", "the model is better"), ("same", "not told")],
)
def test_it_is_said_which_is_better(
    judged: tuple[pd.DataFrame, list[Fold]], own: str, verdict: str
) -> None:
    # in whatever unit: a health score from 0 to 100, say
    told = baseline.summary(compared(judged, 50 + 12 * judged[0][own]), draws=200)
    assert told["verdict"].count(verdict) == 2
    gain = figure(told, "log_loss")["gain"]
    assert abs(gain) < 0.003 if own == "same" else (gain > 0) == (own == "worthless")


def test_what_rules_say_is_learned_from_the_past_alone(
    judged: tuple[pd.DataFrame, list[Fold]],
) -> None:
    rows, folds = judged
    rows = rows.assign(contract_score=rows["better"], active_days_28d=-rows["better"])
    told = baseline.without_model(rows, folds, EMBARGO)
    later = rows["as_of"] + pd.Timedelta(days=EMBARGO) > folds[2].test_from
    other = rows.assign(churned=rows["churned"] ^ (later & rows["due"]))
    again = baseline.without_model(other, folds, EMBARGO)
    until = (rows["fold"] <= 2).to_numpy()
    due = rows["due"].to_numpy(bool)
    for name in ("contract_probability", "usage_probability"):
        assert np.array_equal(told[name][until], again[name][until], equal_nan=True)
        assert np.isnan(told[name][~due]).all()
        last = due & (rows["fold"] == 3).to_numpy()
        assert not np.allclose(told[name][last], again[name][last])
        assert told[name][last].mean() == pytest.approx(rows["churned"][last].mean(), abs=0.03)


def test_figures_are_those_of_the_same_rows(judged: tuple[pd.DataFrame, list[Fold]]) -> None:
    rows = judged[0]
    young = rows["account_id"].str.endswith("7")
    late = rows["as_of"].dt.month == 5
    told_rows = compared(judged, rows["better"].mask(young | late))
    told = baseline.summary(told_rows, draws=20)
    here = rows[(rows["fold"] > 0) & ~young & ~late]
    due = here[here["due"]]
    assert (told["observations"], told["due"]) == (len(here), len(due))
    assert told["accounts"] == here["account_id"].nunique()
    assert told["accounts_without"] == 40
    assert told["observations_without"] == (rows["fold"] > 0).sum() - len(here)
    row = figure(told, "auc")
    assert row["model"] == pytest.approx(measures.auc(due["probability"], due["churned"]))
    assert row["baseline"] == pytest.approx(measures.auc(due["better"], due["churned"]))
    assert row["gain"] == pytest.approx(row["model"] - row["baseline"])
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    # pairs of the same accounts tell more than two intervals apart
    apart = (row["model_high"] - row["model_low"]) + (row["baseline_high"] - row["baseline_low"])
    assert row["gain_high"] - row["gain_low"] < apart
    riskiest = here.nlargest(len(here) // 10, "better")["churned"].mean() / here["churned"].mean()
    assert figure(told, "lift_top_tenth", due=False)["baseline"] == pytest.approx(
        riskiest, rel=0.02
    )


def test_probabilities_of_the_own_score_are_true_and_know_no_future(
    judged: tuple[pd.DataFrame, list[Fold]],
) -> None:
    rows, folds = judged
    told = compared(judged, rows["better"])
    due = told[told["due"]]
    for _, part in due.groupby(pd.qcut(due["better"], 4)):
        seen, said = part["churned"].mean(), part["baseline_probability_due"].mean()
        assert abs(seen - said) < 3 * np.sqrt(seen * (1 - seen) / len(part)) + 0.02
    last = folds[-1]
    unknown = rows["as_of"] + pd.Timedelta(days=EMBARGO) > last.test_from
    flipped = rows.assign(churned=rows["churned"] ^ (unknown & rows["due"]))
    again = compared((flipped, folds), rows["better"])
    names = ["baseline_probability", "baseline_probability_due"]
    pd.testing.assert_frame_equal(
        told.loc[told["fold"] == 3, names], again.loc[again["fold"] == 3, names]
    )
    assert not told[names].equals(compared((flipped, folds[:3]), rows["better"])[names])


def test_where_hardly_anybody_has_one_nothing_is_claimed(
    judged: tuple[pd.DataFrame, list[Fold]],
) -> None:
    rows = judged[0]
    told = baseline.summary(compared(judged, rows["better"].where(rows["account_id"] == "A7")))
    assert told["figures"] == []
    assert "too few to compare" in told["verdict"]
    assert "399 accounts never had one" in told["verdict"]


def test_training_tells_it(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    table = make_panel(500, seed=1)
    settings = replace(Settings(), training=TrainingSettings(bags=0, trees=20))
    trained = pipeline.train(table.assign(baseline_score=-table["nps"]), settings, metrics)
    told = trained.summary["baseline"]
    assert told["observations_without"] == trained.backtest["baseline_score"].isna().sum() > 100
    assert told["verdict"] in evaluate.to_text(trained.summary)
    assert "baseline_score" not in [feature.name for feature in trained.model.features]

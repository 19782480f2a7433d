import numpy as np
import pandas as pd
import pytest

from training import evaluate, questions


@pytest.fixture(scope="module")
def backtest():
    """Twelve looks at 300 accounts, of which a known share leaves; told as it is."""
    rng = np.random.default_rng(0)
    looks = pd.date_range("2025-01-01", periods=12, freq="MS")
    rows = pd.DataFrame(
        [(f"A{a}", day) for day in looks for a in range(300)], columns=["account_id", "as_of"]
    )
    p = rng.uniform(0.01, 0.6, len(rows))
    return rows.assign(
        probability=p,
        churned=rng.random(len(rows)) < p,
        due=True,
        renewal_date=rows["as_of"] + pd.Timedelta(days=40),
        weight=1.0,
        fold=1 + (rows["as_of"] > "2025-06-15"),
        base_rate=0.3,
        base_rate_due=0.3,
        contract_score=rng.normal(size=len(rows)),
        arr=rng.lognormal(9, 1, len(rows)),
        segment=np.where(rng.random(len(rows)) < 0.5, "small", "large"),
    )


def test_called_counts_those_who_left_among_the_riskiest_of_each_look(backtest):
    told = questions.called(backtest, 50).set_index("rule")
    left = [
        look.nlargest(50, "probability")["churned"].sum() for _, look in backtest.groupby("as_of")
    ]
    assert told.loc["the model", "left"] == pytest.approx(np.mean(left))
    assert told.loc["at random", "left"] == pytest.approx(50 * backtest["churned"].mean())
    for rule in ("the model", "at random"):
        assert told.loc[rule, "left_low"] < told.loc[rule, "left"] < told.loc[rule, "left_high"]


def test_promises_that_are_true_lie_in_their_intervals(backtest):
    told = questions.promised(backtest)
    assert told["observations"].sum() == len(backtest)
    between = backtest[(backtest["probability"] >= 0.3) & (backtest["probability"] < 0.4)]
    row = told[told["said_from"] == 0.3].iloc[0]
    assert row["observations"] == len(between)
    assert row["left"] == pytest.approx(between["churned"].mean())
    holds = (told["left_low"] <= told["said"]) & (told["said"] <= told["left_high"])
    assert holds.sum() >= len(told) - 1


def test_groups_add_up_and_are_judged_alone(backtest):
    told = questions.grouped(backtest, backtest["segment"]).set_index("group")
    assert told["observations"].sum() == len(backtest)
    small = backtest[backtest["segment"] == "small"]
    expected = evaluate.auc(small["probability"], small["churned"])
    assert told.loc["small", "auc"] == pytest.approx(expected)


def test_a_group_with_too_few_leavers_is_not_ranked(backtest):
    few = backtest[~backtest["churned"]].head(50)
    assert questions.grouped(few, few["segment"])["auc"].isna().all()


def test_the_roc_curve_holds_the_area_that_auc_says(backtest):
    roc = questions.curves(backtest).query("curve == 'roc'")
    area = np.trapezoid(roc["y"], roc["x"])
    assert area == pytest.approx(
        evaluate.auc(backtest["probability"], backtest["churned"]), abs=0.002
    )
    assert (roc["low"] <= roc["y"] + 1e-9).all()


def test_profit_needs_both_kinds_and_rewards_the_better_ranking(backtest):
    told = questions.profit(backtest).set_index(["measure", "rule"])["profit"]
    assert told["EMPB", "the model"] > told["EMPB", "the contract alone"]
    assert questions.profit(backtest[backtest["churned"]]).empty


def test_the_ledger_shows_misses(backtest):
    told = questions.ledger(backtest)
    missed = told[told["why"] == "missed"]
    assert missed["left"].all()
    assert missed["said"].min() == backtest.loc[backtest["churned"], "probability"].min()

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from training import evaluate, measures, questions


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


def test_called_says_what_share_of_the_lost_arr_they_held(backtest):
    told = questions.called(backtest, 50).set_index("rule")
    riskiest = backtest.groupby("as_of")["probability"].rank(ascending=False) <= 50
    lost = backtest["arr"].where(backtest["churned"], 0.0)
    assert told.loc["the model", "arr"] == pytest.approx(lost[riskiest].sum() / lost.sum())
    assert told.loc["at random", "arr"] == pytest.approx(50 / 300)
    model = told.loc["the model"]
    assert 50 / 300 < model["arr_low"] < model["arr"] < model["arr_high"] < 1
    assert "arr" not in questions.called(backtest.drop(columns="arr"), 50)


@pytest.mark.parametrize(("left", "accounts"), [(0, 1), (0, 40), (40, 40), (7, 50)])
def test_the_exact_interval_is_that_of_scipy(left, accounts):
    peer = stats.binomtest(left, accounts).proportion_ci(0.95, method="exact")
    assert questions.exact(left, accounts) == pytest.approx(tuple(peer))


def test_none_of_n_is_not_certain(backtest):
    """Every draw of accounts that all stayed says 0: the interval must not."""
    low_risk = backtest["account_id"].isin([f"A{a}" for a in range(30)])
    rows = backtest.assign(churned=backtest["churned"] & ~low_risk)
    told = questions.grouped(rows, low_risk.map({True: "calm", False: "other"}), 0)
    calm = told.set_index("group").loc["calm"]
    assert (calm["left"], calm["left_low"]) == (0.0, 0.0)
    # accounts count, not their twelve looks each
    assert calm["left_high"] == pytest.approx(1 - 0.025 ** (1 / 30))
    stayed, gone = (questions.promised(backtest.assign(churned=c)) for c in (False, True))
    assert (stayed["left_high"] > 0.005).all()
    assert (gone["left_low"] < 0.995).all()
    assert (gone["left_high"] == 1).all()
    nobody = questions.called(backtest.assign(churned=False)).set_index("rule").loc["the model"]
    assert nobody["left"] == 0 < nobody["left_high"]


@pytest.mark.parametrize("seed", [0, 5])
def test_a_figure_has_one_interval_wherever_it_is_told(backtest, seed):
    rng = np.random.default_rng(1)
    some = backtest.assign(due=rng.random(len(backtest)) < 0.4, term_days=365)
    told, summary = questions.answers(some, seed), evaluate.summary(some, seed=seed)
    model = told["rankings"].set_index("rule").loc["the model"]
    for ours, theirs in (("auc", "auc_due"), ("log_loss", "log_loss_due"), ("brier", "brier_due")):
        for end in ("", "_low", "_high"):
            assert model[f"{ours}{end}"] == pytest.approx(summary[f"{theirs}{end}"], abs=1e-12)
    for (_, block), fold in zip(told["folds"].iterrows(), summary["folds"], strict=True):
        for ours, theirs in (("auc", "auc_due"), ("log_loss", "log_loss_due")):
            for end in ("", "_low", "_high"):
                assert block[f"{ours}{end}"] == pytest.approx(fold[f"{theirs}{end}"], abs=1e-12)


def test_rules_that_say_a_probability_are_judged_by_it(backtest):
    said = backtest.assign(contract_probability=0.3)
    told = questions.rankings(said).set_index("rule").loc["the contract alone"]
    assert told["brier"] == pytest.approx(((0.3 - said["churned"]) ** 2).mean())
    assert told["log_loss_low"] < told["log_loss"] < told["log_loss_high"]
    without = questions.rankings(backtest).set_index("rule").loc["the contract alone"]
    assert np.isnan(without["log_loss"])
    assert without["auc"] == told["auc"]


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
    expected = measures.auc(small["probability"], small["churned"])
    assert told.loc["small", "auc"] == pytest.approx(expected)
    for name in ("auc", "log_loss", "log_loss_base", "left"):
        low, point, high = (told[f"{name}{end}"] for end in ("_low", "", "_high"))
        assert ((low < point) & (point < high)).all()


def test_a_group_with_too_few_leavers_is_not_ranked(backtest):
    few = backtest[~backtest["churned"]].head(50)
    assert questions.grouped(few, few["segment"])["auc"].isna().all()


def test_the_roc_curve_holds_the_area_that_auc_says(backtest):
    roc = questions.curves(backtest).query("curve == 'roc'")
    area = np.trapezoid(roc["y"], roc["x"])
    assert area == pytest.approx(
        measures.auc(backtest["probability"], backtest["churned"]), abs=0.002
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

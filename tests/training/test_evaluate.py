import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from training import evaluate, measures


def predictions(
    seed: int = 0,
    accounts: int = 400,
    looks: int = 6,
    strength: float = 1.0,
    shift: float = 0.0,
) -> pd.DataFrame:
    """A backtest whose probabilities are the truth, moved by `shift` on the log-odds scale."""
    rng = np.random.default_rng(seed)
    truth = expit(-1.5 + strength * rng.normal(size=accounts))
    fate = rng.random(accounts) < truth
    rows = pd.DataFrame(
        {
            "account_id": np.repeat(np.arange(accounts).astype(str), looks),
            "as_of": np.tile(pd.date_range("2024-01-01", periods=looks, freq="MS"), accounts),
            "fold": np.tile(np.arange(looks) // 2 + 1, accounts),
            "due": np.tile(np.arange(looks) >= looks // 2, accounts),
            "renewal_date": pd.Timestamp("2024-07-01"),
            "probability": np.repeat(expit(logit(truth) + shift), looks),
            "weight": rng.uniform(0.5, 1.5, accounts * looks),
            "base_rate": 0.1,
            "base_rate_due": fate.mean(),
            "contract_score": 0.0,
            "term_days": np.repeat(rng.choice([30, 365], accounts), looks),
        }
    )
    rows["churned"] = np.repeat(fate, looks) & rows["due"]
    return rows


def test_figures_equal_those_of_scikit_learn() -> None:
    from sklearn import metrics as peer

    rows = predictions().assign(probability=lambda t: t["probability"].round(2))
    p, y, w = rows["probability"], rows["churned"], rows["weight"]
    ours = {k: v[0] for k, v in evaluate.figures(rows, w.to_numpy()[:, None]).items()}
    assert ours["auc"] == pytest.approx(peer.roc_auc_score(y, p, sample_weight=w), abs=1e-12)
    assert ours["pr_auc"] == pytest.approx(
        peer.average_precision_score(y, p, sample_weight=w), abs=1e-12
    )
    assert ours["log_loss"] == pytest.approx(peer.log_loss(y, p, sample_weight=w), abs=1e-12)
    assert ours["brier"] == pytest.approx(peer.brier_score_loss(y, p, sample_weight=w), abs=1e-12)
    assert ours["brier_base"] == pytest.approx(
        peer.brier_score_loss(y, rows["base_rate"], sample_weight=w), abs=1e-12
    )
    due = rows["due"]
    for name, said in (("brier_due", p), ("brier_due_base", rows["base_rate_due"])):
        expected = peer.brier_score_loss(y[due], said[due], sample_weight=w[due])
        assert ours[name] == pytest.approx(expected, abs=1e-12)
    assert ours["auc_due"] == pytest.approx(
        peer.roc_auc_score(y[due], p[due], sample_weight=w[due]), abs=1e-12
    )
    assert measures.auc(p, y, w) == pytest.approx(ours["auc"], abs=1e-15)


def test_what_the_contract_alone_tells_is_no_skill() -> None:
    rows = predictions()
    assert evaluate.skill(rows)["skill"]
    told = evaluate.skill(rows.assign(contract_score=logit(rows["probability"])))
    assert not told["skill"]
    assert told["auc_due_bound"] > 0.5
    assert "add nothing that could be shown (+0.000)" in told["verdict"]


def test_terms_are_ranked_apart() -> None:
    rows = predictions()
    told = {each["term"]: each for each in evaluate.by_term(rows, draws=50)}
    assert list(told) == ["month", "year"]
    for term, days in (("month", 30), ("year", 365)):
        alike = rows[rows["due"] & (rows["term_days"] == days)]
        expected = measures.auc(alike["probability"], alike["churned"], alike["weight"])
        assert told[term]["auc"] == pytest.approx(expected, abs=1e-12)
        assert told[term]["low"] < expected < told[term]["high"]
        assert told[term]["observations"] == len(alike)


def test_lift_and_calibration_error_by_hand() -> None:
    p = np.repeat(np.arange(20) / 20, 10)
    y = np.zeros(200)
    y[-20:-10] = 1.0  # one half of the riskiest tenth, and nobody else
    rows = pd.DataFrame(
        {
            "probability": p,
            "churned": y,
            "due": True,
            "base_rate": 0.1,
            "base_rate_due": 0.1,
            "contract_score": 0.0,
        }
    ).assign(weight=1.0)
    found = evaluate.figures(rows, np.ones((200, 1)))
    assert found["lift_top_tenth"][0] == pytest.approx(0.5 / 0.05)
    said = p.reshape(10, 20).mean(axis=1)
    seen = y.reshape(10, 20).mean(axis=1)
    assert found["calibration_error"][0] == pytest.approx(np.abs(said - seen).mean())


def test_ties_at_the_tenth_count_in_part() -> None:
    rows = pd.DataFrame(
        {
            "probability": 0.3,
            "churned": np.arange(50) < 10,
            "due": True,
            "base_rate": 0.2,
            "base_rate_due": 0.2,
            "contract_score": 0.0,
            "term_days": 365,
            "weight": 1.0,
        }
    )
    assert evaluate.figures(rows, np.ones((50, 1)))["lift_top_tenth"][0] == pytest.approx(1.0)


def test_a_draw_is_the_same_as_repeating_its_accounts() -> None:
    rows = predictions(accounts=60)
    rng = np.random.default_rng(0)
    accounts, names = pd.factorize(rows["account_id"])
    times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
    repeated = rows.loc[np.repeat(rows.index, times[accounts])]
    whole = evaluate.figures(repeated, repeated["weight"].to_numpy()[:, None])
    drawn = evaluate.draw_figures(rows, evaluate.figures, draws=1, seed=0)
    for name in whole.keys() - {"calibration_error", "calibration_error_due"}:  # bins are kept
        assert drawn[name][0] == pytest.approx(whole[name][0], abs=1e-12), name


def test_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = predictions(accounts=50)
    at_once = evaluate.draw_figures(rows, evaluate.figures, draws=7)
    monkeypatch.setattr(evaluate, "CELLS", 700)
    bit_by_bit = evaluate.draw_figures(rows, evaluate.figures, draws=7)
    for name, values in at_once.items():
        np.testing.assert_allclose(values, bit_by_bit[name], atol=1e-12)


def test_the_auc_interval_covers_the_truth() -> None:
    truth = evaluate.summary(predictions(seed=999, accounts=60_000), draws=2)["auc_due"]
    told = [evaluate.summary(predictions(seed=seed), draws=120) for seed in range(40)]
    covered = np.mean([each["auc_due_low"] <= truth <= each["auc_due_high"] for each in told])
    assert covered >= 0.85


def test_the_truth_is_calibrated_and_a_shifted_one_is_not() -> None:
    true = evaluate.summary(predictions(accounts=20_000), draws=50)
    assert true["calibration_error_due"] < 0.015
    shifted = evaluate.summary(predictions(accounts=20_000, shift=0.5), draws=50)
    assert shifted["calibration_error_due_low"] > 0.04


def test_the_summary_is_json_with_an_interval_for_every_figure() -> None:
    rows = predictions()
    told = evaluate.summary(rows, draws=20)
    json.dumps(told, allow_nan=False)
    for name in evaluate.figures(rows, np.ones((len(rows), 1))):
        assert told[f"{name}_low"] <= told[name] <= told[f"{name}_high"], name
    assert told["renewals"] == 400
    assert told["churned"] == rows.groupby("account_id")["churned"].any().sum()
    assert told["churn_rate"] == told["churned"] / 400
    assert [fold["fold"] for fold in told["folds"]] == [1, 2, 3]
    for fold in told["folds"]:
        block = rows[rows["fold"] == fold["fold"]]
        losses = measures.log_losses(
            block["probability"].to_numpy(), block["churned"].to_numpy(np.float64)
        )
        expected = np.average(losses, weights=block["weight"])
        assert fold["log_loss"] == pytest.approx(expected, abs=1e-12)
        assert fold["log_loss_low"] < fold["log_loss"] < fold["log_loss_high"]
    assert told["skill"] is True
    assert told["verdict"].startswith("Skill over the base rate: among 1,200 later observations")


def test_nobody_due_leaves_figures_empty_and_claims_nothing() -> None:
    told = evaluate.summary(predictions().assign(due=False), draws=20)
    json.dumps(told, allow_nan=False)
    assert told["auc_due"] is None
    assert told["churn_rate"] is None
    assert told["skill"] is False
    assert told["verdict"] == (
        "No skill over the base rate: among 0 later observations with a renewal due, not both "
        "leavers and stayers are found."
    )


def test_chance_is_hardly_ever_taken_for_skill() -> None:
    claims = 0
    for seed in range(60):
        rows = predictions(seed=seed, accounts=150)
        rng = np.random.default_rng(seed + 1)
        guess = pd.Series(expit(-1.5 + rng.normal(size=150)), index=rows["account_id"].unique())
        claims += evaluate.skill(rows.assign(probability=rows["account_id"].map(guess)), draws=60)[
            "skill"
        ]
    assert claims <= 2


def test_a_good_order_with_bad_probabilities_is_no_skill() -> None:
    told = evaluate.skill(predictions(shift=2.5), draws=50)
    assert told["auc_due_bound"] > 0.6
    assert not told["skill"]


def test_a_churn_seen_from_several_renewals_counts_once() -> None:
    """A monthly plan that leaves on June 1 and one that stays, looked at 90 days ahead."""
    looks = pd.date_range("2025-01-01", "2025-05-01", freq="MS")
    rows = pd.DataFrame(
        [(account, day) for account in ("leaves", "stays") for day in looks],
        columns=["account_id", "as_of"],
    )
    soon = rows["as_of"] + pd.Timedelta(days=92) >= pd.Timestamp("2025-06-01")
    rows = rows.assign(
        renewal_date=rows["as_of"] + pd.DateOffset(months=1),
        churned=(rows["account_id"] == "leaves") & soon,
        due=True,
        weight=1.0,
    )
    told = evaluate.counts(rows)
    assert rows["churned"].sum() == 3
    assert (told["renewals"], told["churned"], told["churn_rate"]) == (10, 1, 0.1)
    open_ended = evaluate.counts(rows.assign(renewal_date=pd.NaT))
    assert (open_ended["renewals"], open_ended["churned"]) == (2, 1)

"""What the health score promises: points that add up, strict monotony, honesty about evidence."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import catalog
from features.errors import TenureError
from features.metric import Metric
from training.health_evidence import CHURNS_PER_SIDE
from training.health_score import HealthScore
from training.measures import auc
from training.scorecard import PORTFOLIO

Panel = Callable[..., pd.DataFrame]


_ANY = catalog.metrics()["active_days_28d"]


def _metric(name: str, dimension: str, healthy: str | None) -> Metric:
    kind = "category" if name == "segment" else "number"
    return replace(_ANY, name=name, dimension=dimension, healthy=healthy, kind=kind)


METRICS = {
    each.name: each
    for each in (
        _metric("segment", "context", None),
        _metric("term_days", "context", None),
        _metric("days", "frequency", "high"),
        _metric("share", "breadth", "high"),
        _metric("delay", "commercial", "low"),
        _metric("nothing", "support", "low"),
        _metric("answered", "sentiment", "high"),
        _metric("constant", "depth", "high"),
        _metric("empty", "depth", "high"),
    )
}
GOALS = {"small": 8.0, "large": 14.0}
"""Planted goals of ``days``."""


def company(accounts: int, rate: float = 0.25, seed: int = 0) -> pd.DataFrame:
    """Three monthly looks at one renewal of each account; who leaves is drawn from known ramps.

    ``days`` counts 3, ``share`` 1.5 and ``delay`` 1.5 in log-odds; ``nothing`` counts for nothing;
    whoever does not answer is at more risk, whatever ``answered`` says.
    """
    rng = np.random.default_rng(seed)
    segment = rng.choice(["small", "large"], size=accounts)
    state = rng.standard_normal(accounts)

    def sign_of(strength: float) -> np.ndarray:
        return strength * state + np.sqrt(1 - strength**2) * rng.standard_normal(accounts)

    goal = np.array([GOALS[each] for each in segment])
    days = (goal + 1 + 3 * sign_of(0.6)).clip(0).round(1)
    share = 1 / (1 + np.exp(-sign_of(0.6)))
    delay = np.exp(2 - sign_of(0.6))
    lost = 3 * (1 - ((days - goal + 2) / 4).clip(0, 1))
    lost += 1.5 * (1 - ((share - 0.2) / 0.4).clip(0, 1))
    lost += 1.5 * (1 - ((delay - 20) / -15).clip(0, 1))
    silent = rng.random(accounts) < 0.4
    odds = lost + 1.0 * silent
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(-(odds + middle)))).mean()
        low, high = (middle, high) if mean < rate else (low, middle)
    churned = rng.random(accounts) < 1 / (1 + np.exp(-(odds + low)))
    one = pd.DataFrame({
        "account_id": [f"A{n:05}" for n in range(accounts)],
        "segment": segment,
        "term_days": 365.0,
        "days": days,
        "share": share,
        "delay": delay,
        "nothing": rng.exponential(size=accounts) - 0.5 * state,
        "answered": np.where(silent, np.nan, rng.integers(0, 11, accounts)),
        "constant": 1.0,
        "empty": np.nan,
        "churned": churned,
        "due": True,
        "renewal_date": pd.Timestamp("2025-04-01"),
        "weight": 1.0,
    })  # fmt: skip
    looks = pd.to_datetime(["2025-01-01", "2025-02-01", "2025-03-01"])
    return pd.concat([one.assign(as_of=day) for day in looks], ignore_index=True)


def fit(table: pd.DataFrame, **options: Any) -> HealthScore:
    return HealthScore.fit(table, table["churned"], table["weight"], METRICS, **options)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return company(3000)


@pytest.fixture(scope="module")
def score(table: pd.DataFrame) -> HealthScore:
    return fit(table)


def test_planted_weights_and_goals_are_found(score: HealthScore, table: pd.DataFrame) -> None:
    weight = {metric.name: metric.weight for metric in score.metrics}
    assert score.learned == "metrics"
    assert sum(weight.values()) == pytest.approx(100)
    assert weight["days"] == pytest.approx(50, abs=8)
    assert weight["share"] == pytest.approx(25, abs=8)
    assert weight["delay"] == pytest.approx(25, abs=8)
    assert weight["nothing"] < 6
    assert weight["answered"] < 6
    goals = score.goals_.set_index(["metric", "segment"])
    for segment, planted in GOALS.items():
        row = goals.loc[("days", segment)]
        assert row["goal"] == pytest.approx(planted, abs=0.8)
        assert row["low"] < planted < row["high"]
        assert row["red"] < row["goal"] < row["green"]
        assert row["enough"]
    late = goals.loc[("delay", PORTFOLIO)]
    assert late["red"] > late["goal"] > late["green"]
    # in the unit in which goals are judged: 15 of 100 places among the accounts
    apart = table["delay"].between(*sorted([late["goal"], 12.5])).mean()
    assert apart < 0.15


def test_silence_tells_and_costs_no_points(score: HealthScore, table: pd.DataFrame) -> None:
    answered = next(metric for metric in score.metrics if metric.name == "answered")
    assert answered.log_odds_missing > 0.4
    rows = table.head(1).assign(answered=10.0)
    silent = rows.assign(answered=np.nan)
    assert score.risk(silent)[0] > score.risk(rows)[0]
    assert score.contributions(silent)["answered"].iloc[0] == 0.0
    assert score.score(silent)["coverage"].iloc[0] == pytest.approx(1 - answered.weight / 100)


def test_points_lost_add_up(score: HealthScore, table: pd.DataFrame) -> None:
    told = score.score(table)
    lost = score.contributions(table)
    assert told["health"].between(0, 100).all()
    assert (lost >= 0).all(axis=None)
    np.testing.assert_allclose(lost.sum(axis=1), 100 - told["health"], atol=1e-9)
    assert list(lost.index) == list(table.index)


def test_health_is_the_weighted_mean_of_what_is_known(score: HealthScore) -> None:
    row = pd.DataFrame({
        "segment": ["small"], "days": [8.5], "share": [0.3], "delay": [np.nan],
        "nothing": [np.nan], "answered": [np.nan],
    })  # fmt: skip
    by_name = {metric.name: metric for metric in score.metrics}
    expected = weights = 0.0
    for name in ("days", "share"):
        metric = by_name[name]
        goal = next(each for each in metric.segments if each.segment == "small")
        h = np.clip((row[name].iloc[0] - goal.red) / (goal.green - goal.red), 0, 1)
        expected += metric.weight * h
        weights += metric.weight
    told = score.score(row).iloc[0]
    assert told["health"] == pytest.approx(100 * expected / weights)
    assert told["coverage"] == pytest.approx(weights / 100)


def test_nothing_known_is_no_health(score: HealthScore, table: pd.DataFrame) -> None:
    blank = table.head(2).assign(**{metric.name: np.nan for metric in score.metrics})
    told = score.score(blank)
    assert told["health"].isna().all()
    assert (told["coverage"] == 0).all()
    assert score.contributions(blank).isna().all(axis=None)
    assert np.isfinite(score.risk(blank)).all()


def test_an_unknown_segment_has_the_portfolios_goals(
    score: HealthScore, table: pd.DataFrame
) -> None:
    rows = table.head(5)
    elsewhere = score.score(rows.assign(segment="new"))
    pd.testing.assert_frame_equal(elsewhere, score.score(rows.drop(columns="segment")))
    assert score.score(rows.assign(segment=None))["health"].equals(elsewhere["health"])


value = st.floats(allow_nan=False, allow_infinity=True, width=32)
known = {
    "days": st.floats(0, 30),
    "share": st.floats(0, 1),
    "delay": st.floats(0, 1e4),
    "nothing": value,
    "answered": st.floats(0, 10),
}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_better_is_never_worse(score: HealthScore, data: st.DataObject) -> None:
    account = {
        name: data.draw(st.one_of(values, st.just(np.nan)), label=name)
        for name, values in known.items()
    }
    name = data.draw(st.sampled_from(sorted(known)))
    worse, better = sorted(data.draw(st.tuples(known[name], known[name])))
    if METRICS[name].healthy == "low":
        worse, better = better, worse
    rows = pd.DataFrame([{**account, name: worse}, {**account, name: better}])
    rows["segment"] = data.draw(st.sampled_from(["small", "large", "new"]))
    told = score.score(rows)["health"]
    lost = score.contributions(rows)[name]
    risk = score.risk(rows)
    assert risk[1] <= risk[0]
    if told.notna().all():  # else all that is known counts for nothing
        assert told[1] >= told[0]
        assert lost[1] <= lost[0]
        assert 0 <= told[0] <= 100


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), accounts=st.integers(60, 500), backwards=st.booleans())
def test_monotone_whatever_was_learned(seed: int, accounts: int, backwards: bool) -> None:
    """Even where the data say the contrary, or next to nothing."""
    table = company(accounts, seed=seed)
    if backwards:
        table["churned"] = ~table["churned"]
    learned = fit(table, refits=2)
    rng = np.random.default_rng(seed)
    before = table.sample(50, random_state=seed)
    for metric in learned.metrics:
        step = rng.exponential(5, len(before)) * rng.integers(0, 2, len(before))
        up = 1 if METRICS[metric.name].healthy == "high" else -1
        after = before.assign(**{metric.name: before[metric.name] + up * step})
        rose = learned.score(after)["health"] - learned.score(before)["health"]
        assert (rose.dropna() >= 0).all()
        if learned.learned != "nothing":
            assert (learned.risk(after) <= learned.risk(before)).all()


def test_the_scorecard_predicts_and_is_calibrated(score: HealthScore) -> None:
    later = company(4000, seed=9)
    risk = score.risk(later)
    assert auc(risk, later["churned"]) > 0.72
    assert auc(-score.score(later)["health"], later["churned"]) > 0.70
    assert risk.mean() == pytest.approx(later["churned"].mean(), abs=0.03)
    top = risk > np.quantile(risk, 0.8)
    assert risk[top].mean() == pytest.approx(later["churned"][top].mean(), abs=0.06)


def test_evidence_counts_accounts_once(score: HealthScore, table: pd.DataFrame) -> None:
    goals = score.goals_
    days = goals[(goals["metric"] == "days") & (goals["segment"] == "small")].iloc[0]
    small = table[(table["segment"] == "small") & (table["as_of"] == "2025-03-01")]
    below = small[small["days"] < days["goal"]]
    assert days["accounts_below"] == len(below)
    assert days["churned_below"] == below["churned"].sum()
    assert days["accounts_below"] + days["accounts_above"] == len(small)
    assert days["churn_rate_below"] == pytest.approx(below["churned"].mean())
    assert days["lead_days"] == 90


def test_a_segment_with_few_churns_gets_the_portfolios_goal(table: pd.DataFrame) -> None:
    large = table["account_id"].isin(
        table.loc[(table["segment"] == "large") & table["churned"], "account_id"].unique()[25:]
    )
    learned = fit(table[~large], refits=10)
    goals = learned.goals_.set_index(["metric", "segment"])
    for name in ("days", "share", "delay"):
        row = goals.loc[(name, "large")]
        assert not row["enough"]
        assert min(row["churned_below"], row["churned_above"]) < CHURNS_PER_SIDE
    for metric in learned.metrics:
        for goal in metric.segments:
            assert (goal.accounts_below + goal.accounts_above) > 0


@pytest.mark.parametrize(
    ("accounts", "learned"), [(150, "nothing"), (500, "dimensions"), (1200, "metrics")]
)
def test_as_much_is_learned_as_the_churns_bear(accounts: int, learned: str) -> None:
    score = fit(company(accounts), refits=4)
    assert score.learned == learned
    assert score.metrics[0].low is None if learned == "nothing" else score.metrics[0].low >= 0
    if learned != "metrics":
        assert not score.goals_["enough"].any()
        assert score.goals_["low"].isna().all()
    if learned == "nothing":
        assert [d.weight for d in score.dimensions] == pytest.approx([20.0] * 5)
        with pytest.raises(TenureError, match="Nothing could be learned"):
            score.risk(company(20))


def test_metrics_of_a_dimension_share_equally_where_churns_are_few() -> None:
    table = company(500)
    twins = {**METRICS, "answered": replace(METRICS["answered"], dimension="frequency")}
    score = HealthScore.fit(table, table["churned"], table["weight"], twins, refits=3)
    assert score.learned == "dimensions"
    weight = {metric.name: metric.weight for metric in score.metrics}
    assert weight["days"] == pytest.approx(weight["answered"])
    assert weight["days"] != pytest.approx(weight["share"])


def _weights(score: HealthScore) -> dict[str, float]:
    return {metric.name: metric.weight for metric in score.metrics}


def test_what_is_in_use_today_is_the_centre() -> None:
    today = {"days": 10.0, "nothing": 30.0}
    few = fit(company(150), present_weights=today, present_goals={"days": 12.0})
    assert few.learned == "nothing"
    assert _weights(few) == pytest.approx(
        {"days": 25, "nothing": 75, "share": 0, "delay": 0, "answered": 0}
    )
    goals = few.goals_.set_index(["metric", "segment"])["goal"]
    assert goals["days"].tolist() == pytest.approx([12.0] * 3)
    assert few.score(company(20))["health"].notna().all()


def test_weights_of_dimensions_are_shared_by_their_metrics() -> None:
    score = fit(company(150), present_weights={"breadth": 30, "commercial": 10})
    assert _weights(score)["share"] == pytest.approx(75)
    assert _weights(score)["delay"] == pytest.approx(25)


def test_evidence_pulls_away_from_what_is_in_use(table: pd.DataFrame) -> None:
    """What is known rightly helps where there is little evidence; what is wrong gives way."""
    wrong = {"days": 1, "share": 1, "delay": 1, "nothing": 20, "answered": 1}
    right = {"days": 50, "share": 25, "delay": 25}
    few = company(900, seed=3)

    def off(score: HealthScore) -> float:
        return sum(abs(_weights(score)[name] - right.get(name, 0)) for name in _weights(score)) / 2

    assert off(fit(table, refits=0, present_weights=wrong)) < 15
    helped = off(fit(few, refits=0, present_weights=right))
    assert helped < off(fit(few, refits=0))
    assert off(fit(few, refits=0, present_weights=wrong)) > helped


def test_goals_of_today_by_segment_hold_where_there_is_little_evidence() -> None:
    few = company(1200, seed=5)
    today = {"days": {"small": 7.0, "large": 15.0}, "nothing": 0.1}
    goals = fit(few, refits=4, present_goals=today).goals_.set_index(["metric", "segment"])
    plain = fit(few, refits=4).goals_.set_index(["metric", "segment"])
    for segment, goal in (("small", 7.0), ("large", 15.0)):
        learned = goals.loc[("days", segment), "goal"]
        assert abs(learned - goal) < abs(plain.loc[("days", segment), "goal"] - goal) + 0.3
    assert goals.loc[("nothing", PORTFOLIO), "goal"] < plain.loc[("nothing", PORTFOLIO), "goal"]


@pytest.mark.parametrize(
    ("present", "told"),
    [
        ({"present_weights": {"dais": 1}}, "'dais' Did you mean 'days'"),
        ({"present_goals": {"breadth": 1}}, "'breadth'"),
        ({"present_weights": {"days": -1}}, "days = -1"),
        ({"present_goals": {"days": {"small": float("nan")}}}, "days = nan"),
        ({"present_weights": {"days": 0}}, "All present weights are 0"),
    ],
)
def test_faults_in_what_is_in_use_are_told(present: dict, told: str) -> None:
    with pytest.raises(TenureError, match=told):
        fit(company(100), **present)


def test_looks_at_one_renewal_weigh_one_renewal(table: pd.DataFrame) -> None:
    once = table[table["as_of"] == "2025-03-01"]
    thrice = fit(table, refits=0)
    alone = fit(once, refits=0)
    for left, right in zip(thrice.metrics, alone.metrics, strict=True):
        assert left.weight == pytest.approx(right.weight, abs=0.5)
        assert left.portfolio.goal == pytest.approx(right.portfolio.goal, rel=0.05)


def test_rows_not_due_only_tell_the_lead(table: pd.DataFrame) -> None:
    early = table[table["as_of"] == "2025-01-01"].assign(
        as_of=pd.Timestamp("2024-10-01"), due=False, churned=False
    )
    learned, plain = fit(pd.concat([early, table]), refits=0), fit(table, refits=0)
    assert [m.weight for m in learned.metrics] == [m.weight for m in plain.metrics]
    assert plain.metrics[0].portfolio.lead_days == 90
    assert learned.metrics[0].portfolio.lead_days == 182


def test_what_cannot_be_used_is_left_out_and_said(score: HealthScore) -> None:
    assert score.left_out == {
        "constant": "1 everywhere",
        "empty": "known of 0 observations only",
    }


def test_json_there_and_back(score: HealthScore, table: pd.DataFrame) -> None:
    text = score.to_json()
    again = HealthScore.from_json(text)
    assert again == score
    assert again.to_json() == text
    assert again.risk(table).tolist() == score.risk(table).tolist()


def test_weights_in_the_words_of_the_design(score: HealthScore) -> None:
    told = score.weights_
    json.dumps(told, allow_nan=False)
    assert set(told["dimensions"]["frequency"]) == {"weight", "low", "high"}
    days = told["metrics"]["days"]
    assert {"dimension", "weight", "low", "high", "goals"} <= days.keys()
    promised = (
        "segment goal red green low high accounts_below churned_below accounts_above "
        "churned_above enough"
    )
    assert set(promised.split()) <= days["goals"][0].keys()
    assert {goal["segment"] for goal in days["goals"]} == {"small", "large", PORTFOLIO}
    assert days["low"] <= days["weight"] <= days["high"]


def test_the_same_seed_gives_the_same_score() -> None:
    table = company(900)
    assert fit(table, refits=3, seed=1) == fit(table, refits=3, seed=1)
    order = np.random.default_rng(0).permutation(len(table))
    shuffled = fit(table.iloc[order], refits=0)
    for left, right in zip(fit(table, refits=0).metrics, shuffled.metrics, strict=True):
        assert left.weight == pytest.approx(right.weight, abs=0.1)


def test_the_panel_of_monthly_looks(make_panel: Panel, metrics: dict[str, Metric]) -> None:
    table = make_panel(800, months=24)
    score = HealthScore.fit(table, table["churned"], table["weight"], metrics, refits=5)
    assert {metric.name for metric in score.metrics} == {"usage", "tickets", "nps"}
    due = table[table["due"]]
    assert auc(score.risk(due), due["churned"]) > 0.7


def test_faults_are_told(score: HealthScore, table: pd.DataFrame) -> None:
    with pytest.raises(TenureError, match=r"needs 1 of its 5 metrics.*share"):
        score.score(table.drop(columns="share"))
    with pytest.raises(TenureError, match="'days' must be numbers; 1 of 2"):
        score.score(table.head(2).astype({"days": object}).replace({"days": {7.0: "x"}}).assign(
            days=[7.0, "many"]
        ))  # fmt: skip
    with pytest.raises(TenureError, match="None of the metrics"):
        fit(table[["account_id", "segment", "constant", "churned", "weight"]])


def test_no_lightgbm_is_needed() -> None:
    code = "import sys, training.health_score; assert 'lightgbm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

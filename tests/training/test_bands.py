"""Bands mean what they say, hold on for a while, and are a function of the series of health."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from training import bands
from training.bands import BANDS, Bands, Cuts

CUTS = Cuts(at_risk_below=40.0, healthy_from=60.0, margin=5.0)


def looks(accounts=2000, telling=1.0, seed=0) -> pd.DataFrame:
    """Monthly looks over 12 months in 4 blocks; everybody renews once, by a health that moves."""
    rng = np.random.default_rng(seed)
    months = pd.date_range("2025-01-01", periods=12, freq="MS")
    state = np.cumsum(rng.normal(scale=0.2, size=(accounts, 12)), axis=1)
    state += rng.normal(size=(accounts, 1))
    renews = rng.integers(3, 12, size=accounts)
    odds = -2.5 - 2.2 * telling * state[np.arange(accounts), renews]
    left = rng.random(accounts) < 1 / (1 + np.exp(-odds))
    table = pd.DataFrame({
        "account_id": np.repeat([f"A{n:05}" for n in range(accounts)], 12),
        "as_of": np.tile(months, accounts),
        "fold": np.tile(np.repeat([1, 2, 3, 4], 3), accounts),
        "health": 100 / (1 + np.exp(-state.ravel())),
        "renewal_date": np.repeat(months[renews] + pd.Timedelta(days=14), 12),
        "fate": np.repeat(left, 12),
    })  # fmt: skip
    table = table[table["as_of"] <= table["renewal_date"]].reset_index(drop=True)
    due = (table["renewal_date"] - table["as_of"]).dt.days <= 90
    return table.assign(due=due, churned=due & table["fate"])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return looks()


def one_account(series: list[float], cuts: Cuts = CUTS) -> list[str]:
    """The rule in words, for one account."""
    told, band = [], ""
    for health in series:
        falls = "at risk" if health < 40 else "watch" if health < 60 else "healthy"
        rises = "at risk" if health < 45 else "watch" if health < 65 else "healthy"
        lower = BANDS.index(falls) < BANDS.index(band or "healthy")
        higher = BANDS.index(rises) > BANDS.index(band or "healthy")
        band = falls if lower or not band else rises if higher else band
        told.append(band)
    return told


def test_a_series_is_told_as_the_rule_says_in_words():
    rng = np.random.default_rng(5)
    health = np.clip(np.cumsum(rng.normal(scale=6, size=(50, 20)), axis=1) + 50, 0, 100)
    days = pd.date_range("2025-01-01", periods=20)
    table = pd.DataFrame({
        "account_id": np.repeat(np.arange(50), 20),
        "as_of": np.tile(days, 50),
        "health": health.ravel(),
    }).sample(frac=1, random_state=0)  # fmt: skip
    told = bands.assign(table, CUTS)
    for account, rows in table.assign(band=told).sort_values("as_of").groupby("account_id"):
        assert rows["band"].tolist() == one_account(health[account].tolist())


def test_an_account_falls_at_once_and_rises_late():
    days = pd.date_range("2025-01-01", periods=6)
    table = pd.DataFrame({"account_id": "a", "as_of": days, "health": [70, 58, 62, 66, 39, np.nan]})
    told = bands.assign(table, CUTS).tolist()
    assert told == ["healthy", "watch", "watch", "healthy", "at risk", None]


def test_the_last_looks_do_for_the_band_of_today(table):
    whole = bands.assign(table, CUTS)
    late = table[table["as_of"] >= "2025-06-01"]
    now = late["as_of"] == late["as_of"].max()
    assert (bands.assign(late, CUTS)[now] == whole[late.index][now]).mean() > 0.97


def test_learned_bands_mean_what_they_should(table):
    told = Bands.learn(table)
    assert told.unmet == ()
    assert told.at_risk_rate >= 3 * told.base_rate
    assert told.leavers_below >= 2 / 3
    assert told.healthy_share <= 0.8
    # and on a world that none of it was learned on
    later = looks(seed=1)
    at_renewal = bands.renewals(later.assign(band=bands.assign(later, told.cuts)))
    risky = at_renewal[at_renewal["band"] == "at risk"]
    left = at_renewal[at_renewal["churned"]]
    assert risky["churned"].mean() >= 2.7 * at_renewal["churned"].mean()
    assert (left["band"] != "healthy").mean() >= 0.62


def test_rates_have_exact_intervals(table):
    told = Bands.learn(table)
    for left, of, low, high in (
        (told.at_risk_leavers, told.at_risk_renewals, told.at_risk_low, told.at_risk_high),
        (
            round(told.leavers_below * told.leavers),
            told.leavers,
            told.leavers_below_low,
            told.leavers_below_high,
        ),
    ):
        peer = binomtest(left, of).proportion_ci(0.95, method="exact")
        assert (low, high) == pytest.approx(tuple(peer))
    nobody = Bands.learn(looks(accounts=60).assign(churned=False))
    assert nobody.leavers_below is None
    assert nobody.leavers_below_high is None


def test_what_cannot_be_reached_is_said():
    told = Bands.learn(looks(telling=0.0))
    assert any("At risk does not mean 3 times" in each for each in told.unmet)
    few = Bands.learn(looks(accounts=60))
    assert few.leavers < 20
    assert f"Only {few.leavers} leavers" in few.unmet[0]


def test_each_renewal_counts_once_at_its_look_60_to_90_days_before(table):
    told = bands.renewals(table)
    assert not told.duplicated(["account_id", "renewal_date"]).any()
    assert told["days_before"].between(60, 90).all()
    assert (told["churned"] == told["fate"]).all()


def test_monthly_plans_are_judged_at_their_last_look(table):
    short = table[(table["renewal_date"] - table["as_of"]).dt.days <= 31]
    told = bands.renewals(short)
    assert told["days_before"].max() <= 31
    assert len(told) == short["account_id"].nunique()


def test_the_audit_counts_every_renewal_in_one_period_and_band(table):
    labelled = table.assign(band=bands.assign(table, CUTS))
    told = bands.audit(labelled)
    assert told["renewals"].sum() == len(bands.renewals(labelled))
    assert (told["left"] + told["stayed"] == told["renewals"]).all()
    by_hand = bands.renewals(labelled).query("band == 'healthy' and churned")
    quarter = by_hand["renewal_date"].dt.to_period("Q").astype(str) == "2025Q3"
    row = told[(told["period"] == "2025Q3") & (told["band"] == "healthy")]
    assert row["left"].item() == quarter.sum() > 0


def test_bands_survive_json(table):
    import json

    told = Bands.learn(table)
    assert Bands.of(json.loads(json.dumps(told.as_dict()))) == told

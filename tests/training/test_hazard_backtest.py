"""The verdict on the curve, and its figures at each horizon against naive ones."""

import numpy as np
import pandas as pd
import pytest

from training.hazard import HORIZONS, Periods
from training.hazard_backtest import FIGURES, by_horizon, judged, remarks


def test_the_verdict_follows_the_paired_losses() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.5, 4000)
    rows = pd.DataFrame(
        {
            "account_id": np.arange(4000) // 4,
            "churned": rng.random(4000) < p,
            "weight": 1.0,
            "probability": p,
        }
    )
    same = judged(rows.assign(curve_alone=p), Periods(0, 90))
    assert same["as_good"]
    assert same["difference"] == 0
    worse = judged(rows.assign(curve_alone=np.full(4000, 0.5)), Periods(0, 90))
    assert not worse["as_good"]
    assert "the plain model's answer stays" in worse["verdict"]
    assert worse["low"] < worse["difference"] < worse["high"]
    assert worse["accounts"] == 1000
    assert f"{worse['churned']:,} of which left" in worse["verdict"]


@pytest.fixture(scope="module")
def told() -> pd.DataFrame:
    """Rows whose accounts leave after an exponential time, told truly."""
    rng = np.random.default_rng(1)
    n = 3000
    rate = rng.gamma(1.0, 1 / 600, n)
    left = np.ceil(rng.exponential(1 / rate))
    followed = rng.integers(90, 500, n).astype(float)
    return pd.DataFrame(
        {
            "account_id": np.arange(n) // 3,
            "weight": rng.choice([0.5, 1.0], n),
            "followed_days": followed,
            "churn_days": np.where(left <= followed, left, np.nan),
            **{f"churn_{days}d": -np.expm1(-rate * days) for days in HORIZONS},
            **{f"base_{days}d": days / 1000 for days in HORIZONS},
        }
    )


def test_each_horizon_is_judged_on_rows_followed_for_so_long(told) -> None:
    figures = by_horizon(told)
    assert [each["days"] for each in figures] == list(HORIZONS)
    for each in figures:
        days = each["days"]
        rows = told[told["followed_days"] >= days]
        y, p, w = rows["churn_days"] <= days, rows[f"churn_{days}d"], rows["weight"]
        assert (each["observations"], each["churned"]) == (len(rows), y.sum())
        assert each["said"] == pytest.approx(np.average(p, weights=w))
        assert each["left"] == pytest.approx(np.average(y, weights=w))
        above = np.sign(p[y].to_numpy()[:, None] - p[~y].to_numpy()) / 2 + 0.5
        pairs = w[y].to_numpy()[:, None] * w[~y].to_numpy()
        assert each["auc"] == pytest.approx(np.average(above, weights=pairs))
        assert set(FIGURES) <= set(each)
        assert each["left_low"] < each["said"] < each["left_high"]
        assert each["log_loss_low"] < each["log_loss"] < each["log_loss_high"]
        assert each["log_loss"] < each["log_loss_base"]


def test_a_horizon_that_nobody_was_followed_for_has_no_figures(told) -> None:
    last = by_horizon(told[told["followed_days"] < 300])[-1]
    assert last["observations"] == 0
    assert {last[name] for name in FIGURES} == {None}


def test_horizons_that_are_off_or_unseen_are_named(told) -> None:
    assert remarks(by_horizon(told)) == ""
    careful = told.assign(churn_180d=told["churn_180d"] / 2)
    [off] = remarks(by_horizon(careful)).strip().splitlines()
    assert off.startswith("Off by more than chance: within 180 days it said ")
    assert "365" not in off
    unseen = remarks(by_horizon(told[told["followed_days"] < 300]))
    assert unseen.endswith("left: 365 days.")

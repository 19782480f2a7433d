"""What simplicity costs is told, and interactions are named where, and only where, they are."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import catalog
from features.metric import Metric
from training import simplicity

_ANY = catalog.metrics()["active_days_28d"]
METRICS: dict[str, Metric] = {
    name: replace(_ANY, name=name, dimension=name, healthy="high")
    for name in ("days", "share", "depth")
} | {"product": replace(_ANY, name="product", dimension="context", healthy=None, kind="category")}


def renewals(together: bool, accounts: int = 6000, seed: int = 0) -> pd.DataFrame:
    """Where `together`, ``days`` tells only of one product and ``share`` only of the other."""
    rng = np.random.default_rng(seed)
    days, share, depth = rng.standard_normal((3, accounts))
    basic = rng.random(accounts) < 0.5
    odds = 2.5 * (np.where(basic, -days, -share) if together else -0.5 * (days + share))
    odds = odds - 0.5 * depth - 1.5
    as_of = pd.to_datetime("2023-01-01") + pd.to_timedelta(30 * rng.integers(0, 24, accounts), "D")
    return pd.DataFrame(
        {
            "account_id": [f"A{n:05}" for n in range(accounts)],
            "as_of": as_of,
            "days": days,
            "share": share,
            "depth": depth,
            "product": np.where(basic, "basic", "plus"),
            "churned": rng.random(accounts) < 1 / (1 + np.exp(-odds)),
            "due": True,
            "weight": 1.0,
        }
    )


def test_metrics_that_work_together_are_named() -> None:
    told = simplicity.compare(renewals(together=True), METRICS, embargo_days=60)
    assert told.lost > simplicity.MATTERS
    assert told.lost == pytest.approx(told.auc_model - told.auc_scorecard)
    pairs = {frozenset((each.first, each.second)) for each in told.interactions}
    assert {frozenset(("days", "product")), frozenset(("share", "product"))} <= pairs
    assert not any("depth" in pair for pair in pairs)
    assert all(0 <= each.strength <= 1 for each in told.interactions)
    json.dumps(told.told(), allow_nan=False)


def test_nothing_is_lost_where_effects_add_up() -> None:
    told = simplicity.compare(renewals(together=False), METRICS, embargo_days=60)
    assert told.lost < simplicity.MATTERS
    assert told.interactions == ()
    assert told.auc_scorecard > 0.7
    assert told.calibration_error_scorecard < 0.04
    assert told.churned > 100

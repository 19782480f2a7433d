"""A small world with known truth: accounts, monthly looks, yearly renewals."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from features.settings import Settings, TrainingSettings

Panel = Callable[..., pd.DataFrame]


def metric(name: str, healthy: str | None, kind: str = "number") -> Metric:
    return Metric(
        name=name,
        dimension="context" if name in ("segment", "days_to_renewal") else "frequency",
        label=name,
        unit="count",
        healthy=healthy,
        actionable=True,
        formula=name,
        sentence="{value}",
        needs=(),
        value=lambda table: table[name],
        kind=kind,
    )


METRICS = {
    each.name: each
    for each in (
        metric("segment", None, "category"),
        metric("days_to_renewal", None),
        metric("usage", "high"),
        metric("tickets", "low"),
        metric("noise", None),
        metric("nps", "high"),
        metric("never_there", "high"),
    )
}


def simulate_panel(
    accounts: int = 600, months: int = 36, seed: int = 0, signal: float = 1.0, rate: float = 0.2
) -> pd.DataFrame:
    """One row per account and month until it leaves; a yearly renewal at which it may.

    A state per account drifts from month to month; usage, tickets and nps are noisy views of it;
    churn is drawn at the renewal from the state of that month, times `signal`.
    """
    rng = np.random.default_rng(seed)
    looks = pd.date_range("2022-01-01", periods=months, freq="MS")
    state = np.empty((accounts, months + 3))
    state[:, 0] = rng.normal(size=accounts)
    for month in range(1, months + 3):
        state[:, month] = 0.95 * state[:, month - 1] + np.sqrt(1 - 0.95**2) * rng.normal(
            size=accounts
        )
    renewal_month = rng.integers(12, size=accounts)
    segment = rng.choice(["small", "large"], size=accounts)
    shift = np.where(segment == "small", 0.4, -0.4) * signal
    rows = []
    for account in range(accounts):
        left_in = months + 12
        fates = {}
        for month in range(renewal_month[account], months + 3, 12):
            odds = np.log(rate / (1 - rate)) + shift[account] - 1.2 * signal * state[account, month]
            fates[month] = rng.random() < 1 / (1 + np.exp(-odds))
            if fates[month]:
                left_in = month
                break
        for month in range(min(months, left_in)):
            ahead = (renewal_month[account] - month - 1) % 12 + 1
            now = state[account, month]
            renewal = looks[month] + pd.DateOffset(months=ahead) - pd.Timedelta(days=1)
            due = ahead <= 3
            rows.append(
                {
                    "account_id": f"A{account:05}",
                    "as_of": looks[month],
                    "segment": segment[account],
                    "days_to_renewal": float((renewal - looks[month]).days),
                    "usage": now + 0.5 * rng.normal(),
                    "tickets": -now + 1.0 * rng.normal(),
                    "noise": rng.normal(),
                    "nps": now + 0.7 * rng.normal() if rng.random() < 0.3 else np.nan,
                    "churned": bool(due and fates.get(month + ahead, False)),
                    "due": due,
                    "renewal_date": renewal,
                    "weight": 1.0,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def metrics() -> dict[str, Metric]:
    return dict(METRICS)


@pytest.fixture(scope="session")
def panel() -> pd.DataFrame:
    return simulate_panel()


@pytest.fixture(scope="session")
def make_panel() -> Panel:
    return simulate_panel


@pytest.fixture(scope="session")
def settings() -> Settings:
    return replace(Settings(), training=TrainingSettings(bags=5, trees=200))

"""A metric table with weights and goals planted in it directly, as where the bars were measured.

The risk follows from the very values in the table, without measurement noise: 24 metrics in 11
dimensions (6 of them count for nothing), correlated .6 within a dimension and .35 between; three
segments with levels and goals of their own; surveys that the unhappy leave unanswered, which itself
tells; two renewals per account, of 3,000 accounts about 610 leave; the truth's AUC is about .835.
With ``steps`` the true effect is a hard step at the goal instead of a ramp.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

from features import catalog
from features.metric import Metric

Floats = NDArray[np.float64]

SIZES = {
    "frequency": 4, "breadth": 4, "depth": 3, "sentiment": 3, "engagement": 2, "support": 2,
    "outcomes": 2, "advocacy": 1, "commercial": 1, "product": 1, "onboarding": 1,
}  # fmt: skip
"""Metrics per dimension: 24 in 11."""

NULL_METRICS = 6
SEGMENTS = ("small", "mid", "enterprise")
SHARES = (0.5, 0.3, 0.2)
WITHIN, BETWEEN, LASTING = 0.6, 0.35, 0.6
CHURNED = 0.203
"""Share of accounts that leave at one of their two renewals."""

SPREAD = 0.5
"""Of the logarithms of the weights."""

MIDDLE, WIDTH, SHIFT = (0.18, 0.56), (0.8, 2.2), 0.15

STRENGTH = 6.6, 5.9
"""Log-odds between all green and all red, for ramps and steps: the truth's AUC is about .835."""

AGE = -0.25
"""What e times the age as a customer adds to the log-odds."""

SILENT, SILENCE = 0.55, 0.5
"""Share of surveys without an answer, and what that adds to the log-odds."""


def plant(
    accounts: int, seed: int, steps: bool = False
) -> tuple[pd.DataFrame, dict, dict[str, Metric]]:
    """A training table, its truth as `simulate` writes it, and its metrics."""
    rng = np.random.default_rng([seed, 20_000])
    dimension = [name for name, size in SIZES.items() for _ in range(size)]
    p = len(dimension)
    names = [f"{name}_{dimension[:j].count(name) + 1}" for j, name in enumerate(dimension)]
    high = rng.random(p) < 0.7
    null = np.zeros(p, dtype=bool)
    null[rng.choice(p, NULL_METRICS, replace=False)] = True
    weights = np.where(null, 0.0, rng.lognormal(0, SPREAD, p))
    weights *= 100 / weights.sum()

    code = rng.choice(len(SEGMENTS), size=accounts, p=SHARES)
    z = np.stack(_states(rng, accounts, dimension))  # renewals, accounts, metrics
    level = rng.normal(0, 0.5, (len(SEGMENTS), p))
    x = z + level[code]
    middle = norm.ppf(rng.uniform(*MIDDLE, p)) + rng.normal(0, SHIFT, (len(SEGMENTS), p)) + level
    width = np.zeros(p) if steps else rng.uniform(*WIDTH, p)
    red, green = middle - width / 2, middle + width / 2
    goal = (red + green) / 2
    lost = 1 - _ramp(x, red[code], green[code])

    surveyed = np.array([each == "sentiment" for each in dimension])
    silent = surveyed & (rng.random(z.shape) < expit(-z + np.log(SILENT / (1 - SILENT))))
    silence = SILENCE * 3 / surveyed.sum()
    strength = STRENGTH[1 if steps else 0]
    parts = np.where(silent, silence, strength * weights / 100 * lost)
    apart = rng.normal(0, 0.3, len(SEGMENTS))
    age = rng.exponential(900, accounts) + 365
    odds = parts.sum(axis=2) + apart[code] + AGE * np.log(age / 900)
    drawn = rng.random(odds.shape)
    start = brentq(lambda a: (1 - np.prod(1 - expit(odds + a), axis=0)).mean() - CHURNED, -20, 20)
    risk = expit(odds + start)
    churned = drawn < risk

    sign = np.where(high, 1.0, -1.0)
    looks = [
        pd.DataFrame(np.where(silent[t], np.nan, sign * x[t]), columns=names).assign(
            account_id=[f"A{n:06}" for n in range(accounts)],
            as_of=pd.Timestamp("2024-01-01") + pd.Timedelta(days=365 * t),
            renewal_date=pd.Timestamp("2024-02-15") + pd.Timedelta(days=365 * t),
            segment=np.array(SEGMENTS)[code],
            tenure_days=age + 365 * t,
            due=True,
            weight=1.0,
            churned=churned[t],
            true_risk=risk[t],
        )
        for t in range(2)
    ]
    table = pd.concat([looks[0], looks[1][~churned[0]]], ignore_index=True)
    truth = {
        "weights": dict(zip(names, weights.tolist(), strict=True)),
        "dimensions": pd.Series(weights).groupby(dimension, sort=False).sum().to_dict(),
        "null_metrics": [name for name, nothing in zip(names, null, strict=True) if nothing],
        "goals": {
            name: {
                segment: {
                    "goal": sign[j] * goal[s, j],
                    "red": sign[j] * red[s, j],
                    "green": sign[j] * green[s, j],
                }
                for s, segment in enumerate(SEGMENTS)
            }
            for j, name in enumerate(names)
            if not null[j]
        },
        "levels": dict(zip(names, level.T.tolist(), strict=True)),
        "oracle": {"auc": _auc(table["true_risk"], table["churned"])},
        "churned": int(table["churned"].sum()),
    }
    return table.drop(columns="true_risk"), truth, _metrics(names, dimension, high)


def _states(rng: np.random.Generator, accounts: int, dimension: list[str]) -> list[Floats]:
    """Standard normal states of each metric at two renewals, the first partly lasting."""
    family = np.unique(dimension, return_inverse=True)[1]

    def draw() -> Floats:
        common = np.sqrt(BETWEEN) * rng.standard_normal((accounts, 1))
        shared = np.sqrt(WITHIN - BETWEEN) * rng.standard_normal((accounts, family.max() + 1))
        own = np.sqrt(1 - WITHIN) * rng.standard_normal((accounts, len(family)))
        return np.asarray(common + shared[:, family] + own)

    first = draw()
    return [first, LASTING * first + np.sqrt(1 - LASTING**2) * draw()]


def _ramp(x: Floats, red: Floats, green: Floats) -> Floats:
    """0 at red, 1 at green; a step where both are one."""
    step = green <= red
    return np.where(step, x >= green, ((x - red) / np.where(step, 1.0, green - red)).clip(0, 1))


def _auc(risk: pd.Series, churned: pd.Series) -> float:
    rank = risk.rank().to_numpy()
    left = churned.to_numpy()
    return float((rank[left].mean() - (left.sum() + 1) / 2) / (~left).sum())


def _metrics(names: list[str], dimension: list[str], high: NDArray[np.bool_]) -> dict[str, Metric]:
    any_one = catalog.metrics()["active_days_28d"]
    told = {
        name: replace(any_one, name=name, dimension=family, healthy="high" if good else "low")
        for name, family, good in zip(names, dimension, high, strict=True)
    }
    told["segment"] = replace(
        any_one, name="segment", dimension="context", healthy=None, kind="category"
    )
    told["tenure_days"] = replace(any_one, name="tenure_days", dimension="context", healthy=None)
    return told

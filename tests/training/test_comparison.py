"""Learned against present: every count is what a loop over last year's renewals finds."""

import math
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from features import catalog
from training import comparison
from training.bands import Bands, Cuts
from training.health import Health
from training.health_score import HealthScore
from training.scorecard import DimensionWeight, Goal, MetricWeight

HEALTHY_FROM = 60.0
WIDTH = {"use": 8.0, "late": -20.0, "nps": 40.0}
"""From red to green; below 0 where low is healthy."""
LEARNED = {
    "use": {"small": 6.0, "all": 10.0},
    "late": {"small": 15.0, "all": 15.0},
    "nps": {"small": 20.0, "all": 30.0},
}
SHARES = {"use": 50.0, "late": 30.0, "nps": 20.0}
DIMENSIONS = {"use": "depth", "late": "commercial", "nps": "sentiment"}


def learned() -> HealthScore:
    """A scorecard with the goals and weights above."""

    def goal(name: str, segment: str) -> Goal:
        middle, half = LEARNED[name][segment], WIDTH[name] / 2
        return Goal(segment, middle, middle - half, middle + half)

    return HealthScore(
        learned="metrics",
        accounts=300,
        churned=100,
        metrics=tuple(
            MetricWeight(
                *(name, DIMENSIONS[name], SHARES[name], None, None, 1.0, 0.0),
                *(goal(name, "all"), (goal(name, "small"),)),
            )
            for name in SHARES
        ),
        dimensions=tuple(DimensionWeight(DIMENSIONS[n], SHARES[n], None, None) for n in SHARES),
        segments=("small",),
        left_out={},
        intercepts=(0.0, 0.0),
        background=(),
    )


CUTS = Cuts(40.0, HEALTHY_FROM, 5.0)
HEALTH = Health(
    learned(),
    Bands(**dict.fromkeys(each.name for each in fields(Bands)) | {"cuts": CUTS, "unmet": ()}),
)


def looks(accounts: int = 150, seed: int = 0) -> pd.DataFrame:
    """Weekly looks at two renewals a year apart, each with its own values, some of them missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for account in range(accounts):
        first = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 200)))
        segment = ["small", "large", None][rng.integers(3)]
        for renewal in (first, first + pd.Timedelta(days=370)):
            left = bool(rng.random() < 0.3)
            for before in range(3, 130, 7):
                values = {
                    "use": rng.normal(9, 4),
                    "late": rng.normal(15, 8),
                    "nps": rng.normal(25, 20),
                }
                seen = {n: v if rng.random() < 0.7 else np.nan for n, v in values.items()}
                row = {"account_id": f"A{account}", "as_of": renewal - pd.Timedelta(days=before)}
                due = before <= 90
                row |= {"renewal_date": renewal, "due": due, "churned": due and left}
                rows.append(row | {"segment": segment} | seen)
    return pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)


def healthy(row: pd.Series, weights: dict, goals: dict) -> float:
    """Health of one look, as the docs say it; NaN where nothing is known."""
    points = known = 0.0
    for name, weight in weights.items():
        if math.isnan(row[name]):
            continue
        middle = goals[name]["small" if row["segment"] == "small" else "all"]
        red = middle - WIDTH[name] / 2
        points += weight * min(max((row[name] - red) / WIDTH[name], 0.0), 1.0)
        known += weight
    return 100 * points / known if known else math.nan


def flagged(table: pd.DataFrame, weights: dict, goals: dict) -> dict[str, int]:
    """Count by a loop over renewals of the last year, each at its last look 60 to 90 days early."""
    told = {"leavers": 0, "stayers": 0}
    last_day = table["renewal_date"].max()
    for (_, renewal), own in table.groupby(["account_id", "renewal_date"]):
        if (last_day - renewal).days >= 365:
            continue
        days = (renewal - own["as_of"]).dt.days
        look = own[(days >= 60) & (days <= 90)].sort_values("as_of").iloc[-1]
        if healthy(look, weights, goals) < HEALTHY_FROM:
            told["leavers" if own["churned"].any() else "stayers"] += 1
    return told


def with_weight(name: str, weight: float) -> dict[str, float]:
    """Weights where one is as said, and the others share the rest as learned."""
    rest = sum(each for other, each in SHARES.items() if other != name)
    shared = {other: each * (100 - weight) / rest for other, each in SHARES.items()}
    return shared | {name: weight}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return looks()


def test_each_change_alone_is_counted_as_a_loop_counts_it(table):
    weights = {"use": 80.0, "nps": 20.0, "late": 0.0}
    goals = {"use": 13.0, "nps": {"small": 35.0}, "late": {"small": 5.0, "all": 25.0}}
    told = comparison.changes(table, HEALTH, weights, goals)
    assert told["learned"] == flagged(table, SHARES, LEARNED)
    # where goals of today name no number for all, that of all stays as learned
    in_use = {
        "use": {"small": 13.0, "all": 13.0},
        "nps": {"small": 35.0, "all": LEARNED["nps"]["all"]},
        "late": goals["late"],
    }
    for name, each in told["metrics"].items():
        assert each["present_weight"] == weights[name]
        assert each["present_goals"] == goals[name]
        assert each["with_weight"] == flagged(table, with_weight(name, weights[name]), LEARNED)
        assert each["with_goals"] == flagged(table, SHARES, LEARNED | {name: in_use[name]})
        assert each["with_goals"] != told["learned"]
    assert told["metrics"].keys() == SHARES.keys()


def test_those_of_the_last_year_are_counted_whatever_is_known_of_them(table):
    told = comparison.changes(table, HEALTH, {}, {})
    last_day = table["renewal_date"].max()
    last = table[(last_day - table["renewal_date"]).dt.days < 365]
    fates = last.groupby(["account_id", "renewal_date"])["churned"].any()
    assert (told["leavers"], told["stayers"]) == (fates.sum(), (~fates).sum())
    assert len(fates) < table.groupby(["account_id", "renewal_date"]).ngroups
    assert told["metrics"] == {}


def test_a_weight_that_leaves_nothing_to_the_others_is_not_tried(table):
    told = comparison.changes(table, HEALTH, {"use": 100.0}, {})
    assert told["metrics"] == {}


def test_weights_of_today_are_told_out_of_a_hundred():
    metric = catalog.metrics()["active_days_28d"]
    metrics = {
        name: replace(metric, name=name, dimension=dimension)
        for name, dimension in (DIMENSIONS | {"more": "depth", "rest": "depth"}).items()
    }
    score = learned()
    more = tuple(replace(score.metrics[0], name=name) for name in ("more", "rest"))
    score = replace(score, metrics=(*score.metrics, *more))
    told = comparison.today(score, {"use": 3, "depth": 4, "nps": 1, "gone": 7}, metrics)
    # depth is shared by those of its metrics that are not named; what is not named counts nothing
    given = {"use": 3.0, "late": 0.0, "nps": 1.0, "more": 2.0, "rest": 2.0}
    assert told == pytest.approx({name: 100 * each / 8 for name, each in given.items()})
    assert comparison.today(score, {}, metrics) == {}
    assert comparison.today(score, {"gone": 7}, metrics) == {}

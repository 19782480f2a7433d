"""Goals differ between groups where that predicts later renewals better, and only there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import catalog
from features.metric import Metric
from training import grouping
from training.health_score import HealthScore
from training.scorecard import Grouping

_ANY = catalog.metrics()["active_days_28d"]
METRICS: dict[str, Metric] = {
    name: replace(_ANY, name=name, dimension=name, healthy="high") for name in ("days", "share")
}


def renewals(goals: dict[str, float], accounts: int = 4000, seed: int = 0) -> pd.DataFrame:
    """One renewal per account over two years; the goal of ``days`` depends on ARR alone.

    Churn rates differ between products, goals do not.
    """
    rng = np.random.default_rng(seed)
    arr = rng.lognormal(9, 1, accounts)
    product = rng.choice(["basic", "plus"], accounts)
    large = arr > np.quantile(arr, 2 / 3)
    goal = np.where(large, goals["large"], goals["small"])
    days = rng.normal(12, 4, accounts).clip(0)
    share = rng.random(accounts)
    lost = 4 * (1 - ((days - goal + 2) / 4).clip(0, 1)) + 1.5 * (1 - share)
    odds = lost - 4 + 1.0 * (product == "basic")
    as_of = pd.to_datetime("2023-01-01") + pd.to_timedelta(30 * rng.integers(0, 24, accounts), "D")
    return pd.DataFrame(
        {
            "account_id": [f"A{n:05}" for n in range(accounts)],
            "as_of": as_of,
            "renewal_date": as_of + pd.Timedelta(days=30),
            "arr": arr,
            "product": product,
            "tenure_days": rng.uniform(30, 2000, accounts),
            "days": days,
            "share": share,
            "churned": rng.random(accounts) < 1 / (1 + np.exp(-odds)),
            "due": True,
            "weight": 1.0,
        }
    )


@pytest.fixture(scope="module")
def apart() -> pd.DataFrame:
    return renewals({"small": 8, "large": 16})


def test_a_planted_difference_is_found_and_used(apart: pd.DataFrame) -> None:
    compared = grouping.compare(apart, METRICS, embargo_days=60)
    found = grouping.find(compared)
    assert set(compared["column"]) == {"product", "arr", "tenure_days"}
    assert found is not None
    assert found.column == "arr"
    pays = compared.set_index("column")["pays"]
    assert not pays["product"]
    assert not pays["tenure_days"]

    score = HealthScore.fit(
        apart, apart["churned"], apart["weight"], METRICS, refits=10, grouping=found
    )
    goals = score.goals_.set_index(["metric", "segment"])["goal"]["days"]
    largest = goals[f"{found.edges[-1]:g} and more"]
    assert largest == pytest.approx(16, abs=2)
    assert goals.drop(["all", f"{found.edges[-1]:g} and more"]).max() == pytest.approx(8, abs=2)
    again = HealthScore.from_json(score.to_json())
    assert again == score
    pd.testing.assert_frame_equal(again.score(apart), score.score(apart))


def test_groupings_that_do_not_pay_are_not_made() -> None:
    alike = renewals({"small": 12, "large": 12}, seed=1)
    compared = grouping.compare(alike, METRICS, embargo_days=60)
    assert not compared["pays"].any()
    assert grouping.find(compared) is None
    assert (compared["low"] < compared["gain"]).all()
    assert all(isinstance(row["pays"], bool) for row in grouping.describe(compared))


def test_own_segments_stay_where_they_gain_anything(apart: pd.DataFrame) -> None:
    large = apart["arr"] > apart["arr"].quantile(2 / 3)
    blurred = large ^ (np.random.default_rng(4).random(len(apart)) < 0.33)
    told = apart.assign(segment=np.where(blurred, "large", "small")).drop(columns="arr")
    compared = grouping.compare(told, METRICS, embargo_days=60)
    by = compared.set_index("column")
    assert by.loc["segment", "gain"] > 0 > by.loc["segment", "low"]
    assert grouping.chosen(told, METRICS, 60, {}, 0)[0] == Grouping("segment")
    # the same column by another name must be sure
    renamed = told.drop(columns="product").rename(columns={"segment": "product"})
    assert grouping.chosen(renamed, METRICS, 60, {}, 0)[0].column == ""


def test_what_cannot_or_need_not_be_tested_stays_by_segment(apart: pd.DataFrame) -> None:
    few = apart.head(300)
    for table, present in ((few, {}), (apart, {"days": {"small": 3.0, "large": 5.0}})):
        made, compared = grouping.chosen(table, METRICS, 60, present, 0)
        assert made == Grouping("segment")
        assert compared.empty
        assert grouping.describe(compared) == []


def test_candidates_are_what_the_table_has(apart: pd.DataFrame) -> None:
    assert grouping.candidates(apart[["product", "days"]]) == [Grouping("product")]
    assert grouping.candidates(apart[["days"]]) == []
    assert grouping.find(grouping.compare(apart, METRICS, 60, groupings=[])) is None


def test_bands_are_named_and_read_alike() -> None:
    by = Grouping("arr", (10.0, 100.0))
    table = pd.DataFrame({"arr": [9.0, 10.0, 99.0, 100.0, None]})
    names = ["below 10", "10 to 100", "10 to 100", "100 and more", None]
    assert by.names_of(table["arr"]).tolist() == names
    assert by.codes(table, ["100 and more", "below 10"]).tolist() == [1, 2, 2, 0, 2]

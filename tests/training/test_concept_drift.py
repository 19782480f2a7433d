"""Concept drift: a planted change of what counts is found, and a steady world raises no alarm."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from features import catalog
from features.metric import Metric
from features.simulate import Company, simulate
from training import concept_drift
from training.concept_drift import Scores
from training.health_score import HealthScore


def monthly(company: Company) -> pd.DataFrame:
    """A table in which each month of each account is a renewal, its lot drawn from the truth.

    The company's own renewals are too few by far for the preset's change to show.
    """
    truth = company.hazard
    levels = {name: name.removeprefix("level_") for name in truth if name.startswith("level_")}
    lots = np.random.default_rng(0).random(len(truth))
    return (
        truth.rename(columns=levels)[["account_id", "segment", *levels.values()]]
        .assign(
            as_of=truth["month"],
            renewal_date=truth["month"] + pd.Timedelta(days=30),
            churned=lots < truth["churn_if_due"],
            due=True,
            weight=1.0,
        )
        .sort_values("as_of", kind="stable", ignore_index=True)
    )


@pytest.mark.parametrize("preset", ["drift", "normal"])
def test_the_preset_s_change_is_found_and_a_steady_company_raises_no_alarm(preset: str) -> None:
    company = simulate(accounts=700, months=30, seed=5, preset=preset)
    table = monthly(company)
    told_metrics = {name: m for name, m in catalog.metrics().items() if name in table}
    score = HealthScore.fit(table, table["churned"], table["weight"], told_metrics, 0)
    told = concept_drift.find(table, score)
    assert told is not None
    if preset == "normal":
        assert not told["changed"]
        assert "no change that is sure" in told["verdict"]
        return
    assert told["changed"]
    planted = pd.Timestamp(company.truth["drift"]["from"])
    assert abs((pd.Timestamp(told["since"]) - planted).days) <= 92
    assert told["renewals_before"] + told["renewals_after"] == told["renewals"]
    named = {each["dimension"]: each["factor"] for each in told["dimensions"] if each["named"]}
    # use came to tell less, support and money more
    assert named
    for dimension, factor in named.items():
        assert (factor > 1) == (dimension in ("support", "commercial")), dimension
        assert f"{dimension} {'gained' if factor > 1 else 'lost'} weight" in told["verdict"]


def made(
    n: int, slopes: int, change: float = 0.0, days: int = 15
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    x, context = rng.standard_normal((n, slopes)), rng.standard_normal((n, 1))
    order = np.arange(n) / n
    odds = -1.0 + 0.5 * x.sum(axis=1) + 0.3 * context[:, 0]
    odds += change * (order >= 0.5) * x[:, 0]
    late = order >= np.linspace(0.15, 0.85, days)[:, None]
    return x, context, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float), late


def test_of_one_day_it_is_the_likelihood_ratio_of_two_fits() -> None:
    x, context, y, late = made(40_000, 3, change=0.1)
    got = Scores.of(x, context, y, np.arange(40_000), late).statistics()

    def least(X: NDArray[np.float64]) -> float:
        def loss(beta: NDArray[np.float64]) -> float:
            z = X @ beta
            return float((np.logaddexp(0, z) - y * z).sum())

        return float(minimize(loss, np.zeros(X.shape[1]), method="BFGS").fun)

    for day in (2, 7, 12):
        without = np.column_stack([np.ones(40_000), context, x, late[day]])
        ratio = 2 * (least(without) - least(np.column_stack([without, x * late[day][:, None]])))
        assert got[day] == pytest.approx(ratio, rel=0.1, abs=0.5)


def test_scores_of_an_account_are_summed() -> None:
    x, context, y, late = made(500, 2)
    account = np.random.default_rng(1).integers(0, 60, 500)
    alone = Scores.of(x, context, y, np.arange(500), late).by_account
    naive = np.array([alone[account == number].sum(axis=0) for number in range(60)])
    np.testing.assert_allclose(Scores.of(x, context, y, account, late).by_account, naive)


@pytest.mark.parametrize(("slopes", "tabled"), [(1, 8.85), (5, 18.35)])
def test_what_chance_brings_is_as_andrews_tabled_it(slopes: int, tabled: float) -> None:
    # his 5 % is of any moment between 15 % and 85 %; 150 days come close
    x, context, y, late = made(10_000, slopes, days=150)
    draws = Scores.of(x, context, y, np.arange(10_000), late).draws(0).max(axis=1)
    assert 0.91 * tabled < np.quantile(draws, 0.95) < 1.02 * tabled


def test_of_few_churned_nothing_is_said(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    few = make_panel(60)
    score = HealthScore.fit(few, few["churned"], few["weight"], metrics, 0)
    assert concept_drift.find(few, score) is None

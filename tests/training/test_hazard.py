"""The curve against planted hazards, closed forms and a naive loop."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from training.hazard import HORIZONS, NAMES, Hazard, Periods

LAST_DAY = pd.Timestamp("2026-06-30")


def company(accounts: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Monthly looks at accounts on yearly and quarterly terms, and the true curve of each row.

    At each renewal an account leaves with a probability that its usage tells, which stays as it is.
    """
    rng = np.random.default_rng(seed)
    usage = rng.normal(size=accounts)
    at_renewal = 1 / (1 + np.exp(1.4 + 1.1 * usage))
    term = np.where(rng.random(accounts) < 0.6, 364, 91)
    first = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 364, accounts), unit="D")
    rows = []
    for account in range(accounts):
        left = pd.NaT
        ends = pd.date_range(first[account], LAST_DAY, freq=f"{term[account]}D")
        for end in ends[1:]:
            if rng.random() < at_renewal[account]:
                left = end
                break
        looks = pd.date_range(first[account], min(left, LAST_DAY) if left == left else LAST_DAY)
        for day in looks[15::30]:
            ahead = term[account] - (day - first[account]).days % term[account]
            rows.append(
                (f"A{account}", day, float(ahead), float(term[account]), usage[account], left)
            )
    names = ["account_id", "as_of", "days_to_renewal", "term_days", "usage", "churn_date"]
    table = pd.DataFrame(rows, columns=names)
    followed = (LAST_DAY - table["as_of"]).dt.days - 30
    known = table["churn_date"] <= LAST_DAY - pd.Timedelta(days=30)
    table = table.assign(
        followed_days=followed, churn_date=table["churn_date"].where(known), weight=1.0
    )
    p = at_renewal[table["account_id"].str[1:].astype(int)][:, None]
    first_end, length = (table[c].to_numpy()[:, None] for c in ("days_to_renewal", "term_days"))
    renewals = np.where(
        np.array(HORIZONS) >= first_end, (np.array(HORIZONS) - first_end) // length + 1, 0
    )
    return table, 1 - (1 - p) ** renewals


@pytest.fixture(scope="module")
def learned(metrics: Mapping[str, Metric]) -> Hazard:
    table, _ = company(600, seed=1)
    return Hazard.fit(table, with_term(metrics), Periods(0, 90), trees=150)


def with_term(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    from dataclasses import replace

    return {**metrics, "term_days": replace(metrics["days_to_renewal"], name="term_days")}


@pytest.fixture(scope="module")
def later() -> tuple[pd.DataFrame, np.ndarray]:
    table, truth = company(900, seed=2)
    return table.iloc[::5].reset_index(drop=True), truth[::5]


def test_every_horizon_is_calibrated_against_the_planted_truth(learned, later) -> None:
    table, truth = later
    alone = learned.window_probability(learned.scores(table))
    told = learned.curve(table, alone).to_numpy()
    for place, days in enumerate(HORIZONS):
        order = np.argsort(told[:, place], kind="stable")
        for tenth in np.array_split(order, 10):
            said, true = told[tenth, place].mean(), truth[tenth, place].mean()
            assert abs(said - true) < 0.05, (days, said, true)
        assert abs(told[:, place].mean() - truth[:, place].mean()) < 0.02
        assert np.corrcoef(told[:, place], truth[:, place])[0, 1] > 0.95


def test_the_curve_passes_through_the_served_probability_and_never_falls(learned, later) -> None:
    table, _ = later
    served = np.random.default_rng(0).uniform(0, 1, len(table))
    served[:3] = (0.0, 1.0, 1e-9)
    told = learned.curve(table, served)
    assert list(told) == list(NAMES)
    assert (told["churn_90d"].to_numpy() == served).all()
    assert (np.diff(told.to_numpy(), axis=1) >= 0).all()
    assert told.to_numpy().min() >= 0
    assert told.to_numpy().max() <= 1


def test_after_the_window_the_hazards_run_on_as_learned(learned, later) -> None:
    table, _ = later
    served = np.full(len(table), 0.2)
    stays = 1 - learned.hazards(learned.scores(table))
    bounds = learned.periods.bounds
    for place, days in enumerate(HORIZONS):
        if days > 90:
            after = (bounds[:-1] >= 90) & (bounds[1:] <= days)
            expected = 1 - 0.8 * stays[:, after].prod(axis=1)
            told = learned.curve(table, served).iloc[:, place]
            np.testing.assert_allclose(told, expected, rtol=1e-10)


def test_a_window_with_lead_is_met_given_that_the_account_gets_there(later, metrics) -> None:
    table, _ = later
    model = Hazard.fit(table, with_term(metrics), Periods(30, 60), trees=20)
    served = np.full(len(table), 0.25)
    told = model.curve(table, served)
    within = 1 - (1 - told["churn_90d"]) / (1 - told["churn_30d"])
    np.testing.assert_allclose(within, 0.25, rtol=1e-9)


@pytest.mark.parametrize("window", [(0, 90), (30, 45), (0, 400)])
def test_ends_equal_a_naive_count(window) -> None:
    rng = np.random.default_rng(0)
    periods = Periods(*window)
    table = pd.DataFrame(
        {
            "days_to_renewal": np.where(rng.random(60) < 0.1, np.nan, rng.integers(1, 500, 60)),
            "term_days": np.where(rng.random(60) < 0.2, np.nan, rng.choice([30, 91, 365], 60)),
        }
    )
    ends, ahead = periods.ends(table)
    for row, (first, term) in enumerate(table.to_numpy()):
        days = [first] if np.isnan(term) else [first + n * term for n in range(40)]
        for number, (a, b) in enumerate(zip(periods.bounds, periods.bounds[1:], strict=False)):
            inside = [day for day in days if a < day <= b]
            if np.isnan(first):
                assert np.isnan(ends[row, number])
                continue
            assert ends[row, number] == len(inside)
            assert ahead[row, number] == (inside[0] if inside else a)
    assert set(HORIZONS) <= set(periods.bounds)


def test_only_what_was_known_by_then_is_learned_from(metrics) -> None:
    table, _ = company(150, seed=3)
    until = pd.Timestamp("2024-06-01")
    known = table[table["as_of"] < "2024-03-01"]
    changed = known.assign(
        churn_date=known["churn_date"].where(known["churn_date"] <= until),
    )
    ours, theirs = (
        Hazard.fit(each, with_term(metrics), Periods(0, 90), 10, known_until=until)
        for each in (known, changed)
    )
    assert (known["churn_date"] > until).any()
    assert ours.model.booster.model_to_string() == theirs.model.booster.model_to_string()
    assert ours.between == theirs.between


def test_what_is_saved_tells_the_same(learned, later, tmp_path: Path) -> None:
    table, _ = later
    learned.save(tmp_path)
    again = Hazard.load(tmp_path)
    served = np.full(len(table), 0.1)
    pd.testing.assert_frame_equal(
        learned.curve(table, served), again.curve(table, served), check_exact=True
    )


def test_nothing_is_told_beyond_what_was_followed(later, metrics) -> None:
    table, _ = later
    young = table[table["as_of"] >= LAST_DAY - pd.Timedelta(days=250)]
    model = Hazard.fit(young, with_term(metrics), Periods(0, 90), trees=10)
    assert model.reach_days == young["followed_days"].max()
    told = model.curve(table, np.full(len(table), 0.2))
    assert told["churn_365d"].isna().all()
    assert told[["churn_30d", "churn_90d", "churn_180d"]].notna().all().all()

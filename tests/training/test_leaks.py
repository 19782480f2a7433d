from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import build, catalog, simulate, source
from features.metric import Metric
from features.settings import Settings
from training import drift, leaks
from training.split import rolling_origin


def found(table: pd.DataFrame, metrics: dict[str, Metric]) -> list[tuple[str, str]]:
    used = [metric for name, metric in metrics.items() if name in table]
    return [(leak.metric, leak.check) for leak in leaks.find(table, used)]


def test_a_clean_table_raises_no_alarm(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    assert found(panel, metrics) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_metric_written_after_the_fact(
    panel: pd.DataFrame, metrics: dict[str, Metric], sign: int
) -> None:
    rng = np.random.default_rng(0)
    told = sign * (panel["churned"] * 3.0 + rng.normal(size=len(panel)))
    [leak] = leaks.find(panel.assign(noise=told), [metrics["noise"]])
    assert (leak.metric, leak.check) == ("noise", "single_feature")
    assert leak.figure > 0.95
    assert leak.message.startswith("noise alone tells who leaves with AUC 0.9")


def test_a_category_written_after_the_fact(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    told = panel.assign(segment=np.where(panel["churned"], "lost", panel["segment"]))
    assert found(told, metrics) == [("segment", "single_feature")]


def test_a_category_of_many_rare_names_is_no_leak(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    assert found(panel.assign(segment=panel["account_id"]), metrics) == []


def test_a_field_filled_because_the_account_leaves(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    rng = np.random.default_rng(0)
    filled = panel["churned"] | (rng.random(len(panel)) < 0.2)
    told = panel.assign(noise=panel["noise"].where(filled))
    assert found(told, metrics) == [("noise", "missingness")]


def early_teller(panel: pd.DataFrame, known_days: int, noise: float = 0.3) -> pd.Series:
    """A value that knows who leaves at the coming renewal, from so many days before it."""
    keys = ["account_id", "renewal_date"]
    left = panel.groupby(keys)["churned"].transform("max")
    told = left & ((panel["renewal_date"] - panel["as_of"]).dt.days <= known_days)
    return told * 1.0 + noise * np.random.default_rng(1).normal(size=len(panel))


def test_what_knows_who_leaves_half_a_year_ahead(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    told = panel.assign(noise=early_teller(panel, 1000, noise=0.7))
    assert found(told, metrics) == [("noise", "does_not_fade")]


def test_what_knows_only_at_the_last(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    told = panel.assign(noise=early_teller(panel, 31))
    assert found(told, metrics) == [("noise", "jump")]


def leaving(panel: pd.DataFrame, days: int) -> pd.Series:
    """Rows of leavers from so many days before they leave."""
    left = panel.groupby(["account_id", "renewal_date"])["churned"].transform("max")
    return left & ((panel["renewal_date"] - panel["as_of"]).dt.days <= days)


def test_tickets_closed_in_the_last_month_because_the_account_leaves(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    rng = np.random.default_rng(0)
    closed = panel["tickets"].mask(leaving(panel, 31), rng.normal(-1.0, 1.0, len(panel)))
    [leak] = leaks.find(panel.assign(tickets=closed), [metrics["tickets"]])
    assert (leak.metric, leak.check) == ("tickets", "turns_good")
    assert leak.figure < 0.4
    assert "in its last 31 days better than those who stay" in leak.message


def test_a_flag_that_was_overwritten_once_the_account_had_left(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    rng = np.random.default_rng(0)
    cleared = panel["tickets"].mask(leaving(panel, 1000), rng.normal(-1.3, 1.0, len(panel)))
    [leak] = leaks.find(panel.assign(tickets=cleared), [metrics["tickets"]])
    assert (leak.metric, leak.check) == ("tickets", "turns_good")
    assert leak.message.startswith("Leavers look better in tickets than those who stay (AUC 0.")
    # what has no healthy side cannot turn to it
    assert leaks.find(panel.assign(noise=cleared), [metrics["noise"]]) == []


def test_something_dated_after_the_day_looked_from(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    aged = replace(metrics["noise"], name="days_since_login")
    days = np.where(np.arange(len(panel)) % 500 == 3, -2.0, 5.0)
    [leak] = leaks.find(panel.assign(days_since_login=days), [aged])
    assert (leak.check, leak.figure) == ("after_as_of", -2.0)
    assert leaks.find(panel.assign(days_since_login=np.abs(days)), [aged]) == []


def test_a_count_that_the_outcome_stops(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    rng = np.random.default_rng(0)
    months = rng.integers(1, 30, len(panel))
    stopped = panel["churned"] & (rng.random(len(panel)) < 0.3)
    counted = np.where(stopped, 12, np.where(months == 12, 13, months))
    assert found(panel.assign(noise=counted), metrics) == [("noise", "island")]
    assert found(panel.assign(noise=months), metrics) == []


def test_rates_beside_a_cell_are_those_that_one_finds_walking_from_it() -> None:
    rng = np.random.default_rng(0)
    size = rng.integers(1, 60, 30).astype(float)
    left = np.floor(size * rng.random(30))

    def walk(places: range) -> float:
        rows = lost = 0.0
        for place in places:
            if rows < leaks.FEWEST:
                rows, lost = rows + size[place], lost + left[place]
        return (lost + 1) / (rows + 2)

    walked = [(walk(range(p - 1, -1, -1)), walk(range(p + 1, 30))) for p in range(1, 29)]
    np.testing.assert_allclose(leaks._beside(left, size), walked)


def test_a_step_is_no_island(panel: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    rng = np.random.default_rng(0)
    late = np.where(panel["churned"] & (rng.random(len(panel)) < 0.7), 4, 0)
    assert found(panel.assign(noise=late + rng.integers(0, 4, len(panel))), metrics) == []


def test_a_backtest_that_knows_the_renewals_it_judges(
    panel: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    [*_, whole] = rolling_origin(panel["as_of"], 3, 90)
    learned = whole.train_mask
    leak = leaks.permutation(panel, replace(whole, test_mask=learned), metrics)
    assert leak is not None
    assert (leak.metric, leak.check) == ("", "permutation")
    assert leaks.permutation(panel, whole, metrics) is None


def test_twenty_clean_companies_raise_no_alarm(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    for seed in range(20):
        clean = make_panel(accounts=250, months=30, seed=seed)
        assert found(clean, metrics) == [], seed
        [*_, fold] = rolling_origin(clean["as_of"], 3, 90)
        assert leaks.permutation(clean, fold, metrics, seed) is None, seed
        told = drift.find(clean, fold, metrics, seed)
        assert told is not None
        assert not told["drifted"], seed
        assert told["auc_low"] < 0.55, seed


def test_the_simulators_touched_up_tables(tmp_path: Path) -> None:
    company = simulate.simulate(accounts=300, months=24, seed=0, preset="leak")
    simulate.write(company, tmp_path / "touched_up")
    settings = Settings()
    table = build.training_table(source.connect(str(tmp_path / "touched_up"), settings), settings)
    used = [metric for name, metric in catalog.metrics(settings).items() if name in table]
    suspected = {leak.metric for leak in leaks.find(table, used)}
    assert {leak["metric"] for leak in company.truth["leaks"]} <= suspected
    # and what was not touched is not suspected
    about = {metric.name for metric in used if metric.dimension in ("sentiment", "engagement")}
    assert suspected <= about

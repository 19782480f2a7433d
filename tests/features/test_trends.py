"""Trends from nothing: told of whoever was a customer in both windows, and of nobody younger."""

import math

import numpy as np
import pandas as pd
import pytest
from histories import frame, source

from features import build, catalog
from features.settings import Settings
from features.status import status

AS_OF = pd.Timestamp("2025-06-01")
WINDOWS = {
    "usage_trend_28d": 28,
    "active_users_trend_28d": 28,
    "usage_trend_90d": 90,
    "contacts_trend_90d": 90,
    "tickets_trend_90d": 90,
}
TENURES = {"young": 55, "settled": 56, "of_a_quarter": 179, "old": 180}


def company():
    """Accounts of four ages, each once silent and once with one event of each kind last week.

    Somebody else was seen long ago, so that silence is known to be one.
    """
    ages = {f"{name}_{kind}": days for name, days in TENURES.items() for kind in ("silent", "busy")}
    seen = {name: AS_OF - pd.Timedelta(days=7) for name in ages if name.endswith("busy")}
    seen["first"] = AS_OF - pd.Timedelta(days=400)
    tables = {
        "accounts": [{"account_id": name} for name in (*ages, "first")],
        "contracts": [
            {
                "contract_id": name,
                "account_id": name,
                "start_date": AS_OF - pd.Timedelta(days=days),
                "end_date": AS_OF + pd.Timedelta(days=90),
                "arr": 1.0,
            }
            for name, days in (ages | {"first": 400}).items()
        ],
        "usage": [
            {"account_id": name, "user_id": name, "feature": "report", "occurred_at": moment}
            for name, moment in seen.items()
        ],
        "touchpoints": [
            {"account_id": name, "kind": "meeting", "occurred_at": moment}
            for name, moment in seen.items()
        ],
        "tickets": [
            {"ticket_id": name, "account_id": name, "opened_at": moment}
            for name, moment in seen.items()
        ],
    }
    return {name: frame(name, rows) for name, rows in tables.items()}


@pytest.fixture(scope="module")
def table():
    found = build.feature_table(source(company()), Settings(), [AS_OF.date()])
    return found.set_index("account_id")


@pytest.mark.parametrize("name", WINDOWS)
def test_a_trend_from_nothing_is_told_of_customers_of_both_windows(table, name):
    words = status(table, {name: catalog.metrics()[name]}, Settings().metrics)[name]
    for account, tenure in TENURES.items():
        both = tenure >= 2 * WINDOWS[name]
        for kind, doublings, word in (("busy", math.log2(2), "known"), ("silent", 0.0, "zero")):
            row = f"{account}_{kind}"
            expected = doublings if both else np.nan
            assert table[name][row] == pytest.approx(expected, nan_ok=True), row
            assert words[row] == (word if both else "not_applicable"), row


def test_against_the_half_year_a_rise_from_nothing_is_a_number(table):
    found = table["usage_against_half_year"]
    assert found[["old_busy", "old_silent"]].tolist() == [1.0, 0.0]
    assert found[["of_a_quarter_busy", "of_a_quarter_silent"]].isna().all()


def test_a_trend_over_days_of_which_the_table_tells_nothing_is_absent():
    tables = company()
    for name, moment in (("usage", "occurred_at"), ("touchpoints", "occurred_at")):
        t = tables[name]
        tables[name] = t[t[moment] > AS_OF - pd.Timedelta(days=30)]
    found = build.feature_table(source(tables), Settings(), [AS_OF.date()])
    names = ["usage_trend_28d", "active_users_trend_28d", "usage_trend_90d", "contacts_trend_90d"]
    assert found[names].isna().all(axis=None)
    assert found["tickets_trend_90d"].notna().any()

"""What a source lacks is absent from the feature table, never zero; an empty table is as good."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from histories import source
from random_history import random_history

from features import build, catalog, contract
from features.metric import CONTEXT, DIMENSIONS
from features.settings import Settings

AS_OF = date(2025, 12, 1)
SEED = 1


def told_by(tables):
    """Metrics of the feature table of these tables, at one day."""
    table = build.feature_table(source(tables), Settings(), [AS_OF])
    return set(table.columns) - {"account_id", "as_of"}


def available(tables):
    told = set(tables) | {f"{name}.{column}" for name, t in tables.items() for column in t.columns}
    return {m.name for m in catalog.metrics().values() if catalog.available(m, told)}


@pytest.fixture(scope="module")
def history():
    return random_history(np.random.default_rng(SEED))


def test_required_columns_alone_suffice_for_what_needs_no_more(history):
    tables = {}
    for name, t in history.items():
        required = [c.name for c in contract.TABLES[name].columns if c.required]
        tables[name] = t[[*required, "known_at"]]
    told = told_by(tables)
    assert told == available(tables)
    assert {"meetings_held_90d", "incidents_90d", "onboarding_done", "arr_change_365d"} <= told
    assert not {"reply_share_90d", "open_tickets", "onboarding_days", "products"} & told


def test_accounts_contracts_and_one_table_of_signals_suffice(history):
    for signal in ("tickets", "objectives"):
        tables = {name: history[name] for name in ("accounts", "contracts", signal)}
        dimensions = {catalog.metrics()[name].dimension for name in told_by(tables)}
        own = "support" if signal == "tickets" else "outcomes"
        assert dimensions == {"context", "commercial", own}


# In turn, two are emptied while two others are taken away.
PAIRS = (
    ("surveys", "tickets"),
    ("csm_sentiment", "invoices"),
    ("touchpoints", "objectives"),
    ("advocacy", "incidents"),
)


def table_of(tables):
    return build.feature_table(source(tables), Settings(), [AS_OF])


def rest_on(names):
    """Metrics that need one of these tables."""
    return {
        m.name
        for m in catalog.metrics().values()
        if {one.split(".")[0] for need in m.needs for one in need.split("|")} & set(names)
    }


def without(tables, names):
    return {name: t for name, t in tables.items() if name not in names}


def emptied(tables, names):
    return tables | {name: tables[name].iloc[:0] for name in names}


@pytest.fixture(scope="module")
def unused(history):
    """The feature table where there is no usage, and as many users as before."""
    return table_of(without(history, ["usage"]))


@pytest.mark.parametrize("turn", range(len(PAIRS)))
def test_metrics_of_an_empty_table_are_null_and_of_a_missing_one_gone(history, unused, turn):
    empty, gone = PAIRS[turn], PAIRS[turn - 1]
    found = table_of(emptied(without(history, [*gone, "usage"]), empty))
    assert set(unused.columns) - set(found.columns) == rest_on(gone) & set(unused.columns)
    silent = sorted(rest_on(empty) & set(found.columns))
    assert unused[silent].notna().any().sum() > 5
    assert found[silent].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        found.drop(columns=silent), unused[[c for c in found if c not in silent]]
    )


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("usage", {"active_admins_28d", "never_active_users_share"}),
        ("users", {"active_admins_28d", "new_users_90d", "deactivated_users_90d"}),
    ],
)
def test_without_a_row_of_usage_or_users_nobody_is_counted(history, unused, name, metrics):
    found = table_of(emptied(history, [name]))
    silent = sorted(rest_on([name]) & set(found.columns))
    assert metrics <= set(silent)
    assert found[silent].isna().all(axis=None)
    rest = [column for column in unused.columns if column not in silent]
    pd.testing.assert_frame_equal(found[rest], unused[rest])


def test_who_came_and_left_is_told_by_the_users_alone(history, unused):
    names = ["new_users_90d", "deactivated_users_90d"]
    assert (unused[names] > 0).any().all()
    pd.testing.assert_frame_equal(unused[names], table_of(history)[names])


def test_a_column_that_is_never_filled_tells_nothing(history):
    tables = {name: history[name] for name in ("accounts", "contracts", "advocacy", "surveys")}
    table = table_of(tables | {"surveys": history["surveys"].assign(user_id=None)})
    assert (table["advocacy_acts_365d"] > 0).any()
    assert table["promoters_silent_365d"].isna().all()
    assert table["nps_last"].notna().any()


def test_dimensions_stand_in_the_order_in_which_people_read_them():
    found = list(dict.fromkeys(m.dimension for m in catalog.metrics().values()))
    assert found == [CONTEXT, *DIMENSIONS]

"""What a source lacks is absent from the feature table, never zero."""

from datetime import date

import numpy as np
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


def test_dimensions_stand_in_the_order_in_which_people_read_them():
    found = list(dict.fromkeys(m.dimension for m in catalog.metrics().values()))
    assert found == [CONTEXT, *DIMENSIONS]

"""The same expressions on every engine, and nothing but their result leaves it."""

import sys
from datetime import date

import engines
import numpy as np
import pandas as pd
import psycopg
import pytest
from histories import frame
from random_history import AS_OFS, random_history

from features import build, catalog, check
from features.errors import TenureError
from features.settings import OwnCheck, Settings, TableMapping
from features.source import connect
from serving import cli

TODAY = date(2026, 11, 1)


def history(seed):
    return random_history(np.random.default_rng(seed))


def duckdb(tmp_path, tables):
    return connect(engines.write(tmp_path / "reference", tables), Settings())


def same(left, right):
    pd.testing.assert_frame_equal(left, right, check_exact=False, rtol=0, atol=1e-9)


def company(accounts=6):
    """Contracts over two years and a rating a month: little, but sound."""
    names = [f"A{n}" for n in range(accounts)]
    days = pd.date_range("2024-01-01", "2025-12-01", freq="MS")
    return {
        "accounts": frame("accounts", [{"account_id": a, "created_at": days[0]} for a in names]),
        "contracts": frame(
            "contracts",
            [
                {
                    "contract_id": f"{a}-{year}",
                    "account_id": a,
                    "start_date": pd.Timestamp(year, 1, 1),
                    "end_date": pd.Timestamp(year + 1, 1, 1),
                    "arr": 100.0 * number,
                }
                for number, a in enumerate(names)
                for year in (2024, 2025)
            ],
        ),
        "csm_sentiment": frame(
            "csm_sentiment",
            [
                {"account_id": a, "sentiment": 1 + (n * d.month) % 5, "logged_at": d}
                for n, a in enumerate(names)
                for d in days
            ],
        ),
    }


# Identical tables ---------------------------------------------------------------------------------


def test_every_metric_is_the_same_on_every_engine(put, tmp_path):
    tables = history(3)
    found = build.feature_table(connect(put(tables), Settings()), Settings(), AS_OFS)
    expected = build.feature_table(duckdb(tmp_path, tables), Settings(), AS_OFS)
    assert set(catalog.metrics()) - set(expected.columns) <= {"industry", "region", "touch_model"}
    same(found, expected)


@pytest.mark.parametrize("seed", [11, 12])
def test_what_is_learned_from_is_the_same_on_postgresql(postgres, tmp_path, seed):
    tables = history(seed)
    found = build.training_table(connect(postgres.url(postgres.put(tables)), Settings()), Settings())
    same(found, build.training_table(duckdb(tmp_path, tables), Settings()))
    assert found["churned"].any()

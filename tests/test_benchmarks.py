"""Contenders of a benchmark find the same, and parts that are timed are there."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import dimensions

FILE = Path(__file__).parents[1] / "benchmarks" / "features.py"
KEYS = ["account_id", "as_of"]


@pytest.fixture(scope="module")
def features():
    spec = importlib.util.spec_from_file_location("benchmark_of_features", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ACCOUNTS = 150  # few, so that each has events in some windows and none in others
    return module


@pytest.fixture(scope="module")
def events(features, tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    features.make(path, 0.02)
    return path


@pytest.fixture(scope="module")
def expected(features, events):
    return in_order(features.range_joins(events, features.MONTHLY))


@pytest.mark.parametrize("name", ["tenure", "pandas_codes", "pandas_loop", "day_joins"])
def test_all_contenders_find_the_same(features, events, expected, name):
    found = in_order(features.CONTENDERS[name](events, features.MONTHLY))
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=1e-9, atol=1e-9)
    assert set(found) == set(expected)


def test_the_events_put_every_case_to_the_test(features, expected):
    assert len(expected) == features.ACCOUNTS * len(features.MONTHLY)
    assert (expected.actions_7d == 0).any()
    assert (expected.actions_28d_before == 0).any()
    assert (expected.actions_28d_before > 0).any()
    assert expected.trend.notna().all()
    assert set(features.COUNTS) <= set(expected)


def in_order(table):
    table = table.astype({"account_id": "object", "as_of": "datetime64[ns]"})
    numbers = dict.fromkeys(table.columns.difference(KEYS), "float64")
    return table.astype(numbers).sort_values(KEYS, ignore_index=True)


def test_the_parts_of_the_dimensions_are_there():
    for _, module, names in dimensions.PARTS:
        assert all(callable(getattr(module, name)) for name in names)

"""Every metric against a naive loop, and no metric sees what was not yet known."""

import naive
import naive_dimensions
import naive_peers
import numpy as np
import pandas as pd
import pytest
from histories import source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_history import AS_OFS, dated_ahead, random_history, with_another_future

from features import build, catalog
from features.settings import MetricSettings, Settings

pytestmark = pytest.mark.slow

TRAITS = ("segment", "industry", "region", "touch_model")
SETTINGS = Settings(metrics=MetricSettings(key_features=naive.KEY_FEATURES))
METRICS = [name for name in catalog.metrics() if name not in TRAITS]


def table_of(history, as_ofs=AS_OFS):
    return build.feature_table(source(history), SETTINGS, as_ofs)


def looped(history, row, everybody):
    """All metrics of a row's account once more, among everybody observed at that as_of."""
    found = naive.features(history, row["account_id"], row["as_of"])
    found |= naive_dimensions.features(history, row["account_id"], row["as_of"])
    found |= naive_peers.features(everybody, row["account_id"])
    return found | dict.fromkeys(naive.untold(history, catalog.metrics(), row["as_of"]))


histories = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_loop_and_the_table_know_every_metric():
    history = random_history(np.random.default_rng(3))
    table = table_of(history)
    row = table.iloc[0]
    assert set(looped(history, row, naive_peers.everybody(history, row.as_of))) == set(METRICS)
    assert set(METRICS) <= set(table.columns)


@histories
@given(st.integers(0, 2**32 - 1))
def test_every_metric_is_what_a_naive_loop_finds(seed):
    history = random_history(np.random.default_rng(seed))
    try:
        table = table_of(history)
    except build.TenureError:
        return
    everybody = {as_of: naive_peers.everybody(history, as_of) for as_of in set(table.as_of)}
    for row in table.to_dict("records"):
        expected = looped(history, row, everybody[row["as_of"]])
        for name in METRICS:
            found = None if pd.isna(row[name]) else row[name]
            assert found == pytest.approx(expected[name], abs=1e-9), (name, row["as_of"])


@histories
@given(st.integers(0, 2**32 - 1), st.sampled_from(AS_OFS))
def test_nothing_known_at_or_after_as_of_changes_anything(seed, as_of):
    rng = np.random.default_rng(seed)
    history = random_history(rng)
    noise = random_history(rng)
    day = pd.Timestamp(as_of)
    changed = {}
    for name, t in history.items():
        later = noise[name].copy()
        wait = pd.to_timedelta(rng.integers(0, 40, len(later)), unit="D")
        later["known_at"] = later["known_at"].clip(lower=day) + wait
        kept = t[t["known_at"] < day] if rng.random() < 0.5 else t
        changed[name] = pd.concat([kept, later], ignore_index=True)
    changed["accounts"] = history["accounts"]
    changed = with_another_future(changed, day, rng)
    try:
        before = table_of(history, [as_of])
    except build.TenureError:
        return
    pd.testing.assert_frame_equal(table_of(changed, [as_of]), before)


@histories
@given(st.integers(0, 2**32 - 1), st.sampled_from(AS_OFS))
def test_what_is_known_but_has_yet_to_happen_changes_nothing(seed, as_of):
    """A meeting that is planned, an event from a wrong clock, an invoice dated ahead."""
    rng = np.random.default_rng(seed)
    history = random_history(rng)
    ahead = dated_ahead(random_history(rng), pd.Timestamp(as_of), rng)
    changed = history | {
        name: pd.concat([history[name], rows], ignore_index=True) for name, rows in ahead.items()
    }
    try:
        before = table_of(history, [as_of])
    except build.TenureError:
        return
    pd.testing.assert_frame_equal(table_of(changed, [as_of]), before)


@histories
@given(st.integers(0, 2**32 - 1), st.sampled_from(AS_OFS))
def test_other_as_ofs_of_the_table_change_nothing(seed, as_of):
    history = random_history(np.random.default_rng(seed))
    try:
        alone = table_of(history, [as_of])
    except build.TenureError:
        return
    together = table_of(history)
    together = together[together.as_of == pd.Timestamp(as_of)].reset_index(drop=True)
    pd.testing.assert_frame_equal(together, alone)

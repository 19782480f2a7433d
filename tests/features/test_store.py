"""Features kept on disk: the same as built at once, and no more built than must be."""

import shutil

import numpy as np
import pandas as pd
import pytest
from histories import source
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_history import AS_OFS, random_history, with_another_future

from features import build, store
from features.errors import TenureError
from features.settings import MetricSettings, ObservationSettings, Settings
from features.source import connect


def full(history, as_ofs=AS_OFS):
    return build.feature_table(source(history), Settings(), as_ofs)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Some accounts' history, with the features of all days."""
    folder = tmp_path_factory.mktemp("kept") / "features"
    history = random_history(np.random.default_rng(3))
    assert update(history, folder).built == tuple(AS_OFS)
    return history, folder


@pytest.fixture
def folder(kept, tmp_path):
    return shutil.copytree(kept[1], tmp_path / "features")


@pytest.fixture
def history(kept):
    return {name: table.copy() for name, table in kept[0].items()}


def update(history, folder, as_ofs=AS_OFS, **more):
    return store.update(source(history), Settings(**more), as_ofs, folder)


def test_what_is_read_is_what_would_be_built(history, folder):
    pd.testing.assert_frame_equal(store.read(folder, AS_OFS), full(history))
    assert set(store.read(folder, AS_OFS[1:2])["as_of"]) == {pd.Timestamp(AS_OFS[1])}


def test_a_new_week_costs_a_week(history, folder):
    shutil.rmtree(folder / f"as_of={AS_OFS[3]}")
    done = update(history, folder)
    assert (done.built, done.kept) == (tuple(AS_OFS[3:]), tuple(AS_OFS[:3]))


def test_nothing_new_costs_nothing(history, folder):
    assert update(history, folder).built == ()


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1), st.sampled_from(AS_OFS))
def test_another_future_is_taken_in(tmp_path_factory, seed, day):
    rng = np.random.default_rng(seed)
    first = random_history(rng)
    then = with_another_future(first, pd.Timestamp(day), rng)
    folder = tmp_path_factory.mktemp("store")
    try:
        expected = full(then)
        full(first)
    except TenureError:  # nobody is in force
        assume(False)
    update(first, folder)
    update(then, folder)
    pd.testing.assert_frame_equal(store.read(folder, AS_OFS), expected)


def test_a_late_row_touches_the_days_after_it_was_known(history, folder):
    late = history["usage"].iloc[[0]].assign(known_at=pd.Timestamp("2025-06-03"))
    history["usage"] = pd.concat([history["usage"], late], ignore_index=True)
    assert update(history, folder).built == tuple(d for d in AS_OFS if str(d) > "2025-06-03")
    pd.testing.assert_frame_equal(store.read(folder, AS_OFS), full(history))


@pytest.mark.parametrize("fate", ["changed", "gone", "said twice"])
def test_history_written_anew_is_seen(history, folder, fate):
    usage = history["usage"].sort_values("known_at").reset_index(drop=True)
    place = usage.index[usage["known_at"] < pd.Timestamp(AS_OFS[1])][-1]
    if fate == "changed":
        usage.loc[place, "feature"] = "another"
    elif fate == "gone":
        usage = usage.drop(index=place)
    else:
        usage = pd.concat([usage, usage.loc[[place]]])
    history["usage"] = usage
    known = usage["known_at"].iloc[place].date() if fate != "gone" else None
    built = update(history, folder).built
    assert AS_OFS[1] in built
    assert known is None or built == tuple(d for d in AS_OFS if d > known)


def test_a_solution_touches_the_days_after_it_alone(history, folder):
    tickets = history["tickets"]
    tickets["opened_at"] = tickets["known_at"] = pd.Timestamp("2024-07-01")
    tickets[["first_response_at", "resolved_at"]] = pd.NaT
    tickets[["contacts", "reopened", "satisfaction"]] = None
    update(history, folder)
    tickets.loc[0, "resolved_at"] = pd.Timestamp("2025-06-04 12:00")
    assert update(history, folder).built == tuple(d for d in AS_OFS if str(d) > "2025-06-04")
    pd.testing.assert_frame_equal(store.read(folder, AS_OFS), full(history))


def test_other_settings_touch_every_day(history, folder):
    again = update(history, folder, observations=ObservationSettings(grace_days=3))
    assert again.built == tuple(AS_OFS)


def test_when_a_rating_is_stale_touches_no_day(history, folder):
    assert update(history, folder, metrics=MetricSettings(csm_stale_days=3)).built == ()


def test_a_broken_partition_is_built_anew(history, folder):
    (folder / f"as_of={AS_OFS[0]}" / "part.parquet").write_bytes(b"half")
    assert update(history, folder).built == (AS_OFS[0],)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(TenureError, match="2025-03-01"):
        store.read(tmp_path, AS_OFS)


def test_every_engine_tells_its_news(put, history, tmp_path):
    folder = tmp_path / "kept"
    url = put(history)
    assert store.update(connect(url, Settings()), Settings(), AS_OFS[:2], folder).kept == ()
    assert store.update(connect(url, Settings()), Settings(), AS_OFS[:2], folder).built == ()
    late = history["surveys"].iloc[[0]].assign(known_at=pd.Timestamp("2025-05-03"))
    history["surveys"] = pd.concat([history["surveys"], late], ignore_index=True)
    changed = connect(put(history), Settings())
    assert store.update(changed, Settings(), AS_OFS[:2], folder).built == (AS_OFS[1],)

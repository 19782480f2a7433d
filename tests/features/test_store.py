"""Features kept on disk: the same as built at once, and no more built than must be.

What rests on what is asked of the digests; only where features are compared are any built.
"""

import shutil

import numpy as np
import pandas as pd
import pytest
from histories import source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_history import AS_OFS, random_history, with_another_future

from features import build, store
from features.errors import TenureError
from features.settings import MetricSettings, ObservationSettings, Settings


def full(history, as_ofs=AS_OFS):
    return build.feature_table(source(history), Settings(), as_ofs)


def update(history, folder):
    return store.update(source(history), Settings(), AS_OFS, folder)


def stale(history, folder, **more):
    return store.stale(folder, store.digests(source(history), Settings(**more), AS_OFS))


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


def test_a_part_is_read(folder):
    everything = store.read(folder, AS_OFS)
    day = everything[everything["as_of"] == pd.Timestamp(AS_OFS[1])]
    pd.testing.assert_frame_equal(store.read(folder, AS_OFS[1:2]), day.reset_index(drop=True))


def test_a_new_week_costs_a_week(history, folder):
    before = store.read(folder, AS_OFS)
    shutil.rmtree(folder / f"as_of={AS_OFS[3]}")
    done = update(history, folder)
    assert (done.built, done.kept) == (tuple(AS_OFS[3:]), tuple(AS_OFS[:3]))
    pd.testing.assert_frame_equal(store.read(folder, AS_OFS), before)


def test_nothing_new_costs_nothing(history, folder):
    assert update(history, folder).built == ()


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1), st.sampled_from(AS_OFS[1:]))
def test_where_another_future_is_not_seen_it_changes_nothing(kept, seed, day):
    history, folder = kept
    then = with_another_future(history, pd.Timestamp(day), np.random.default_rng(seed))
    stands = sorted(set(AS_OFS) - set(stale(then, folder)))
    assert {as_of for as_of in AS_OFS if as_of < day} <= set(stands)
    built = full(then)
    built = built[built["as_of"].isin(pd.to_datetime(stands))].reset_index(drop=True)
    pd.testing.assert_frame_equal(store.read(folder, stands), built)


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
    found = stale(history, folder)
    assert AS_OFS[1] in found
    assert known is None or found == tuple(d for d in AS_OFS if d > known)


def test_a_solution_touches_the_days_after_it_alone(history):
    tickets = history["tickets"]
    tickets["opened_at"] = tickets["known_at"] = pd.Timestamp("2024-07-01")
    tickets[["first_response_at", "resolved_at"]] = pd.NaT
    tickets[["contacts", "reopened", "satisfaction"]] = None
    before = store.digests(source(history), Settings(), AS_OFS)
    tickets.loc[0, "resolved_at"] = pd.Timestamp("2025-06-04 12:00")
    after = store.digests(source(history), Settings(), AS_OFS)
    assert [d for d in AS_OFS if before[d] != after[d]] == [
        d for d in AS_OFS if str(d) > "2025-06-04"
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"observations": ObservationSettings(grace_days=3)},
        {"metrics": MetricSettings(key_features=("report",))},
    ],
)
def test_other_settings_touch_every_day(history, folder, other):
    assert stale(history, folder, **other) == tuple(AS_OFS)


def test_when_a_rating_is_stale_touches_no_day(history, folder):
    assert stale(history, folder, metrics=MetricSettings(csm_stale_days=3)) == ()


def test_a_broken_partition_is_stale(history, folder):
    (folder / f"as_of={AS_OFS[0]}" / "part.parquet").write_bytes(b"half")
    assert stale(history, folder) == (AS_OFS[0],)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(TenureError, match="2025-03-01"):
        store.read(tmp_path, AS_OFS)

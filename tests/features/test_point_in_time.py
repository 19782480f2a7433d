"""Every metric against a naive loop, and no metric sees what was not yet known."""

from datetime import date

import naive
import numpy as np
import pandas as pd
import pytest
from histories import frame, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import build, catalog

AS_OFS = [date(2025, 3, 1), date(2025, 6, 1), date(2025, 6, 8), date(2025, 12, 1)]
FIRST, DAYS = pd.Timestamp("2024-06-01"), 700
ACCOUNTS = list("abcdefghij")
TRAITS = ("segment", "industry", "region", "touch_model")


def random_history(rng):
    """Contract tables of some accounts, with late rows, silence, gaps and odd values."""

    def moments(n):
        first = int(rng.integers(0, 400))
        seconds = rng.integers(first * 86400, DAYS * 86400, n)
        return FIRST + pd.to_timedelta(np.sort(seconds), unit="s")

    def late(times):
        wait = np.where(rng.random(len(times)) < 0.3, rng.integers(0, 90 * 86400, len(times)), 0)
        return times + pd.to_timedelta(wait, unit="s")

    def maybe(values, share=0.2):
        return [None if rng.random() < share else v for v in values]

    contracts = [
        {
            "contract_id": f"{account}{i}",
            "account_id": account,
            "start_date": start,
            "end_date": maybe([start + pd.Timedelta(days=int(rng.integers(30, 800)))])[0],
            "arr": float(rng.integers(100, 1000)),
            "seats": float(rng.integers(0, 12)),
            "known_at": start + pd.Timedelta(days=int(rng.integers(-20, 60))),
        }
        for account in ACCOUNTS
        for i in range(int(rng.integers(1, 4)))
        for start in [FIRST + pd.Timedelta(days=int(rng.integers(0, 400)))]
    ]
    people = [f"{account}-{n}" for account in ACCOUNTS for n in range(4)]
    joined = moments(len(people))
    users = [
        {
            "user_id": person,
            "account_id": person[0],
            "role": str(rng.choice(["admin", "user"])),
            "created_at": joined[i],
            "deactivated_at": maybe([joined[i] + pd.Timedelta(days=200)], 0.6)[0],
            "known_at": late(joined[[i]])[0],
        }
        for i, person in enumerate(people)
    ]
    n = int(rng.integers(0, 1500))
    when = moments(n)
    who = [str(rng.choice(people)) for _ in range(n)]
    usage = {
        "account_id": [person[0] for person in who],
        "user_id": maybe(who, 0.1),
        "feature": [str(rng.choice(["login", "report", "export", "api"])) for _ in range(n)],
        "occurred_at": when,
        "quantity": maybe(rng.integers(0, 9, n).astype(float).tolist()),
        "duration_s": maybe(rng.integers(0, 3600, n).astype(float).tolist()),
        "known_at": late(when),
    }
    m = int(rng.integers(0, 150))
    sent = moments(m)
    responded = [
        None if rng.random() < 0.4 else t + pd.Timedelta(days=int(rng.integers(0, 40)))
        for t in sent
    ]
    surveys = {
        "account_id": [str(rng.choice(ACCOUNTS)) for _ in range(m)],
        "kind": [str(rng.choice(["nps", "csat", "ces"])) for _ in range(m)],
        "score": [None if r is None else float(rng.integers(1, 6)) for r in responded],
        "sent_at": sent,
        "responded_at": responded,
        "known_at": late(sent),
    }
    k = int(rng.integers(0, 100))
    logged = moments(k)
    ratings = {
        "account_id": [str(rng.choice(ACCOUNTS)) for _ in range(k)],
        "sentiment": rng.integers(1, 6, k),
        "logged_at": logged,
        "known_at": late(logged),
    }
    return {
        "accounts": frame("accounts", [{"account_id": a, "segment": a * 3} for a in ACCOUNTS]),
        "contracts": frame("contracts", contracts),
        "users": frame("users", users),
        "usage": frame("usage", usage),
        "surveys": frame("surveys", surveys),
        "csm_sentiment": frame("csm_sentiment", ratings),
    }


def table_of(history, as_ofs=AS_OFS):
    return build.feature_table(source(history), as_ofs)


histories = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@histories
@given(st.integers(0, 2**32 - 1))
def test_every_metric_is_what_a_naive_loop_finds(seed):
    history = random_history(np.random.default_rng(seed))
    try:
        table = table_of(history)
    except build.TenureError:
        return
    metrics = [name for name in catalog.metrics() if name not in TRAITS]
    assert set(metrics) <= set(table.columns)
    for row in table.to_dict("records"):
        expected = naive.features(history, row["account_id"], row["as_of"])
        assert set(expected) == set(metrics)
        for name in metrics:
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
    try:
        before = table_of(history, [as_of])
    except build.TenureError:
        return
    pd.testing.assert_frame_equal(table_of(changed, [as_of]), before)


@histories
@given(st.integers(0, 2**32 - 1))
def test_other_as_ofs_of_the_table_change_nothing(seed):
    history = random_history(np.random.default_rng(seed))
    try:
        together = table_of(history)
    except build.TenureError:
        return
    alone = []
    for as_of in sorted(together.as_of.dt.date.unique()):
        alone.append(table_of(history, [as_of]))
    alone = pd.concat(alone).sort_values(["account_id", "as_of"], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)

"""Ranks among peers: as a count of the peers finds them, of what was known then."""

import naive_peers
import numpy as np
import pandas as pd
import pytest
from histories import frame, source

from features import build
from features.settings import Settings
from features.source import connect

AS_OFS = [pd.Timestamp("2025-03-01").date(), pd.Timestamp("2025-06-01").date()]
RANKS = [f"{name}_peer_rank" for name in naive_peers.RANKED]


AGES_DAYS = [60, 300, 365, 366, 1000, 1095, 1400]
NOTHING_OF = {
    "users": {"user_id": "u", "role": "user", "created_at": None, "deactivated_at": None},
    "surveys": {"kind": "nps", "score": None, "sent_at": None, "responded_at": None},
    "csm_sentiment": {"sentiment": 3, "logged_at": None},
}


@pytest.fixture(scope="module")
def company():
    """150 accounts of two segments or none, of all ages, some silent, many alike."""
    rng = np.random.default_rng(5)
    names = [f"a{n:03}" for n in range(150)]
    accounts = [{"account_id": a, "segment": rng.choice(["small", "large", None])} for a in names]
    tables = {
        "accounts": accounts,
        "contracts": [contract(account, rng) for account in names],
        # somebody was seen early on, so that silence counts as silence
        "usage": [use("a000", pd.Timestamp("2024-06-01"), rng)]
        + [
            use(account, pd.Timestamp("2025-01-20") + pd.Timedelta(minutes=int(minute)), rng)
            for account in names
            for minute in rng.integers(0, 200_000, rng.choice([0, 4, 12]))
        ],
    }
    unused = {
        name: frame(name, [{"account_id": "a000", **row}]).iloc[:0]
        for name, row in NOTHING_OF.items()
    }
    return {name: frame(name, rows) for name, rows in tables.items()} | unused


def contract(account, rng):
    return {
        "contract_id": account,
        "account_id": account,
        "start_date": pd.Timestamp(AS_OFS[0]) - pd.Timedelta(days=int(rng.choice(AGES_DAYS))),
        "end_date": rng.choice([None, pd.Timestamp("2026-01-01")]),
        "arr": 100.0,
        "seats": float(rng.integers(0, 6)),
        "outcome": None,
        "decided_at": None,
    }


def use(account, at, rng):
    return {
        "account_id": account,
        "user_id": f"{account}-{rng.integers(0, 3)}",
        "feature": str(rng.choice(["login", "report", "export", "share"])),
        "occurred_at": at,
        "quantity": 1.0,
        "duration_s": float(rng.integers(0, 4) * 60),
    }


def ranks(company, as_ofs=AS_OFS):
    tables = {name: t for name, t in company.items() if name not in NOTHING_OF}
    return build.feature_table(source(tables), Settings(), as_ofs)


def told(row):
    return {name: None if pd.isna(row[name]) else row[name] for name in RANKS}


def test_a_rank_is_the_share_of_peers_below(company):
    table = ranks(company)
    assert (table[RANKS].notna().sum() > 40).all()
    assert (table[RANKS].isna().sum() > 5).all()
    for as_of, rows in table.groupby("as_of"):
        everybody = naive_peers.everybody(company, as_of)
        for row in rows.to_dict("records"):
            expected = naive_peers.features(everybody, row["account_id"])
            assert told(row) == pytest.approx(expected, abs=1e-9), row["account_id"]


def test_what_peers_do_at_or_after_as_of_moves_no_rank(company):
    as_of = AS_OFS[0]
    usage = company["usage"]
    day = pd.Timestamp(as_of)
    later = usage.assign(
        occurred_at=lambda t: t["occurred_at"].clip(lower=day),
        known_at=lambda t: t["occurred_at"],
        account_id=lambda t: t["account_id"].to_numpy()[::-1],
    )
    late = usage.assign(known_at=day, feature="export", quantity=50.0)
    earlier = usage[usage["known_at"] < day]
    changed = company | {"usage": pd.concat([earlier, later, late], ignore_index=True)}
    alone = ranks(company, [as_of])
    pd.testing.assert_frame_equal(ranks(changed, [as_of])[RANKS], alone[RANKS])
    together = ranks(company)
    together = together[together["as_of"] == day].reset_index(drop=True)
    pd.testing.assert_frame_equal(together[RANKS], alone[RANKS])


def test_ranks_are_the_same_on_every_engine(put, company):
    tables = {name: t for name, t in company.items() if name not in NOTHING_OF}
    found = build.feature_table(connect(put(tables), Settings()), Settings(), AS_OFS[:1])
    expected = ranks(company, AS_OFS[:1])
    pd.testing.assert_frame_equal(found[RANKS], expected[RANKS], rtol=0, atol=1e-9)


def test_without_segments_age_alone_makes_peers(company):
    unnamed = company | {"accounts": company["accounts"].drop(columns="segment")}
    table = ranks(unnamed)
    as_of = table["as_of"].iloc[0]
    everybody = naive_peers.everybody(unnamed, as_of)
    row = table[table["as_of"] == as_of].iloc[0]
    expected = naive_peers.features(everybody, row["account_id"])
    assert told(row) == pytest.approx(expected, abs=1e-9)

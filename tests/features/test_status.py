"""What is known of a value: hand-made rows for each of five, and what moves them."""

from dataclasses import replace

import naive
import numpy as np
import pandas as pd
import pytest
from histories import frame, source
from random_history import AS_OFS, random_history

from features import build, catalog
from features.metric import AtLeast, Below
from features.settings import MetricSettings, Settings
from features.status import STATUSES, status

METRICS = catalog.metrics()


def told(name, settings=None, **row):
    """What is known of a metric in one row."""
    table = pd.DataFrame({column: [value] for column, value in row.items()})
    return status(table, {name: METRICS[name]}, settings or MetricSettings())[name].item()


def test_a_value_is_known_and_nothing_is_zero():
    assert told("open_tickets", open_tickets=2.0) == "known"
    assert told("open_tickets", open_tickets=0.0) == "zero"
    assert told("tickets_trend_90d", tickets_trend_90d=-0.0) == "zero"
    assert told("segment", segment="mid") == "known"


def test_no_value_and_no_column_are_absent():
    assert told("open_tickets", open_tickets=np.nan) == "absent"
    assert told("open_tickets", segment="mid") == "absent"
    assert told("segment", segment=None) == "absent"


@pytest.mark.parametrize(
    ("days", "limit", "expected"),
    [(14.0, 14, "known"), (15.0, 14, "stale"), (15.0, 30, "known"), (np.nan, 14, "known")],
)
def test_a_rating_is_stale_when_it_is_older_than_the_setting(days, limit, expected):
    settings = MetricSettings(csm_stale_days=limit)
    row = {"csm_sentiment": 4.0, "csm_sentiment_age_days": days, "csm_customer_gap": 0.0}
    assert told("csm_sentiment", settings, **row) == expected
    gap = "stale" if expected == "stale" else "zero"
    assert told("csm_customer_gap", settings, **row) == gap
    assert told("csm_sentiment_trend_90d", settings, csm_sentiment_trend_90d=1.0, **row) == "known"


def test_an_answer_of_zero_is_stale_by_its_own_age():
    row = {"nps_last": 0.0, "nps_age_days": 181.0, "csat_last": 1.0, "csat_age_days": 180.0}
    assert told("nps_last", **row) == "stale"
    assert told("csat_last", **row) == "known"
    assert told("nps_last", MetricSettings(survey_stale_days=365), **row) == "zero"


def test_what_was_never_told_is_not_stale():
    row = {"csm_sentiment": np.nan, "csm_sentiment_age_days": np.nan, "touch_model": "high"}
    assert told("csm_sentiment", **row) == "absent"


@pytest.mark.parametrize(
    ("name", "exempt", "other"),
    [
        ("csm_sentiment", {"touch_model": "scale"}, {"touch_model": "mid"}),
        ("csm_sentiment_age_days", {"touch_model": "scale"}, {"touch_model": None}),
        ("oldest_open_ticket_days", {"open_tickets": 0.0}, {"open_tickets": 1.0}),
        ("price_change_last_renewal", {"renewals_behind": 0.0}, {"renewals_behind": 2.0}),
        ("stickiness_28d", {"active_users_28d": 0.0}, {"active_users_28d": np.nan}),
        ("days_to_renewal", {"contracts": 1.0}, {"contracts": np.nan}),
        ("term_days", {"contracts": 2.0}, {"contracts": 0.0}),
        ("arr_change_365d", {"tenure_days": 364.0}, {"tenure_days": 365.0}),
        ("usage_trend_28d", {"tenure_days": -1.0}, {"tenure_days": 56.0}),
        ("csm_sentiment_trend_90d", {"tenure_days": 90.0}, {"touch_model": "mid"}),
        ("onboarding_days", {"onboarding_done": 0.5}, {"onboarding_done": 1.0}),
        ("onboarding_days", {"onboardings_begun": 0.0}, {"onboardings_begun": 1.0}),
        ("days_to_first_value", {"objectives_met_share": 0.0}, {"objectives_met_share": 0.5}),
        ("response_hours_90d", {"reply_share_90d": 0.0}, {"reply_share_90d": np.nan}),
    ],
)
def test_what_an_account_cannot_have_is_not_applicable(name, exempt, other):
    assert told(name, **exempt, **{name: np.nan}) == "not_applicable"
    assert told(name, **exempt) == "not_applicable"
    assert told(name, **other, **{name: np.nan}) == "absent"
    assert told(name, **exempt, **{name: 3.0}) == "known"


def test_a_table_has_a_status_for_every_value_asked_for():
    table = pd.DataFrame({"arr": [1.0, np.nan], "segment": ["a", pd.NA]}, index=[7, 9])
    asked = {name: METRICS[name] for name in ("segment", "seats", "arr")}
    found = status(table, asked, MetricSettings())
    assert found.to_dict("index") == {
        7: {"segment": "known", "seats": "absent", "arr": "known"},
        9: {"segment": "absent", "seats": "absent", "arr": "absent"},
    }
    assert all(tuple(found[name].cat.categories) == STATUSES for name in found)
    assert status(table.iloc[:0], asked, MetricSettings()).shape == (0, 3)


def test_accounts_in_scale_touch_have_no_rating_to_miss():
    """Four accounts: rated lately, rated long ago, never rated, and looked after in bulk."""
    as_of = pd.Timestamp("2025-06-01")
    touch = {"fresh": "high", "old": "mid", "silent": "high", "bulk": "scale"}
    ratings = {"fresh": 5, "old": 20}
    tables = {
        "accounts": [{"account_id": a, "touch_model": model} for a, model in touch.items()],
        "contracts": [
            {
                "contract_id": a,
                "account_id": a,
                "start_date": pd.Timestamp("2024-01-01"),
                "end_date": pd.Timestamp("2026-01-01"),
                "arr": 1.0,
            }
            for a in touch
        ],
        "csm_sentiment": [
            {"account_id": a, "sentiment": 4, "logged_at": as_of - pd.Timedelta(days=days)}
            for a, days in ratings.items()
        ],
    }
    source_ = source({name: frame(name, rows) for name, rows in tables.items()})
    table = build.feature_table(source_, Settings(), [as_of.date()]).set_index("account_id")
    found = status(table, METRICS, MetricSettings())
    assert found["csm_sentiment"].to_dict() == {
        "fresh": "known",
        "old": "stale",
        "silent": "absent",
        "bulk": "not_applicable",
    }
    assert table["csm_sentiment"].dropna().to_dict() == {"fresh": 4.0, "old": 4.0}
    assert table["csm_sentiment_age_days"].dropna().to_dict() == {"fresh": 5.0, "old": 20.0}
    assert (found["nps_last"] == "absent").all()
    assert (found["renewals_behind"] == "zero").all()
    assert (found["price_change_last_renewal"] == "not_applicable").all()


NEEDS_A_PAST = {
    "seats_change_365d": 365,
    "arr_change_365d": 365,
    "usage_against_half_year": 180,
    "nps_trend_180d": 181,
    "usage_trend_28d": 56,
    "usage_trend_90d": 180,
    "contacts_trend_90d": 180,
    "tickets_trend_90d": 180,
    "active_users_trend_28d": 56,
}


def test_no_end_and_no_past_are_no_gaps_as_a_loop_over_the_contracts_finds():
    """Whoever runs on without an end has no renewal, and whoever is new had nothing before."""
    history = random_history(np.random.default_rng(11))
    table = build.feature_table(source(history), Settings(), AS_OFS)
    found = status(table, METRICS, MetricSettings())
    seen = set()
    for row, words in zip(table.to_dict("records"), found.to_dict("records"), strict=True):
        contracts = [
            contract
            for contract in history["contracts"].to_dict("records")
            if contract["account_id"] == row["account_id"] and contract["known_at"] < row["as_of"]
        ]
        ends = naive.contract_facts(contracts, row["as_of"])["days_to_renewal"] is not None
        assert words["days_to_renewal"] == ("known" if ends else "not_applicable")
        assert words["term_days"] == ("known" if ends else "not_applicable")
        seen.add(words["days_to_renewal"])
        tenure = row["as_of"] - min(contract["start_date"] for contract in contracts)
        for name, days in NEEDS_A_PAST.items():
            if pd.isna(row[name]):
                had_one = tenure >= pd.Timedelta(days=days)
                assert words[name] == ("absent" if had_one else "not_applicable"), name
                seen.add(words[name])
    assert seen == {"known", "absent", "not_applicable"}


HALF_YEAR, EVER = pd.Timedelta(days=180), pd.Timedelta(days=100_000)
COUNTED = {
    "urgent_share_180d": ("tickets", "opened_at", HALF_YEAR, None),
    "admin_ticket_share_180d": ("tickets", "opened_at", HALF_YEAR, None),
    "first_contact_resolution_share_180d": ("tickets", "resolved_at", HALF_YEAR, None),
    "first_response_hours_180d": ("tickets", "opened_at", HALF_YEAR, None),
    "resolution_hours_180d": ("tickets", "resolved_at", HALF_YEAR, None),
    "reopened_share_180d": ("tickets", "resolved_at", HALF_YEAR, None),
    "ticket_satisfaction_180d": ("tickets", "resolved_at", HALF_YEAR, None),
    "meetings_missed_share_180d": ("touchpoints", "occurred_at", HALF_YEAR, ("meeting", "qbr")),
    "integrations_done": ("objectives", "begun_at", EVER, ("integration",)),
    "integrations_abandoned_365d": ("objectives", "begun_at", EVER, ("integration",)),
    "onboarding_done": ("objectives", "begun_at", EVER, ("onboarding",)),
}
"""Metrics of rows of a table, in a window, of some kinds: without such a row they do not apply."""


def test_of_nothing_there_is_no_share_as_a_loop_over_the_rows_finds():
    """An account that opened no ticket has no urgent share, if the tickets go back so far."""
    seen = {told for seed in (3, 6) for told in _told_of_nothing(seed)}
    places = {(of, happened) for of, happened, *_ in COUNTED.values()}
    assert {(*place, "not_applicable") for place in places} <= seen
    assert ("tickets", "opened_at", "absent") in seen


def _told_of_nothing(seed):
    """Check every metric of `COUNTED` that has no value; tells table, column and word."""
    history = random_history(np.random.default_rng(seed))
    objectives = history["objectives"]
    begun = objectives["created_at"].fillna(objectives["known_at"])
    rows_of = {
        name: t.to_dict("records")
        for name, t in (history | {"objectives": objectives.assign(begun_at=begun)}).items()
    }
    table = build.feature_table(source(history), Settings(), AS_OFS)
    found = status(table, METRICS, MetricSettings())
    for row, words in zip(table.to_dict("records"), found.to_dict("records"), strict=True):
        for name, (of, happened, back, kinds) in COUNTED.items():
            if not pd.isna(row[name]):
                continue
            known = [r for r in rows_of[of] if r["known_at"] < row["as_of"]]
            # anything that was ever begun may be the first
            least = pd.Timedelta(days=1) if back is EVER else back
            began = "opened_at" if of == "tickets" else happened
            reaches = any(r[began].normalize() <= row["as_of"] - least for r in known)
            own = [
                r
                for r in known
                if r["account_id"] == row["account_id"]
                and row["as_of"] - back <= r[happened] < row["as_of"]
                and (kinds is None or r["kind"] in kinds)
            ]
            word = "not_applicable" if reaches and not own else "absent"
            assert words[name] == word, (name, row["account_id"], row["as_of"])
            yield of, happened, word


def test_ranges_of_values_speak_of_numbers_only():
    young = replace(METRICS["nps_last"], not_for=(("tenure_days", Below(30)),))
    large = replace(METRICS["nps_last"], not_for=(("tenure_days", AtLeast(30)),))
    words = replace(METRICS["nps_last"], not_for=(("segment", Below(30)),))
    table = pd.DataFrame({"tenure_days": [29.0, 30.0, np.nan], "segment": ["a", "b", None]})

    def told_by(metric):
        return status(table, {"nps_last": metric}, MetricSettings())["nps_last"].tolist()

    assert told_by(young) == ["not_applicable", "absent", "absent"]
    assert told_by(large) == ["absent", "not_applicable", "absent"]
    assert told_by(words) == ["absent"] * 3
